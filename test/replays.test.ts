// Sending an endpoint what failed, and what it was never sent: jobs that outlive the process, each message once.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'

const NOBODY = '01900000-0000-7000-8000-000000000000'
const HOUR_MS = 3_600_000

describe('an endpoint', () => {
  const scope = suiteScope()
  let hub: EventHub
  let since = ''

  beforeEach(async () => {
    hub = await createEventHub(scope, { DELIVERY_TARGET_CONCURRENCY: 1 })
    since = new Date(hub.clock.nowMs).toISOString()
  })

  /** Each a millisecond later than the one before. */
  async function publish(n: number, fields: object = {}): Promise<string> {
    hub.clock.nowMs++
    return (await hub.publish({ n }, fields)).message_id
  }
  const ask = (what: string, id: string, body: object = { since }): Promise<Response> =>
    hub.send('POST', `/api/endpoints/${id}/${what}?tenant=acme`, body)
  async function until(job: Json, reached: (job: Json) => boolean, app: TestApp = hub.app) {
    for (;;) {
      const response = await app.request(`/api/resend-jobs/${String(job.job_id)}`)
      const now = await hub.made(response, 200)
      if (reached(now)) return now
    }
  }
  async function job(what: string, id: string, body: object = { since }): Promise<Json> {
    hub.clock.nowMs++
    const begun = await hub.made(await ask(what, id, body), 202)
    return until(begun, ({ state }) => state !== 'running')
  }
  const counts = (of: Json): unknown[] => [of.state, of.matched, of.resent, of.skipped]
  const sent = (): unknown[] =>
    hub.target.received.map(({ body }) => (JSON.parse(body.toString()) as { data: Json }).data.n)
  const untilSent = async (app: TestApp = hub.app): Promise<void> => {
    for (;;) {
      const { items } = await hub.made(await app.request('/api/deliveries?state=pending'), 200)
      if ((items as unknown[]).length === 0) return
    }
  }

  test('is sent what was published before it was there, the oldest first, each once', async () => {
    const { send, made } = hub
    await made(await send('POST', '/api/event-types', { tenant: 'acme', name: 'user.made' }), 201)
    for (const n of [1, 2]) await publish(n)
    await publish(0, { type: 'user.made' })
    const gone = await publish(3)
    await made(await send('DELETE', `/api/messages/${gone}/payload?tenant=acme`), 200)
    await publish(4)
    const { endpoint_id: id } = await hub.endpoint()
    await hub.deliveryOf(await publish(5), hasEnded)
    const done = await job('replay', id)
    assert.deepEqual(counts(done), ['finished', 4, 3, 1])
    assert.deepEqual([done.kind, done.tenant, done.succeeded], ['replay', 'acme', null])
    await untilSent()
    assert.deepEqual(sent(), [5, 1, 2, 4])
    const again = await job('replay', id)
    assert.deepEqual(counts(again), ['finished', 1, 0, 1])
    await untilSent()
    assert.equal(sent().length, 4)
    const { items } = await hub.get('/api/resend-jobs')
    assert.deepEqual(
      (items as Json[]).map(({ job_id: of }) => of),
      [again.job_id, done.job_id],
    )
  })

  test('is sent what was published while it was off, and nothing while it is', async () => {
    const { endpoint_id: id } = await hub.endpoint()
    const turn = async (enabled: boolean): Promise<Json> =>
      hub.made(await hub.send('PATCH', `/api/endpoints/${id}?tenant=acme`, { enabled }), 200)
    await hub.deliveryOf(await publish(1), hasEnded)
    await turn(false)
    for (const n of [2, 3]) await publish(n)
    await refused(await ask('replay', id), 409, 'CONFLICT')
    await turn(true)
    assert.deepEqual(counts(await job('replay', id)), ['finished', 2, 2, 0])
    await untilSent()
    assert.deepEqual(sent(), [1, 2, 3])
  })

  test('is sent what is of the time that is asked for, and put off as it was', async () => {
    await publish(1)
    hub.clock.nowMs += HOUR_MS
    const from = new Date(hub.clock.nowMs).toISOString()
    await publish(2)
    const due = hub.clock.nowMs + 2 * HOUR_MS
    const later = await publish(3, { deliver_at: new Date(due).toISOString() })
    hub.clock.nowMs += HOUR_MS
    const to = new Date(hub.clock.nowMs).toISOString()
    await publish(4)
    const { endpoint_id: id } = await hub.endpoint()
    const done = await job('replay', id, { since: from, until: to })
    assert.deepEqual(counts(done), ['finished', 2, 2, 0])
    assert.deepEqual(done.filter, {
      ...{ tenant: 'acme', endpoint_id: id, created_after: from, created_before: to },
    })
    const waits = await hub.deliveryOf(later, () => true)
    assert.equal(waits.due_at, new Date(due).toISOString())
    hub.clock.nowMs = due
    await untilSent()
    assert.deepEqual(sent(), [2, 3])
  })

  test('is sent each once by two jobs at once, and no more by one that is canceled', async () => {
    for (let n = 1; n <= 5; n++) await publish(n)
    const { endpoint_id: id } = await hub.endpoint()
    hub.clock.nowMs++
    const slow = await hub.made(await ask('replay', id, { since, rate_per_second: 1 }), 202)
    await until(slow, ({ resent }) => resent === 1)
    await hub.made(await hub.send('POST', `/api/resend-jobs/${String(slow.job_id)}/cancel`), 200)
    const [one, other] = await Promise.all([ask('replay', id), ask('replay', id)])
    const jobs = await Promise.all(
      [one, other].map(async (begun) =>
        until(await hub.made(begun, 202), ({ state }) => state !== 'running'),
      ),
    )
    assert.equal(
      jobs.map((done) => Number(done.resent)).reduce((a, b) => a + b),
      4,
    )
    await untilSent()
    assert.deepEqual(sent(), [1, 2, 3, 4, 5])
    assert.equal((await until(slow, () => true)).state, 'canceled')
  })

  test('that is deleted or turned off ends its job', async () => {
    for (let n = 1; n <= 3; n++) await publish(n)
    const { endpoint_id: id } = await hub.endpoint()
    hub.clock.nowMs++
    const begun = await hub.made(await ask('replay', id, { since, rate_per_second: 1 }), 202)
    await until(begun, ({ resent }) => resent === 1)
    const off = { enabled: false }
    await hub.made(await hub.send('PATCH', `/api/endpoints/${id}?tenant=acme`, off), 200)
    hub.clock.nowMs += 1_000
    assert.deepEqual(counts(await until(begun, ({ state }) => state !== 'running')), [
      ...['canceled', 1, 1, 0],
    ])
  })

  test('is sent each once where the server stops in the middle of the job', async () => {
    const all = Array.from({ length: 6 }, (_, n) => n + 1)
    for (const n of all) await publish(n)
    const { endpoint_id: id } = await hub.endpoint()
    hub.clock.nowMs++
    const begun = await hub.made(await ask('replay', id, { since, rate_per_second: 2 }), 202)
    await until(begun, ({ resent }) => resent === 2)
    const again = await hub.app.restart()
    await until(
      begun,
      ({ state }) => {
        hub.clock.nowMs += 1_000
        return state === 'finished'
      },
      again,
    )
    assert.deepEqual(counts(await until(begun, () => true, again)), ['finished', 6, 6, 0])
    await untilSent(again)
    assert.deepEqual([...new Set(sent())], all)
  })

  test('is sent again what failed, but for what was not wanted', async () => {
    const unwanted = { path: 'n', lt: 9 }
    const { endpoint_id: id } = await hub.endpoint({
      ...{ retry: { schedule_ms: [] }, payload_filter: unwanted },
    })
    hub.answers.push(200, 500, 500, 500)
    for (const n of [1, 2, 3, 4, 9]) await hub.deliveryOf(await publish(n), hasEnded)
    const done = await job('recover', id)
    assert.deepEqual(counts(done), ['finished', 4, 3, 1])
    const ended = await until(done, ({ succeeded }) => succeeded === 3)
    assert.deepEqual([ended.kind, ended.failed], ['resend', 0])
    assert.deepEqual(sent(), [1, 2, 3, 4, 2, 3, 4])
    assert.deepEqual(counts(await job('recover', id)), ['finished', 1, 0, 1])
  })

  test('is asked for by a time, and by who may', async () => {
    const { endpoint_id: id } = await hub.endpoint()
    for (const what of ['recover', 'replay']) {
      for (const [body, field] of [
        [{}, 'since'],
        [{ since: 'yesterday' }, 'since'],
        [{ since, until: 'now' }, 'until'],
        [{ since, until: since }, 'until'],
        [{ since, more: 1 }, 'more'],
        [{ since, rate_per_second: 0 }, 'rate_per_second'],
      ] as const) {
        assert.equal((await refused(await ask(what, id, body), 400, 'BAD_REQUEST')).field, field)
      }
      await refused(await ask(what, NOBODY), 404, 'NOT_FOUND')
      const other = `/api/endpoints/${id}/${what}?tenant=other`
      await refused(await hub.send('POST', other, { since }), 404, 'NOT_FOUND')
    }
  })
})
