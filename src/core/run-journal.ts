// Keeps run records: those under way in memory, ended ones written in batches off the call path.
// A run can be read here the moment its answer leaves, and in storage within RUN_FLUSH_MS.
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { RunRecord, Usage } from '../model.ts'
import type { RunFilter, RunPage, Storage } from '../storage/storage.ts'
import { passes } from './run-filter.ts'
import { SLOT_MS, createTally, slotOf } from './tally.ts'
import { addUsage } from './usage.ts'

/** Ended records that wait for a storage that is down; past it the oldest are dropped and counted. */
const PENDING_RECORDS_MAX = 10_000
/** Results of those records in all; past it the oldest are dropped and counted, the records stay. */
const PENDING_RESULT_BYTES_MAX = 64 * 1024 * 1024
/** Results that are not left to wait for RUN_FLUSH_MS, so that a burst is written, not dropped. */
const EARLY_FLUSH_BYTES = PENDING_RESULT_BYTES_MAX / 2
/** Longest pause between two tries while storage fails; the first is RUN_FLUSH_MS, each next twice. */
const RETRY_MS_MAX = 30_000
/** An executable's old runs are looked for after this many new ones. */
const PRUNE_EVERY_RUNS = 100
/** Records that one page of a list by filter looks at. */
const SCANNED_RECORDS_MAX = 5_000
/** Runs of one executable whose times are compared. */
const TIMED_RECORDS_MAX = 1_000
/** Of these, the one under way included, figures are told. */
const SLOTS_TOLD = 12
const WEEK_MS = 7 * 24 * 60 * 60 * 1000

/** What had to be dropped because storage did not take it in time. */
export interface LostRuns {
  records: number
  results: number
}

/** Ids are in the order of time: the page after `before`. */
interface PageOfRuns {
  limit: number
  before?: string
}

export interface RunJournalDeps {
  storage: Storage
  config: Config
  now: () => number
  /** Each run as it ends, once. */
  onEnded: (record: RunRecord) => void
  /** Once when storage begins to fail, and once when what waits for it begins to be dropped. */
  onError: (error: unknown) => void
  /** Once when storage takes records again; tells what was dropped until then. */
  onRecovered: (lost: LostRuns) => void
}

export type RunJournal = ReturnType<typeof createRunJournal>

export function createRunJournal(deps: RunJournalDeps) {
  const { storage, config, now, onEnded, onError, onRecovered } = deps
  const active = new Map<string, RunRecord>()
  const idle: (() => void)[] = []
  let pending = new Map<string, RunRecord>()
  let pendingResultBytes = 0
  /** Of ended runs that storage has not counted yet; it stays where a record is dropped. */
  let tally = createTally()
  /** The batch being written; still readable here. */
  let writing = new Map<string, RunRecord>()
  let flushing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  /** The pause before the next try; undefined while storage does not fail. */
  let retryMs: number | undefined
  let lost: LostRuns = { records: 0, results: 0 }
  /** Since the start, whatever was recovered between. */
  const lostInAll: LostRuns = { records: 0, results: 0 }
  const sincePrune = new Map<number, { runs: number; resultBytes: number }>()

  async function flush(): Promise<void> {
    // One flush at a time; whoever asks waits for what was pending when they asked.
    flushing = flushing.then(tryFlush)
    return flushing
  }

  async function tryFlush(): Promise<void> {
    try {
      await writePending()
      await pruneDue()
      succeeded()
    } catch (error) {
      failed(error)
    }
    // What ended meanwhile may have set a timer for a state that has changed since.
    clearTimeout(timer)
    timer = undefined
    if (retryMs !== undefined || pending.size > 0) schedule()
  }

  function succeeded(): void {
    if (retryMs === undefined && lost.records + lost.results === 0) return
    retryMs = undefined
    onRecovered(lost)
    lost = { records: 0, results: 0 }
  }

  function failed(error: unknown): void {
    if (retryMs === undefined) onError(error)
    retryMs = retryMs === undefined ? config.RUN_FLUSH_MS : Math.min(2 * retryMs, RETRY_MS_MAX)
  }

  function schedule(): void {
    timer ??= setTimeout(() => void flush(), retryMs ?? config.RUN_FLUSH_MS)
  }

  async function writePending(): Promise<void> {
    if (pending.size === 0 && tally.used.size === 0) return
    writing = pending
    pending = new Map()
    pendingResultBytes = 0
    const told = tally
    tally = createTally()
    try {
      const keep = config.RUNS_KEPT + PRUNE_EVERY_RUNS
      // Storage may be another process, which takes nothing but data.
      const { used, slots } = told
      await storage.runs.save(worthKeeping([...writing.values()], keep), { used, slots })
      countWritten(writing.values())
    } catch (error) {
      told.addLater(tally)
      tally = told
      const newer = pending.values()
      pending = new Map()
      pendingResultBytes = 0
      for (const record of [...writing.values(), ...newer]) hold(record)
      throw error
    } finally {
      writing = new Map()
    }
  }

  /** Takes an ended record into `pending`, within its bounds. */
  function hold(record: RunRecord): void {
    const bytes = resultBytes(record)
    if (pendingResultBytes + bytes > PENDING_RESULT_BYTES_MAX) dropOldestResults(bytes)
    pending.set(record.id, record)
    pendingResultBytes += bytes
    if (pending.size <= PENDING_RECORDS_MAX) return
    const [oldest] = pending.values()
    if (oldest === undefined) return
    lose('records')
    pendingResultBytes -= resultBytes(oldest)
    pending.delete(oldest.id)
  }

  function dropOldestResults(bytesToCome: number): void {
    for (const [id, older] of pending) {
      if (pendingResultBytes + bytesToCome <= PENDING_RESULT_BYTES_MAX) break
      if (older.result === null) continue
      lose('results')
      pendingResultBytes -= resultBytes(older)
      pending.set(id, { ...older, result: null })
    }
  }

  function lose(what: keyof LostRuns): void {
    if (lost.records + lost.results === 0) {
      onError(
        new AppError(
          'STORAGE_FULL',
          'Ended runs wait for storage past what memory holds; the oldest results and records go.',
        ),
      )
    }
    lost[what]++
    lostInAll[what]++
  }

  function countWritten(records: Iterable<RunRecord>): void {
    for (const record of records) {
      const since = sincePrune.get(record.executableId) ?? { runs: 0, resultBytes: 0 }
      since.runs++
      since.resultBytes += resultBytes(record)
      sincePrune.set(record.executableId, since)
    }
  }

  async function pruneDue(): Promise<void> {
    for (const [executableId, { runs, resultBytes }] of sincePrune) {
      if (runs < PRUNE_EVERY_RUNS && resultBytes <= config.RESULTS_KEPT_BYTES) continue
      await storage.runs.prune(executableId, {
        keep: config.RUNS_KEPT,
        keepFailed: config.FAILED_RUNS_KEPT,
        failedSinceMs: now() - WEEK_MS,
        keepResultBytes: config.RESULTS_KEPT_BYTES,
        slotsSinceMs: firstSlotMs(),
      })
      sincePrune.delete(executableId)
    }
  }

  function settle(record: RunRecord): void {
    active.delete(record.id)
    onEnded(record)
    tellIdle()
    tally.add(record)
  }

  function tellIdle(): void {
    if (active.size === 0) for (const tell of idle.splice(0)) tell()
  }

  /** Figures are told from here on. */
  function firstSlotMs(): number {
    return slotOf(now()) - (SLOTS_TOLD - 1) * SLOT_MS
  }

  /** Ended records of an executable that storage may not have yet, newest first. */
  function unsaved(executableId: number): RunRecord[] {
    return [...pending.values(), ...writing.values()]
      .filter((record) => record.executableId === executableId)
      .sort(newestFirst)
  }

  function underWay(executableId: number): RunRecord[] {
    return [...active.values()].filter((record) => record.executableId === executableId)
  }

  return {
    begin(record: RunRecord): void {
      active.set(record.id, record)
    },

    end(record: RunRecord): void {
      settle(record)
      const tooLarge = resultBytes(record) > config.RESULTS_KEPT_BYTES
      hold(tooLarge ? { ...record, result: null } : record)
      if (retryMs === undefined && pendingResultBytes > EARLY_FLUSH_BYTES) void flush()
      else schedule()
    },

    /** As `end`, for a record that storage has already. */
    endSaved(record: RunRecord): void {
      settle(record)
      countWritten([record])
      schedule()
    },

    /** For a run that was begun and could not be run now. */
    abandon(id: string): void {
      active.delete(id)
      tellIdle()
    },

    async get(id: string): Promise<RunRecord | undefined> {
      return active.get(id) ?? pending.get(id) ?? writing.get(id) ?? storage.runs.get(id)
    },

    async list(executableId: number, page: PageOfRuns): Promise<RunPage> {
      // Memory is looked at first: what is written meanwhile is then seen twice rather than never.
      const recent = [...underWay(executableId), ...unsaved(executableId)]
      return together(recent, await storage.runs.list(executableId, page), page)
    },

    /** Of all executables, by filter. Those under way in other processes are seen when they are written. */
    async newest(filter: RunFilter, page: PageOfRuns): Promise<RunPage> {
      const recent = [...active.values(), ...pending.values(), ...writing.values()]
      const saved = await storage.runs.newest(filter, { ...page, scan: SCANNED_RECORDS_MAX })
      const { next } = saved
      return together(recent, saved, page, (record) => {
        // Storage has looked so far and no further.
        return (next === null || record.id >= next) && passes(record, filter)
      })
    },

    /** The newest ended run and its place in the order of saving. */
    async latest(executableId: number) {
      // A place is given by saving.
      if (retryMs === undefined && unsaved(executableId).length > 0) await flush()
      const recent = unsaved(executableId)
      const [newest] = recent
      const saved = await storage.runs.latest(executableId)
      if (newest === undefined) return saved
      if (saved !== undefined && saved.record.id >= newest.id) return saved
      // Places rise, so that this is one it may get, and none that an older run has.
      return { record: newest, sequence: (saved?.sequence ?? 0) + recent.length }
    },

    /** Of an executable's runs that are written, which takes RUN_FLUSH_MS; slots are there where nothing ended too. */
    async lastHour(executableId: number) {
      const sinceMs = firstSlotMs()
      const of = { sinceMs, max: TIMED_RECORDS_MAX }
      const { slots: busy, p95Ms } = await storage.runs.figures(executableId, of)
      const slots = Array.from({ length: SLOTS_TOLD }, (_, at) => {
        const fromMs = sinceMs + at * SLOT_MS
        const found = busy.find((slot) => slot.fromMs === fromMs)
        return { fromMs, calls: found?.calls ?? 0, errors: found?.errors ?? 0 }
      })
      const sum = (what: 'calls' | 'errors') => slots.reduce((all, slot) => all + slot[what], 0)
      return { calls: sum('calls'), errors: sum('errors'), p95Ms, slots }
    },

    /** What the executable's ended runs used; undefined before the first. */
    usage(executableId: number): Promise<Usage | undefined> {
      // In turn with the batches, so that one on its way is counted once.
      const asked = flushing.then(async () => {
        const stored = await storage.runs.usage(executableId)
        const usage = addUsage(stored, tally.used.get(executableId))
        return usage === undefined ? undefined : { ...usage }
      })
      flushing = asked.then(
        () => undefined,
        () => undefined,
      )
      return asked
    },

    /** Resolves when no run is under way. */
    whenIdle(): Promise<void> {
      return active.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))
    },
    flush,
    /** False from a write that failed until one that does not. */
    healthy: () => retryMs === undefined,
    /** Runs under way, records that storage lacks, and what was dropped since the start. */
    stats: () => ({
      active: active.size,
      pending: pending.size + writing.size,
      lost: { ...lostInAll },
    }),

    async close(): Promise<void> {
      clearTimeout(timer)
      await flush()
      clearTimeout(timer)
      if (pending.size === 0) return
      onError(new AppError('INTERNAL', `${pending.size} run records could not be written.`))
    },
  }
}

/**
 * A page of what storage has and what memory has, which is newer where it is in both.
 * @param shows which of memory's
 */
function together(
  recent: readonly RunRecord[],
  saved: RunPage,
  { limit, before }: PageOfRuns,
  shows: (record: RunRecord) => boolean = () => true,
): RunPage {
  const seen = new Set(recent.map(({ id }) => id))
  const newer = recent
    .filter((record) => (before === undefined || record.id < before) && shows(record))
    .map((record) => ({ ...record, log: '', result: null }))
  const older = saved.items.filter(({ id }) => !seen.has(id))
  const found = [...newer, ...older].sort(newestFirst)
  const items = found.slice(0, limit)
  return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : saved.next }
}

/** Leaves out what the next pruning would delete: an executable's oldest successes of a busy moment. */
function worthKeeping(records: RunRecord[], keep: number): RunRecord[] {
  if (records.length <= keep) return records
  const newer = new Map<number, number>()
  const kept: RunRecord[] = []
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at] as RunRecord
    const before = newer.get(record.executableId) ?? 0
    newer.set(record.executableId, before + 1)
    if (before < keep || record.status !== 'succeeded') kept.push(record)
  }
  return kept.reverse()
}

function resultBytes(record: RunRecord): number {
  return record.result?.bytes.length ?? 0
}

function newestFirst(a: RunRecord, b: RunRecord): number {
  return a.id < b.id ? 1 : -1
}
