// What every storage engine must do with the counters of executables; see storage-suite.ts.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import type { Usage } from '../src/model.ts'
import type { RunTally, Storage } from '../src/storage/storage.ts'
import { newExecutable, newRun } from './storage-suite.ts'

export function newUsage(change: Partial<Usage> = {}): Usage {
  return {
    sinceMs: 1_700_000_000_000,
    succeeded: 3,
    failed: 2,
    canceled: 1,
    meteredRuns: 4,
    fuel: 2 ** 52,
    inputBytes: 2 ** 40,
    outputBytes: 5,
    queueUs: 6,
    runUs: 7,
    latestRunUs: 8,
    ...change,
  }
}

function using(...used: [number, Usage][]): RunTally {
  return { used: new Map(used), slots: new Map() }
}

export function testUsage(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: usage`, () => {
    test('usage adds up from the first run on, and its latest time is the later one', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const other = await executables.create(newExecutable())
      assert.equal(await runs.usage(id), undefined)
      await runs.save([newRun(id)], using([id, newUsage()]))
      assert.deepEqual(await runs.usage(id), newUsage())
      const later = newUsage({ sinceMs: 1_800_000_000_000, fuel: 10, latestRunUs: 99 })
      await runs.save([], using([id, later], [other.id, newUsage()]))
      assert.deepEqual(await runs.usage(id), {
        sinceMs: 1_700_000_000_000,
        succeeded: 6,
        failed: 4,
        canceled: 2,
        meteredRuns: 8,
        fuel: 2 ** 52 + 10,
        inputBytes: 2 ** 41,
        outputBytes: 10,
        queueUs: 12,
        runUs: 14,
        latestRunUs: 99,
      })
      await runs.save([], using([id, newUsage({ latestRunUs: null })]))
      assert.equal((await runs.usage(id))?.latestRunUs, 99)
      assert.deepEqual(await runs.usage(other.id), newUsage())
    })

    test('usage of a deleted executable goes with it, comes never back and fails no other', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const gone = await executables.create(newExecutable())
      await runs.save([], using([gone.id, newUsage()]))
      await executables.delete(gone.id)
      assert.equal(await runs.usage(gone.id), undefined)
      await runs.save([newRun(gone.id)], using([gone.id, newUsage()], [id, newUsage()]))
      assert.equal(await runs.usage(gone.id), undefined)
      assert.deepEqual(await runs.usage(id), newUsage())
    })

    test('usage of more executables than one statement holds is added all the same', async (t) => {
      const { executables, runs } = await open(t)
      const used = new Map<number, Usage>()
      for (let n = 0; n < 101; n++) {
        used.set((await executables.create(newExecutable())).id, newUsage({ succeeded: n }))
      }
      await runs.save([], { used, slots: new Map() })
      for (const [id, usage] of used) assert.deepEqual(await runs.usage(id), usage)
    })

    test('records that cannot be saved leave their usage uncounted too', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const unfit = newRun(id, { memoryBytes: 0.5 })
      await assert.rejects(runs.save([unfit], using([id, newUsage()])))
      assert.equal(await runs.usage(id), undefined)
      assert.equal(await runs.get(unfit.id), undefined)
    })

    test('a metered run reads back with its fuel, in lists too', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const run = newRun(id, { fuelUsed: 2 ** 52 })
      await runs.save([run])
      assert.equal((await runs.get(run.id))?.fuelUsed, 2 ** 52)
      assert.equal((await runs.list(id, { limit: 1 })).items[0]?.fuelUsed, 2 ** 52)
    })
  })
}
