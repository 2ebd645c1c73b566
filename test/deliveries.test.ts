// Durable deliveries: what a failed forward with `retry` becomes, and how it ends.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, beforeEach, describe, test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Caller, Uploaded } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  failing as failingCall,
  hasEnded,
  isAt,
  readDelivery as read,
  untilDelivery as until,
} from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

describe('a callback with retry', () => {
  const scope = suiteScope()
  const clock = new Clock()
  let app: TestApp
  let one: Uploaded
  let target: HttpService
  /** What the target answers next; 200 when nothing is left. */
  const answers: { status: number; headers?: Record<string, string> }[] = []

  before(async () => {
    app = await buildApp(scope, POLL, { now: clock.now, chance: () => 0 })
    one = await upload(app, await guest('echo'))
    target = await httpService(scope, (_request, reply) => {
      const { status, headers = {} } = answers.shift() ?? { status: 200 }
      reply.writeHead(status, headers).end('so it is')
    })
  })
  beforeEach(() => {
    answers.length = 0
    target.received.length = 0
  })

  /** A run whose forward fails; the id of the delivery that goes on. */
  const failing = (retry: object, fields?: object): Promise<string> =>
    failingCall(app, one, callback(target, retry, fields))

  test('goes on as a delivery whose first attempt is the one that the caller waited for', async () => {
    answers.push({ status: 500 })
    const id = await failing({ interval_ms: 10_000, backoff: 2, retries: 3 })
    const waiting = await read(app, one, id)
    assert.equal(waiting.state, 'waiting')
    assert.equal(waiting.tries, 1)
    assert.equal(waiting.target, target.origin)
    assert.equal(waiting.due_at, new Date(clock.ms + 10_000).toISOString())
    assert.deepEqual(waiting.retry, { interval_ms: 10_000, backoff: 2, retries: 3 })
    assert.deepEqual(
      waiting.attempts.map(({ status, response_body: body }) => ({ status, body })),
      [{ status: 500, body: 'so it is' }],
    )
    assert.equal(target.received.length, 1)

    clock.ms += 10_000
    const ended = await until(app, one, id, hasEnded)
    assert.equal(ended.state, 'succeeded')
    assert.deepEqual(
      ended.attempts.map(({ status }) => status),
      [500, 200],
    )
    const [first, second] = target.received
    assert.deepEqual(second?.body, first?.body)
    assert.equal(first?.headers['wasmhook-delivery'], id)
    assert.equal(second?.headers['wasmhook-delivery'], id)
    assert.equal(second.headers['content-type'], first.headers['content-type'])
  })

  test('is tried again at the times that its policy says, and then no more', async () => {
    answers.push({ status: 500 }, { status: 503 }, { status: 404 })
    const id = await failing({ schedule_ms: [5_000, 60_000] })
    clock.ms += 5_000
    const second = await until(app, one, id, isAt(2))
    assert.equal(second.due_at, new Date(clock.ms + 60_000).toISOString())
    clock.ms += 60_000
    const ended = await until(app, one, id, hasEnded)
    assert.equal(ended.state, 'exhausted')
    assert.deepEqual(
      ended.attempts.map(({ status }) => status),
      [500, 503, 404],
    )
  })

  test('that the target wants no more (410) is discarded', async () => {
    answers.push({ status: 410 })
    const ended = await read(app, one, await failing({ schedule_ms: [100] }))
    assert.equal(ended.state, 'discarded')
    assert.equal(ended.reason, 'gone')
    assert.equal(ended.due_at, null)
  })

  test('waits for as long as the target asks', async () => {
    answers.push({ status: 503, headers: { 'retry-after': '120' } })
    const inSeconds = await read(app, one, await failing({ schedule_ms: [1_000] }))
    assert.equal(inSeconds.due_at, new Date(clock.ms + 120_000).toISOString())
    const date = new Date(clock.ms + 60_000).toUTCString()
    answers.push({ status: 429, headers: { 'retry-after': date } })
    const atDate = await read(app, one, await failing({ schedule_ms: [1_000] }))
    assert.equal(atDate.due_at, new Date(clock.ms + 60_000).toISOString())
    answers.push({ status: 503, headers: { 'retry-after': '999999999' } })
    const absurd = await read(app, one, await failing({ schedule_ms: [1_000] }))
    assert.equal(absurd.due_at, new Date(clock.ms + 24 * 3_600_000).toISOString())
  })

  test('to a target that nobody listens at is retried, with the class of the failure', async () => {
    const id = await failing({ schedule_ms: [100] }, { port: 1 })
    const waiting = await read(app, one, id)
    assert.equal(waiting.attempts[0]?.error_class, 'refused')
    clock.ms += 100
    assert.equal((await until(app, one, id, hasEnded)).state, 'exhausted')
  })

  test('can be canceled until it has ended', async () => {
    answers.push({ status: 500 })
    const id = await failing({ schedule_ms: [1_000] })
    const cancel = (): Promise<Response> =>
      app.request(`/api/deliveries/${id}/cancel`, { method: 'POST', headers: admin(one) })
    const canceled = (await (await cancel()).json()) as Shown
    assert.equal(canceled.state, 'canceled')
    assert.equal(canceled.due_at, null)
    await refused(await cancel(), 409, 'CONFLICT')
    clock.ms += 1_000
    assert.equal((await read(app, one, id)).attempts.length, 1)
  })

  test('is named by its run and listed, newest first, page by page', async () => {
    answers.push({ status: 500 }, { status: 500 })
    const older = await failing({ schedule_ms: [60_000] })
    const newer = await failing({ schedule_ms: [60_000] })
    const { run_id: runId } = await read(app, one, newer)
    const run = (await (await app.request(`/api/runs/${runId}`)).json()) as Record<string, unknown>
    assert.deepEqual(run.delivery_ids, [newer])
    const list = async (query: string): Promise<{ items: Shown[]; next: string | null }> => {
      const url = `/api/executables/${one.id}/deliveries?${query}`
      return (await (await app.request(url, { headers: admin(one) })).json()) as never
    }
    const first = await list('limit=1')
    assert.deepEqual([first.items[0]?.delivery_id, first.next], [newer, newer])
    const second = await list(`limit=1&cursor=${newer}`)
    assert.equal(second.items[0]?.delivery_id, older)
  })

  test('needs the admin key to be read', async () => {
    answers.push({ status: 500 })
    const id = await failing({ schedule_ms: [60_000] })
    const refusal = await refused(await app.request(`/api/deliveries/${id}`), 401, 'MISSING_KEY')
    assert.equal(refusal.wasm_id, one.id, 'whose key it needs')
    const headers = { SSVM_Admin_Key: '00000000-0000-4000-8000-000000000000' }
    await refused(await app.request(`/api/deliveries/${id}`, { headers }), 403, 'WRONG_KEY')
    await refused(await app.request('/api/deliveries/nothing'), 404, 'NOT_FOUND')
  })

  test('of a deleted executable is canceled', async () => {
    const gone = await upload(app, await guest('echo'))
    answers.push({ status: 500 })
    const headers = { SSVM_Callback: callback(target, { schedule_ms: [60_000] }) }
    const failed = await refused(
      await call(app, gone, 'echo', { body: 'x', headers }),
      502,
      'CALLBACK_FAILED',
    )
    const url = `/api/executables/${gone.id}`
    const deleted = await app.request(url, { method: 'DELETE', headers: admin(gone) })
    assert.equal(deleted.status, 200)
    // Its admin key is gone; without API_TOKEN whoever is on this machine may read it.
    const delivery = await read(app, gone, String(failed.delivery_id))
    assert.equal(delivery.state, 'canceled')
    assert.equal(delivery.reason, 'executable_deleted')
  })

  test('that succeeds at once makes no delivery, and neither does one without retry', async () => {
    const before = await app.request(`/api/executables/${one.id}/deliveries`, {
      headers: admin(one),
    })
    const count = ((await before.json()) as { items: unknown[] }).items.length
    const retry = { schedule_ms: [100] }
    const taken = await call(app, one, 'echo', {
      body: 'x',
      headers: { SSVM_Callback: callback(target, retry) },
    })
    assert.equal(taken.status, 200)
    answers.push({ status: 500 })
    const once = await call(app, one, 'echo', {
      body: 'x',
      headers: { SSVM_Callback: callback(target) },
    })
    assert.equal((await refused(once, 502, 'CALLBACK_FAILED')).delivery_id, undefined)
    const after = await app.request(`/api/executables/${one.id}/deliveries`, {
      headers: admin(one),
    })
    assert.equal(((await after.json()) as { items: unknown[] }).items.length, count)
  })

  test('with a policy that is none is refused before anything runs', async () => {
    const headers = { SSVM_Callback: callback(target, { interval_ms: -1, retries: 1 }) }
    const response = await call(app, one, 'echo', { body: 'x', headers })
    const answer = await refused(response, 400, 'INVALID_SPEC')
    assert.equal(answer.field, 'retry.interval_ms')
    assert.equal(target.received.length, 0)
  })
})

test('a target that never answers holds up nobody else', async (t) => {
  const clock = new Clock()
  const settings = { ...POLL, DELIVERY_TARGET_CONCURRENCY: 2, CALLBACK_TIMEOUT_MS: 60_000 }
  const app = await buildApp(t, settings, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  let stalls = false
  const stalling = await httpService(t, (_request, reply) => {
    if (!stalls) reply.writeHead(500).end()
  })
  const well = await httpService(t, (_request, reply) => {
    reply.writeHead(well.received.length === 1 ? 500 : 200).end()
  })
  const retry = { schedule_ms: [1_000] }
  const send = async (target: HttpService): Promise<string> => {
    const headers = { SSVM_Callback: callback(target, retry) }
    const response = await call(app, one, 'echo', { body: 'x', headers })
    return String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
  }
  for (let n = 0; n < 10; n++) await send(stalling)
  const healthy = await send(well)
  stalls = true
  clock.ms += 1_000
  assert.equal((await until(app, one, healthy, hasEnded)).state, 'succeeded')
  assert.equal(stalling.received.length, 12, 'ten that failed and two that are under way')
})

test('a clock that jumps past the lease of what is under way does not have it sent twice', async (t) => {
  const clock = new Clock()
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  let answer = (): void => undefined
  const asked = new Promise<void>((resolve) => {
    answer = resolve
  })
  let finish = (): void => undefined
  const target = await httpService(t, (_request, reply) => {
    if (target.received.length === 1) {
      reply.writeHead(500).end()
      return
    }
    finish = () => void reply.end()
    answer()
  })
  const headers = { SSVM_Callback: callback(target, { schedule_ms: [1_000] }) }
  const response = await call(app, one, 'echo', { body: 'x', headers })
  const id = String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
  clock.ms += 1_000
  await asked
  clock.ms += 3_600_000
  // Another delivery has the database looked at with the clock as it is now.
  const other = await httpService(t, (_request, reply) => {
    reply.writeHead(other.received.length === 1 ? 500 : 200).end()
  })
  const again = await call(app, one, 'echo', {
    body: 'y',
    headers: { SSVM_Callback: callback(other, { schedule_ms: [100] }) },
  })
  const second = String((await refused(again, 502, 'CALLBACK_FAILED')).delivery_id)
  clock.ms += 100
  await until(app, one, second, hasEnded)
  finish()
  const ended = await until(app, one, id, hasEnded)
  assert.deepEqual([ended.state, ended.tries, target.received.length], ['succeeded', 2, 2])
})

test('one that cannot be read any more ends alone', async (t) => {
  const target = await httpService(t, (_request, reply) => {
    reply.writeHead(target.received.length <= 2 ? 500 : 200).end()
  })
  const clock = new Clock()
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const send = async (): Promise<string> => {
    const headers = { SSVM_Callback: callback(target, { schedule_ms: [1_000] }) }
    const response = await call(app, one, 'echo', { body: 'x', headers })
    return String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
  }
  const [damaged, whole] = [await send(), await send()]
  await app.close()
  const db = new BetterSqlite3(path.join(app.dataDir, 'wasmhook.db'))
  db.prepare("UPDATE delivery_payloads SET spec = x'00' WHERE delivery_id = ?").run(damaged)
  db.close()
  const again = await app.restart()
  clock.ms += 1_000
  assert.equal((await until(again, one, whole, hasEnded)).state, 'succeeded')
  const ended = await until(again, one, damaged, hasEnded)
  assert.deepEqual([ended.state, ended.reason], ['discarded', 'unreadable'])
})

test('what was accepted survives the end of the process', async (t) => {
  const clock = new Clock()
  let status = 500
  const target = await httpService(t, (_request, reply) => reply.writeHead(status).end())
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const headers = { SSVM_Callback: callback(target, { schedule_ms: [1_000] }) }
  const response = await call(app, one, 'echo', { body: 'kept', headers })
  const id = String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
  const again = await app.restart()
  status = 200
  clock.ms += 1_000
  assert.equal((await until(again, one, id, hasEnded)).state, 'succeeded')
  assert.equal(target.received[1]?.body.toString(), 'kept')
})

test('an attempt that a kill cut short is made again', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  let arrivals = 0
  let stall = (): void => undefined
  const stalled = new Promise<void>((resolve) => (stall = resolve))
  const target = await httpService(t, (_request, reply) => {
    arrivals++
    if (arrivals === 1) reply.writeHead(500).end()
    else if (arrivals === 2) stall()
    else reply.end()
  })
  const env = { OUTBOUND_ALLOW: '127.0.0.1' }
  const first = await startProcess(t, dataDir, env)
  const caller = (origin: string): Caller => ({ request: (url, init) => fetch(origin + url, init) })
  const one = await upload(caller(first.origin), await guest('echo'))
  const headers = { SSVM_Callback: callback(target, { schedule_ms: [100, 100, 100] }) }
  const response = await call(caller(first.origin), one, 'echo', { body: 'kept', headers })
  const id = String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
  await stalled
  const dead = new Promise((resolve) => first.child.once('exit', resolve))
  first.child.kill('SIGKILL')
  await dead
  const second = await startProcess(t, dataDir, env)
  const ended = await until(caller(second.origin), one, id, hasEnded)
  assert.equal(ended.state, 'succeeded')
  assert.deepEqual(
    ended.attempts.map((attempt) => attempt.status),
    [500, 200],
    'the attempt that was cut short has no record',
  )
  assert.equal(arrivals, 3)
})

test('what is secret in a callback is in no database file', async (t) => {
  const target = await httpService(t, (_request, reply) => reply.writeHead(500).end())
  const app = await buildApp(t, POLL)
  const one = await upload(app, await guest('echo'))
  const secret = 'MARKED-SECRET'
  const fields = { path: `/${secret}`, auth: `user:${secret}`, headers: { 'x-key': secret } }
  const headers = { SSVM_Callback: callback(target, { schedule_ms: [60_000] }, fields) }
  const waited = await call(app, one, 'echo', { body: 'x', headers })
  await refused(waited, 502, 'CALLBACK_FAILED')
  const queued = { ...headers, prefer: 'respond-async' }
  assert.equal((await call(app, one, 'echo', { body: 'x', headers: queued })).status, 202)
  for (const name of await readdir(app.dataDir)) {
    if (!name.startsWith('wasmhook.db')) continue
    const bytes = await readFile(path.join(app.dataDir, name))
    assert.ok(!bytes.includes(secret), name)
  }
})
