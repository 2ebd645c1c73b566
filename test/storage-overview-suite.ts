// What every storage engine must tell of all it holds: runs of all executables, by filter, and what waits.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { RunSlot } from '../src/model.ts'
import type { RunFilter, Storage } from '../src/storage/storage.ts'
import { newEventType } from './helpers/event-types.ts'
import { newBin } from './storage-bins-suite.ts'
import { newDelivery } from './storage-deliveries-suite.ts'
import { accepted, newEndpoint, newMessage } from './storage-events-suite.ts'
import { newSource } from './storage-sources-suite.ts'
import { newExecutable, newRun, saveRuns } from './storage-suite.ts'
import { newToken } from './storage-tokens-suite.ts'

const NOW = 1_700_000_000_000

export function testOverview(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: runs of all executables`, () => {
    /** Of two executables by turns: two that succeeded, one that failed, one that was canceled. */
    async function withRuns(t: TestContext) {
      const storage = await open(t)
      const one = await storage.executables.create(newExecutable())
      const two = await storage.executables.create(newExecutable())
      const failed = { status: 'failed' as const, errorCode: 'TRAP', errorMessage: 'It did.' }
      const canceled = { ...failed, status: 'canceled' as const, errorCode: 'CANCELED' }
      const ids = await saveRuns(storage, one.id, [
        { executableId: one.id },
        { executableId: two.id, ...failed },
        { executableId: one.id, ...canceled },
        { executableId: two.id },
      ])
      const numbers = async (filter: RunFilter, page = {}) => {
        const found = await storage.runs.newest(filter, { limit: 9, scan: 99, ...page })
        const places = found.items.map(({ id }) => ids.indexOf(id))
        return [places, found.next === null ? null : ids.indexOf(found.next)]
      }
      return { storage, one, two, ids, numbers }
    }

    test('are listed newest first, a page at a time', async (t) => {
      const { numbers, ids } = await withRuns(t)
      assert.deepEqual(await numbers({}), [[3, 2, 1, 0], null])
      assert.deepEqual(await numbers({}, { limit: 3 }), [[3, 2, 1], 1])
      assert.deepEqual(await numbers({}, { limit: 3, before: ids[1] }), [[0], null])
    })

    test('are found by executable, status and error', async (t) => {
      const { numbers, one, two } = await withRuns(t)
      assert.deepEqual(await numbers({ executableId: one.id }), [[2, 0], null])
      assert.deepEqual(await numbers({ status: 'succeeded' }), [[3, 0], null])
      assert.deepEqual(await numbers({ status: 'failed' }), [[1], null])
      assert.deepEqual(await numbers({ errorCode: 'CANCELED' }), [[2], null])
      assert.deepEqual(await numbers({ errorCode: 'TRAP', executableId: two.id }), [[1], null])
      assert.deepEqual(await numbers({ errorCode: 'TRAP', executableId: one.id }), [[], null])
      assert.deepEqual(await numbers({ status: 'queued' }), [[], null])
    })

    test('are looked at up to a bound, from which the next page goes on', async (t) => {
      const { numbers, ids, one } = await withRuns(t)
      const succeeded = { status: 'succeeded' as const }
      assert.deepEqual(await numbers(succeeded, { scan: 2 }), [[3], 2])
      assert.deepEqual(await numbers(succeeded, { scan: 2, before: ids[2] }), [[0], 0])
      assert.deepEqual(await numbers(succeeded, { scan: 2, before: ids[0] }), [[], null])
      // Failures are looked for among failures alone.
      assert.deepEqual(await numbers({ status: 'failed' }, { scan: 3 }), [[1], null])
      // Those of one executable are looked at in turn: however many it has, a page costs no more.
      const missing = { executableId: one.id, errorCode: 'TRAP' }
      assert.deepEqual(await numbers(missing, { scan: 1 }), [[], 2])
      assert.deepEqual(await numbers(missing, { scan: 1, before: ids[2] }), [[], 0])
      assert.deepEqual(await numbers(missing, { scan: 1, before: ids[0] }), [[], null])
    })
  })

  describe(`${engine}: figures of an executable's runs`, () => {
    test('tell the time of what began since then and has ended, the newest', async (t) => {
      const { runs, executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      assert.deepEqual(await runs.figures(id, { sinceMs: NOW, max: 9 }), { slots: [], p95Ms: null })
      const at = (ms: number, tookMs: number | null, change = {}) => {
        const endedAtMs = tookMs === null ? null : NOW + ms + tookMs
        return newRun(id, { id: uuidv7({ msecs: NOW + ms }), endedAtMs, ...change })
      }
      await runs.save([
        at(-1, 9_999),
        at(0, 100),
        ...Array.from({ length: 19 }, (_, n) => at(1 + n, n)),
        at(30, null, { status: 'queued' }),
      ])
      assert.equal((await runs.figures(id, { sinceMs: NOW, max: 20 })).p95Ms, 18)
      assert.equal((await runs.figures(id, { sinceMs: NOW, max: 1 })).p95Ms, 18)
    })

    test('are counted by slots, which go with their executable and at their age', async (t) => {
      const { runs, executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      const gone = await executables.create(newExecutable())
      const slot = (executableId: number, fromMs: number, calls: number, errors: number) => ({
        ...{ executableId, fromMs, calls, errors },
      })
      const count = (...slots: RunSlot[]) =>
        runs.save([], { used: new Map(), slots: new Map(slots.map((one, at) => [`${at}`, one])) })
      const told = async (executableId: number, sinceMs: number) =>
        (await runs.figures(executableId, { sinceMs, max: 1 })).slots.sort(
          (a, b) => a.fromMs - b.fromMs,
        )
      await count(slot(id, NOW, 2, 1), slot(gone.id, NOW, 5, 5), slot(id, NOW + 9, 7, 0))
      await count(slot(id, NOW, 1, 1))
      assert.deepEqual(await told(id, NOW), [slot(id, NOW, 3, 2), slot(id, NOW + 9, 7, 0)])
      assert.deepEqual(await told(id, NOW + 1), [slot(id, NOW + 9, 7, 0)])
      await executables.delete(gone.id)
      await count(slot(gone.id, NOW, 1, 1), slot(id, NOW + 9, 1, 0))
      assert.deepEqual(await told(gone.id, NOW), [])
      const bounds = { keep: 9, keepFailed: 9, failedSinceMs: 0, keepResultBytes: 9 }
      await runs.prune(id, { ...bounds, slotsSinceMs: NOW + 9 })
      assert.deepEqual(await told(id, 0), [slot(id, NOW + 9, 8, 0)])
    })
  })

  describe(`${engine}: an overview`, () => {
    test('counts what waits, so far as is asked for, and tells when it is due', async (t) => {
      const storage = await open(t)
      const { overview } = storage
      assert.deepEqual(await overview.queuedRuns(9), { depth: 0, oldestDueMs: null })
      assert.deepEqual(await overview.deliveries(9), { depth: 0, oldestDueMs: null })
      const { id } = await storage.executables.create(newExecutable())
      const request = {
        ...{ inputs: [], callback: undefined, text: true, hops: 0, vouched: false },
        ...{ waited: false, webhook: undefined, retry: undefined },
      }
      for (let n = 0; n < 3; n++) {
        const createdAtMs = NOW + n
        const run = newRun(id, { status: 'queued', endedAtMs: null, createdAtMs })
        assert.equal(await storage.queuedRuns.add(run, request, { max: 9 }), 'added')
        await storage.deliveries.create(newDelivery({ executableId: id, dueAtMs: createdAtMs }))
      }
      assert.deepEqual(await overview.queuedRuns(9), { depth: 3, oldestDueMs: NOW })
      assert.deepEqual(await overview.deliveries(9), { depth: 3, oldestDueMs: NOW })
      assert.equal((await overview.deliveries(2)).depth, 2)
      assert.equal((await overview.queuedRuns(2)).depth, 2)
    })

    test('tells which tenants have something, a page at a time', async (t) => {
      const storage = await open(t)
      const { overview, eventTypes } = storage
      assert.deepEqual(await overview.tenants({ limit: 9 }), { items: [], next: null })
      assert.ok(await storage.bins.add(newBin({ tenant: 'bins' }), 9))
      assert.ok(await storage.endpoints.add(newEndpoint({ tenant: 'ends' }), 9))
      assert.ok(await storage.endpoints.add(newEndpoint({ tenant: 'ends' }), 9))
      assert.ok(await storage.sources.add(newSource({ tenant: 'sources' }), 9))
      assert.ok(await storage.tokens.add(newToken({ tenant: 'tokens' }), { max: 9, nowMs: NOW }))
      assert.equal(await eventTypes.add(newEventType({ tenant: 'sent' }), 9), 'added')
      accepted(await storage.messages.publish(newMessage({ tenant: 'sent' })))
      assert.ok(await eventTypes.remove('sent', 'order.created'))
      assert.equal(await eventTypes.add(newEventType({ tenant: 'types' }), 9), 'added')
      const first = { items: ['bins', 'ends', 'sent', 'sources'], next: 'sources' }
      assert.deepEqual(await overview.tenants({ limit: 4 }), first)
      const second = { items: ['tokens', 'types'], next: null }
      assert.deepEqual(await overview.tenants({ limit: 4, after: 'sources' }), second)
      assert.deepEqual(await overview.tenants({ limit: 2, after: 'sources' }), second)
      assert.equal((await overview.tenants({ limit: 1, after: 'enda' })).items[0], 'ends')
    })

    test('tells what the database takes of the disk', async (t) => {
      const storage = await open(t)
      const before = await storage.overview.sizeBytes()
      assert.ok(Number.isSafeInteger(before) && before > 10_000, String(before))
    })
  })
}
