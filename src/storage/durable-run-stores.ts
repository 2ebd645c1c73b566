// What the product asks of a storage engine for durable runs: their queue, and the keys that callers give them.
import type { AppError } from '../errors.ts'
import type { FailedTry, QueuedRequest, RunAnswer, RunRecord } from '../model.ts'
import type { MadeDelivery, WorkStore } from './storage.ts'

/** A run that was accepted earlier, and that somebody runs now. */
export interface LeasedRun extends QueuedRequest {
  id: string
  leaseId: string
  /** As it was accepted: queued. */
  record: RunRecord
  /** It is to be ended, not run. */
  cancelRequested: boolean
  /** How often it was put back. */
  putBack: number
  /** Tries that failed. */
  failedTries: number
}

/** Where a queued run stands. */
export interface QueuePlace {
  /** Somebody runs it. */
  leased: boolean
  /** When it is due to be run; null while somebody runs it. */
  dueAtMs: number | null
  cancelRequested: boolean
}

/** Runs that wait in the database until somebody runs them. */
/** Names one run of a function. */
export interface KeyName {
  executableId: number
  functionName: string
  key: string
}

export interface NewKey extends KeyName {
  /** Of what is asked for, so that another request under the key is told from the same one. */
  fingerprint: string
  expiresAtMs: number
  /** Keys of the executable in all. */
  max: number
}

/** What a caller was answered. */
export type KeptAnswer = { answer: RunAnswer } | { error: AppError }

/** The run that a key names. */
export interface KeyedRun {
  runId: string
  fingerprint: string
  /** True: its caller waits for it. False: it was handed over. */
  waited: boolean
  /** Of one that is waited for: undefined while it is under way, `dropped` where there was no room for it. */
  answer: KeptAnswer | 'dropped' | undefined
}

export interface IdempotencyStore {
  find(name: KeyName, nowMs: number): Promise<KeyedRun | undefined>
  /** The key that names a run names nothing any more. */
  free(runId: string): Promise<void>
  /** Deletes keys that have expired, at most `limit` a call; tells how many. */
  sweep(nowMs: number, limit: number): Promise<number>
  /** Drops the oldest answers of an executable past `bytesMax`, at most `limit` a call; tells how many. */
  trim(executableId: number, bytesMax: number, limit: number): Promise<number>
}

export interface AddOptions {
  /** So many runs of the executable may wait. */
  max: number
  /** Given where it does not wait: whoever adds it runs it. */
  lease?: { leaseId: string; leasedUntilMs: number }
  key?: NewKey
}

/** What is committed with a run's end. */
export interface RunEnd {
  delivery: MadeDelivery | undefined
  /** Of a run that is waited for; undefined frees its key. Larger bodies than `bytesMax` are not kept. */
  kept?: { answer: KeptAnswer | undefined; bytesMax: number }
  perLane: number
}

export interface QueuedRunStore extends WorkStore<LeasedRun> {
  /**
   * The record and what it needs, together. Nothing is stored where too many wait already (`full`), and where
   * the key names a run: that is told.
   * @throws AppError IDEMPOTENCY_FULL
   */
  add(
    record: RunRecord,
    request: QueuedRequest,
    options: AddOptions,
  ): Promise<'added' | 'full' | KeyedRun>
  /** The record as it ended, with all else; false, and nothing is written, where the lease is lost. */
  end(leased: Pick<LeasedRun, 'id' | 'leaseId'>, record: RunRecord, end: RunEnd): Promise<boolean>
  /** Writes a try that failed, and lets go of the run until it is due again; nothing where the lease is lost. */
  tryLater(
    leased: Pick<LeasedRun, 'id' | 'leaseId' | 'record'>,
    failed: FailedTry,
    dueAtMs: number,
    perLane: number,
  ): Promise<void>
  /** Oldest first. */
  failedTries(id: string): Promise<FailedTry[]>
  /** Lets go of one that could not be run now. */
  putBack(
    leased: Pick<LeasedRun, 'id' | 'leaseId' | 'record'>,
    dueAtMs: number,
    perLane: number,
  ): Promise<void>
  /**
   * Ends one that nobody runs yet (`canceled`), or asks whoever runs it to end it (`requested`); `none` where
   * there is none.
   */
  cancel(id: string, nowMs: number): Promise<'canceled' | 'requested' | 'none'>
  /** What the queue tells of one; undefined where it is not there, or no more. */
  place(id: string): Promise<QueuePlace | undefined>
}
