// What every storage engine must do with lanes: hold those whose targets ask for less, and share among owners.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import type { LeasedDelivery, Storage, TargetNews } from '../src/storage/storage.ts'
import {
  NOW,
  PER_LANE,
  bounds,
  idsOf,
  newAttempt,
  newDelivery,
} from './storage-deliveries-suite.ts'
import { newExecutable } from './storage-suite.ts'

const SLOW: TargetNews = { askedMs: 0, maxMs: 60_000 }
const FIRST_PAUSE_MS = 5_000

export function testLanes(engine: string, openEmpty: (t: TestContext) => Promise<Storage>): void {
  async function open(t: TestContext, executables = 1): Promise<Storage> {
    const storage = await openEmpty(t)
    for (let n = 0; n < executables; n++) await storage.executables.create(newExecutable())
    return storage
  }

  /** `count` deliveries, due one after another up to now. */
  async function add({ deliveries }: Storage, target: string, count: number, executableId = 1) {
    const made = Array.from({ length: count }, (_, n) =>
      newDelivery({ target, executableId, dueAtMs: NOW - count + n }),
    )
    for (const delivery of made) await deliveries.create(delivery)
    return idsOf(made)
  }

  /** Ends an attempt, whose delivery is due again at once. */
  function settle({ deliveries }: Storage, leased: LeasedDelivery, news: TargetNews, nowMs = NOW) {
    const after =
      news === 'well'
        ? ({ state: 'succeeded', reason: null } as const)
        : ({ state: 'waiting', dueAtMs: nowMs } as const)
    return deliveries.settle(leased, newAttempt(), after, { nowMs, perLane: PER_LANE, news })
  }

  describe(`${engine}: a lane`, () => {
    test('that is held is claimed from again when its time is over, one at a time until it is well', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 5)
      const first = await deliveries.claim(bounds())
      assert.equal(first.length, PER_LANE)
      assert.equal(await deliveries.heldUntil(ids[4]!), null)
      for (const leased of first) await settle(storage, leased, SLOW)
      const untilMs = NOW + FIRST_PAUSE_MS
      assert.equal(
        await deliveries.heldUntil(ids[4]!),
        untilMs,
        'what was under way together counts once',
      )
      assert.equal(await deliveries.nextDueMs(), untilMs)
      assert.deepEqual(await deliveries.claim(bounds({ nowMs: untilMs - 1 })), [])

      const probe = await deliveries.claim(bounds({ nowMs: untilMs }))
      assert.deepEqual(idsOf(probe), [ids[3]])
      assert.deepEqual(await deliveries.claim(bounds({ nowMs: untilMs })), [], 'one at a time')
      // A failure that says nothing of the target's strength holds it no longer, and does not free it.
      await settle(storage, probe[0]!, 'none', untilMs)
      const second = await deliveries.claim(bounds({ nowMs: untilMs }))
      assert.equal(second.length, 1)
      await settle(storage, second[0]!, 'well', untilMs)
      assert.equal((await deliveries.claim(bounds({ nowMs: untilMs }))).length, PER_LANE)
    })

    test('is held twice as long each time, as long as was asked for, and no longer than the most', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const [id] = await add(storage, 'a', 1)
      let nowMs = NOW
      for (const [news, pauseMs] of [
        [SLOW, FIRST_PAUSE_MS],
        [SLOW, 2 * FIRST_PAUSE_MS],
        [{ askedMs: 40_000, maxMs: 60_000 }, 40_000],
        [SLOW, 8 * FIRST_PAUSE_MS],
        [{ askedMs: 90_000, maxMs: 60_000 }, 60_000],
      ] as const) {
        const [leased] = await deliveries.claim(bounds({ nowMs }))
        await settle(storage, leased!, news, nowMs)
        assert.equal(await deliveries.heldUntil(id!), nowMs + pauseMs)
        nowMs += pauseMs
      }
      const [leased] = await deliveries.claim(bounds({ nowMs }))
      await settle(storage, leased!, 'well', nowMs)
      assert.equal(await deliveries.heldUntil(id!), null)
    })

    test('that is held leaves what waits in it its own times, and others alone', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const [, waiting] = await add(storage, 'a', 2)
      const [leased] = await deliveries.claim(bounds({ perLane: 1, limit: 1 }))
      await settle(storage, leased!, SLOW)
      const later = newDelivery({ target: 'a' })
      await deliveries.create(later)
      const [other] = await add(storage, 'b', 1)
      assert.deepEqual(idsOf(await deliveries.claim(bounds())), [other])
      for (const id of [waiting!, later.id]) {
        const stored = await deliveries.get(id)
        assert.deepEqual([stored?.state, stored?.tries], ['scheduled', 0])
        assert.ok(stored!.dueAtMs! <= NOW)
      }
      assert.equal(await deliveries.nextDueMs(), NOW + bounds().leasedUntilMs - NOW)
    })

    for (const what of ['new work', 'a resend']) {
      test(`that is held has ${what} wait until that is over, not for what waits longer`, async (t) => {
        const storage = await open(t)
        const { deliveries } = storage
        await add(storage, 'a', 1)
        const [leased] = await deliveries.claim(bounds())
        const after = { state: 'waiting', dueAtMs: NOW + 3_600_000 } as const
        const told = { nowMs: NOW, perLane: PER_LANE, news: SLOW }
        await deliveries.settle(leased!, newAttempt(), after, told)
        const untilMs = NOW + FIRST_PAUSE_MS
        assert.equal(await deliveries.heldUntil(leased!.id), untilMs)
        const made = newDelivery({ target: 'a', dueAtMs: NOW + 1 })
        if (what === 'new work') await deliveries.create(made)
        else assert.equal(await deliveries.resend(leased!.id, NOW + 1), undefined)
        assert.equal(await deliveries.nextDueMs(), untilMs)
        assert.deepEqual(await deliveries.claim(bounds({ nowMs: untilMs - 1 })), [])
        const claimed = await deliveries.claim(bounds({ nowMs: untilMs }))
        assert.deepEqual(idsOf(claimed), [what === 'new work' ? made.id : leased!.id])
      })
    }

    test('is held by an attempt that was made before its delivery', async (t) => {
      const { deliveries } = await open(t)
      const delivery = newDelivery({ target: 'a', state: 'waiting', tries: 1 })
      await deliveries.create({
        ...delivery,
        first: { attempt: newAttempt(), news: SLOW, nowMs: NOW },
      })
      assert.deepEqual(await deliveries.claim(bounds()), [])
      const nowMs = NOW + FIRST_PAUSE_MS
      assert.deepEqual(idsOf(await deliveries.claim(bounds({ nowMs }))), [delivery.id])
    })

    test('takes back what expired in it while it is held', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 2)
      const both = await deliveries.claim(bounds())
      await settle(
        storage,
        both.find(({ id }) => id === ids[1])!,
        { askedMs: 60_000, maxMs: 60_000 },
      )
      const nowMs = NOW + 1_000
      assert.deepEqual(await deliveries.claim(bounds({ nowMs })), [])
      assert.equal((await deliveries.get(ids[0]!))?.dueAtMs, nowMs)
      assert.equal(await deliveries.nextDueMs(), NOW + 60_000)
    })
  })

  describe(`${engine}: a clock that is set back`, () => {
    test('moves what waits and what is held, once, and not what was put off to a time', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const byMs = 3_600_000
      const made = [1, 2, 2, 3].map((n) =>
        newDelivery({ target: 'a', state: 'waiting', tries: 1, dueAtMs: NOW + n * 2 * byMs }),
      )
      const overdue = newDelivery({ target: 'b', dueAtMs: NOW - 5 })
      const later = newDelivery({ target: 'c', dueAtMs: NOW + 5 })
      for (const delivery of [...made, overdue, later]) await deliveries.create(delivery)
      const slow = newDelivery({ target: 'd', state: 'waiting', dueAtMs: NOW + 5 })
      await deliveries.create({ ...slow, first: { attempt: newAttempt(), news: SLOW, nowMs: NOW } })
      const toMs = NOW - byMs
      await deliveries.clockSetBack({ fromMs: NOW, toMs })
      const dueAt = async ({ id }: { id: string }) => (await deliveries.get(id))?.dueAtMs
      for (const delivery of [...made, overdue, slow]) {
        assert.equal(await dueAt(delivery), delivery.dueAtMs! - byMs)
      }
      assert.equal(await dueAt(later), later.dueAtMs)
      assert.equal(await deliveries.heldUntil(slow.id), toMs + FIRST_PAUSE_MS)
      assert.deepEqual(idsOf(await deliveries.claim(bounds({ nowMs: toMs }))), [overdue.id])
      const nowMs = toMs + FIRST_PAUSE_MS
      const claimed = idsOf(await deliveries.claim(bounds({ nowMs })))
      assert.deepEqual(claimed.sort(), [overdue.id, slow.id].sort())
    })
  })

  describe(`${engine}: owners`, () => {
    const share = (most: number, underWay: [number, number][] = []) => ({
      owners: { most, underWay: new Map(underWay) },
    })

    test('that have their share leave the rest to others, however many lanes they have', async (t) => {
      const storage = await open(t, 2)
      const { deliveries } = storage
      for (let n = 0; n < 20; n++) await add(storage, `of one ${n}`, 1, 1)
      const [other] = await add(storage, 'of the other', 1, 2)
      const first = await deliveries.claim(bounds({ limit: 8, ...share(4) }))
      assert.deepEqual(new Set(first.map((leased) => leased.executableId)), new Set([1]))
      assert.equal(first.length, 4)
      const second = await deliveries.claim(bounds({ limit: 4, ...share(4, [[1, 4]]) }))
      assert.deepEqual(idsOf(second), [other])
    })

    test('are not waited for', async (t) => {
      const storage = await open(t, 2)
      const { deliveries } = storage
      await add(storage, 'a', 1, 1)
      const full = share(1, [[1, 1]])
      assert.equal(await deliveries.nextDueMs(full.owners), undefined)
      assert.deepEqual(await deliveries.claim(bounds(full)), [])
      await deliveries.create(newDelivery({ executableId: 2, target: 'b', dueAtMs: NOW + 9 }))
      assert.equal(await deliveries.nextDueMs(full.owners), NOW + 9)
      const free = share(1)
      assert.equal(await deliveries.nextDueMs(free.owners), NOW - 1)
      assert.equal((await deliveries.claim(bounds(free))).length, 1)
    })

    test('pass each other in a lane that they share', async (t) => {
      const storage = await open(t, 2)
      const { deliveries } = storage
      const ofOne = await add(storage, 'shared', 2, 1)
      const [other] = await add(storage, 'shared', 1, 2)
      const claimed = await deliveries.claim(bounds(share(1)))
      assert.deepEqual(idsOf(claimed).sort(), [ofOne[0], other].sort())
    })
  })
}
