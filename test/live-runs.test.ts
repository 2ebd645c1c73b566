// Runs as they end: told to whoever watches, a part of many, and to the operator alone.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { createLiveRuns } from '../src/core/live-runs.ts'
import type { Sampled } from '../src/core/live-runs.ts'
import { registerLiveRuns } from '../src/http/routes/live-runs.ts'
import type { RunRecord } from '../src/model.ts'
import { buildApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { watch } from './helpers/live-runs.ts'
import { newRun } from './storage-suite.ts'

test('runs are told as they end, as lists show them, and by filter', async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await guest('echo'))
  const other = await upload(app, await guest('echo'))
  const all = await watch(t, app)
  const some = await watch(t, app, `?wasm_id=${other.id}&status=succeeded`)
  const ids: (string | null)[] = []
  for (const one of [echo, other]) {
    const response = await call(app, one, 'echo', { body: 'x' })
    await response.arrayBuffer()
    ids.push(response.headers.get('wasmhook-run'))
  }
  const told = [await all.next(), await all.next()]
  assert.deepEqual(
    told.map((one) => [one?.event, one?.data.run_id]),
    ids.map((id) => ['run', id]),
  )
  const listed = (await (await app.request('/api/runs')).json()) as { items: unknown[] }
  assert.deepEqual(told.map((one) => one?.data).reverse(), listed.items)
  assert.equal((await some.next())?.data.run_id, ids[1])
})

test('a stop ends what is watched, and does not wait for it', async (t) => {
  const app = await buildApp(t, { DRAIN_MS: 30_000 })
  const one = await watch(t, app)
  const began = performance.now()
  const closed = app.close()
  assert.equal(await one.next(), undefined)
  await closed
  assert.ok(performance.now() - began < 10_000)
})

test('so many watch at once, and the operator alone', async (t) => {
  const app = await buildApp(t, { DRAIN_MS: 2_000 })
  await refused(await app.request('/api/runs/live?status=well'), 400, 'BAD_REQUEST')
  const watching = []
  for (let n = 0; n < 20; n++) watching.push(await watch(t, app))
  await refused(await app.request('/api/runs/live'), 429, 'RATE_LIMITED')
  watching[0]?.hangUp()
  for (let n = 0; ; n++) {
    const response = await app.request('/api/runs/live')
    await response.body?.cancel()
    if (response.status === 200) break
    assert.ok(n < 100)
    await pause(20)
  }
  const closed = await buildApp(t, { API_TOKEN: 'an-operator-has-this-one' })
  await refused(await closed.request('/api/runs/live'), 401, 'MISSING_KEY')
})

test('who takes nothing from one sign of life to the next is cut off', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const live = createLiveRuns()
  const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
  registerLiveRuns(app, { live, workers: 1 })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const reading = await watch(t, { origin }, '?wasm_id=2')
  const stuck = connect(Number(new URL(origin).port), '127.0.0.1')
  stuck.write('GET /api/runs/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(stuck, 'data')
  stuck.pause()
  // More than the system keeps for a connection.
  const errorMessage = 'x'.repeat(100_000)
  for (let n = 0; n < 500; n++) live.told(newRun(1, { errorMessage }))
  t.mock.timers.tick(30_000)
  stuck.resume()
  await once(stuck, 'close')
  const last = newRun(2)
  live.told(last)
  t.mock.timers.tick(100)
  assert.equal((await reading.next())?.data.run_id, last.id)
})

test('of more than 500 a second a part is told, and how many there were', async () => {
  const live = createLiveRuns()
  const told: RunRecord[] = []
  const counts: Sampled[] = []
  const stop = await live.watch({
    filter: { executableId: 1 },
    runs: (records) => told.push(...records) > 0,
    sampled: (one) => void counts.push(one),
    end: () => undefined,
  })
  const slow: Sampled[] = []
  const stopSlow = await live.watch({
    filter: {},
    runs: () => false,
    sampled: (one) => void slow.push(one),
    end: () => undefined,
  })
  const result = { type: 'text/plain', bytes: Buffer.alloc(9) }
  for (let n = 0; n < 2_000; n++) live.told(newRun(1, { log: 'long', result }))
  for (let n = 0; n < 10; n++) live.told(newRun(2))
  while (counts.length === 0 || slow.length === 0) await pause(50)
  stop()
  stopSlow()
  assert.deepEqual(counts, [{ ended: 2_000, shown: 500 }])
  assert.deepEqual(slow, [{ ended: 2_010, shown: 0 }])
  assert.equal(told.length, 500)
  assert.ok(told.every(({ log, result: kept }) => log === '' && kept === null))
  live.told(newRun(1))
  await pause(250)
  assert.equal(told.length, 500)
})
