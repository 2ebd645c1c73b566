// Function storage, end to end: what calls see and what they leave.
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { listStored, removeStored } from './helpers/function-storage.ts'
import { callWith, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { until } from './helpers/until.ts'

const storage = await guest('storage')

test('a counter incremented by 200 calls at once reads 200', async (t) => {
  const app = await buildApp(t, { QUEUE_WAIT_MS: 60_000 })
  const one = await upload(app, storage)
  const calls = Array.from({ length: 200 }, () => textOf(app, one, 'increment'))
  const seen = (await Promise.all(calls)).map(Number)
  // No two saw the same, and each saw its own.
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n + 1),
  )
  assert.equal(await textOf(app, one, 'read'), '200')
})

test('what functions keep survives a restart and a hot swap, and goes with the executable', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  const other = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const again = await app.restart()
  assert.equal(await textOf(again, one, 'increment'), '2')
  // The same functions in another module: another binary, the same executable.
  const swapped = await again.request(`/api/update_wasm_binary/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: Buffer.concat([storage, Buffer.from([0, 2, 1, 0x78])]),
  })
  assert.equal(swapped.status, 200, await swapped.text())
  assert.equal(await textOf(again, one, 'increment'), '3')
  // The same binary, another executable.
  assert.equal(await textOf(again, other, 'read'), '0')
  assert.deepEqual((await listStored(again, other)).items, [])
  await again.request(`/api/executables/${one.id}`, { method: 'DELETE', headers: admin(one) })
  assert.equal(await textOf(again, other, 'increment'), '1')
  const last = await again.restart()
  assert.ok((await upload(last, storage)).id > other.id)
  assert.equal(await textOf(last, other, 'read'), '1')
})

test('a call that fails has stored nothing, whatever it fails of', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 1_000 })
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  // Twice: first out of turn and again, then in turn at once.
  for (let round = 0; round < 2; round++) {
    await refused(await call(app, one, 'increment_and_trap'), 500, 'TRAP')
    await refused(await call(app, one, 'increment_and_exit', { body: '3' }), 500, 'EXIT_CODE')
    await refused(await call(app, one, 'increment_and_spin'), 504, 'RUN_TIMEOUT')
    await refused(await call(app, one, 'load_long_half'), 500, 'GUEST_ABI')
  }
  assert.equal(await textOf(app, one, 'read'), '1')
  assert.equal(await textOf(app, one, 'increment'), '2')
})

test('a call that now and then writes reads beside the one that writes', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 6_000 })
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment_if', ['1']), '1')
  // In turn once more, for its last call wrote; from then on it is taken for one that reads.
  assert.equal(await textOf(app, one, 'increment_if', ['0']), '1')
  const spinning = call(app, one, 'increment_and_spin')
  await until(app, ({ running }) => running === 1)
  assert.equal(await textOf(app, one, 'increment_if', ['0']), '1')
  assert.equal(await textOf(app, one, 'read'), '1')
  await refused(await spinning, 504, 'RUN_TIMEOUT')
})

test('calls that wait to write are bounded in number and time, and leave with their callers', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 60_000, QUEUE_LENGTH: 1, QUEUE_WAIT_MS: 6_000 })
  const one = await upload(app, storage)
  // Known to write from here on.
  assert.equal(await textOf(app, one, 'increment'), '1')
  // Until the server stops at the end.
  const spinning = assert.rejects(call(app, one, 'increment_and_spin'))
  await until(app, ({ running }) => running === 1)
  const gone = new AbortController()
  const url = `/api/run/${one.id}/increment`
  const leaving = app.request(url, { method: 'POST', signal: gone.signal })
  await until(app, ({ queuedToWrite }) => queuedToWrite === 1)
  await refused(await call(app, one, 'increment'), 503, 'QUEUE_FULL')
  gone.abort()
  await assert.rejects(leaving)
  await until(app, ({ queuedToWrite }) => queuedToWrite === 0)
  await refused(await call(app, one, 'increment'), 503, 'QUEUE_TIMEOUT')
  await app.close()
  await spinning
})

test('a stop ends the waits and stores nothing of what had not ended', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 60_000, QUEUE_WAIT_MS: 60_000 })
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const spinning = call(app, one, 'increment_and_spin')
  await until(app, ({ running }) => running === 1)
  const waiting = call(app, one, 'increment')
  await until(app, ({ queuedToWrite }) => queuedToWrite === 1)
  const [again] = await Promise.all([
    app.restart(),
    assert.rejects(spinning),
    assert.rejects(waiting),
  ])
  assert.equal(await textOf(again, one, 'increment'), '2')
  const runs = await again.request(`/api/executables/${one.id}/runs`, { headers: admin(one) })
  const { items } = (await runs.json()) as { items: { code: string | null }[] }
  assert.deepEqual(
    items.map(({ code }) => code),
    [null, 'CLOSED', 'CLOSED', null],
  )
})

test('past STORE_BYTES or STORE_KEYS the call fails with STORE_FULL and nothing is stored', async (t) => {
  const app = await buildApp(t, { STORE_BYTES: 100, STORE_KEYS: 3 })
  const one = await upload(app, storage)
  const put = (key: number, count: number): Promise<Response> =>
    callWith(app, one, 'put', [String(key), String(count), '1'])
  const ok = async (response: Response): Promise<void> =>
    assert.equal(response.status, 200, await response.text())
  // Four bytes of key and four for each number.
  await ok(await put(1, 24))
  const { store_bytes: bytes, store_keys: keys } = await refused(await put(2, 0), 507, 'STORE_FULL')
  assert.deepEqual([bytes, keys], [100, 3])
  await refused(await put(1, 25), 507, 'STORE_FULL')
  assert.deepEqual((await listStored(app, one)).total, { keys: 1, bytes: 100 })
  await ok(await put(1, 1))
  await ok(await put(2, 1))
  await ok(await put(3, 1))
  await refused(await put(4, 1), 507, 'STORE_FULL')
  await refused(await call(app, one, 'store_forever'), 507, 'STORE_FULL')
  assert.deepEqual((await listStored(app, one)).total, { keys: 3, bytes: 24 })
  await ok(await removeStored(app, one, 'aaab'))
  await ok(await put(4, 1))
  const described = await app.request(`/api/executables/${one.id}`, { headers: admin(one) })
  const { limits, uses_storage: uses } = (await described.json()) as Record<string, unknown>
  const { store_bytes, store_keys } = limits as Record<string, number>
  assert.deepEqual([uses, store_bytes, store_keys], [true, 100, 3])
})

test('what a call stores counts against BUFFERED_BYTES until it is answered', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 10_000 })
  const one = await upload(app, storage)
  const put = (count: number): Promise<Response> =>
    callWith(app, one, 'put', ['1', String(count), '1'])
  for (let n = 0; n < 5; n++) assert.equal((await put(2_000)).status, 200)
  await refused(await put(2_500), 503, 'BUFFERS_FULL')
  assert.equal(await textOf(app, one, 'sum', ['1', '2000']), '2000')
})

test('a call whose result finds no room has stored nothing', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const { bytes } = (await listStored(app, one)).total
  const narrow = await app.restart({ BUFFERED_BYTES: bytes })
  await refused(await call(narrow, one, 'increment'), 503, 'BUFFERS_FULL')
  assert.equal(await textOf(narrow, one, 'read'), '1')
})

test('a commit that fails fails its call, and the next call sees what is stored', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const db = new BetterSqlite3(path.join(app.dataDir, 'wasmhook.db'))
  t.after(() => db.close())
  db.exec(
    `CREATE TRIGGER refuse BEFORE UPDATE ON function_storage
     BEGIN SELECT RAISE(ABORT, 'not today'); END`,
  )
  await refused(await call(app, one, 'increment'), 500, 'INTERNAL')
  assert.equal(await textOf(app, one, 'read'), '1')
  db.exec('DROP TRIGGER refuse')
  assert.equal(await textOf(app, one, 'increment'), '2')
})

test('what a call stored is committed before its callback leaves, and its turn has ended', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  const target = await httpService(t, (_request, reply) => {
    // The target writes by the same function before it answers.
    void textOf(app, one, 'increment').then((text) => reply.end(`then ${text}`))
  })
  const headers = { SSVM_Callback: target.origin }
  const response = await call(app, one, 'increment', { headers })
  assert.equal(await response.text(), 'then 2')
  assert.equal(target.received[0]?.body.toString(), '1')
})
