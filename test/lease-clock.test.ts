// What processes that share a database file have under lease, and what waits there, where the clock jumps.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLeaseClock } from '../src/cluster/lease-clock.ts'
import { createStorageDesk } from '../src/cluster/remote-storage.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { LeasedRun, Storage } from '../src/storage/storage.ts'
import { newExecutable, newRun } from './storage-suite.ts'

const LEASE_MS = 60_000
const HOUR_MS = 3_600_000
const BOUNDS = { limit: 10, bytes: 1_000_000, perLane: 10 }
const REQUEST = {
  inputs: [],
  callback: undefined,
  text: true,
  hops: 0,
  vouched: false,
  waited: false,
  retry: undefined,
}

/** Two desks at one file, as a primary has them for two workers. */
async function openDesks(t: TestContext) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-lease-clock-'))
  const clock = { ms: 1_700_000_000_000 }
  const storage: Storage = await openSqlite({ dataDir, secretKey: '', now: () => clock.ms })
  t.after(async () => {
    await storage.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const desks = [open(), open()] as const
  const lookAtClock = createLeaseClock({
    queuedRuns: storage.queuedRuns,
    now: () => clock.ms,
    leaseMs: LEASE_MS,
    held: () => desks.flatMap((desk) => desk.leasedRuns()),
  })
  function open() {
    const told = Promise.resolve()
    return createStorageDesk({ storage, told: () => told, beforeRuns: () => lookAtClock() })
  }
  const claim = async (at: 0 | 1): Promise<string[]> => {
    const bounds = {
      ...BOUNDS,
      nowMs: clock.ms,
      leasedUntilMs: clock.ms + LEASE_MS,
      leaseId: `lease-${at}-${clock.ms}`,
    }
    const claimed = await desks[at].methods.storage('queuedRuns', 'claim', [bounds])
    return (claimed as LeasedRun[]).map(({ id }) => id)
  }
  const { id: executableId } = await storage.executables.create(newExecutable())
  const add = async (): Promise<LeasedRun['record']> => {
    const record = newRun(executableId, {
      status: 'queued',
      createdAtMs: clock.ms,
      endedAtMs: null,
    })
    await storage.queuedRuns.add(record, REQUEST, { max: 100 })
    return record
  }
  return { clock, storage, desks, claim, add }
}

test('a clock that is set forth has no run taken from a worker that lives, and those of a dead one at once', async (t) => {
  const { clock, desks, claim, add } = await openDesks(t)
  const { id } = await add()
  assert.deepEqual(await claim(0), [id])
  for (let jump = 0; jump < 3; jump++) {
    clock.ms += HOUR_MS
    assert.deepEqual(await claim(1), [])
  }
  await desks[0].release()
  assert.deepEqual(await claim(1), [id])
})

test('a clock that is set back has no run of any worker wait longer', async (t) => {
  const { clock, storage, desks, claim, add } = await openDesks(t)
  const record = await add()
  await claim(0)
  const [leased] = desks[0].leasedRuns()
  assert.ok(leased !== undefined)
  const failed = { number: 1, errorCode: 'TRAP', errorMessage: '', endedAtMs: clock.ms }
  const args = [{ ...leased, record }, failed, clock.ms + 5_000, BOUNDS.perLane]
  await desks[0].methods.storage('queuedRuns', 'tryLater', args)
  assert.deepEqual(desks[0].leasedRuns(), [])

  clock.ms -= HOUR_MS
  await desks[1].methods.storage('queuedRuns', 'nextDueMs', [])
  const place = await storage.queuedRuns.place(record.id)
  assert.equal(place?.dueAtMs, clock.ms + 5_000)
})
