// Sending many deliveries again: a job with progress, which goes on after a crash and sends each once.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Caller, Uploaded } from './helpers/client.ts'
import { Clock, POLL, callback, failing, readDelivery } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

interface Job {
  job_id: string
  wasm_id: number | null
  state: string
  filter: Record<string, string>
  rate_per_second: number | null
  matched: number
  resent: number
  skipped: number
  succeeded: number
  failed: number
  ended_at: string | null
}

const ask = (app: Caller, url: string, keys: Record<string, string>, body?: object) =>
  app.request(url, {
    method: 'POST',
    headers: { ...keys, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

async function begin(app: Caller, one: Uploaded, body: object = {}): Promise<Job> {
  const filter = { wasm_id: one.id, ...body }
  const response = await ask(app, '/api/deliveries/resend', admin(one), filter)
  const text = await response.text()
  assert.equal(response.status, 202, text)
  const job = JSON.parse(text) as Job
  assert.equal(response.headers.get('location'), `/api/resend-jobs/${job.job_id}`)
  return job
}

async function until(
  app: Caller,
  one: Uploaded,
  { job_id: id }: Job,
  reached: (job: Job) => boolean,
): Promise<Job> {
  for (;;) {
    const response = await app.request(`/api/resend-jobs/${id}`, { headers: admin(one) })
    assert.equal(response.status, 200)
    const job = (await response.json()) as Job
    if (reached(job)) return job
  }
}

const allSent = (job: Job): boolean =>
  job.state === 'finished' && job.succeeded + job.failed === job.resent

interface Served {
  app: TestApp
  one: Uploaded
  target: HttpService
  clock: Clock
  /** What the target answers. */
  answer: { status: number }
}

async function serve(t: TestContext): Promise<Served> {
  const clock = new Clock()
  const answer = { status: 500 }
  const target = await httpService(t, (_request, reply) => reply.writeHead(answer.status).end())
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  return { app, one: await upload(app, await guest('echo')), target, clock, answer }
}

/** Deliveries that ended without having arrived. */
async function fail({ app, one, target, clock }: Served, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    clock.ms += 1
    ids.push(await failing(app, one, callback(target, { schedule_ms: [] })))
  }
  clock.ms += 1
  return ids
}

test('a job sends all that failed again, once, and tells how it went', async (t) => {
  const served = await serve(t)
  const { app, one, target, answer } = served
  const ids = await fail(served, 5)
  const waits = await failing(app, one, callback(target, { schedule_ms: [3_600_000] }))
  answer.status = 200
  target.received.length = 0
  const begun = await begin(app, one)
  assert.deepEqual([begun.state, begun.filter.state], ['running', 'exhausted,discarded'])
  const job = await until(app, one, begun, allSent)
  assert.deepEqual(
    [job.matched, job.resent, job.skipped, job.succeeded, job.failed],
    [5, 5, 0, 5, 0],
  )
  assert.notEqual(job.ended_at, null)
  const arrived = target.received.map(({ headers }) => headers['wasmhook-delivery'])
  assert.deepEqual(arrived.sort(), ids.sort())
  const shown = await readDelivery(app, one, ids[0]!)
  assert.deepEqual([shown.state, shown.attempts[1]?.manual], ['succeeded', true])
  assert.equal((await readDelivery(app, one, waits)).tries, 1, 'the filter left it out')
})

test('a job whose attempts fail counts them, and leaves deliveries as they were', async (t) => {
  const served = await serve(t)
  const { app, one } = served
  const [id] = await fail(served, 2)
  const job = await until(app, one, await begin(app, one, { state: 'exhausted' }), allSent)
  assert.deepEqual([job.resent, job.succeeded, job.failed], [2, 0, 2])
  assert.equal((await readDelivery(app, one, id!)).state, 'exhausted')
})

test('a job takes what its filter says, and nothing made after it', async (t) => {
  const served = await serve(t)
  const { app, one, target, clock } = served
  const [first, second, third] = await fail(served, 3)
  const { created_at: from } = await readDelivery(app, one, second!)
  target.received.length = 0
  const begun = await begin(app, one, {
    created_after: from,
    target: target.origin,
    rate_per_second: 1,
  })
  await until(app, one, begun, (job) => job.resent === 1)
  const later = await fail(served, 1)
  clock.ms += 999
  await until(app, one, begun, (job) => job.resent === 2)
  clock.ms += 1_000
  const job = await until(app, one, begun, allSent)
  assert.equal(job.matched, 2)
  const manual = async (id: string): Promise<boolean[]> =>
    (await readDelivery(app, one, id)).attempts.map((attempt) => attempt.manual)
  assert.deepEqual(await manual(first!), [false])
  assert.deepEqual(await manual(second!), [false, true])
  assert.deepEqual(await manual(third!), [false, true])
  assert.deepEqual(await manual(later[0]!), [false])
})

test('a job that is canceled sends nothing more', async (t) => {
  const served = await serve(t)
  const { app, one, clock } = served
  await fail(served, 3)
  const begun = await begin(app, one, { rate_per_second: 1 })
  await until(app, one, begun, (job) => job.failed === 1)
  const url = `/api/resend-jobs/${begun.job_id}/cancel`
  const canceled = (await (await ask(app, url, admin(one))).json()) as Job
  assert.deepEqual([canceled.state, canceled.resent], ['canceled', 1])
  await refused(await ask(app, url, admin(one)), 409, 'CONFLICT')
  clock.ms += 10_000
  const second = await until(app, one, await begin(app, one), allSent)
  assert.equal(second.resent, 3)
  assert.equal((await until(app, one, begun, () => true)).resent, 1)
})

test('a job goes on after a kill, and sends none twice but what was under way', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const count = 30
  let status = 500
  const target = await httpService(t, (_request, reply) => reply.writeHead(status).end())
  const env = { OUTBOUND_ALLOW: '127.0.0.1', DELIVERY_POLL_MS: '10' }
  const caller = (origin: string): Caller => ({ request: (url, init) => fetch(origin + url, init) })
  const first = await startProcess(t, dataDir, env)
  const one = await upload(caller(first.origin), await guest('echo'))
  for (let n = 0; n < count; n++) {
    await failing(caller(first.origin), one, callback(target, { schedule_ms: [] }))
  }
  status = 200
  const begun = await begin(caller(first.origin), one, { rate_per_second: 20 })
  await until(caller(first.origin), one, begun, (job) => job.resent > 0)
  const dead = new Promise((resolve) => first.child.once('exit', resolve))
  first.child.kill('SIGKILL')
  await dead
  const second = await startProcess(t, dataDir, env)
  const job = await until(caller(second.origin), one, begun, allSent)
  assert.deepEqual([job.matched, job.resent, job.succeeded], [count, count, count])
  const list = await caller(second.origin).request(
    `/api/executables/${one.id}/deliveries?limit=100`,
    { headers: admin(one) },
  )
  const { items } = (await list.json()) as { items: Shown[] }
  for (const { delivery_id: id } of items) {
    const { attempts } = await readDelivery(caller(second.origin), one, id)
    assert.deepEqual(
      attempts.map(({ manual }) => manual),
      [false, true],
    )
  }
})

test('jobs are listed and kept from others, and a filter that is none begins none', async (t) => {
  const served = await serve(t)
  const { app, one } = served
  const other = await upload(app, await guest('echo'))
  const begun = await begin(app, one)
  const url = `/api/resend-jobs/${begun.job_id}`
  await refused(await app.request(url), 401, 'MISSING_KEY')
  const refusal = await refused(await app.request(url, { headers: admin(other) }), 403, 'WRONG_KEY')
  assert.equal(refusal.wasm_id, one.id, 'whose key it needs')
  await refused(await ask(app, `${url}/cancel`, admin(other)), 403, 'WRONG_KEY')
  await refused(
    await ask(app, '/api/deliveries/resend', admin(other), { wasm_id: one.id }),
    403,
    'WRONG_KEY',
  )
  await refused(await app.request('/api/resend-jobs/x'), 404, 'NOT_FOUND')
  for (const body of [
    { state: 'done' },
    { state: ['failed'] },
    { rate_per_second: 0 },
    { rate_per_second: 1.5 },
    { rate_per_second: 10_001 },
    { created_after: 'yesterday' },
    { unknown: 1 },
    { wasm_id: '1' },
  ]) {
    const response = await ask(app, '/api/deliveries/resend', admin(one), {
      wasm_id: one.id,
      ...body,
    })
    await refused(response, 400, 'BAD_REQUEST')
  }
  const response = await app.request(`/api/resend-jobs?wasm_id=${one.id}&limit=1`, {
    headers: admin(one),
  })
  const { items, next } = (await response.json()) as { items: Job[]; next: string | null }
  assert.deepEqual([items.map((job) => job.job_id), next], [[begun.job_id], null])
})

test('no more jobs run at a time than may', async (t) => {
  const served = await serve(t)
  const { app, one } = served
  await fail(served, 2)
  const slow = { wasm_id: one.id, rate_per_second: 1 }
  for (let n = 0; n < 20; n++) await begin(app, one, slow)
  const response = await ask(app, '/api/deliveries/resend', admin(one), slow)
  assert.equal((await refused(response, 409, 'CONFLICT')).limit, 20)
})
