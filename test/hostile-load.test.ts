// Load that means harm: many calls that spin, full queues, inputs and buffers past their limits. What
// single guests do is in the other hostile-*.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { callWith, configure, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { until } from './helpers/until.ts'

test('a guest that spins costs its callers nothing more when they hang up', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 200 })
  const one = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('raw-numbers'))
  const gone = new AbortController()
  const spin = (): Promise<Response> =>
    app.request(`/api/run/${one.id}/spin`, { method: 'POST', signal: gone.signal })
  const callers = Array.from({ length: 8 }, async () => {
    // There is one that runs whenever it is looked for.
    for (;;) await refused(await spin(), 504, 'RUN_TIMEOUT')
  })
  await until(app, ({ running }) => running > 0)
  gone.abort()
  for (const outcome of await Promise.allSettled(callers)) assert.equal(outcome.status, 'rejected')
  await until(app, ({ running, queued }) => running + queued === 0)
  assert.equal(await textOf(app, healthy, 'answer'), '42')
})

test('while 40 callers of one function let it spin, others, uploads and /healthz answer, and each call ends 504', async (t) => {
  const app = await buildApp(t, { QUEUE_WAIT_MS: 120_000, DRAIN_MS: 20_000 })
  const spinner = await upload(app, await guest('misbehaves'))
  await configure(app, spinner, 'limits', { run_timeout_ms: 200 })
  const healthy = await upload(app, await guest('wasm-bindgen-100'))
  let answered = false
  const callers = Array.from({ length: 40 }, async () => {
    // For as long as it takes the others.
    do await refused(await call(app, spinner, 'spin'), 504, 'RUN_TIMEOUT')
    while (!answered)
  })
  await until(app, ({ running, queued }) => running > 0 && queued > 20)
  for (let round = 0; round < 5; round++) {
    const health = await app.request('/healthz')
    assert.deepEqual(await health.json(), { status: 'ok' })
    assert.equal(await textOf(app, healthy, 'say', ['you']), 'hello you')
  }
  // An upload compiles in its own process, and what it uploads is called at once.
  const late = await upload(app, await guest('raw-numbers'))
  assert.equal(await textOf(app, late, 'answer'), '42')
  answered = true
  await Promise.all(callers)
})

test('a full queue and too long a wait are 503 with Retry-After, for that executable alone', async (t) => {
  const app = await buildApp(t, {
    RUN_TIMEOUT_MS: 60_000,
    CONCURRENCY: 1,
    QUEUE_LENGTH: 1,
    QUEUE_WAIT_MS: 6_000,
  })
  const sleeper = await upload(app, await guest('hostile/waits'))
  const healthy = await upload(app, await guest('raw-numbers'))
  const sleep = (): Promise<Response> => call(app, sleeper, 'sleeps_an_hour')
  const first = sleep()
  await until(app, ({ running }) => running === 1)
  const second = sleep()
  await until(app, ({ queued }) => queued === 1)
  const full = await sleep()
  assert.equal(full.headers.get('retry-after'), '1')
  await refused(full, 503, 'QUEUE_FULL')
  const late = await second
  assert.equal(late.headers.get('retry-after'), '1')
  await refused(late, 503, 'QUEUE_TIMEOUT')
  assert.equal(await textOf(app, healthy, 'answer'), '42')
  // It sleeps until the server stops, which waits for it no longer than DRAIN_MS.
  await Promise.all([app.close(), assert.rejects(first)])
})

test('inputs over INPUT_BYTES get 413, whether in one body or in parts', async (t) => {
  const app = await buildApp(t, { INPUT_BYTES: 1_000 })
  const one = await upload(app, await guest('wasm-bindgen-100'))
  const context = await upload(app, await guest('context'))
  assert.equal((await textOf(app, one, 'say', ['x'.repeat(1_000)])).length, 1_006)
  const body = await callWith(app, one, 'say', ['x'.repeat(1_001)])
  assert.equal(body.status, 413, await body.text())
  const parts = await callWith(app, context, 'say', ['x'.repeat(501), 'y'.repeat(500)])
  assert.equal(parts.status, 413, await parts.text())
})

test('more bytes than BUFFERED_BYTES get 503 with Retry-After, and are free again afterwards', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 100_000 })
  const one = await upload(app, await guest('wasm-bindgen-100'))
  for (let round = 0; round < 5; round++) {
    const large = await callWith(app, one, 'say', ['x'.repeat(90_000)])
    assert.equal(large.headers.get('retry-after'), '1')
    await refused(large, 503, 'BUFFERS_FULL')
    assert.equal((await textOf(app, one, 'say', ['x'.repeat(40_000)])).length, 40_006)
  }
})

test('a guest that sleeps when the server stops is ended by the stop, and its run is on record', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 60_000 })
  const sleeper = await upload(app, await guest('hostile/waits'))
  const sleeping = call(app, sleeper, 'sleeps_an_hour')
  await until(app, ({ running }) => running === 1)
  const [again] = await Promise.all([app.restart(), assert.rejects(sleeping)])
  const path = `/api/executables/${sleeper.id}/runs`
  const runs = await (await again.request(path, { headers: admin(sleeper) })).json()
  const { items } = runs as { items: { status: string; code: string }[] }
  assert.deepEqual(
    items.map(({ status, code }) => [status, code]),
    [['failed', 'CLOSED']],
  )
})
