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
}

/** What is committed together: the event, what names it from now on, and what it sets going. */
export interface NewAccepted {
  event: NewSourceEvent
  /** None: it is not told from others. */
  keys: readonly string[]
  keysExpireAtMs: number
  /** Its sender waits for its run. */
  waited: boolean
  /** Whatever came before: its owner asks for it. Keys of what was not done name it from now on. */
  replay: boolean
  run?: { record: RunRecord; request: QueuedRequest; options: AddOptions } | undefined
  message?: NewMessage | undefined
}

/**
 * What the event that a key names came to: it is done with; its sender waits for it; or its run failed while its sender
 * waited, so that it is to be done again, and published no second time where it has a message.
 */
export type Standing =
  { is: 'done' | 'open'; of: string } | { is: 'failed'; messageId: string | null }

/**
 * contended: somebody else is accepting it in this moment. gone: its source is, or is disabled.
 */
export type Acceptance =
  | { outcome: 'accepted'; event: SourceEvent; published: Published | undefined }
  | { outcome: 'duplicate'; of: string }
  | { outcome: 'in_flight' | 'contended' | 'gone' }
  | { outcome: PublishRefusal }

/** Of one source. */
export interface SourceEventBounds {
  /** Newest events of each verdict. */
  keep: number
  /** Of the bodies of what was accepted, and as much of all others. */
  bytes: number
  /** Keys of events; they are not looked at where it is absent. */
  keys?: number
}

export interface SourceEventStore {
  /** Of the event that any of the keys names, the one that is furthest; undefined where none does. */
  standing(sourceId: string, keys: readonly string[], nowMs: number): Promise<Standing | undefined>
  /** Nothing is stored but where it is accepted. @throws AppError DURABLE_RUNS_FULL */
  accept(accepted: NewAccepted): Promise<Acceptance>
  /** Writes what came of other requests; leaves out those of sources that are gone. */
  note(events: readonly NewSourceEvent[]): Promise<void>
  /** With the size of what is kept of its body. */
  get(sourceId: string, id: string): Promise<{ event: SourceEvent; keptBytes: number } | undefined>
  /** What is kept of the request of an event. */
  content(id: string): Promise<{ request: string | null; body: Buffer | null }>
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
