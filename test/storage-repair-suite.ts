// What every storage engine must do to find deliveries again, to send them again and to clear them away.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { ENDED_STATES, OPEN_STATES } from '../src/model.ts'
import type { DeliveryFilter, DeliveryState, ResendJob } from '../src/model.ts'
import type { LeasedResendJob, Storage, RunDelivery } from '../src/storage/storage.ts'
import { newAttempt, newDelivery } from './storage-deliveries-suite.ts'
import { newExecutable } from './storage-suite.ts'

const NOW = 1_000_000
const PER_LANE = 3
const STEP = { nowMs: NOW, rows: 2, window: 3, fullPauseMs: 7, perLane: 1 }
const AFTER = { nowMs: NOW, perLane: PER_LANE, news: 'none' } as const
const ALL_STATES: readonly DeliveryState[] = [...OPEN_STATES, ...ENDED_STATES]

function bounds(nowMs = NOW) {
  const leasedUntilMs = nowMs + 1_000
  return { nowMs, leasedUntilMs, limit: 100, bytes: 1e6, perLane: PER_LANE, leaseId: uuidv7() }
}

/** One that ended without having arrived. */
function failed(change: Partial<RunDelivery> = {}) {
  return newDelivery({ state: 'exhausted', dueAtMs: null, endedAtMs: NOW, ...change })
}

function newJob(change: Partial<ResendJob> = {}): ResendJob {
  return {
    id: uuidv7(),
    executableId: 1,
    tenant: null,
    kind: 'resend',
    state: 'running',
    filter: { executableId: 1, states: ['exhausted'] },
    ratePerSecond: null,
    cursor: null,
    ...{ matched: 0, resent: 0, skipped: 0, succeeded: 0, failed: 0 },
    createdAtMs: NOW,
    endedAtMs: null,
    ...change,
  }
}

export function testRepair(engine: string, openEmpty: (t: TestContext) => Promise<Storage>): void {
  async function open(t: TestContext): Promise<Storage> {
    const storage = await openEmpty(t)
    await storage.executables.create(newExecutable())
    return storage
  }

  async function claimJob({ resendJobs }: Storage, nowMs = NOW): Promise<LeasedResendJob> {
    const [leased] = await resendJobs.claim(bounds(nowMs))
    assert.ok(leased !== undefined)
    return leased
  }

  describe(`${engine}: deliveries are found again`, () => {
    test('by every filter, as by looking at each', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const made: RunDelivery[] = []
      const targets = ['https://a.example:443', 'https://b.example:443']
      for (let n = 0; n < 48; n++) {
        const state = ALL_STATES[n % ALL_STATES.length]!
        const ended = (ENDED_STATES as readonly string[]).includes(state)
        const delivery = newDelivery({
          id: uuidv7({ msecs: NOW + n, seq: n }),
          executableId: 1 + (n % 2),
          target: targets[(n >> 1) % 2]!,
          state: state === 'leased' ? 'waiting' : state,
          // What is leased below is due alone.
          dueAtMs: ended ? null : state === 'leased' ? NOW : NOW + 1_000,
          endedAtMs: ended ? NOW : null,
        })
        await deliveries.create(delivery)
        made.push({ ...delivery, state })
      }
      await storage.executables.create(newExecutable())
      await deliveries.claim({ ...bounds(), perLane: 100 })
      made.reverse()
      const ranges = [{}, { createdFromMs: NOW + 10, createdBeforeMs: NOW + 30 }]
      for (const executableId of [undefined, 1, 2, 3])
        for (const target of [undefined, ...targets])
          for (const states of [undefined, ...ALL_STATES.map((state) => [state]), ALL_STATES])
            for (const range of ranges) await compare({ executableId, target, states, ...range })
      await compare({ runId: made[5]!.runId })
      await compare({ runId: made[5]!.runId, states: [made[4]!.state] })

      async function compare(filter: DeliveryFilter): Promise<void> {
        const { createdFromMs: from = 0, createdBeforeMs: until = Infinity } = filter
        const expected = made.filter((one) => {
          const atMs = Number.parseInt(one.id.slice(0, 8) + one.id.slice(9, 13), 16)
          return (
            (filter.runId ?? one.runId) === one.runId &&
            (filter.executableId ?? one.executableId) === one.executableId &&
            (filter.target ?? one.target) === one.target &&
            (filter.states ?? ALL_STATES).includes(one.state) &&
            atMs >= from &&
            atMs < until
          )
        })
        const found: string[] = []
        let before: string | undefined
        for (;;) {
          const page = await deliveries.list(filter, { limit: 10, before })
          found.push(...page.items.map((item) => `${item.id} ${item.state}`))
          if (page.next === null) break
          before = page.next
        }
        const wanted = expected.map((one) => `${one.id} ${one.state}`)
        assert.deepEqual(found, wanted, JSON.stringify(filter))
      }
    })
  })

  describe(`${engine}: deliveries are sent again`, () => {
    test('one attempt more, and the chain as it was where that fails', async (t) => {
      const { deliveries } = await open(t)
      const waits = newDelivery({ state: 'waiting', tries: 1, dueAtMs: NOW + 5_000 })
      await deliveries.create(waits)
      assert.equal(await deliveries.resend(waits.id, NOW), undefined)
      assert.equal(await deliveries.resend(waits.id, NOW), 'resending')
      const [leased] = await deliveries.claim(bounds())
      assert.equal(leased?.resending, true)
      const manual = newAttempt({ manual: true })
      assert.equal(await deliveries.settle(leased, manual, { state: 'unchanged' }, AFTER), true)
      const after = await deliveries.get(waits.id)
      assert.deepEqual(
        [after?.state, after?.dueAtMs, after?.tries, after?.resending, after?.lastStatus],
        ['waiting', NOW + 5_000, 1, false, 500],
      )
      assert.equal(await deliveries.nextDueMs(), NOW + 5_000)
      const [automatic] = await deliveries.claim(bounds(NOW + 5_000))
      assert.equal(automatic?.resending, false)
      assert.equal(await deliveries.resend(waits.id, NOW), 'leased')
    })

    test('not where it is unknown, or its executable is gone; and not when its turn comes after that', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const [one, other] = [failed(), failed()]
      await deliveries.create(one)
      await deliveries.create(other)
      assert.equal(await deliveries.resend(uuidv7(), NOW), 'missing')
      assert.equal(await deliveries.resend(one.id, NOW), undefined)
      await storage.executables.delete(1)
      assert.equal(await deliveries.resend(other.id, NOW), 'executable_deleted')
      assert.deepEqual(await deliveries.claim(bounds()), [])
      const ended = await deliveries.get(one.id)
      assert.deepEqual([ended?.state, ended?.resending], ['exhausted', false])
    })

    test('by a job, step by step, within its window, each once', async (t) => {
      const storage = await open(t)
      const { deliveries, resendJobs } = storage
      const made = [failed(), failed(), newDelivery(), failed(), failed()]
      for (const delivery of made) await deliveries.create(delivery)
      await deliveries.cancel(made[2]!.id, 'canceled', NOW)
      const job = newJob()
      assert.equal(await resendJobs.add(job, 1), true)
      assert.equal(await resendJobs.add(newJob(), 1), false)
      assert.deepEqual(await resendJobs.get(job.id), job)
      await deliveries.create(failed())

      const first = await claimJob(storage)
      assert.equal(await resendJobs.step(first, STEP), 2)
      assert.equal(await resendJobs.step(first, STEP), 0, 'the lease is over')
      assert.equal(await resendJobs.step(await claimJob(storage), STEP), 1, 'the window')
      assert.equal(await resendJobs.step(await claimJob(storage), STEP), 0, 'it is full')
      assert.equal(await resendJobs.nextDueMs(), NOW + STEP.fullPauseMs)

      const sent = await deliveries.claim({ ...bounds(), perLane: 100 })
      assert.equal(sent.length, 3)
      const [well, ...ill] = sent
      const manual = { manual: true }
      const succeeded = { state: 'succeeded', reason: null } as const
      await deliveries.settle(well!, newAttempt(manual), succeeded, AFTER)
      for (const one of ill) {
        await deliveries.settle(one, newAttempt(manual), { state: 'unchanged' }, AFTER)
      }
      const nowMs = NOW + STEP.fullPauseMs
      assert.equal(await resendJobs.step(await claimJob(storage, nowMs), { ...STEP, nowMs }), 1)
      const done = await resendJobs.get(job.id)
      assert.deepEqual(
        [done?.state, done?.matched, done?.resent, done?.skipped, done?.succeeded, done?.failed],
        ['finished', 4, 4, 0, 1, 2],
      )
      assert.equal(await resendJobs.nextDueMs(), undefined)
      assert.equal(await resendJobs.cancel(job.id, NOW), false)
      const page = { limit: 5 }
      assert.deepEqual((await resendJobs.list({ executableId: 1 }, page)).items, [done])
      assert.deepEqual((await resendJobs.list({ executableId: 2 }, page)).items, [])
      const ofTenant = newJob({ executableId: null, tenant: 't', filter: { tenant: 't' } })
      assert.equal(await resendJobs.add(ofTenant, 1), true)
      assert.deepEqual((await resendJobs.list({ tenant: 't' }, page)).items, [ofTenant])
      assert.deepEqual((await resendJobs.list({ tenant: 'u' }, page)).items, [])
      await resendJobs.cancel(ofTenant.id, nowMs + 10)
      assert.equal(await resendJobs.prune(nowMs, 10), 0)
      assert.equal(await resendJobs.prune(nowMs + 1, 10), 1)
    })

    test('by a job that is canceled: what it asked for and is not under way is taken back', async (t) => {
      const storage = await open(t)
      const { deliveries, resendJobs } = storage
      const made = [failed(), failed()]
      for (const delivery of made) await deliveries.create(delivery)
      const job = newJob({ filter: {}, executableId: null, ratePerSecond: 2 })
      await resendJobs.add(job, 5)
      const leased = await claimJob(storage)
      await resendJobs.step(leased, { ...STEP, rows: 1 })
      assert.equal(await resendJobs.nextDueMs(), NOW + 500, 'its rate')
      assert.equal((await deliveries.get(made[0]!.id))?.resending, true)
      assert.equal(await resendJobs.cancel(job.id, NOW), true)
      assert.equal((await deliveries.get(made[0]!.id))?.resending, false)
      assert.deepEqual(await deliveries.claim(bounds()), [])
      assert.deepEqual(await resendJobs.claim(bounds(NOW + 500)), [])
    })

    test('by a job that waits behind another of its lane, as soon as that is canceled', async (t) => {
      const storage = await open(t)
      const { resendJobs } = storage
      const [first, second] = [newJob(), newJob()]
      await resendJobs.add(first, 5)
      const leased = await claimJob(storage)
      await resendJobs.add(second, 5)
      assert.equal(await resendJobs.cancel(first.id, NOW + 1), true)
      assert.equal(await resendJobs.step(leased, STEP), 0, 'the lease is over')
      assert.equal((await claimJob(storage, NOW + 1)).id, second.id)
    })
  })

  describe(`${engine}: lanes`, () => {
    test('that are idle are removed, a few at a time, and others stay', async (t) => {
      const storage = await open(t)
      const { deliveries, deliveryRetention: kept } = storage
      const idle = newDelivery({ target: 'https://idle.example:443' })
      const waits = newDelivery({ target: 'https://waits.example:443', dueAtMs: NOW + 50 })
      for (const delivery of [idle, waits]) await deliveries.create(delivery)
      const [leased] = await deliveries.claim(bounds())
      assert.equal(leased?.id, idle.id)
      await kept.deleteIdleLanes('deliveries', '', NOW)
      assert.equal(await deliveries.nextDueMs(), NOW + 50)
      await deliveries.settle(leased, newAttempt(), { state: 'waiting', dueAtMs: NOW + 9 }, AFTER)
      assert.equal(await deliveries.nextDueMs(), NOW + 9, 'one that is made anew')
      assert.equal(await kept.deleteIdleLanes('deliveries', '', NOW), undefined)
      assert.equal(await deliveries.nextDueMs(), NOW + 9)
    })
  })
}
