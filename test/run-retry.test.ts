// `Wasmhook-Retry`: a run that was handed over and failed is tried again, where its caller asks for it.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { formatRunRetry, parseRunRetry, runPauseMs } from '../src/core/run-retry.ts'
import { AppError } from '../src/errors.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Caller, Uploaded } from './helpers/client.ts'
import { ASYNC, accept, ended, readRun, resultOf } from './helpers/durable-runs.ts'
import type { Run } from './helpers/durable-runs.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

interface Tried extends Run {
  tries: number
  due_at: string | null
  failed_tries: { number: number; code: string; error: string; ended_at: string }[]
}

/** Asks until so many tries have failed and the run waits for its next. */
async function untilTried(app: Caller, id: string, tries: number): Promise<Tried> {
  for (;;) {
    const run = (await readRun(app, id)) as Tried
    if (run.failed_tries.length === tries && run.status === 'queued') return run
  }
}

function retry(value: object): Record<string, string> {
  return { 'Wasmhook-Retry': JSON.stringify(value) }
}

describe('a policy', () => {
  test('is that of a callback, with the failures it is for', () => {
    const policy = { scheduleMs: [100, 200] }
    assert.deepEqual(parseRunRetry({ schedule_ms: [100, 200] }), { policy, on: ['fetch'] })
    const both = { schedule_ms: [100, 200], on: ['trap', 'fetch', 'trap'] }
    const parsed = parseRunRetry(both)
    assert.deepEqual(parsed, { policy, on: ['fetch', 'trap'] })
    assert.deepEqual(parseRunRetry(formatRunRetry(parsed)), parsed)
  })

  const ABSURD: readonly (readonly [unknown, string])[] = [
    [null, 'retry'],
    [[], 'retry'],
    ['often', 'retry'],
    [{}, 'retry.retries'],
    [{ schedule_ms: [99] }, 'retry.schedule_ms.0'],
    [{ interval_ms: 100, retries: 101 }, 'retry.retries'],
    [{ schedule_ms: [100], on: [] }, 'retry.on'],
    [{ schedule_ms: [100], on: 'fetch' }, 'retry.on'],
    [{ schedule_ms: [100], on: ['fetch', 'luck'] }, 'retry.on'],
    [{ schedule_ms: [100], on: ['constructor'] }, 'retry.on'],
    [{ schedule_ms: [100], also: 1 }, 'retry.also'],
  ]
  for (const [value, field] of ABSURD) {
    test(`of ${JSON.stringify(value)} is refused for ${field}`, () => {
      assert.throws(
        () => parseRunRetry(value),
        (error) =>
          error instanceof AppError &&
          error.code === 'INVALID_SPEC' &&
          error.detail.field === field,
      )
    })
  }

  test('counts for its own failures, as often as it says', () => {
    const pause = (code: 'TRAP' | 'UPSTREAM_FAILED', on: string[], tries = 1) =>
      runPauseMs(new AppError(code), parseRunRetry({ schedule_ms: [100], on }), {
        tries,
        chance: 0,
      })
    assert.equal(pause('UPSTREAM_FAILED', ['fetch']), 100)
    assert.equal(pause('UPSTREAM_FAILED', ['fetch'], 2), undefined)
    assert.equal(pause('TRAP', ['fetch', 'timeout', 'limit', 'error']), undefined)
    assert.equal(pause('TRAP', ['trap']), 100)
  })
})

describe('a run that fails', () => {
  const scope = suiteScope()
  let nowMs = Date.now()
  let app: TestApp
  let one: Uploaded
  let trap: Uploaded

  before(async () => {
    const clock = { now: () => nowMs, chance: () => 0 }
    app = await buildApp(scope, { DELIVERY_POLL_MS: 10 }, clock)
    one = await upload(app, await guest('echo'))
    trap = await upload(app, await guest('misbehaves'))
  })

  /** Lets so many pauses pass. */
  async function pass(id: string, pauses: number): Promise<void> {
    for (let n = 1; n <= pauses; n++) {
      const { due_at: due } = await untilTried(app, id, n)
      nowMs = Date.parse(due ?? '')
    }
  }

  test('is tried again at the times that its policy says, and tells of each try', async () => {
    const upstream = await httpService(scope, (_request, reply) => {
      reply.writeHead(upstream.received.length < 3 ? 503 : 200).end('at last')
    })
    const policy = retry({ interval_ms: 1_000, backoff: 3, retries: 5 })
    const headers = { ...policy, SSVM_Fetch: upstream.origin }
    const id = await accept(app, one, 'echo', { headers })
    const due: number[] = []
    for (const [tries, pauseMs] of [
      [1, 1_000],
      [2, 3_000],
    ] as const) {
      const run = await untilTried(app, id, tries)
      const [failed] = run.failed_tries.slice(-1)
      assert.deepEqual([run.tries, failed?.number, failed?.code], [tries, tries, 'UPSTREAM_FAILED'])
      assert.match(failed?.error ?? '', /503/)
      const dueMs = Date.parse(run.due_at ?? '')
      assert.equal(dueMs - Date.parse(failed?.ended_at ?? ''), pauseMs)
      due.push(dueMs)
      assert.equal(upstream.received.length, tries, 'not before its time')
      nowMs = dueMs
    }
    const run = (await ended(app, id)) as Tried
    assert.deepEqual([run.status, run.tries, run.due_at], ['succeeded', 3, null])
    assert.equal(run.failed_tries.length, 2)
    assert.equal(await resultOf(app, id), 'at last')
    assert.equal(due.length, 2)
  })

  test('of its own is not tried again unless its policy says so', async () => {
    const policy = { schedule_ms: [100, 100] }
    const once = (await ended(
      app,
      await accept(app, trap, 'unreachable', { headers: retry(policy) }),
    )) as Tried
    assert.deepEqual([once.status, once.code, once.tries], ['failed', 'TRAP', 1])
    assert.deepEqual(once.failed_tries, [])
    const headers = retry({ ...policy, on: ['trap'] })
    const again = await accept(app, trap, 'unreachable', { headers })
    await pass(again, 2)
    const thrice = (await ended(app, again)) as Tried
    assert.deepEqual([thrice.status, thrice.code, thrice.tries], ['failed', 'TRAP', 3])
    assert.deepEqual(
      thrice.failed_tries.map(({ number, code }) => [number, code]),
      [
        [1, 'TRAP'],
        [2, 'TRAP'],
      ],
    )
  })

  test('without being asked for is not tried again', async () => {
    const upstream = await httpService(scope, (_request, reply) => reply.writeHead(500).end())
    const headers = { SSVM_Fetch: upstream.origin }
    const run = await ended(app, await accept(app, one, 'echo', { headers }))
    assert.deepEqual([run.status, upstream.received.length], ['failed', 1])
  })

  test('has stored nothing, however often it is tried', async () => {
    const counter = await upload(app, await guest('storage'))
    const headers = retry({ schedule_ms: [100, 100, 100], on: ['trap'] })
    const id = await accept(app, counter, 'increment_and_trap', { headers })
    await pass(id, 3)
    assert.equal(((await ended(app, id)) as Tried).tries, 4)
    assert.equal(await textOf(app, counter, 'read'), '0')
  })

  test('can be canceled while it waits for its next try, and is then tried no more', async () => {
    const upstream = await httpService(scope, (_request, reply) => reply.writeHead(500).end())
    const headers = { ...retry({ schedule_ms: [60_000] }), SSVM_Fetch: upstream.origin }
    const id = await accept(app, one, 'echo', { headers })
    await untilTried(app, id, 1)
    const response = await app.request(`/api/runs/${id}`, { method: 'DELETE' })
    const run = (await response.json()) as Tried
    assert.deepEqual([response.status, run.status, run.tries], [200, 'canceled', 1])
    nowMs += 60_000
    assert.equal(await textOf(app, one, 'echo', ['later']), 'later')
    assert.equal(upstream.received.length, 1)
  })

  test('is waited for through its tries', async (t) => {
    const inTime = await buildApp(t, { DELIVERY_POLL_MS: 10 })
    const other = await upload(inTime, await guest('echo'))
    const upstream = await httpService(scope, (_request, reply) => {
      reply.writeHead(upstream.received.length < 3 ? 500 : 200).end('third')
    })
    const headers = {
      prefer: 'respond-async, wait=60',
      ...retry({ schedule_ms: [100, 100] }),
      SSVM_Fetch: upstream.origin,
    }
    assert.equal(await (await call(inTime, other, 'echo', { headers })).text(), 'third')
  })

  test('is refused a policy that cannot be read, and one where somebody waits for the run', async () => {
    const ask = (headers: Record<string, string>): Promise<Response> =>
      call(app, one, 'echo', { headers, body: 'x' })
    const fine = retry({ schedule_ms: [100] })
    await refused(await ask(fine), 400, 'BAD_REQUEST')
    await refused(await ask({ ...fine, prefer: 'wait=5' }), 400, 'BAD_REQUEST')
    await refused(await ask({ ...fine, 'Idempotency-Key': 'k' }), 400, 'BAD_REQUEST')
    await refused(await ask({ ...ASYNC, 'Wasmhook-Retry': '{' }), 400, 'INVALID_JSON')
    await refused(await ask({ ...ASYNC, 'Wasmhook-Retry': '' }), 400, 'INVALID_JSON')
    const answer = await refused(await ask({ ...ASYNC, ...retry({}) }), 400, 'INVALID_SPEC')
    assert.equal(answer.field, 'retry.retries')
    await accept(app, one, 'echo', { headers: fine, body: 'x' })
  })
})

test('a run that waits for its next try outlives a restart', async (t) => {
  let nowMs = Date.now()
  const clock = { now: () => nowMs, chance: () => 0 }
  const app = await buildApp(t, { DELIVERY_POLL_MS: 10 }, clock)
  const one = await upload(app, await guest('echo'))
  let status = 500
  const upstream = await httpService(t, (_request, reply) => reply.writeHead(status).end('there'))
  const headers = { ...retry({ schedule_ms: [5_000] }), SSVM_Fetch: upstream.origin }
  const id = await accept(app, one, 'echo', { headers })
  const { due_at: due } = await untilTried(app, id, 1)
  const next = await app.restart()
  const waiting = await untilTried(next, id, 1)
  assert.equal(waiting.due_at, due)
  status = 200
  nowMs += 5_000
  assert.equal((await ended(next, id)).status, 'succeeded')
  assert.equal(upstream.received.length, 2)
})
