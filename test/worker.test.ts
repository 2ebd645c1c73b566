// Work under a lease: what happens where storage fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorker } from '../src/core/worker.ts'

test('an outcome that storage does not take is written again, and the work is not done again', async (t) => {
  const errors: unknown[] = []
  let worked = 0
  let writes = 0
  let written = (): void => undefined
  const done = new Promise<void>((resolve) => (written = resolve))
  const items = [{ id: 'one', leaseId: 'a' }]
  const worker = createWorker({
    storage: { shared: false, onNotice: () => undefined },
    name: 'deliveries',
    store: {
      claim: () => Promise.resolve(items.splice(0)),
      nextDueMs: () => Promise.resolve(items.length > 0 ? 0 : undefined),
      renew: () => Promise.resolve(),
      release: () => Promise.resolve(),
      releaseAll: () => Promise.resolve(),
    },
    async work(_item, { commit }) {
      worked++
      await commit(() => {
        writes++
        if (writes < 3) return Promise.reject(new Error('the disk is full'))
        written()
        return Promise.resolve()
      })
    },
    sizeOf: () => 1,
    concurrency: 1,
    perLane: 1,
    leaseMs: 1_000,
    pollMs: 10,
    now: () => 0,
    onError: (error) => errors.push(error),
  })
  t.after(() => worker.stop(0))
  await worker.start()
  while (writes === 0) await new Promise(setImmediate)
  assert.equal(worker.stats().healthy, false)
  await done
  assert.deepEqual([worked, writes, errors.length], [1, 3, 1])
})
