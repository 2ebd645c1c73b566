// What every storage engine must do when it prunes an executable's runs; see storage-suite.ts.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import type { RunRecord } from '../src/model.ts'
import type { Storage } from '../src/storage/storage.ts'
import { idsOf, newExecutable, newRun, saveRuns } from './storage-suite.ts'

export function testPruning(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: pruning runs`, () => {
    test('pruning keeps the newest, and of older ones the recent failures', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const failed = { status: 'failed' as const, endedAtMs: 1_000 }
      const ids = await saveRuns(storage, id, [
        { ...failed, endedAtMs: 999 },
        failed,
        failed,
        { status: 'canceled' },
        failed,
        {},
        failed,
        {},
      ])
      const options = {
        keep: 2,
        keepFailed: 2,
        failedSinceMs: 1_000,
        slotsSinceMs: 0,
        keepResultBytes: 0,
      }
      assert.equal(await storage.runs.prune(id, options), 4)
      assert.deepEqual(await idsOf(storage, id), [ids[7], ids[6], ids[4], ids[2]])
      assert.equal(await storage.runs.prune(id, options), 0)
    })

    test('a run that has not ended is never pruned, and no other executable is', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const other = await storage.executables.create(newExecutable())
      const open_ = { endedAtMs: null }
      const ids = await saveRuns(storage, id, [
        { ...open_, status: 'queued' },
        {},
        { ...open_, status: 'running' },
        { ...open_, status: 'forwarding' },
        {},
      ])
      const theirs = newRun(other.id)
      await storage.runs.save([theirs])
      const none = { keep: 0, keepFailed: 0, failedSinceMs: 0, slotsSinceMs: 0, keepResultBytes: 0 }
      assert.equal(await storage.runs.prune(id, none), 2)
      assert.deepEqual(await idsOf(storage, id), [ids[3], ids[2], ids[0]])
      assert.deepEqual(await idsOf(storage, other.id), [theirs.id])
    })

    test('pruning many takes as many steps as it needs', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const ids = await saveRuns(storage, id, new Array<object>(500).fill({}))
      const options = {
        keep: 50,
        keepFailed: 0,
        failedSinceMs: 0,
        slotsSinceMs: 0,
        keepResultBytes: 0,
      }
      assert.equal(await storage.runs.prune(id, options), 450)
      assert.deepEqual(await idsOf(storage, id), ids.slice(450).reverse())
    })

    const keepAll = { keep: 1_000, keepFailed: 1_000, failedSinceMs: 0, slotsSinceMs: 0 }

    function withResult(bytes: number): Partial<RunRecord> {
      return { status: 'failed', result: { bytes: Buffer.alloc(bytes, 'r'), type: 'a/b' } }
    }

    /** The kept results' sizes, oldest first; null where there is none. */
    async function sizesOf(storage: Storage, ids: readonly string[]): Promise<(number | null)[]> {
      const found = await Promise.all(ids.map((id) => storage.runs.get(id)))
      return found.map((run) => run?.result?.bytes.length ?? null)
    }

    test('the newest results stay within their bytes, and older ones leave their record', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const ids = await saveRuns(storage, id, [3, 4, 0, 5, 1].map(withResult))
      assert.equal(await storage.runs.prune(id, { ...keepAll, keepResultBytes: 10 }), 0)
      assert.deepEqual(await sizesOf(storage, ids), [null, 4, 0, 5, 1])
      const oldest = ids[0] ?? assert.fail()
      const stripped = newRun(id, { status: 'failed', id: oldest })
      assert.deepEqual(await storage.runs.get(oldest), stripped)
      await storage.runs.prune(id, { ...keepAll, keepResultBytes: 9 })
      assert.deepEqual(await sizesOf(storage, ids), [null, null, 0, 5, 1])
      await storage.runs.prune(id, { ...keepAll, keepResultBytes: 0 })
      // An empty result takes no room.
      assert.deepEqual(await sizesOf(storage, ids), [null, null, 0, null, null])
    })

    test('a result larger than the bound goes, and takes no room from others', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const ids = await saveRuns(storage, id, [6, 11, 4, 100].map(withResult))
      await storage.runs.prune(id, { ...keepAll, keepResultBytes: 10 })
      assert.deepEqual(await sizesOf(storage, ids), [6, null, 4, null])
    })

    test('results of runs that have not ended, and of other executables, stay', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const other = await storage.executables.create(newExecutable())
      const open_ = { ...withResult(5), status: 'forwarding' as const, endedAtMs: null }
      const ids = await saveRuns(storage, id, [open_, withResult(5)])
      const theirs = newRun(other.id, withResult(5))
      await storage.runs.save([theirs])
      await storage.runs.prune(id, { ...keepAll, keepResultBytes: 1 })
      assert.deepEqual(await sizesOf(storage, [...ids, theirs.id]), [5, null, 5])
    })

    test('dropping many results, or large ones, takes as many steps as it needs', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const large = 10 * 1024 * 1024
      const sizes = [...new Array<number>(250).fill(1), large, large, large, 1]
      const ids = await saveRuns(storage, id, sizes.map(withResult))
      await storage.runs.prune(id, { ...keepAll, keepResultBytes: 1 })
      const left = await sizesOf(storage, ids)
      assert.deepEqual(left, [...new Array<null>(253).fill(null), 1])
    })
  })
}
