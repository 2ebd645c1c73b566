// The tables of events as Kysely sees them; a part of schema.ts.
import type { Generated } from 'kysely'
import { contentTypeOf } from '../body-style.ts'
import type { BodyStyle } from '../body-style.ts'
import type { DisabledReason } from '../model.ts'
import type { OrderPlace } from './ordered-deliveries.ts'
import type { Sealed } from './schema.ts'

/** A message as it is, its payload alone, or either as a CloudEvent. */
type SendsAsIs = 'envelope' | 'payload' | 'cloudevents' | 'cloudevents_binary'

/**
 * What a delivery of a message sends: that, or what was made of it, as which the attributes of a CloudEvent may go along
 * (event_output); unprepared: that is still to be made; unfetched: of a payload that has to be fetched before.
 */
export type EventSends = SendsAsIs | 'output' | 'event_output' | 'unprepared' | 'unfetched'

/** Of deliveries that send their message by its body style alone. */
export function sentAsIs(style: BodyStyle): { sends: SendsAsIs; content_type: string } {
  return { sends: style === 'raw' ? 'payload' : style, content_type: contentTypeOf(style) }
}

/** Undefined where something else is sent than the message. */
export function styleOf(sends: EventSends | null): BodyStyle | undefined {
  switch (sends) {
    case 'payload':
      return 'raw'
    case 'envelope':
    case 'cloudevents':
    case 'cloudevents_binary':
      return sends
    case 'output':
    case 'event_output':
    case 'unprepared':
    case 'unfetched':
    case null:
      return undefined
  }
}

/** Of deliveries to ordered endpoints (ordered-deliveries.ts). */
export interface OrderColumns {
  /** Name of its line; null: it stands in none. */
  order_key: Generated<string | null>
  /** Of the one that the others wait for; one for each line. */
  order_place: Generated<OrderPlace | null>
  /** Of those that wait, the lowest is next, and the lower id of the same. */
  order_seat: Generated<number | null>
  /** Of those that wait, when they are due at the earliest. */
  order_due_at_ms: Generated<number | null>
}

export interface EventTypesTable {
  tenant: string
  name: string
  description: string
  created_at_ms: number
  /** JSON Schema. */
  schema: Generated<string | null>
  /** JSON. */
  example: Generated<string | null>
  /** off, warn or reject. */
  enforcement: Generated<string>
  /** JSON: a request spec with placeholders. */
  fetch: Generated<Sealed | null>
  /** Another after every change; empty: never changed since there are any. */
  revision: Generated<string>
}

export interface EndpointsTable {
  id: string
  tenant: string
  description: string
  /** JSON: patterns. */
  event_types: string
  /** Origin of the request spec. */
  target: string
  /** Where its deliveries wait: its target, or a lane of its own (lane-names.ts). */
  lane: string
  /**
   * Of an endpoint with a rate limit: when its bucket of tokens is full again, in microseconds since 1970; null, or of
   * the past: it is full.
   */
  bucket_full_at_us: Generated<number | null>
  /** JSON: the request spec whole. */
  spec: Sealed
  /** JSON. */
  retry: string
  /** JSON: what of EndpointSettings is not the default. */
  settings: Generated<string>
  enabled: number
  /** These two are null where it is enabled. */
  disabled_reason: Generated<DisabledReason | null>
  disabled_at_ms: Generated<number | null>
  failing_since_ms: Generated<number | null>
  created_at_ms: number
  updated_at_ms: number
}

/** A row for each entry of `event_types`. */
export interface EndpointPatternsTable {
  tenant: string
  pattern: string
  endpoint_id: string
}

/** What is sent to an endpoint is signed with; at most a few of each. */
export interface EndpointSecretsTable {
  id: string
  endpoint_id: string
  /** Of HMAC-SHA256. */
  secret: Sealed
  /** Of ed25519, in PKCS #8 (DER); null where the owner asked for none. */
  private_key: Generated<Sealed | null>
  created_at_ms: number
  /** Null until another replaces it. */
  expires_at_ms: number | null
}

/** What came of what an endpoint was sent, by the hour and, as hour -1, in all. */
export interface EndpointCountersTable {
  endpoint_id: string
  /** When it began. */
  hour_ms: number
  succeeded: number
  failed_attempts: number
  exhausted: number
  discarded: number
  /** Of all attempts together. */
  latency_us: number
  last_success_ms: number | null
  last_failure_ms: number | null
}

export interface MessagesTable {
  id: string
  tenant: string
  event_type: string
  /** The publisher's own name for it, one of its tenant's. */
  caller_id: string | null
  /** Hex sha256 of what was published. */
  fingerprint: string
  /** What is sent, once for all its deliveries; null once nothing can be sent any more. */
  body: Buffer | null
  size_bytes: number
  deliveries: number
  deliver_at_ms: number | null
  created_at_ms: number
  /** Of the body, where no delivery is there that it counts with; null once it is kept no more. */
  kept_bytes: number | null
}

/** Messages of whose payload nothing is to be kept. */
export interface ExpungedMessagesTable {
  id: string
  at_ms: number
  /** 0: some of it may be there. */
  finished: number
}

/** Of few messages; apart, since their bodies stand before whatever is added to their rows. */
export interface MessageExtrasTable {
  id: string
  /** JSON: sentences. */
  warnings: string
  /** JSON: by this its payload is fetched; null: it is not, or has been. */
  fetch: Sealed | null
  /** Null: its payload is sent as it was published; 0: it is not fetched yet. */
  fetched_at_ms: number | null
}

export interface EventsSchema {
  event_types: EventTypesTable
  endpoints: EndpointsTable
  endpoint_patterns: EndpointPatternsTable
  endpoint_secrets: EndpointSecretsTable
  endpoint_counters: EndpointCountersTable
  messages: MessagesTable
  expunged_messages: ExpungedMessagesTable
  message_extras: MessageExtrasTable
}
