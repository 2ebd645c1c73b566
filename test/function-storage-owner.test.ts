// What the owner of an executable sees and deletes of what its functions keep.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { listStored, removeStored } from './helpers/function-storage.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { until } from './helpers/until.ts'

const storage = await guest('storage')

test('an owner lists, reads, deletes and clears what functions keep', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  const before = Date.now()
  assert.equal(await textOf(app, one, 'increment_twice'), '2')
  assert.equal(await textOf(app, one, 'set_at', ['128']), '')
  assert.equal(await textOf(app, one, 'set_at', ['32']), '')
  const all = await listStored(app, one)
  assert.deepEqual(
    all.items.map(({ key, encoding, bytes }) => [key, encoding, bytes]),
    [
      ['0123456789abcdef0123456789ABCDEF', 'utf8', 36],
      ['counter', 'utf8', 11],
      ['//4v', 'base64', 7],
    ],
  )
  for (const item of all.items) assert.ok(Date.parse(item.updated_at) >= before)
  assert.deepEqual([all.next, all.total], [null, { keys: 3, bytes: 54 }])
  const first = await listStored(app, one, '?limit=2')
  assert.equal(first.items.length, 2)
  const second = await listStored(app, one, `?limit=2&cursor=${first.next}`)
  assert.deepEqual([...first.items, ...second.items], all.items)
  assert.equal(second.next, null)

  const read = (key: string, query = ''): Promise<Response> =>
    app.request(`/api/executables/${one.id}/storage/${key}${query}`, { headers: admin(one) })
  const counter = await read('counter')
  assert.equal(counter.headers.get('content-type'), 'application/octet-stream')
  assert.match(counter.headers.get('content-security-policy') ?? '', /sandbox/)
  assert.deepEqual(Buffer.from(await counter.arrayBuffer()), Buffer.from([2, 0, 0, 0]))
  const binary = await read(encodeURIComponent('//4v'), '?encoding=base64')
  assert.deepEqual(Buffer.from(await binary.arrayBuffer()), Buffer.from([7, 0, 0, 0]))
  await refused(await read('nothing'), 404, 'NOT_FOUND')
  await refused(await read('counter', '?encoding=hex'), 400, 'BAD_REQUEST')
  await refused(await read('*', '?encoding=base64'), 400, 'BAD_REQUEST')

  const gone = await removeStored(app, one, 'counter')
  assert.deepEqual(await gone.json(), { wasm_id: one.id })
  await refused(await removeStored(app, one, 'counter'), 404, 'NOT_FOUND')
  assert.equal(await textOf(app, one, 'read'), '0')
  assert.equal(await textOf(app, one, 'increment'), '1')
  assert.equal((await removeStored(app, one)).status, 200)
  assert.deepEqual((await listStored(app, one)).total, { keys: 0, bytes: 0 })
  assert.equal(await textOf(app, one, 'read'), '0')
  assert.equal((await removeStored(app, one)).status, 200)
})

test('only the admin key opens what functions keep', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  const other = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  for (const method of ['GET', 'DELETE']) {
    for (const what of ['storage', 'storage/counter']) {
      const url = `/api/executables/${one.id}/${what}`
      await refused(await app.request(url, { method }), 401, 'MISSING_KEY')
      const wrong = { method, headers: admin(other) }
      await refused(await app.request(url, wrong), 403, 'WRONG_KEY')
    }
  }
  assert.equal(await textOf(app, one, 'read'), '1')
})

test('a clearing comes before the calls that wait to write, and after the one that writes', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 4_000, QUEUE_WAIT_MS: 60_000 })
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const spinning = call(app, one, 'increment_and_spin')
  await until(app, ({ running }) => running === 1)
  const waiting = textOf(app, one, 'increment')
  await until(app, ({ queuedToWrite }) => queuedToWrite === 1)
  const clearing = removeStored(app, one)
  await until(app, ({ queuedToWrite }) => queuedToWrite === 2)
  await refused(await spinning, 504, 'RUN_TIMEOUT')
  assert.equal((await clearing).status, 200)
  assert.equal(await waiting, '1')
})

test('an executable deleted while its function writes keeps nothing', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 10_000, QUEUE_WAIT_MS: 60_000 })
  const one = await upload(app, storage)
  assert.equal(await textOf(app, one, 'increment'), '1')
  const spinning = call(app, one, 'increment_and_spin')
  await until(app, ({ running }) => running === 1)
  const waiting = call(app, one, 'increment')
  await until(app, ({ queuedToWrite }) => queuedToWrite === 1)
  await app.request(`/api/executables/${one.id}`, { method: 'DELETE', headers: admin(one) })
  await refused(await spinning, 504, 'RUN_TIMEOUT')
  await refused(await waiting, 404, 'NOT_FOUND')
  await refused(await call(app, one, 'read'), 404, 'NOT_FOUND')
})

test('nothing that functions keep lies readable on the disk', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, storage)
  const marker = Buffer.from('MARK'.repeat(4))
  assert.equal(await textOf(app, one, 'put', ['1', '100', String(marker.readInt32LE())]), '')
  const kept = await app.request(`/api/executables/${one.id}/storage/aaab`, { headers: admin(one) })
  assert.ok(Buffer.from(await kept.arrayBuffer()).includes(marker))
  for (const name of ['wasmhook.db', 'wasmhook.db-wal']) {
    assert.ok(!(await readFile(path.join(app.dataDir, name))).includes(marker), name)
  }
})
