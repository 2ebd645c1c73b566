// Sending one delivery again: an attempt more, which only a success lets change what becomes of it.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Caller, Uploaded } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  failing,
  hasEnded,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

function resend(app: Caller, one: Uploaded, id: string): Promise<Response> {
  return app.request(`/api/deliveries/${id}/resend`, { method: 'POST', headers: admin(one) })
}

const isSent = (delivery: Shown): boolean => !delivery.resending

describe('a delivery that is sent again', () => {
  const scope = suiteScope()
  const clock = new Clock()
  let app: TestApp
  let one: Uploaded
  let target: HttpService
  const answers: number[] = []
  /** While set, an attempt waits until this resolves. */
  let held: Promise<void> | undefined
  let arrived = (): void => undefined

  before(async () => {
    app = await buildApp(scope, POLL, { now: clock.now, chance: () => 0 })
    one = await upload(app, await guest('echo'))
    target = await httpService(scope, (_request, reply) => {
      const status = answers.shift() ?? 200
      arrived()
      void Promise.resolve(held).then(() => reply.writeHead(status).end())
    })
  })
  beforeEach(() => {
    answers.length = 0
    target.received.length = 0
    held = undefined
    arrived = () => undefined
  })

  async function again(id: string): Promise<Shown> {
    const response = await resend(app, one, id)
    assert.equal(response.status, 202)
    assert.equal(response.headers.get('location'), `/api/deliveries/${id}`)
    assert.equal(((await response.json()) as Shown).delivery_id, id)
    return untilDelivery(app, one, id, isSent)
  }

  test('arrives with the same id and the same bytes, and has then succeeded', async () => {
    answers.push(500)
    const id = await failing(app, one, callback(target, { schedule_ms: [] }))
    assert.equal((await readDelivery(app, one, id)).state, 'exhausted')
    const ended = await again(id)
    assert.deepEqual([ended.state, ended.tries, ended.last_status], ['succeeded', 1, 200])
    assert.deepEqual(
      ended.attempts.map(({ status, manual }) => [status, manual]),
      [
        [500, false],
        [200, true],
      ],
    )
    const [first, second] = target.received
    assert.deepEqual(second?.body, first?.body)
    assert.equal(second?.headers['wasmhook-delivery'], id)
    assert.equal((await again(id)).state, 'succeeded', 'as often as somebody asks')
    assert.equal(target.received.length, 3)
  })

  test('leaves the automatic tries and their time as they were where it fails', async () => {
    answers.push(500, 503, 500)
    const id = await failing(app, one, callback(target, { schedule_ms: [60_000, 60_000] }))
    const before = await readDelivery(app, one, id)
    clock.ms += 1_000
    const after = await again(id)
    for (const field of ['state', 'due_at', 'tries', 'reason', 'ended_at'] as const) {
      assert.equal(after[field], before[field], field)
    }
    assert.deepEqual([after.attempts.length, after.last_status], [2, 503])
    clock.ms += 59_000
    const second = await untilDelivery(app, one, id, ({ tries }) => tries === 2)
    assert.deepEqual(
      second.attempts.map(({ status, manual }) => [status, manual]),
      [
        [500, false],
        [503, true],
        [500, false],
      ],
    )
    clock.ms += 60_000
    assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
  })

  test('ends a chain that waits where it succeeds, which is then not sent once more', async () => {
    answers.push(500)
    const id = await failing(app, one, callback(target, { schedule_ms: [60_000] }))
    const ended = await again(id)
    assert.deepEqual([ended.state, ended.due_at], ['succeeded', null])
    clock.ms += 60_000
    const other = await failing(app, one, callback({ port: 1 }, { schedule_ms: [100] }))
    clock.ms += 100
    await untilDelivery(app, one, other, hasEnded)
    assert.equal(target.received.length, 2)
  })

  test('stays what it was where it fails, though its target once wanted no more', async () => {
    answers.push(410, 410)
    const id = await failing(app, one, callback(target, { schedule_ms: [100] }))
    const gone = await again(id)
    assert.deepEqual([gone.state, gone.reason], ['discarded', 'gone'])
    assert.deepEqual([(await again(id)).state, (await again(id)).reason], ['succeeded', null])
  })

  test('is sent once at a time', async () => {
    answers.push(500, 500)
    const id = await failing(app, one, callback(target, { schedule_ms: [60_000] }))
    let release = (): void => undefined
    held = new Promise((resolve) => (release = resolve))
    const asked = new Promise<void>((resolve) => (arrived = resolve))
    assert.equal((await resend(app, one, id)).status, 202)
    await asked
    const under = await readDelivery(app, one, id)
    assert.deepEqual([under.state, under.resending], ['waiting', true])
    const refusal = await refused(await resend(app, one, id), 409, 'CONFLICT')
    assert.equal(refusal.reason, 'resending')
    release()
    await untilDelivery(app, one, id, isSent)

    held = new Promise((resolve) => (release = resolve))
    const automatic = new Promise<void>((resolve) => (arrived = resolve))
    clock.ms += 60_000
    await automatic
    assert.equal((await readDelivery(app, one, id)).state, 'leased')
    assert.equal((await refused(await resend(app, one, id), 409, 'CONFLICT')).reason, 'leased')
    release()
    assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
  })

  test('can be canceled, which leaves one that had ended as it was', async () => {
    answers.push(500, 500)
    const id = await failing(app, one, callback(target, { schedule_ms: [] }))
    let release = (): void => undefined
    held = new Promise((resolve) => (release = resolve))
    const asked = new Promise<void>((resolve) => (arrived = resolve))
    assert.equal((await resend(app, one, id)).status, 202)
    await asked
    const url = `/api/deliveries/${id}/cancel`
    const response = await app.request(url, { method: 'POST', headers: admin(one) })
    const shown = (await response.json()) as Shown
    assert.deepEqual([shown.state, shown.resending], ['exhausted', false])
    release()
    await refused(await app.request(url, { method: 'POST', headers: admin(one) }), 409, 'CONFLICT')
  })

  test('can be canceled, which leaves a chain that waits as it was, and only then the chain', async () => {
    answers.push(500, 500)
    const id = await failing(app, one, callback(target, { schedule_ms: [60_000] }))
    const before = await readDelivery(app, one, id)
    let release = (): void => undefined
    held = new Promise((resolve) => (release = resolve))
    const asked = new Promise<void>((resolve) => (arrived = resolve))
    assert.equal((await resend(app, one, id)).status, 202)
    await asked
    const url = `/api/deliveries/${id}/cancel`
    const cancel = async (): Promise<Shown> => {
      const response = await app.request(url, { method: 'POST', headers: admin(one) })
      return (await response.json()) as Shown
    }
    const kept = await cancel()
    assert.deepEqual([kept.state, kept.due_at, kept.resending], ['waiting', before.due_at, false])
    release()
    assert.equal((await cancel()).state, 'canceled')
  })

  test('takes no fields, nor does a cancel: what somebody meant by one is not passed over', async () => {
    const headers = { ...admin(one), 'content-type': 'application/json' }
    for (const url of [
      `/api/deliveries/${crypto.randomUUID()}/resend`,
      `/api/deliveries/${crypto.randomUUID()}/cancel`,
      `/api/resend-jobs/${crypto.randomUUID()}/cancel`,
    ]) {
      const ask = (body: string): Promise<Response> =>
        app.request(url, { method: 'POST', headers, body })
      await refused(await ask('{"delay_ms":5}'), 400, 'BAD_REQUEST')
      await refused(await ask('{"delay_ms"'), 400, 'INVALID_JSON')
      for (const nothing of ['', '{}']) await refused(await ask(nothing), 404, 'NOT_FOUND')
    }
  })

  test("is its executable's own, and is sent no more when that is gone", async () => {
    answers.push(500)
    const other = await upload(app, await guest('echo'))
    const id = await failing(app, other, callback(target, { schedule_ms: [] }))
    await refused(await resend(app, one, id), 403, 'WRONG_KEY')
    const keyless = await app.request(`/api/deliveries/${id}/resend`, { method: 'POST' })
    await refused(keyless, 401, 'MISSING_KEY')
    await refused(await resend(app, one, crypto.randomUUID()), 404, 'NOT_FOUND')
    await app.request(`/api/executables/${other.id}`, { method: 'DELETE', headers: admin(other) })
    const refusal = await refused(await resend(app, other, id), 409, 'CONFLICT')
    assert.equal(refusal.reason, 'executable_deleted')
  })
})

test('a resend that was accepted survives a kill', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  let stall = (): void => undefined
  const stalled = new Promise<void>((resolve) => (stall = resolve))
  const target = await httpService(t, (_request, reply) => {
    const { length } = target.received
    if (length === 1) reply.writeHead(500).end()
    else if (length === 2) stall()
    else reply.end()
  })
  const env = { OUTBOUND_ALLOW: '127.0.0.1' }
  const caller = (origin: string): Caller => ({ request: (url, init) => fetch(origin + url, init) })
  const first = await startProcess(t, dataDir, env)
  const one = await upload(caller(first.origin), await guest('echo'))
  const id = await failing(caller(first.origin), one, callback(target, { schedule_ms: [] }))
  assert.equal((await resend(caller(first.origin), one, id)).status, 202)
  await stalled
  const dead = new Promise((resolve) => first.child.once('exit', resolve))
  first.child.kill('SIGKILL')
  await dead
  const second = await startProcess(t, dataDir, env)
  const ended = await untilDelivery(caller(second.origin), one, id, isSent)
  assert.deepEqual([ended.state, ended.tries], ['succeeded', 1])
  assert.deepEqual(
    ended.attempts.map(({ status, manual }) => [status, manual]),
    [
      [500, false],
      [200, true],
    ],
  )
})
