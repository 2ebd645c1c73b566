// The run journal on a real database: what is readable while storage fails, how often it is tried, and
// that neither the disk nor memory fills with results. Storage is made to fail by a trigger.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { loadConfig } from '../src/config.ts'
import { createInterrupts } from '../src/core/interrupts.ts'
import { createRunControl } from '../src/core/run-control.ts'
import { createRunJournal } from '../src/core/run-journal.ts'
import type { LostRuns } from '../src/core/run-journal.ts'
import { createRunWaits } from '../src/core/run-waits.ts'
import { AppError } from '../src/errors.ts'
import type { RunRecord } from '../src/model.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { newExecutable, newRun } from './storage-suite.ts'

const MiB = 1024 * 1024

async function openJournal(t: TestContext, settings: Record<string, string> = {}) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-journal-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const storage = await openSqlite({ dataDir, secretKey: '' })
  t.after(() => storage.close())
  const { id } = await storage.executables.create(newExecutable())
  const shell = new BetterSqlite3(path.join(dataDir, 'wasmhook.db'))
  t.after(() => shell.close())

  const saves: number[] = []
  const errors: unknown[] = []
  const recoveries: LostRuns[] = []
  let wake = (): void => {}
  const journal = createRunJournal({
    storage: {
      ...storage,
      runs: {
        ...storage.runs,
        save(records, used) {
          saves.push(performance.now())
          wake()
          return storage.runs.save(records, used)
        },
      },
    },
    // Nothing is flushed by the clock unless a test asks for it.
    config: loadConfig({ RUN_FLUSH_MS: '60000', ...settings }),
    now: () => 1_700_000_000_002,
    onEnded: () => undefined,
    onError: (error) => void errors.push(error),
    onRecovered: (lost) => {
      recoveries.push(lost)
      wake()
    },
  })
  t.after(() => journal.close())

  return {
    id,
    storage,
    journal,
    saves,
    errors,
    recoveries,
    fail: () =>
      shell.exec(
        `CREATE TRIGGER refuse BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'refused'); END`,
      ),
    heal: () => shell.exec('DROP TRIGGER refuse'),
    until: async (reached: () => boolean) => {
      while (!reached()) await new Promise<void>((resolve) => (wake = resolve))
    },
    /** Ends runs with results of these sizes, oldest first. */
    end: (...sizes: (number | null)[]): RunRecord[] => {
      const records = sizes.map((bytes) => newRun(id, withResult(bytes)))
      for (const record of records) {
        journal.begin(record)
        journal.end(record)
      }
      return records
    },
    sizesOf: async (records: readonly RunRecord[]) => {
      const found = await Promise.all(records.map((record) => journal.get(record.id)))
      return found.map((record) => {
        assert.ok(record, 'the record itself is kept')
        return record.result?.bytes.length ?? null
      })
    },
  }
}

function withResult(bytes: number | null): Partial<RunRecord> {
  const result = bytes === null ? null : { bytes: Buffer.alloc(bytes), type: 'a/b' }
  return { status: 'failed', log: 'long', result }
}

test('kept results stay within RESULTS_KEPT_BYTES without waiting for a hundred runs', async (t) => {
  const { journal, end, sizesOf } = await openJournal(t, { RESULTS_KEPT_BYTES: '10' })
  const first = end(4, 6)
  await journal.flush()
  assert.deepEqual(await sizesOf(first), [4, 6])
  const second = end(5)
  await journal.flush()
  assert.deepEqual(await sizesOf([...first, ...second]), [null, null, 5])
})

test('a result larger than RESULTS_KEPT_BYTES is never kept', async (t) => {
  const { journal, end, sizesOf } = await openJournal(t, { RESULTS_KEPT_BYTES: '10' })
  const records = end(3, 11)
  assert.deepEqual(await sizesOf(records), [3, null])
  await journal.flush()
  assert.deepEqual(await sizesOf(records), [3, null])
})

test('a burst of large results is written early, not dropped', async (t) => {
  const { journal, saves, errors, end, sizesOf, until } = await openJournal(t)
  const records = end(20 * MiB, 20 * MiB)
  await until(() => saves.length === 1)
  await journal.flush()
  assert.deepEqual(await sizesOf(records), [20 * MiB, 20 * MiB])
  assert.deepEqual(errors, [])
})

test('while storage fails, results in memory stay within a bound: the oldest go, told once', async (t) => {
  const { journal, errors, recoveries, end, sizesOf, fail, heal } = await openJournal(t)
  fail()
  const size = 20 * MiB
  const records = end(null)
  await journal.flush()
  assert.equal(errors.length, 1)
  records.push(...end(size, size, size, size, null, size))
  assert.deepEqual(await sizesOf(records), [null, null, null, size, size, null, size])
  assert.equal(errors.length, 2)
  assert.ok(errors[1] instanceof AppError && /the oldest results/.test(errors[1].message))

  await journal.flush()
  assert.deepEqual(await sizesOf(records), [null, null, null, size, size, null, size])
  heal()
  await journal.flush()
  assert.deepEqual(await sizesOf(records), [null, null, null, size, size, null, size])
  assert.equal(errors.length, 2)
  assert.deepEqual(recoveries, [{ records: 0, results: 2 }])
})

test('past ten thousand waiting records the oldest go, and are counted', async (t) => {
  const { journal, errors, recoveries, end, fail, heal } = await openJournal(t)
  fail()
  const [first] = end(...new Array<null>(10_003).fill(null))
  await journal.flush()
  assert.equal(await journal.get(first?.id ?? ''), undefined)
  assert.equal(errors.length, 2)
  heal()
  await journal.flush()
  assert.deepEqual(recoveries, [{ records: 3, results: 0 }])
})

test('a storage that fails is tried ever more rarely, told once, and told when it is over', async (t) => {
  const firstPauseMs = 20
  const it = await openJournal(t, { RUN_FLUSH_MS: String(firstPauseMs) })
  const { journal, saves, errors, recoveries } = it
  assert.equal(journal.healthy(), true)
  it.fail()
  const records = it.end(1)
  await it.until(() => saves.length === 5)
  assert.equal(journal.healthy(), false)
  assert.equal(errors.length, 1)
  for (let n = 1; n < saves.length; n++) {
    const pauseMs = (saves[n] ?? 0) - (saves[n - 1] ?? 0)
    // Timers may be a millisecond early.
    assert.ok(pauseMs >= firstPauseMs * 2 ** (n - 1) - 2, `pause ${n} was ${pauseMs} ms`)
  }
  it.heal()
  await it.until(() => recoveries.length === 1)
  assert.deepEqual(recoveries, [{ records: 0, results: 0 }])
  assert.equal(journal.healthy(), true)
  assert.deepEqual(await it.sizesOf(records), [1])

  it.fail()
  it.end(1)
  await journal.flush()
  assert.equal(errors.length, 2)
  it.heal()
})

test('a run can be read and listed at once, whether or not storage takes it', async (t) => {
  const { id, journal, storage, errors, end, fail } = await openJournal(t)
  const saved = end(null, null, null)
  await journal.flush()
  fail()
  const waiting = end(7, null)
  const other = await storage.executables.create(newExecutable())
  journal.end(newRun(other.id))
  for (const flush of [() => Promise.resolve(), () => journal.flush()]) {
    await flush()
    const all = [...saved, ...waiting].reverse()
    const listed = all.map((record) => ({ ...record, log: '', result: null }))
    assert.deepEqual(await journal.list(id, { limit: 9 }), { items: listed, next: null })
    assert.deepEqual(await journal.list(id, { limit: 5 }), { items: listed, next: null })

    const walked: string[] = []
    for (let next: string | null | undefined; next !== null;) {
      const page = await journal.list(id, { limit: 2, ...(next ? { before: next } : {}) })
      assert.ok(page.items.length <= 2)
      walked.push(...page.items.map((record) => record.id))
      next = page.next
    }
    assert.deepEqual(
      walked,
      all.map((record) => record.id),
    )
    assert.deepEqual(await journal.get(waiting[0]?.id ?? ''), waiting[0])
  }
  assert.equal(errors.length, 1)
})

test('a list holds each run once and misses none while a batch is being written', async (t) => {
  const { id, journal, end } = await openJournal(t)
  const ids: string[] = []
  for (let round = 0; round < 20; round++) {
    ids.unshift(
      ...end(null, null)
        .map((record) => record.id)
        .reverse(),
    )
    const [page] = await Promise.all([journal.list(id, { limit: 100 }), journal.flush()])
    assert.deepEqual(
      page.items.map((record) => record.id),
      ids,
    )
  }
})

test('the latest run is the newest that ended, its place rising, while storage fails too', async (t) => {
  const { id, journal, end, fail, heal } = await openJournal(t)
  assert.equal(await journal.latest(id), undefined)
  const [first] = end(null)
  const saved = await journal.latest(id)
  assert.deepEqual(saved, { record: first, sequence: 1 })
  fail()
  const [second] = end(null)
  assert.deepEqual(await journal.latest(id), { record: second, sequence: 2 })
  const [third] = end(null)
  assert.deepEqual(await journal.latest(id), { record: third, sequence: 3 })
  heal()
  await journal.flush()
  const healed = await journal.latest(id)
  assert.deepEqual(healed?.record, third)
  assert.ok(healed !== undefined && healed.sequence >= 3)
})

test('records that cannot be written before the end are told', async (t) => {
  const { journal, errors, end, fail } = await openJournal(t)
  fail()
  end(null, null)
  await journal.close()
  assert.match(String(errors.at(-1)), /2 run records could not be written/)
})

test('usage counts each run once: at once, while batches are written, and after a failed one', async (t) => {
  const { id, journal, storage, end, fail, heal } = await openJournal(t)
  assert.equal(await journal.usage(id), undefined)
  const runs = async (): Promise<number | undefined> => (await journal.usage(id))?.succeeded
  for (let round = 1; round <= 20; round++) {
    journal.end(newRun(id))
    const [before, , after] = await Promise.all([runs(), journal.flush(), runs()])
    assert.deepEqual([before, after], [round, round])
  }
  fail()
  journal.end(newRun(id, { fuelUsed: 5, timings: { ...newRun(id).timings, runUs: 77 } }))
  await journal.flush()
  end(null)
  await journal.flush()
  assert.equal((await storage.runs.usage(id))?.succeeded, 20)
  const waiting = await journal.usage(id)
  assert.deepEqual(
    [waiting?.succeeded, waiting?.failed, waiting?.fuel, waiting?.meteredRuns],
    [21, 1, 5, 1],
  )
  heal()
  await journal.flush()
  assert.deepEqual(await storage.runs.usage(id), waiting)
  assert.deepEqual(await journal.usage(id), waiting)
})

test('runs whose records had to be dropped are counted all the same', async (t) => {
  const { id, journal, storage, end, fail, heal } = await openJournal(t)
  fail()
  end(...new Array<null>(10_003).fill(null))
  await journal.flush()
  heal()
  await journal.flush()
  assert.equal((await storage.runs.usage(id))?.failed, 10_003)
})

test('the latest execution is the last that ended, and one that never ran changes nothing', async (t) => {
  const { id, journal } = await openJournal(t)
  const took = (runUs: number | null) =>
    journal.end(newRun(id, { timings: { ...newRun(id).timings, runUs } }))
  took(10)
  took(30)
  took(20)
  took(null)
  assert.equal((await journal.usage(id))?.latestRunUs, 20)
  await journal.flush()
  took(null)
  assert.equal((await journal.usage(id))?.latestRunUs, 20)
})

test('a run that is canceled while its last try is still known here is told as canceled', async (t) => {
  const { id, storage, journal } = await openJournal(t)
  const now = (): number => 1_700_000_000_002
  const waits = createRunWaits({ storage, onError: () => undefined })
  const control = createRunControl({
    storage,
    journal,
    waits,
    interrupts: createInterrupts(),
    now,
  })
  const queued = newRun(id, { status: 'queued', endedAtMs: null })
  const request = {
    inputs: [],
    callback: undefined,
    text: true,
    hops: 0,
    vouched: false,
    waited: false,
    retry: undefined,
  }
  await storage.queuedRuns.add(queued, request, { max: 1 })
  journal.begin({ ...queued, status: 'running' })
  const { status, endedAtMs } = await control.cancel(queued.id)
  assert.deepEqual({ status, endedAtMs }, { status: 'canceled', endedAtMs: now() })
})
