// What the product asks of a storage engine for events: their types, who receives them, and what was published; a
// part of storage.ts.
import type { BodyStyle } from '../body-style.ts'
import type {
  Endpoint,
  EndpointStats,
  EndpointSettings,
  EventType,
  Message,
  RequestSpec,
  RetryPolicy,
} from '../model.ts'
import type { NewSigningSecret } from './storage.ts'

export interface EventTypeStore {
  /** What was there already, or `full` where the tenant has `max`; then nothing is stored. */
  add(type: EventType, max: number): Promise<'added' | 'exists' | 'full'>
  get(tenant: string, name: string): Promise<EventType | undefined>
  /** False, and nothing is changed, where it is of another revision than `revision`, or is gone. */
  update(type: EventType, revision: string): Promise<boolean>
  /** By name; `after` is a name. */
  list(
    tenant: string,
    page: { limit: number; after?: string | undefined },
  ): Promise<{ items: EventType[]; next: string | null }>
  /** False when there was none. */
  remove(tenant: string, name: string): Promise<boolean>
}

/** What an owner says of an endpoint, as it is stored. */
export interface EndpointFields {
  description: string
  eventTypes: readonly string[]
  spec: RequestSpec | null
  settings: EndpointSettings
  /** Origin of the spec, or what stands for its function: the lane of its deliveries. */
  target: string
  /** Of deliveries made from now on. */
  retry: RetryPolicy
  enabled: boolean
}

export interface NewEndpoint extends EndpointFields {
  id: string
  tenant: string
  createdAtMs: number
  secret: NewSigningSecret
}

export interface EndpointStore {
  /** False, and nothing is stored, where the tenant has `max`. */
  add(endpoint: NewEndpoint, max: number): Promise<boolean>
  get(id: string): Promise<Endpoint | undefined>
  /** Newest first; `before` is an id. */
  list(
    tenant: string,
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: Endpoint[]; next: string | null }>
  /**
   * Replaces what the owner says. Deliveries that wait go where it points then.
   * False, and nothing is changed, where it was changed since `changedAtMs`, or is gone.
   */
  update(
    id: string,
    fields: EndpointFields,
    times: { changedAtMs: number; nowMs: number },
  ): Promise<boolean>
  /**
   * Adds a secret; every other ends at `previousUntilMs` or before, and what ended by `nowMs` is deleted.
   * @throws AppError NOT_FOUND without such an endpoint; CONFLICT, and nothing is changed, where more than
   *   `previousMax` others would be left
   */
  rotate(
    id: string,
    made: NewSigningSecret,
    bounds: { nowMs: number; previousUntilMs: number; previousMax: number },
  ): Promise<void>
  /** Has what waits for it wait as paused, where it is disabled; in small steps. */
  pause(id: string): Promise<void>
  /**
   * Has what is paused go on, where it is enabled, the oldest first and in small steps, and lines that are parked; tells how
   * many were paused.
   */
  resume(id: string, nowMs: number): Promise<number>
  /** Deliveries that are paused, counted up to `most`. */
  countPaused(id: string, most: number): Promise<number>
  /** With the hours from that in which `fromMs` is. */
  stats(id: string, fromMs: number): Promise<EndpointStats>
  /** Deletes some hours that began before, of all endpoints; tells how many. */
  pruneHours(beforeMs: number): Promise<number>
  /** With its secrets and its statistics; false when there was none. Its deliveries stay. */
  remove(id: string, nowMs: number): Promise<boolean>
}

/** Kept, and to be sent or not, since its endpoint was disabled or points elsewhere by now; or nothing was kept. */
export type KeptOutput = 'kept' | 'endpoint_changed' | 'lease_lost'

/** What was made of a message for one delivery. */
export interface MadeOutput {
  body: Buffer
  contentType: string
  /** True: it is the data of a CloudEvent, whose attributes go along as headers. */
  isEventData?: boolean
}

/** A part of DeliveryStore: deliveries that are made ready before they are sent. */
export interface PreparedStore {
  /** Every attempt sends this from now on; false, and nothing is kept, where the lease is lost. */
  prepared(leased: Held, output: MadeOutput): Promise<KeptOutput>
  /** Every attempt sends its message as it is from now on; false where the lease is lost. */
  preparedAsIs(leased: Held, style: BodyStyle, sizeBytes: number): Promise<KeptOutput>
  /** It is not sent; one that was to be sent again stays as it was. */
  discard(
    leased: HeldLane,
    reason: string,
    bounds: { nowMs: number; perLane: number },
  ): Promise<void>
  /** It is tried then, which is no attempt. */
  putBack(leased: HeldLane, dueAtMs: number, perLane: number): Promise<void>
}

interface Held {
  id: string
  leaseId: string
}

interface HeldLane extends Held {
  /** Where it waited. */
  lane: string
}

export interface NewMessage extends Omit<
  Message,
  'deliveries' | 'sizeBytes' | 'expungedAtMs' | 'fetched'
> {
  /** Of its type, as its publisher knew it; null: it knew none. */
  typeRevision: string | null
  /** What is sent in place of its payload is fetched by this before. */
  fetch: RequestSpec | null
  /** Of what is published, so that another message by the same id is told from the same one. */
  fingerprint: string
  /** What is sent. */
  body: Buffer
  contentType: string
  hops: number
  /** Whether its payload can be given a token. */
  hasTokenFields: boolean
  /** When it is sent: its id's time may be later than the clock's, where that was set back. */
  dueAtMs: number
}

/** A message that was published now, or by the same id before, with its fingerprint. */
export interface Published {
  message: Message
  repeated: boolean
  fingerprint: string
}

/**
 * The tenant has no such type, or it is of another revision than the message's; an endpoint that wants it sends a token,
 * which the payload has not the fields for.
 */
export type PublishRefusal = 'unknown_type' | 'type_changed' | 'token_fields_missing'

export type ToFetch = { spec: RequestSpec } | { body: Buffer | undefined }

export interface FetchStore {
  /**
   * By what a message's payload is fetched, or what is sent, where it has been fetched already.
   * @throws AppError INTERNAL where there is neither, or it cannot be opened
   */
  toFetch(id: string): Promise<ToFetch>
  /** What is sent from now on: this, or what was fetched first. @throws AppError INTERNAL where the message is gone */
  keepFetched(id: string, body: Buffer, nowMs: number): Promise<Buffer | undefined>
}

export interface MessageStore extends FetchStore {
  /** Message and deliveries are one; nothing is stored where it is refused. */
  publish(message: NewMessage): Promise<Published | PublishRefusal>
  /**
   * The first of several, at least one, as a unit in their order: as many as other writers can wait for. Each is its
   * own: one that is refused stores nothing, and harms no other. One whose type has changed is the last, and may be
   * given again.
   */
  publishSome(messages: readonly NewMessage[]): Promise<(Published | PublishRefusal)[]>
  /** What was published by its publisher's own name for it. */
  findByCaller(tenant: string, callerId: string): Promise<Published | undefined>
  /** With what is sent; null where that is kept no more. */
  get(id: string): Promise<{ message: Message; body: Buffer | null } | undefined>
  /** Marks it: nothing of its payload is sent or shown from now on. False where the tenant has no such message. */
  expunge(tenant: string, id: string, nowMs: number): Promise<boolean>
  /** The body goes last. */
  endExpunging(id: string): Promise<void>
  /** Messages that are marked, and that is not ended for. */
  expunging(limit: number): Promise<string[]>
  /** Newest first; `before` is an id. */
  list(
    tenant: string,
    filter: { type?: string | undefined },
    page: { limit: number; before?: string | undefined },
  ): Promise<{ items: Message[]; next: string | null }>
}
