// What every storage engine must do with work that waits: deliveries and queued runs.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { Attempt, DeliveryPayload, QueuedRequest } from '../src/model.ts'
import type { ClaimBounds, LeasedDelivery, RunDelivery, Storage } from '../src/storage/storage.ts'
import { newExecutable, newRun, newVersion } from './storage-suite.ts'

export const NOW = 1_000_000
const LEASE_MS = 1_000
export const PER_LANE = 3

export function newDelivery(change: Partial<RunDelivery> = {}): RunDelivery & DeliveryPayload {
  return {
    id: uuidv7(),
    runId: uuidv7(),
    executableId: 1,
    event: null,
    target: 'https://a.example:443',
    state: 'scheduled',
    reason: null,
    dueAtMs: NOW,
    tries: 0,
    retry: { scheduleMs: [5] },
    hops: 1,
    signed: true,
    contentType: 'text/plain',
    sizeBytes: 4,
    createdAtMs: NOW,
    endedAtMs: null,
    lastStatus: null,
    lastErrorClass: null,
    payloadKept: true,
    resending: false,
    spec: { protocol: 'https:', hostname: 'a.example', port: 443, path: '/', headers: {} },
    body: Buffer.from('body'),
    ...change,
  }
}

export function newAttempt(change: Partial<Attempt> = {}): Attempt {
  return {
    id: uuidv7(),
    beganAtMs: NOW,
    durationUs: 5,
    request: { method: 'POST', url: 'https://a.example:443/***', headers: { accept: '*/*' } },
    peer: '192.0.2.1:443',
    timings: { dnsUs: 1, connectUs: 2, tlsUs: 3, firstByteUs: 4 },
    status: 500,
    errorClass: null,
    errorMessage: null,
    responseHeaders: { server: 'x' },
    responseBody: Buffer.from('no'),
    responseCut: true,
    manual: false,
    ...change,
  }
}

export function bounds(change: Partial<ClaimBounds> = {}): ClaimBounds {
  const nowMs = change.nowMs ?? NOW
  return {
    nowMs,
    leasedUntilMs: nowMs + LEASE_MS,
    limit: 100,
    bytes: 1_000,
    perLane: PER_LANE,
    leaseId: uuidv7(),
    ...change,
  }
}

const AFTER = { nowMs: NOW, perLane: PER_LANE, news: 'none' } as const
export const idsOf = (leased: readonly { id: string }[]): string[] => leased.map(({ id }) => id)

/** `count` deliveries to one target, due one after another. */
async function add({ deliveries }: Storage, target: string, count: number): Promise<string[]> {
  const made = Array.from({ length: count }, (_, n) =>
    newDelivery({ target, dueAtMs: NOW - count + n }),
  )
  for (const delivery of made) await deliveries.create(delivery)
  return idsOf(made)
}

export function testDeliveries(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  /** With the executable whose deliveries they are. */
  async function open(t: TestContext): Promise<Storage> {
    const storage = await openEmpty(t)
    await storage.executables.create(newExecutable())
    return storage
  }

  describe(`${engine}: deliveries`, () => {
    test('one reads back as it was made, with the attempt that was made before', async (t) => {
      const { deliveries } = await open(t)
      const nothing = { dnsUs: null, connectUs: null, tlsUs: null, firstByteUs: null }
      const full = newAttempt()
      const bare = newAttempt({ request: null, peer: null, timings: nothing, status: null })
      const { spec, body, ...delivery } = newDelivery({ tries: 1 })
      const first = { attempt: full, news: 'none' as const, nowMs: NOW }
      await deliveries.create({ ...delivery, spec, body, first })
      assert.deepEqual(await deliveries.get(delivery.id), delivery)
      const [leased] = await deliveries.claim(bounds())
      assert.deepEqual([leased?.spec, leased?.body], [spec, body])
      const after = { state: 'waiting', dueAtMs: NOW + 1 } as const
      const told = { nowMs: NOW, perLane: PER_LANE, news: 'none' as const }
      await deliveries.settle(leased!, bare, after, told)
      const all = { items: [full, bare], omitted: 0 }
      assert.deepEqual(await deliveries.attempts(delivery.id, 9), all)
      assert.deepEqual(await deliveries.attempts(delivery.id, 2), all)
      assert.deepEqual(await deliveries.attempts(delivery.id, 1), { items: [bare], omitted: 1 })
      assert.equal(await deliveries.get(uuidv7()), undefined)
    })

    test('what is leased is leased to one, and due again when its time is over', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const [id] = await add(storage, 'a', 1)
      const first = await deliveries.claim(bounds())
      assert.deepEqual(idsOf(first), [id])
      assert.deepEqual(await deliveries.claim(bounds()), [])
      assert.equal(await deliveries.nextDueMs(), NOW + LEASE_MS)
      const later = { nowMs: NOW + LEASE_MS }
      assert.deepEqual(idsOf(await deliveries.claim(bounds(later))), [id])
    })

    test('a lease that was renewed holds, and one that was lost writes nothing', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      await add(storage, 'a', 1)
      const [first] = (await deliveries.claim(bounds())) as [LeasedDelivery]
      await deliveries.renew([first], NOW + 10 * LEASE_MS)
      assert.deepEqual(await deliveries.claim(bounds({ nowMs: NOW + LEASE_MS })), [])
      const nowMs = NOW + 10 * LEASE_MS
      const [second] = (await deliveries.claim(bounds({ nowMs }))) as [LeasedDelivery]
      const ended = { state: 'succeeded', reason: null } as const
      assert.equal(await deliveries.settle(first, newAttempt(), ended, AFTER), false)
      assert.deepEqual((await deliveries.attempts(first.id, 9)).items, [])
      await deliveries.renew([first], NOW + 100 * LEASE_MS)
      assert.equal(await deliveries.settle(second, newAttempt(), ended, AFTER), true)
      const stored = await deliveries.get(first.id)
      assert.deepEqual([stored?.state, stored?.tries, stored?.endedAtMs], ['succeeded', 1, NOW])
    })

    test('one that failed is due again at its time and not before', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      await add(storage, 'a', 1)
      const [leased] = (await deliveries.claim(bounds())) as [LeasedDelivery]
      const waiting = { state: 'waiting', dueAtMs: NOW + 50 } as const
      await deliveries.settle(leased, newAttempt(), waiting, AFTER)
      assert.equal(await deliveries.nextDueMs(), NOW + 50)
      assert.deepEqual(await deliveries.claim(bounds({ nowMs: NOW + 49 })), [])
      assert.deepEqual(idsOf(await deliveries.claim(bounds({ nowMs: NOW + 50 }))), [leased.id])
    })

    test('what ends in a full lane makes room for what waits in it, at once', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', PER_LANE + 2)
      const [first, second] = (await deliveries.claim(bounds())) as [LeasedDelivery, LeasedDelivery]
      assert.deepEqual(await deliveries.claim(bounds()), [])
      const ended = { state: 'succeeded', reason: null } as const
      for (const [n, leased] of [first, second].entries()) {
        await deliveries.settle(leased, newAttempt(), ended, AFTER)
        assert.deepEqual(idsOf(await deliveries.claim(bounds())), [ids[PER_LANE + n]])
      }
    })

    test('targets have their turns, whatever waits for one of them', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const many = await add(storage, 'many', 20)
      const few = await add(storage, 'few', 1)
      const claimed = idsOf(await deliveries.claim(bounds({ limit: 4, perLane: 100 })))
      assert.deepEqual(claimed.sort(), [...many.slice(0, 2), ...few].sort())
    })

    test('a target with enough under way waits until one of them ends', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 5)
      const first = await deliveries.claim(bounds())
      assert.deepEqual(idsOf(first).sort(), ids.slice(0, PER_LANE).sort())
      assert.deepEqual(await deliveries.claim(bounds()), [])
      assert.equal(await deliveries.nextDueMs(), NOW + LEASE_MS, 'nothing to look for until then')
      const ended = { state: 'exhausted', reason: null } as const
      await deliveries.settle(first[0]!, newAttempt(), ended, AFTER)
      assert.deepEqual(idsOf(await deliveries.claim(bounds())), [ids[PER_LANE]])
    })

    test('no more is claimed than there is room for in memory, but one at least', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 3)
      assert.deepEqual(idsOf(await deliveries.claim(bounds({ bytes: 9 }))), ids.slice(0, 2))
      assert.deepEqual(idsOf(await deliveries.claim(bounds({ bytes: 1 }))), ids.slice(2))
    })

    test('a canceled one is over, and makes room for the next', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 4)
      const [leased] = (await deliveries.claim(bounds())) as [LeasedDelivery]
      assert.equal(await deliveries.cancel(leased.id, 'canceled', NOW), true)
      assert.equal(await deliveries.cancel(leased.id, 'canceled', NOW), false)
      const ended = { state: 'succeeded', reason: null } as const
      assert.equal(await deliveries.settle(leased, newAttempt(), ended, AFTER), false)
      assert.deepEqual(idsOf(await deliveries.claim(bounds())), [ids[3]])
      await deliveries.cancelAll({ executableId: 1 }, 'executable_deleted', NOW)
      const states = await Promise.all(ids.map(async (id) => (await deliveries.get(id))?.state))
      assert.deepEqual(new Set(states), new Set(['canceled']))
      assert.deepEqual(await deliveries.claim(bounds({ nowMs: NOW + 10 * LEASE_MS })), [])
    })

    test('a server that starts alone takes up what was leased', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 2)
      await deliveries.claim(bounds())
      await deliveries.releaseAll(NOW)
      assert.deepEqual(idsOf(await deliveries.claim(bounds())).sort(), ids.sort())
    })

    test('what a process held that died is due at once, and nothing else is', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const ids = await add(storage, 'a', 3)
      const died = await deliveries.claim(bounds({ leaseId: 'died', limit: 1 }))
      await deliveries.claim(bounds({ leaseId: 'lives', limit: 1 }))
      const stale = { id: ids[1]!, leaseId: 'died' }
      await deliveries.release([...died, stale], NOW)
      const claimed = await deliveries.claim(bounds({ leaseId: 'takes up' }))
      assert.deepEqual(idsOf(claimed).sort(), [ids[0], ids[2]].sort())
      const ended = { state: 'succeeded', reason: null } as const
      assert.equal(await deliveries.settle(died[0]!, newAttempt(), ended, AFTER), false)
    })

    test('one whose executable is gone is canceled when its turn comes', async (t) => {
      const storage = await open(t)
      const [id] = await add(storage, 'a', 1)
      await storage.executables.delete(1)
      assert.deepEqual(await storage.deliveries.claim(bounds()), [])
      const ended = await storage.deliveries.get(id!)
      assert.deepEqual([ended?.state, ended?.reason], ['canceled', 'executable_deleted'])
    })

    test('a run stays as long as a delivery of it has not ended', async (t) => {
      const storage = await open(t)
      const { deliveries, runs } = storage
      const [waits, over, none] = [newRun(1), newRun(1), newRun(1)]
      await runs.save([waits, over, none])
      await deliveries.create(newDelivery({ runId: waits.id }))
      const ended = { state: 'succeeded', dueAtMs: null, endedAtMs: NOW } as const
      await deliveries.create(newDelivery({ runId: over.id, ...ended }))
      const all = { keep: 0, keepFailed: 0, failedSinceMs: 0, slotsSinceMs: 0, keepResultBytes: 0 }
      assert.equal(await runs.prune(1, all), 2)
      assert.notEqual(await runs.get(waits.id), undefined)
    })

    test('what ended before a time is deleted with its attempts, the oldest first', async (t) => {
      const { deliveries, deliveryRetention: kept } = await open(t)
      const ended = [1, 2, 3].map((endedAtMs) =>
        newDelivery({ state: 'succeeded', dueAtMs: null, endedAtMs }),
      )
      for (const delivery of ended) {
        const first = { attempt: newAttempt(), news: 'none' as const, nowMs: NOW }
        await deliveries.create({ ...delivery, first })
      }
      const open_ = newDelivery()
      await deliveries.create(open_)
      assert.equal(await kept.oldestKept('deliveries', 0), 1)
      assert.equal(await kept.oldestKept('deliveries', 2), 2)
      assert.ok((await kept.keptBytes('deliveries', 1, 3)) > 2 * 'body'.length)
      assert.equal(await kept.deleteRows(3), 0, 'payloads go first')
      assert.equal((await kept.dropPayloads({ endedMs: 2, madeMs: 0 })).dropped, 1)
      assert.equal((await deliveries.get(ended[0]!.id))?.payloadKept, false)
      assert.equal((await deliveries.attempts(ended[0]!.id, 9)).items[0]?.responseBody.length, 0)
      assert.equal(await deliveries.resend(ended[0]!.id, NOW), 'payload_gone')
      assert.equal(await deliveries.resend(ended[1]!.id, NOW), undefined)
      assert.equal(
        (await kept.dropPayloads({ endedMs: 3, madeMs: 0 })).dropped,
        0,
        'what is about to be sent again stays',
      )
      assert.equal(await kept.deleteRows(3), 1)
      assert.equal(await deliveries.get(ended[0]!.id), undefined)
      assert.deepEqual((await deliveries.attempts(ended[0]!.id, 9)).items, [])
      assert.notEqual(await deliveries.get(ended[2]!.id), undefined)
      assert.notEqual(await deliveries.get(open_.id), undefined)
    })
  })

  describe(`${engine}: queued runs`, () => {
    const request: QueuedRequest = {
      inputs: [
        { kind: 'bytes', bytes: Buffer.from('one') },
        { kind: 'fetch', spec: newDelivery().spec },
        { kind: 'bytes', bytes: Buffer.alloc(0) },
        { kind: 'bytes', bytes: Buffer.from([0, 255]) },
      ],
      callback: newDelivery().spec,
      text: true,
      hops: 3,
      vouched: true,
      waited: false,
      retry: { policy: { scheduleMs: [5] }, on: ['fetch'] },
    }

    async function queued(storage: Storage, max = 10) {
      const { id } = await storage.executables.create(newExecutable())
      const run = newRun(id, { status: 'queued', endedAtMs: null, createdAtMs: NOW })
      return { run, added: await storage.queuedRuns.add(run, request, { max }) }
    }

    test('one is claimed with all that it needs', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      assert.deepEqual(await storage.runs.get(run.id), run)
      const leaseId = uuidv7()
      const [leased] = await storage.queuedRuns.claim(bounds({ leaseId }))
      assert.deepEqual(leased, {
        id: run.id,
        leaseId,
        record: run,
        cancelRequested: false,
        putBack: 0,
        failedTries: 0,
        ...request,
      })
    })

    test('one that ends takes its place in the queue along, and leaves its delivery', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      const [leased] = await storage.queuedRuns.claim(bounds())
      const ended = { ...run, status: 'succeeded' as const, endedAtMs: NOW }
      const delivery = newDelivery({ runId: run.id })
      const end = () => storage.queuedRuns.end(leased!, ended, { delivery, perLane: PER_LANE })
      assert.equal(await end(), true)
      assert.deepEqual(await storage.runs.get(run.id), ended)
      const { items } = await storage.deliveries.list({ runId: run.id }, { limit: 5 })
      assert.deepEqual(idsOf(items), [delivery.id])
      assert.equal(await end(), false, 'once')
      // Where the lease would have ended is looked once more, in vain.
      const nowMs = NOW + LEASE_MS
      assert.deepEqual(await storage.queuedRuns.claim(bounds({ nowMs })), [])
      assert.equal(await storage.queuedRuns.nextDueMs(), undefined)
    })

    test('those of an executable that has its share are not waited for', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      const owners = { most: 1, underWay: new Map([[run.executableId, 1]]) }
      assert.deepEqual(await storage.queuedRuns.claim(bounds({ owners })), [])
      assert.equal(await storage.queuedRuns.nextDueMs(owners), undefined)
      assert.notEqual(await storage.queuedRuns.nextDueMs(), undefined)
    })

    test('the version that a run waits for stays, however many follow', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      const numbers = async (): Promise<number[]> =>
        (await storage.executables.listVersions(run.executableId)).map(({ number }) => number)
      for (let n = 2; n <= 4; n++) {
        await storage.executables.addVersion(run.executableId, newVersion(), 1)
      }
      assert.deepEqual(await numbers(), [4, 1])
      const [leased] = await storage.queuedRuns.claim(bounds())
      await storage.queuedRuns.end(leased!, run, { delivery: undefined, perLane: PER_LANE })
      await storage.executables.addVersion(run.executableId, newVersion(), 1)
      assert.deepEqual(await numbers(), [5])
    })

    test('past the most that may wait nothing is stored', async (t) => {
      const storage = await open(t)
      const { run, added } = await queued(storage, 0)
      assert.equal(added, 'full')
      assert.equal(await storage.runs.get(run.id), undefined)
    })

    test('one can be put back, and canceled while nobody runs it', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      const [leased] = await storage.queuedRuns.claim(bounds())
      assert.equal(leased!.putBack, 0)
      await storage.queuedRuns.putBack(leased!, NOW + 5, PER_LANE)
      assert.equal(await storage.queuedRuns.nextDueMs(), NOW + 5)
      const place = { leased: false, dueAtMs: NOW + 5, cancelRequested: false }
      assert.deepEqual(await storage.queuedRuns.place(run.id), place)
      assert.equal(await storage.queuedRuns.cancel(run.id, NOW), 'canceled')
      const { status, errorCode } = (await storage.runs.get(run.id))!
      assert.deepEqual([status, errorCode], ['canceled', 'CANCELED'])
      assert.deepEqual(await storage.queuedRuns.claim(bounds({ nowMs: NOW + 10 })), [])
      assert.equal(await storage.queuedRuns.cancel(run.id, NOW), 'none')
      assert.equal(await storage.queuedRuns.place(run.id), undefined)
    })

    test('one that failed is due again at its time, and its tries are read back', async (t) => {
      const storage = await open(t)
      const { queuedRuns } = storage
      const { run } = await queued(storage)
      const [leased] = await queuedRuns.claim(bounds())
      const failed = { number: 1, errorCode: 'TRAP', errorMessage: 'why', endedAtMs: NOW }
      await queuedRuns.tryLater({ ...leased!, leaseId: uuidv7() }, failed, NOW + 5, PER_LANE)
      assert.deepEqual(await queuedRuns.failedTries(run.id), [], 'the lease is another')
      await queuedRuns.tryLater(leased!, failed, NOW + 5, PER_LANE)
      assert.equal(await queuedRuns.nextDueMs(), NOW + 5)
      assert.deepEqual(await queuedRuns.failedTries(run.id), [failed])
      const [again] = await queuedRuns.claim(bounds({ nowMs: NOW + 5 }))
      assert.equal(again?.failedTries, 1)
      await queuedRuns.cancel(run.id, NOW)
      const second = { ...failed, number: 2, endedAtMs: NOW + 6 }
      await queuedRuns.tryLater(again, second, NOW + 1_000, PER_LANE)
      const place = { leased: false, dueAtMs: NOW + 6, cancelRequested: true }
      assert.deepEqual(await queuedRuns.place(run.id), place, 'to be ended at once')
    })

    test('whoever runs one hears that it is to end, and so does whoever takes it up later', async (t) => {
      const storage = await open(t)
      const { run } = await queued(storage)
      const [leased] = await storage.queuedRuns.claim(bounds())
      assert.deepEqual(await storage.queuedRuns.renew([leased!], NOW + LEASE_MS), [])
      assert.equal(await storage.queuedRuns.cancel(run.id, NOW), 'requested')
      assert.deepEqual(await storage.queuedRuns.renew([leased!], NOW + LEASE_MS), [run.id])
      const place = { leased: true, dueAtMs: null, cancelRequested: true }
      assert.deepEqual(await storage.queuedRuns.place(run.id), place)
      const nowMs = NOW + LEASE_MS
      const [later] = await storage.queuedRuns.claim(bounds({ nowMs }))
      assert.deepEqual([later?.id, later?.cancelRequested], [run.id, true])
    })
  })
}
