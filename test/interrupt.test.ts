// DELETE /api/runs/:id ends a run wherever it is: waiting, fetching, executing, storing, forwarding.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { CallInit, Uploaded } from './helpers/client.ts'
import { accept, ended, readRun, untilRun } from './helpers/durable-runs.ts'
import type { Run } from './helpers/durable-runs.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { until } from './helpers/until.ts'

/** Nothing of this suite ends by a limit. */
const PATIENT = {
  RUN_TIMEOUT_MS: 300_000,
  QUEUE_WAIT_MS: 60_000,
  FETCH_TIMEOUT_MS: 60_000,
  DELIVERY_POLL_MS: 10,
}

function interrupt(app: TestApp, id: string): Promise<Response> {
  return app.request(`/api/runs/${id}`, { method: 'DELETE' })
}

async function interrupted(app: TestApp, id: string): Promise<void> {
  const response = await interrupt(app, id)
  const run = (await response.json()) as Run
  assert.equal(response.status, 200, JSON.stringify(run))
  assert.deepEqual([run.run_id, run.status, run.code], [id, 'canceled', 'CANCELED'])
  assert.deepEqual(run.delivery_ids, [])
}

/** The newest run of an executable, also while it goes on. */
async function newest(app: TestApp, one: Uploaded): Promise<Run> {
  for (;;) {
    const response = await app.request(`/api/executables/${one.id}/runs`, { headers: admin(one) })
    const { items } = (await response.json()) as { items: Run[] }
    if (items[0] !== undefined) return items[0]
  }
}

/** A call that is waited for, ended once it has come so far; its caller is told so. */
async function endsOnceItHas(
  app: TestApp,
  one: Uploaded,
  fn: string,
  { init = {}, reached }: { init?: CallInit; reached: () => Promise<void> },
): Promise<void> {
  const calling = call(app, one, fn, init)
  await reached()
  const { run_id: id } = await newest(app, one)
  await interrupted(app, id)
  const answer = await refused(await calling, 409, 'CANCELED')
  assert.equal(answer.run_id, id)
  assert.equal(answer.delivery_id, undefined)
  await refused(await interrupt(app, id), 409, 'CONFLICT')
}

test('a run that executes ends, and its thread serves the next', async (t) => {
  const app = await buildApp(t, { ...PATIENT, SANDBOX_THREADS: 1 })
  const one = await upload(app, await guest('echo'))
  const reached = (): Promise<void> => until(app, ({ running }) => running === 1)
  await endsOnceItHas(app, one, 'spin', { init: { body: 'x' }, reached })
  assert.equal(await textOf(app, one, 'echo', ['free']), 'free')
})

test('a run that waits for a thread ends, whatever its caller and its callback want', async (t) => {
  const app = await buildApp(t, { ...PATIENT, SANDBOX_THREADS: 1 })
  const target = await httpService(t, (_request, reply) => reply.end())
  const [busy, one] = [
    await upload(app, await guest('echo')),
    await upload(app, await guest('echo')),
  ]
  const spinning = call(app, busy, 'spin', { body: 'x' })
  await until(app, ({ running }) => running === 1)
  const init = { body: 'x', headers: { SSVM_Callback: target.origin } }
  const reached = (): Promise<void> => until(app, ({ queued }) => queued === 1)
  await endsOnceItHas(app, one, 'echo', { init, reached })
  assert.equal(target.received.length, 0)
  await interrupted(app, (await newest(app, busy)).run_id)
  await spinning
})

test('a run that fetches its inputs ends, and so do its fetches', async (t) => {
  const app = await buildApp(t, PATIENT)
  const one = await upload(app, await guest('echo'))
  let closed = (): void => undefined
  const hungUp = new Promise<void>((resolve) => (closed = resolve))
  const upstream = await httpService(t, (_request, reply) => void reply.once('close', closed))
  await endsOnceItHas(app, one, 'echo', {
    init: { headers: { SSVM_Fetch: upstream.origin } },
    async reached() {
      while (upstream.received.length === 0) await new Promise(setImmediate)
    },
  })
  await hungUp
})

test('a run that forwards its result ends, and nothing is sent again', async (t) => {
  const app = await buildApp(t, PATIENT)
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, () => undefined)
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port: target.port }
  const retry = { schedule_ms: [100] }
  await endsOnceItHas(app, one, 'echo', {
    init: { body: 'x', headers: { SSVM_Callback: JSON.stringify({ ...spec, retry }) } },
    async reached() {
      while (target.received.length === 0) await new Promise(setImmediate)
      assert.equal((await newest(app, one)).status, 'forwarding')
    },
  })
  const list = await app.request(`/api/executables/${one.id}/deliveries`, { headers: admin(one) })
  assert.deepEqual(((await list.json()) as { items: unknown[] }).items, [])
})

test('a run that is interrupted keeps nothing of what it stored, nor one that waits to store', async (t) => {
  const app = await buildApp(t, PATIENT)
  const one = await upload(app, await guest('storage'))
  // Known to write from here on.
  assert.equal(await textOf(app, one, 'increment'), '1')
  const spinning = call(app, one, 'increment_and_spin')
  await until(app, ({ running }) => running === 1)
  const { run_id: spins } = await newest(app, one)
  const reached = (): Promise<void> => until(app, ({ queuedToWrite }) => queuedToWrite === 1)
  await endsOnceItHas(app, one, 'increment', { reached })
  await interrupted(app, spins)
  await refused(await spinning, 409, 'CANCELED')
  assert.equal(await textOf(app, one, 'read'), '1')
  assert.equal(await textOf(app, one, 'increment'), '2', 'its turn has passed on')
})

test('a run that nobody waits for ends, and nothing of it is delivered', async (t) => {
  const app = await buildApp(t, PATIENT)
  const target = await httpService(t, (_request, reply) => reply.end())
  const one = await upload(app, await guest('echo'))
  const headers = { SSVM_Callback: target.origin }
  const id = await accept(app, one, 'spin', { body: 'x', headers })
  await until(app, ({ running }) => running === 1)
  assert.equal((await readRun(app, id)).status, 'running')
  await interrupted(app, id)
  assert.equal((await readRun(app, id)).status, 'canceled')
  await refused(await app.request(`/api/runs/${id}/result`), 404, 'NOT_FOUND')
  const after = await accept(app, one, 'echo', { body: 'next', headers })
  while (target.received.length === 0) await new Promise(setImmediate)
  assert.deepEqual(
    target.received.map(({ body }) => body.toString()),
    ['next'],
  )
  const answer = await refused(await interrupt(app, after), 409, 'CONFLICT')
  assert.equal(answer.status, 'succeeded')
})

test('whoever waits for a run that was handed over is told that it was canceled', async (t) => {
  const app = await buildApp(t, PATIENT)
  const one = await upload(app, await guest('echo'))
  const headers = { prefer: 'respond-async, wait=60' }
  const waiting = call(app, one, 'spin', { body: 'x', headers })
  await until(app, ({ running }) => running === 1)
  const { run_id: id } = await newest(app, one)
  await interrupted(app, id)
  assert.equal((await refused(await waiting, 409, 'CANCELED')).run_id, id)
})

test('a run whose end another process wants is ended when its lease is renewed', async (t) => {
  const app = await buildApp(t, { ...PATIENT, DELIVERY_LEASE_MS: 1_000 })
  const one = await upload(app, await guest('echo'))
  const id = await accept(app, one, 'spin', { body: 'x' })
  await untilRun(app, id, 'running')
  const other = new BetterSqlite3(join(app.dataDir, 'wasmhook.db'))
  other.prepare('UPDATE queued_runs SET cancel_requested = 1 WHERE id = ?').run(id)
  other.close()
  assert.equal((await ended(app, id)).status, 'canceled')
})
