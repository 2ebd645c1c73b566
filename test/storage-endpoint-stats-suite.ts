// What every storage engine must do with the statistics of endpoints.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import type { Attempt, EndpointCounts } from '../src/model.ts'
import type { AfterAttempt, LeasedDelivery, Storage, Unchanged } from '../src/storage/storage.ts'
import { NOW, bounds, newAttempt, newDelivery } from './storage-deliveries-suite.ts'
import { AFTER, SUCCEEDED, addEndpoint, newMessage, withType } from './storage-events-suite.ts'

const HOUR_MS = 3_600_000
const HOUR = Math.floor(NOW / HOUR_MS) * HOUR_MS
const NONE = { succeeded: 0, failedAttempts: 0, exhausted: 0, discarded: 0, latencyUs: 0 }
const counts = (some: Partial<EndpointCounts>): EndpointCounts => ({ ...NONE, ...some })

export function testEndpointStats(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  const open = async (t: TestContext): Promise<Storage> => withType(await openEmpty(t))

  const claim = async ({ deliveries }: Storage, nowMs: number): Promise<LeasedDelivery[]> =>
    deliveries.claim({ ...bounds({ nowMs, limit: 100 }), perLane: 100 })

  const settle = (
    { deliveries }: Storage,
    leased: LeasedDelivery,
    after: AfterAttempt | Unchanged,
    { nowMs = NOW, ...attempt }: Partial<Attempt> & { nowMs?: number } = {},
  ): Promise<boolean> =>
    deliveries.settle(leased, newAttempt(attempt), after, { ...AFTER, nowMs, perLane: 100 })

  describe(`${engine}: statistics of endpoints`, () => {
    test('are of one that was sent nothing, nothing', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      const nothing = { totals: NONE, lastSuccessAtMs: null, lastFailureAtMs: null, hours: [] }
      assert.deepEqual(await storage.endpoints.stats(id, 0), nothing)
    })

    test('count every attempt and end once, however many a commit has, endpoints apart', async (t) => {
      const storage = await open(t)
      const [one, other] = [await addEndpoint(storage), await addEndpoint(storage)]
      await storage.messages.publishSome(Array.from({ length: 20 }, () => newMessage()))
      const leased = await claim(storage, NOW)
      assert.equal(leased.length, 40)
      const ofOne = leased.filter(({ event }) => event?.endpointId === one.id)
      const ofOther = leased.filter(({ event }) => event?.endpointId === other.id)
      const ends = [
        ...ofOne.map((each) => settle(storage, each, SUCCEEDED, { durationUs: 10 })),
        ...ofOther.map((each, n) =>
          settle(
            storage,
            each,
            n < 5
              ? { state: 'exhausted', reason: null }
              : n < 7
                ? { state: 'discarded', reason: 'gone' }
                : { state: 'waiting', dueAtMs: NOW + HOUR_MS },
            { nowMs: NOW + n },
          ),
        ),
      ]
      assert.ok((await Promise.all(ends)).every(Boolean))
      const took = counts({ succeeded: 20, latencyUs: 200 })
      assert.deepEqual(await storage.endpoints.stats(one.id, NOW), {
        totals: took,
        lastSuccessAtMs: NOW,
        lastFailureAtMs: null,
        hours: [{ fromMs: HOUR, ...took }],
      })
      const failed = counts({ failedAttempts: 20, exhausted: 5, discarded: 2, latencyUs: 100 })
      assert.deepEqual(await storage.endpoints.stats(other.id, NOW), {
        totals: failed,
        lastSuccessAtMs: null,
        lastFailureAtMs: NOW + 19,
        hours: [{ fromMs: HOUR, ...failed }],
      })
    })

    test('add up over the hours, and tell the last times whatever the clock did', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      await storage.messages.publish(newMessage())
      const [first] = await claim(storage, NOW)
      const laterMs = NOW + HOUR_MS
      await settle(storage, first!, { state: 'waiting', dueAtMs: laterMs })
      const [second] = await claim(storage, laterMs)
      await settle(storage, second!, SUCCEEDED, { nowMs: laterMs })
      await storage.deliveries.resend(first!.id, NOW)
      const [third] = await claim(storage, laterMs)
      await settle(storage, third!, { state: 'unchanged' }, { nowMs: NOW - 1, manual: true })
      const stats = await storage.endpoints.stats(id, NOW)
      assert.deepEqual(stats, {
        totals: counts({ succeeded: 1, failedAttempts: 2, latencyUs: 15 }),
        lastSuccessAtMs: laterMs,
        lastFailureAtMs: NOW,
        hours: [
          { fromMs: HOUR + HOUR_MS, ...counts({ succeeded: 1, latencyUs: 5 }) },
          { fromMs: HOUR, ...counts({ failedAttempts: 2, latencyUs: 10 }) },
        ],
      })
      assert.equal((await storage.endpoints.stats(id, laterMs)).hours.length, 1)
    })

    test('do not count what lost its lease, nor what is no event', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      await storage.messages.publish(newMessage())
      await storage.deliveries.create(newDelivery({ state: 'succeeded', dueAtMs: null }))
      const [leased] = await claim(storage, NOW)
      await storage.deliveries.cancel(leased!.id, 'owner', NOW)
      assert.equal(await settle(storage, leased!, SUCCEEDED), false)
      assert.deepEqual((await storage.endpoints.stats(id, NOW)).totals, NONE)
    })

    test('count what is discarded before it is sent', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      await storage.messages.publish(newMessage())
      const [leased] = await claim(storage, NOW)
      for (let times = 0; times < 2; times++) {
        await storage.deliveries.discard(leased!, 'filtered', { nowMs: NOW, perLane: 100 })
      }
      const { totals, lastFailureAtMs } = await storage.endpoints.stats(id, NOW)
      assert.deepEqual(totals, counts({ discarded: 1 }))
      assert.equal(lastFailureAtMs, null)
    })

    test('are kept in all when their hours go, and go with their endpoint, be it settled after', async (t) => {
      const storage = await open(t)
      const { endpoints } = storage
      const kept = await addEndpoint(storage)
      const gone = await addEndpoint(storage)
      await storage.messages.publish(newMessage())
      const leased = await claim(storage, NOW)
      await endpoints.remove(gone.id, NOW)
      for (const each of leased) await settle(storage, each, SUCCEEDED)
      assert.equal(await endpoints.pruneHours(HOUR), 0)
      assert.equal((await endpoints.stats(gone.id, 0)).totals.succeeded, 1)
      assert.equal(await endpoints.pruneHours(HOUR + 1), 2)
      assert.equal(await endpoints.pruneHours(HOUR + 1), 0)
      assert.deepEqual((await endpoints.stats(gone.id, 0)).totals, NONE)
      const { totals, hours } = await endpoints.stats(kept.id, 0)
      assert.deepEqual([totals.succeeded, hours], [1, []])
      await endpoints.remove(kept.id, NOW)
      assert.deepEqual((await endpoints.stats(kept.id, 0)).totals, NONE)
    })
  })
}
