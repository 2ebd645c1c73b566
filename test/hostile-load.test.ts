// Load that means harm: many calls that spin, full queues, inputs and buffers past their limits. What
// single guests do is in the other hostile-*.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { callWith, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { until } from './helpers/until.ts'

test('a guest that spins costs its callers nothing more when they hang up', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 200 })
  const one = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('raw-numbers'))
  const gone = new AbortController()
  const calls = Array.from({ length: 8 }, () =>
    app.request(`/api/run/${one.id}/spin`, { method: 'POST', signal: gone.signal }),
  )
  await until(app, ({ running }) => running > 0)
  gone.abort()
  for (const outcome of await Promise.allSettled(calls)) assert.equal(outcome.status, 'rejected')
  await until(app, ({ running, queued }) => running + queued === 0)
  assert.equal(await textOf(app, healthy, 'answer'), '42')
})

test('while 100 calls of one function spin, others and /healthz answer, and each ends 504', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 100, QUEUE_WAIT_MS: 120_000, DRAIN_MS: 20_000 })
  const spinner = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('wasm-bindgen-100'))
  let ended = 0
  const spinning = Array.from({ length: 100 }, async () => {
    const response = await call(app, spinner, 'spin')
    ended++
    return response
  })
  await until(app, ({ running, queued }) => running > 0 && queued > 50)
  for (let round = 0; round < 5; round++) {
    const health = await app.request('/healthz')
    assert.deepEqual(await health.json(), { status: 'ok' })
    assert.equal(await textOf(app, healthy, 'say', ['you']), 'hello you')
  }
  // An upload compiles in its own process, and what it uploads is called at once.
  const late = await upload(app, await guest('raw-numbers'))
  assert.equal(await textOf(app, late, 'answer'), '42')
  assert.ok(ended < 100, 'all the spinning calls ended before the others were answered')
  for (const response of await Promise.all(spinning)) {
    await refused(response, 504, 'RUN_TIMEOUT')
  }
})

test('a full queue and too long a wait are 503 with Retry-After, for that executable alone', async (t) => {
  const app = await buildApp(t, {
    RUN_TIMEOUT_MS: 2_000,
    CONCURRENCY: 1,
    QUEUE_LENGTH: 1,
    QUEUE_WAIT_MS: 100,
  })
  const spinner = await upload(app, await guest('misbehaves'))
  const healthy = await upload(app, await guest('raw-numbers'))
  const first = call(app, spinner, 'spin')
  await until(app, ({ running }) => running === 1)
  // The order in which these two arrive is their own; one of them waits, the other finds it full.
  const others = await Promise.all([call(app, spinner, 'spin'), call(app, spinner, 'spin')])
  for (const response of others) assert.equal(response.headers.get('retry-after'), '1')
  const codes = await Promise.all(
    others.map(async (response) => {
      assert.equal(response.status, 503)
      return ((await response.json()) as { code: string }).code
    }),
  )
  assert.deepEqual(codes.sort(), ['QUEUE_FULL', 'QUEUE_TIMEOUT'])
  assert.equal(await textOf(app, healthy, 'answer'), '42')
  await refused(await first, 504, 'RUN_TIMEOUT')
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
