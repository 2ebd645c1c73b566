// What the product asks of a storage engine to send deliveries again, and to clear them away; a part of storage.ts.
import type { ResendJob } from '../model.ts'
import type { WorkName, WorkStore } from './storage.ts'

/** Why a delivery cannot be sent again now, or ever. */
export type ResendRefusal =
  | 'missing'
  | 'resending'
  | 'leased'
  | 'payload_gone'
  | 'in_line'
  | 'executable_deleted'
  | 'endpoint_deleted'

export interface LeasedResendJob extends ResendJob {
  leaseId: string
}

export interface ResendJobStore extends WorkStore<LeasedResendJob> {
  /** False, and nothing is stored, where `max` of its executable, or of all, run already. */
  add(job: ResendJob, max: number): Promise<boolean>
  /**
   * Has the next deliveries sent again, and moves the cursor; tells how many will be sent. Nothing is done where
   * the lease is lost.
   */
  step(
    leased: Pick<LeasedResendJob, 'id' | 'leaseId'>,
    bounds: {
      nowMs: number
      /** Deliveries looked at. */
      rows: number
      /** Deliveries of the job that may be pending, and when to look again where so many are. */
      window: number
      fullPauseMs: number
      perLane: number
    },
  ): Promise<number>
  get(id: string): Promise<ResendJob | undefined>
  /** Newest first. */
  list(
    of: { executableId?: number | undefined; tenant?: string | undefined },
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: ResendJob[]; next: string | null }>
  /** Also what it asked for and is not under way; false when it had ended. */
  cancel(id: string, nowMs: number): Promise<boolean>
  /** Deletes what ended before, at most `limit` a call; tells how many. */
  prune(endedBeforeMs: number, limit: number): Promise<number>
}

export interface DroppedPayloads {
  dropped: number
  /** Whose bytes are others now: when deliveries ended, and when messages were made. */
  endedAtMs: readonly number[]
  madeAtMs: readonly number[]
}

/** What bytes count with: deliveries by when they ended, or, where none keeps its body, messages by when they were made. */
export type KeptBy = 'deliveries' | 'messages'

/** What goes of ended deliveries. Steps are small; each tells how many it did, and 0 at the end. */
export interface DeliveryRetention {
  /** The time of the first, that time or later. */
  oldestKept(by: KeptBy, fromMs: number): Promise<number | undefined>
  /** Of one time and later, and before another. */
  keptBytes(by: KeptBy, fromMs: number, beforeMs: number): Promise<number>
  /**
   * What those send that have ended, and the bodies that they were answered, the oldest first: of what ended before the
   * one time, or carries a message that was made before the other.
   */
  dropPayloads(before: { endedMs: number; madeMs: number }): Promise<DroppedPayloads>
  /** The same of all that ended of one message, and what is asked to be sent again of it. */
  dropPayloadsOf(messageId: string): Promise<number>
  /** Bodies of messages that were made before, and count with no delivery, the oldest first. */
  dropUnsent(madeBeforeMs: number): Promise<number>
  /** Deletes messages that were made before and that nobody is sent; others go with the last of their deliveries. */
  deleteUnsent(madeBeforeMs: number): Promise<number>
  /** Deletes those that ended before, and whose payloads are dropped. */
  deleteRows(endedBeforeMs: number): Promise<number>
  /** Of lanes after that one; the last that was looked at, undefined at the end. */
  deleteIdleLanes(work: WorkName, after: string, nowMs: number): Promise<string | undefined>
}
