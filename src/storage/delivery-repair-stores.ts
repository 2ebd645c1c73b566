// What the product asks of a storage engine to send deliveries again, and to clear them away; a part of storage.ts.
import type { ResendJob } from '../model.ts'
import type { WorkName, WorkStore } from './storage.ts'

/** Why a delivery cannot be sent again now, or ever. */
export type ResendRefusal =
  'missing' | 'resending' | 'leased' | 'payload_gone' | 'executable_deleted' | 'endpoint_deleted'

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
  /** When others ended, with which the body of a message counts from now on. */
  heirsEndedAtMs: readonly number[]
}

/** What goes of ended deliveries. Steps are small; each tells how many it did, and 0 at the end. */
export interface DeliveryRetention {
  /** When the first ended, at that time or later, whose payload is kept; or the first message was made that nobody is sent. */
  oldestKept(fromMs: number): Promise<number | undefined>
  /** Of those that ended from one time on and before another, messages that nobody is sent as they were made. */
  keptBytes(fromMs: number, beforeMs: number): Promise<number>
  /** What those send that ended before, and the bodies that they were answered, the oldest first. */
  dropPayloads(endedBeforeMs: number): Promise<DroppedPayloads>
  /** Bodies of messages that were made before and that nobody is sent, the oldest first. */
  dropUnsent(madeBeforeMs: number): Promise<number>
  /** Deletes messages that were made before and that nobody is sent; others go with the last of their deliveries. */
  deleteUnsent(madeBeforeMs: number): Promise<number>
  /** Deletes those that ended before, and whose payloads are dropped. */
  deleteRows(endedBeforeMs: number): Promise<number>
  /** Of lanes after that one; the last that was looked at, undefined at the end. */
  deleteIdleLanes(work: WorkName, after: string, nowMs: number): Promise<string | undefined>
}
