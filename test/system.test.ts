// What an operator sees of the server as a whole, and of the runs of all executables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VERSION } from '../src/version.ts'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'

interface Queue {
  depth: number
  more: boolean
  oldest_due_at: string | null
}

interface System {
  version: string
  started_at: string
  uptime_ms: number
  workers: number
  processes: number
  limits: Record<string, number>
  queues: { runs: Queue; deliveries: Queue }
  runs_active: number
  sandbox: Record<string, number>
  storage: { engine: string; size_bytes: number; healthy: boolean }
  event_loop_delay: { since: string; mean_ms: number; p99_ms: number | null } | null
  memory: Record<string, number>
}

interface Runs {
  items: { run_id: string; wasm_id: number; status: string; code: string | null }[]
  next: string | null
}

async function get<T>(app: TestApp, path: string, headers: Record<string, string> = {}) {
  const response = await app.request(path, { headers })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text) as T
}

test('the server tells its version, settings, queues, storage, event loop and memory', async (t) => {
  const token = 'an-operator-has-this-one'
  const bearer = { authorization: `Bearer ${token}` }
  const secrets = { API_TOKEN: token, SECRET_KEY: 'nobody is to see this key of the secrets' }
  const app = await buildApp(t, { ...secrets, RUN_TIMEOUT_MS: 4_321 })
  await refused(await app.request('/api/system'), 401, 'MISSING_KEY')
  const system = await get<System>(app, '/api/system', bearer)
  assert.equal(system.version, VERSION)
  assert.deepEqual([system.workers, system.processes], [1, 1])
  assert.ok(Math.abs(Date.parse(system.started_at) + system.uptime_ms - Date.now()) < 5_000)
  assert.equal(system.limits.RUN_TIMEOUT_MS, 4_321)
  assert.ok(Object.values(system.limits).every((value) => Number.isInteger(value)))
  const empty = { depth: 0, more: false, oldest_due_at: null }
  assert.deepEqual(system.queues, { runs: empty, deliveries: empty })
  assert.equal(system.runs_active, 0)
  assert.ok((system.sandbox.threads ?? 0) > 0)
  assert.equal(system.storage.engine, 'sqlite')
  assert.ok(system.storage.size_bytes > 10_000)
  assert.equal(system.storage.healthy, true)
  assert.ok((system.event_loop_delay?.mean_ms ?? -1) >= 0)
  assert.ok((system.memory.resident_bytes ?? 0) > 10_000_000)
  const text = JSON.stringify(system)
  for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret))
})

test('the server tells what waits, and since when', async (t) => {
  const app = await buildApp(t, { OUTBOUND_ALLOW: '127.0.0.1' })
  const echo = await upload(app, await guest('echo'))
  const retry = { interval_ms: 3_600_000, backoff: 1, retries: 1 }
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port: 1, path: '/', retry }
  const headers = { SSVM_Callback: JSON.stringify(spec) }
  const failed = await call(app, echo, 'echo', { body: 'x', headers })
  assert.equal(failed.status, 502)
  const { queues } = await get<System>(app, '/api/system')
  assert.deepEqual([queues.deliveries.depth, queues.deliveries.more], [1, false])
  const inMs = Date.parse(queues.deliveries.oldest_due_at ?? '') - Date.now()
  assert.ok(inMs > 1_800_000 && inMs <= 5_400_000, String(inMs))
})

test('runs of all executables are listed the moment they are answered, by filter and by page', async (t) => {
  // Nothing is written meanwhile; then all of it is.
  const app = await buildApp(t, { RUN_FLUSH_MS: 60_000 })
  const echo = await upload(app, await guest('echo'))
  const other = await upload(app, await guest('echo'))
  const ids: string[] = []
  for (const [one, fn] of [
    [echo, 'echo'],
    [other, 'echo'],
    [echo, 'nothing_like_it'],
    [other, 'echo'],
  ] as const) {
    const response = await call(app, one, fn, { body: 'x' })
    await response.arrayBuffer()
    const id = response.headers.get('wasmhook-run')
    if (id !== null) ids.unshift(id)
  }
  const check = async (now: TestApp) => {
    const list = async (query: string) => {
      const { items, next } = await get<Runs>(now, `/api/runs?${query}`)
      return [items.map(({ run_id }) => ids.indexOf(run_id)), next && ids.indexOf(next)]
    }
    const all = ids.map((_, n) => n)
    assert.deepEqual(await list(''), [all, null])
    assert.deepEqual(await list('limit=2'), [[0, 1], 1])
    assert.deepEqual(await list(`limit=2&cursor=${ids[1]}`), [all.slice(2), null])
    assert.deepEqual(await list(`wasm_id=${other.id}`), [[0, ids.length - 2], null])
    const { items } = await get<Runs>(now, '/api/runs?status=failed')
    assert.deepEqual(
      items.map(({ status, wasm_id }) => [status, wasm_id]),
      ids.length === 4 ? [['failed', echo.id]] : [],
    )
    assert.deepEqual(await list('code=RUN_TIMEOUT'), [[], null])
  }
  await check(app)
  await check(await app.restart())
})

test('runs are listed to the operator alone, and by what there is', async (t) => {
  const app = await buildApp(t, { API_TOKEN: 'an-operator-has-this-one' })
  const bearer = { authorization: 'Bearer an-operator-has-this-one' }
  await refused(await app.request('/api/runs'), 401, 'MISSING_KEY')
  await refused(
    await app.request('/api/runs', { headers: { SSVM_Admin_Key: 'x' } }),
    403,
    'WRONG_KEY',
  )
  for (const query of ['status=well', 'wasm_id=x', 'wasm_id=0', 'cursor=1', 'limit=0', 'other=1']) {
    await refused(await app.request(`/api/runs?${query}`, { headers: bearer }), 400, 'BAD_REQUEST')
  }
})

test('executables are listed with what came of the last hour', async (t) => {
  let nowMs = Date.now()
  const app = await buildApp(t, { RUN_FLUSH_MS: 1 }, { now: () => nowMs })
  const echo = await upload(app, await guest('echo'))
  const other = await upload(app, await guest('echo'))
  for (let n = 0; n < 3; n++) await (await call(app, echo, 'echo', { body: 'x' })).arrayBuffer()
  interface Row {
    wasm_id: number
    functions: string[]
    last_hour: {
      calls: number
      errors: number
      p95_ms: number | null
      slots: { from: string; calls: number; errors: number }[]
    }
  }
  const list = (query = '') =>
    get<{ items: Row[]; next: string | null }>(app, `/api/functions${query}`)
  while ((await list()).items[1]?.last_hour.calls !== 3);
  const first = await list('?limit=1')
  assert.deepEqual([first.items[0]?.wasm_id, first.next], [other.id, String(other.id)])
  const figures = (row: Row | undefined) => {
    const { calls, errors, p95_ms: p95, slots } = row?.last_hour ?? assert.fail('It is listed.')
    assert.equal(slots.length, 12)
    return { calls, errors, p95, slots: slots.map((slot) => slot.calls).filter((n) => n > 0) }
  }
  const none = { calls: 0, errors: 0, p95: null, slots: [] }
  assert.deepEqual(figures(first.items[0]), none)
  const second = await list(`?limit=1&cursor=${first.next}`)
  assert.deepEqual([second.items[0]?.wasm_id, second.next], [echo.id, null])
  assert.ok(second.items[0]?.functions.includes('echo'))
  const { p95, ...counts } = figures(second.items[0])
  assert.deepEqual(counts, { calls: 3, errors: 0, slots: [3] })
  assert.ok((p95 ?? -1) >= 0)
  nowMs += 3_700_000
  assert.deepEqual(figures((await list()).items[1]), none)
  await refused(await app.request('/api/functions?cursor=x'), 400, 'BAD_REQUEST')
})
