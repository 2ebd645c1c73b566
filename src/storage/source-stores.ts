// What the product asks of a storage engine for sources, and what they get; a part of storage.ts.
import type { QueuedRequest, RunRecord, Source, SourceEvent, Verdict } from '../model.ts'
import type { AddOptions } from './durable-run-stores.ts'
import type { NewMessage, Published, PublishRefusal } from './event-stores.ts'

/** What an owner says of a source. */
export type SourceFields = Omit<Source, 'id' | 'tenant' | 'createdAtMs' | 'updatedAtMs'>

export interface SourceStore {
  /** False, and nothing is stored, where the tenant has `max`. */
  add(source: Source, max: number): Promise<boolean>
  get(id: string): Promise<Source | undefined>
  /** Newest first; `before` is an id. */
  list(
    tenant: string,
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: Source[]; next: string | null }>
  /** False, and nothing is changed, where it was changed since `changedAtMs`, or is gone. */
  update(
    id: string,
    fields: SourceFields,
    times: { changedAtMs: number; nowMs: number },
  ): Promise<boolean>
  /** With its history, in small steps; it answers nobody from the first on. False when there was none. */
  remove(id: string): Promise<boolean>
}

/** An event as it is written. */
export interface NewSourceEvent extends SourceEvent {
  /** JSON: what the function may see of the request; null where it was not verified. */
  request: string | null
  /** As it came; null likewise. */
  body: Buffer | null
  /** Its sender waits for its run. */
  waited: boolean
}

/** What is committed together: the event, what names it from now on, and what it sets going. */
export interface NewAccepted {
  event: NewSourceEvent
  /** None: it is not told from others. */
  keys: readonly string[]
  keysExpireAtMs: number
  run?: { record: RunRecord; request: QueuedRequest; options: AddOptions } | undefined
  message?: NewMessage | undefined
}

/**
 * duplicate: a key names an event that came of itself already, and which, where that is known still. in_flight: its sender
 * waits for it. One whose run failed while its sender waited is none: it is done again, and published no second time.
 */
export type Acceptance =
  | { outcome: 'accepted'; event: SourceEvent; published: Published | undefined }
  | { outcome: 'duplicate'; of: string }
  | { outcome: 'in_flight' }
  | { outcome: PublishRefusal }

/** Of one source. */
export interface SourceEventBounds {
  /** Newest events of each verdict. */
  keep: number
  /** Of bodies together. */
  bytes: number
  /** Keys of events; they are not looked at where it is absent. */
  keys?: number
}

export interface SourceEventStore {
  /** Nothing is stored but where it is accepted. @throws AppError DURABLE_RUNS_FULL */
  accept(accepted: NewAccepted): Promise<Acceptance>
  /** Writes what came of other requests; leaves out those of sources that are gone. */
  note(events: readonly NewSourceEvent[]): Promise<void>
  get(
    sourceId: string,
    id: string,
  ): Promise<{ event: SourceEvent; request: string | null; body: Buffer | null } | undefined>
  /** Newest first; `before` is an id. Bodies are not loaded. */
  list(
    sourceId: string,
    filter: { verdict?: Verdict | undefined },
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: SourceEvent[]; next: string | null }>
  /** What is past the bounds goes, the oldest first and in small steps. */
  prune(sourceId: string, bounds: SourceEventBounds): Promise<void>
  /** Deletes keys that have expired, at most `limit` a call; tells how many. */
  sweepKeys(nowMs: number, limit: number): Promise<number>
}
