// Plain types of events; a part of model.ts.
import type { BodyStyle } from './body-style.ts'
import type { Ordered } from './ordered-line.ts'
import type { PayloadFilter } from './payload-filter.ts'
import type { RequestSpec, RetryPolicy, SigningSecret } from './model.ts'

/** The message that a delivery carries, and where it goes. */
export interface EventOfDelivery {
  tenant: string
  messageId: string
  endpointId: string
  type: string
  /** Null: its endpoint was not ordered when it was published. */
  line: PlaceInLine | null
}

/** Where a delivery stands among those of its endpoint and key. */
export interface PlaceInLine {
  /** Name of the line: what its payload has at the endpoint's key, as JSON; `*` where all are one line. */
  key: string
  /**
   * It waits for those before it, has its turn, or has failed and is waited for: until it arrives after all (`blocks`),
   * or is let go. Null: the line goes on without it.
   */
  place: 'waits' | 'turn' | 'blocks' | 'parks' | null
}

/** A kind of event that a tenant publishes. */
export interface EventType {
  tenant: string
  /** Words with dots between them. */
  name: string
  description: string
  /** JSON: what its payloads should be, by JSON Schema. */
  schema: string | null
  /** JSON: a payload as they are; it satisfies the schema. */
  example: string | null
  enforcement: Enforcement
  /** By which the worker fetches what is sent; its path, headers and body hold placeholders. */
  fetch: RequestSpec | null
  /** Another after every change. */
  revision: string
  createdAtMs: number
}

/** What lets an endpoint name an executable: a key that was shown then, the operator's leave, or that it was open. */
export type Grant =
  | { by: 'open' }
  /** Hex sha256 of the key; of `token` that of API_TOKEN. */
  | { by: 'token' | 'admin' | 'usage'; keyHash: string }

/** A function that an endpoint names. */
export interface FunctionRef {
  executableId: number
  functionName: string
  grant: Grant
}
/** What becomes of a message whose payload does not satisfy its type's schema. */
export type Enforcement = 'off' | 'warn' | 'reject'

/** What an owner says of an endpoint besides where it is and what it wants; kept as JSON. */
export interface EndpointSettings {
  bodyStyle: BodyStyle
  /** By headers alone, or by a `token` in the payload besides. */
  signatureStyle: 'standard' | 'token'
  /** Null: every payload. */
  payloadFilter: PayloadFilter | null
  /** Tells of each message whether it is wanted. */
  filter: FunctionRef | null
  /** Makes of each message what is sent. */
  transform: FunctionRef | null
  /** Null: what is published is sent as soon as may be, in whatever order. */
  ordered: Ordered | null
  /** What is called in place of a URL; with `callback` its result goes on to where it or its executable says. */
  target: (FunctionRef & { callback: boolean }) | null
  /** How long after it was published, or after its time, what it is sent is due. */
  delayMs: number
  /** Null: as many as its target is sent. */
  rateLimit: RateLimit | null
  /** Attempts under way at once; null: as many as at any target. */
  maxInFlight: number | null
}

/** A bucket that holds `attempts` tokens, and gets as many in `perMs`, evenly; an attempt takes one. */
export interface RateLimit {
  attempts: number
  perMs: number
}

/** Its owner said so; it answered 410; every attempt failed for ENDPOINT_DISABLED_AFTER_MS. */
export type DisabledReason = 'owner' | 'gone' | 'failing'

/** A tenant's registered receiver. */
export interface Endpoint {
  /** UUID v7. */
  id: string
  tenant: string
  description: string
  /** Patterns of the event types that it receives. */
  eventTypes: readonly string[]
  /** Where and how it is called; address and headers may be secret. Null: it is a function. */
  spec: RequestSpec | null
  retry: RetryPolicy
  settings: EndpointSettings
  /** False: it is sent nothing, and gets nothing of what is published from now on. */
  enabled: boolean
  /** Null: it is enabled. */
  disabled: { reason: DisabledReason; atMs: number } | null
  /** When the first attempt failed of those since the last that arrived; null: that was the last. */
  failingSinceMs: number | null
  /** Newest first, some perhaps expired. */
  secrets: readonly SigningSecret[]
  createdAtMs: number
  updatedAtMs: number
}

/** What came of what an endpoint was sent. */
export interface EndpointCounts {
  /** Attempts that it took, and others. */
  succeeded: number
  failedAttempts: number
  /** Deliveries that ended so. */
  exhausted: number
  discarded: number
  /** How long all attempts took together. */
  latencyUs: number
}

export interface EndpointStats {
  totals: EndpointCounts
  lastSuccessAtMs: number | null
  lastFailureAtMs: number | null
  /** Newest first. */
  hours: readonly (EndpointCounts & { fromMs: number })[]
}

/** An event as it was published, without its body. */
export interface Message {
  /** UUID v7; `webhook-id` of all that carries it. */
  id: string
  tenant: string
  type: string
  /** The publisher's own name for it. */
  callerId: string | null
  /** Of the body that is sent. */
  sizeBytes: number
  /** Deliveries that were made of it. */
  deliveries: number
  /** Null: it was due at once. */
  deliverAtMs: number | null
  /** When its owner had its payload deleted. */
  expungedAtMs: number | null
  /** What its type's schema has against its payload, where that is told and no more. */
  warnings: readonly string[]
  /** Of its payload: not at all, not yet, or when. */
  fetched: 'never' | 'waiting' | number
  createdAtMs: number
}
