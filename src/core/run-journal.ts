// Keeps run records: those under way in memory, ended ones written in batches off the call path.
// A run can be read here the moment its answer leaves, and in storage within RUN_FLUSH_MS.
import type { Config } from '../config.ts'
import type { RunRecord } from '../model.ts'
import type { RunPage, Storage } from '../storage/storage.ts'

/** Ended records that wait for a storage that is down; past it the oldest are dropped and counted. */
const PENDING_RECORDS_MAX = 10_000
/** An executable's old runs are looked for after this many new ones. */
const PRUNE_EVERY_RUNS = 100
const WEEK_MS = 7 * 24 * 60 * 60 * 1000

export interface RunJournalDeps {
  storage: Storage
  config: Config
  now: () => number
  onError: (error: unknown, dropped: number) => void
}

export type RunJournal = ReturnType<typeof createRunJournal>

export function createRunJournal({ storage, config, now, onError }: RunJournalDeps) {
  const active = new Map<string, RunRecord>()
  let pending = new Map<string, RunRecord>()
  /** The batch being written; still readable here. */
  let writing = new Map<string, RunRecord>()
  let flushing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  const sincePrune = new Map<number, number>()

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    // One flush at a time; whoever asks waits for what was pending when they asked.
    flushing = flushing.then(writeBatch)
    return flushing
  }

  async function writeBatch(): Promise<void> {
    if (pending.size === 0) return
    writing = pending
    pending = new Map()
    try {
      await storage.runs.save([...writing.values()])
      await pruneAfter(writing.values())
    } catch (error) {
      pending = new Map([...writing, ...pending])
      const excess = Math.max(0, pending.size - PENDING_RECORDS_MAX)
      for (const id of [...pending.keys()].slice(0, excess)) pending.delete(id)
      onError(error, excess)
      schedule()
    } finally {
      writing = new Map()
    }
  }

  function schedule(): void {
    timer ??= setTimeout(() => void flush(), config.RUN_FLUSH_MS)
  }

  async function pruneAfter(records: Iterable<RunRecord>): Promise<void> {
    for (const { executableId } of records) {
      const runs = (sincePrune.get(executableId) ?? 0) + 1
      sincePrune.set(executableId, runs)
    }
    for (const [executableId, runs] of sincePrune) {
      if (runs < PRUNE_EVERY_RUNS) continue
      sincePrune.delete(executableId)
      await storage.runs.prune(executableId, {
        keep: config.RUNS_KEPT,
        keepFailed: config.FAILED_RUNS_KEPT,
        failedSinceMs: now() - WEEK_MS,
      })
    }
  }

  return {
    begin(record: RunRecord): void {
      active.set(record.id, record)
    },

    end(record: RunRecord): void {
      active.delete(record.id)
      pending.set(record.id, record)
      schedule()
    },

    async get(id: string): Promise<RunRecord | undefined> {
      return active.get(id) ?? pending.get(id) ?? writing.get(id) ?? storage.runs.get(id)
    },

    async list(executableId: number, page: { limit: number; before?: string }): Promise<RunPage> {
      await flush()
      return storage.runs.list(executableId, page)
    },

    async latest(executableId: number) {
      await flush()
      return storage.runs.latest(executableId)
    },

    activeCount: () => active.size,
    flush,

    async close(): Promise<void> {
      await flush()
      clearTimeout(timer)
    },
  }
}
