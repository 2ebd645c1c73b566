// Work under a lease: what happens where storage fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorker } from '../src/core/worker.ts'
import type { Leased } from '../src/core/worker.ts'
import type { WorkStore } from '../src/storage/storage.ts'

/** Work that is due until it is claimed. */
function storeOf<T extends Leased>(items: T[]): WorkStore<T> {
  return {
    claim: () => Promise.resolve(items.splice(0)),
    nextDueMs: () => Promise.resolve(items.length > 0 ? 0 : undefined),
    renew: () => Promise.resolve([]),
    release: () => Promise.resolve(),
    releaseAll: () => Promise.resolve(),
    clockSetBack: () => Promise.resolve(),
  }
}

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
    store: storeOf(items),
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

test('however much is under way at once, Node.js warns of no leak', async (t) => {
  const warnings: Error[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  const items = Array.from({ length: 20 }, (_, n) => ({ id: `${n}`, leaseId: 'a' }))
  const all = items.length
  let under = 0
  const worker = createWorker({
    storage: { shared: false, onNotice: () => undefined },
    name: 'deliveries',
    store: storeOf(items),
    work: (_item, { cut }) =>
      new Promise((resolve) => {
        cut.addEventListener('abort', () => resolve(), { once: true })
        under++
      }),
    sizeOf: () => 1,
    concurrency: all,
    perLane: all,
    leaseMs: 1_000,
    pollMs: 10,
    now: () => 0,
    onError: (error) => assert.fail(String(error)),
  })
  await worker.start()
  while (under < all) await new Promise(setImmediate)
  await worker.stop(0)
  await new Promise(setImmediate)
  assert.deepEqual(warnings, [])
})

test('while leases cannot be renewed nothing is claimed, as it could be what is under way here', async (t) => {
  let nowMs = 0
  let renewals = 0
  const asked: string[] = []
  const items = [{ id: 'one', leaseId: 'a' }]
  let end = (): void => undefined
  const worker = createWorker({
    storage: { shared: false, onNotice: () => undefined },
    name: 'deliveries',
    store: {
      ...storeOf(items),
      // There is always something due, such as what is leased past its time.
      nextDueMs: () => Promise.resolve(nowMs),
      claim() {
        asked.push('claim')
        return Promise.resolve(items.splice(0))
      },
      renew() {
        renewals++
        asked.push(renewals < 3 ? 'renew in vain' : 'renew')
        return renewals < 3 ? Promise.reject(new Error('the disk is full')) : Promise.resolve([])
      },
    },
    work: () => new Promise((resolve) => (end = resolve)),
    sizeOf: () => 1,
    concurrency: 2,
    perLane: 2,
    leaseMs: 60_000,
    pollMs: 10,
    now: () => nowMs,
    onError: () => undefined,
  })
  t.after(async () => {
    end()
    await worker.stop(0)
  })
  await worker.start()
  while (!asked.includes('claim')) await new Promise(setImmediate)
  asked.length = 0
  nowMs = 70_000
  for (let n = 0; n < 3; n++) {
    const before = asked.length
    worker.wake()
    while (asked.length === before) await new Promise(setImmediate)
  }
  while (asked.at(-1) !== 'claim') await new Promise(setImmediate)
  assert.deepEqual(asked.slice(0, 4), ['renew in vain', 'renew in vain', 'renew', 'claim'])
})

test('what the process before left is taken over once, and so before anything is leased here', async (t) => {
  const said: string[] = []
  const worker = createWorker({
    storage: { shared: false, onNotice: () => undefined },
    name: 'queued_runs',
    store: {
      ...storeOf<Leased>([]),
      releaseAll: () => Promise.resolve(void said.push('taken over')),
    },
    work: () => Promise.resolve(),
    sizeOf: () => 1,
    concurrency: 1,
    perLane: 1,
    leaseMs: 1_000,
    pollMs: 10,
    now: () => 0,
    onError: (error) => assert.fail(String(error)),
  })
  t.after(() => worker.stop(0))
  await worker.takeOver()
  await worker.adopt({ id: 'one', leaseId: 'a' }, 1_000, async () => {
    said.push('leased')
    await worker.start()
  })
  assert.deepEqual(said, ['taken over', 'leased'])
})

test('what a stop cuts off is due again at once where others share the database', async () => {
  const released: Leased[] = []
  const items = ['ends', 'is cut'].map((id) => ({ id, leaseId: 'a' }))
  let under = 0
  let end = (): void => undefined
  const worker = createWorker({
    storage: { shared: true, onNotice: () => undefined },
    name: 'deliveries',
    store: {
      ...storeOf([...items]),
      release: (held) => Promise.resolve(void released.push(...held)),
    },
    work: ({ id }, { cut }) =>
      new Promise((resolve) => {
        under++
        if (id === 'ends') end = resolve
        else cut.addEventListener('abort', () => resolve(), { once: true })
      }),
    sizeOf: () => 1,
    concurrency: 2,
    perLane: 2,
    leaseMs: 1_000,
    pollMs: 10,
    now: () => 0,
    onError: (error) => assert.fail(String(error)),
  })
  await worker.start()
  while (under < 2) await new Promise(setImmediate)
  end()
  while (worker.stats().underWay > 1) await new Promise(setImmediate)
  await worker.stop(0)
  assert.deepEqual(released, [items[1]])
})
