// What the product asks of a storage engine for run records; a part of storage.ts.
import type { RunRecord, RunSlot, RunStatus, Usage } from '../model.ts'

/** Of lists of runs; what is absent is not asked for. */
export interface RunFilter {
  executableId?: number | undefined
  status?: RunStatus | undefined
  errorCode?: string | undefined
}

export interface RunPage {
  items: RunRecord[]
  /** Pass as `before` for the next page; null at the end. */
  next: string | null
}

/** What stays of an executable's ended runs; one that has not ended always stays, whole. */
export interface RunBounds {
  /** The newest records. */
  keep: number
  /** Of older ones the newest failures, as far as they ended at `failedSinceMs` or later. */
  keepFailed: number
  failedSinceMs: number
  /**
   * Results of the newest runs, up to this many bytes in all; past it a record stays without its
   * result. A result that is larger by itself goes, and takes no room from others.
   */
  keepResultBytes: number
  /** Slots that began before. */
  slotsSinceMs: number
}

/** What runs add to the counters of their executables. */
export interface RunTally {
  /** By executable. */
  used: ReadonlyMap<number, Usage>
  slots: ReadonlyMap<string, RunSlot>
}

export interface RunFigures {
  /** Those in which something ended, in no order. */
  slots: RunSlot[]
  /** From begin to end of a run; null where there are none. */
  p95Ms: number | null
}

export interface RunStore {
  /**
   * Inserts or replaces whole records and adds to the counters of executables, in one transaction; leaves
   * out what belongs to deleted executables.
   */
  save(records: readonly RunRecord[], tally?: RunTally): Promise<void>
  get(id: string): Promise<RunRecord | undefined>
  /** Which of these have ended. */
  ended(ids: readonly string[]): Promise<string[]>
  /** Newest first; ids are time-ordered, so `before` is an id. Logs and results are not loaded. */
  list(executableId: number, options: { limit: number; before?: string }): Promise<RunPage>
  /**
   * As `list`, of all executables and by filter. At most `scan` records are looked at, so that a page may have fewer
   * than `limit` with more to follow.
   */
  newest(
    filter: RunFilter,
    page: { limit: number; before?: string | undefined; scan: number },
  ): Promise<RunPage>
  /** The newest record and its place in the order of saving, for the original's log route. */
  latest(executableId: number): Promise<{ record: RunRecord; sequence: number } | undefined>
  /** Of slots that began at `sinceMs` or later; `p95Ms` is that of the newest `max` runs that began then and have ended. */
  figures(executableId: number, of: { sinceMs: number; max: number }): Promise<RunFigures>
  /** What has been added up; undefined before anything was. */
  usage(executableId: number): Promise<Usage | undefined>
  /** In small steps; tells how many records went. */
  prune(executableId: number, bounds: RunBounds): Promise<number>
}
