// Plain types of sources, the addresses that other services call; a part of model.ts.
import type { FunctionRef } from './event-model.ts'

export const PLACES = ['header', 'query', 'json'] as const

/** Where in a request something is: a header, a query parameter, or a path of names with dots between them. */
export interface RequestPlace {
  in: (typeof PLACES)[number]
  name: string
}

/** Schemes that sign a body; of these the first three sign a time too. */
export type SignedScheme = 'standard-webhooks' | 'stripe' | 'slack' | 'github' | 'shopify'

/** How a source knows its sender. Of several secrets any will do, so that one can take another's place. */
export type Verification =
  | { scheme: 'none' }
  /** In JSON it is a member of the body's object, which is cut out before anybody else sees it. */
  | ({ scheme: 'secret'; secrets: readonly string[] } & RequestPlace)
  | { scheme: 'basic'; username: string; secrets: readonly string[] }
  | { scheme: 'bearer'; secrets: readonly string[] }
  /** Null: the scheme signs no time. */
  | { scheme: SignedScheme; secrets: readonly string[]; toleranceMs: number | null }

/** What a sender asks before it sends anything; answered without running the function. */
export type Challenge =
  | { kind: 'slack' }
  | { kind: 'meta'; verifyToken: string }
  /** Origins that may send; `*` is any. */
  | { kind: 'cloudevents'; origins: readonly string[] }

/** auto: by the Content-Type. raw: whatever it is, as it came. */
export const FORMATS = ['auto', 'json', 'form', 'xml', 'yaml', 'cloudevents', 'raw'] as const
export type SourceFormat = (typeof FORMATS)[number]

/** The function that a source calls: its answer goes to the sender, or 202 does, and it runs in the background. */
export interface SourceTarget extends FunctionRef {
  answer: 'result' | 'accepted'
}

/** The type that a source publishes as; read from a request, it stands behind the prefix. */
export type PublishAs = { type: string } | { typeFrom: RequestPlace; prefix: string }

/** An inbound address of a tenant, whose senders are verified. */
export interface Source {
  /** UUID v7 whose other bits are all random; the address holds it. */
  id: string
  tenant: string
  description: string
  /** False: it answers as if it were not there. */
  enabled: boolean
  verification: Verification
  challenge: Challenge | null
  format: SourceFormat
  /** Where the sender's own id of an event is; null: where the scheme has it, if it has one. */
  eventId: RequestPlace | null
  /** Either of these, or both, is there. */
  target: SourceTarget | null
  publish: PublishAs | null
  createdAtMs: number
  updatedAtMs: number
}

/** refused: for the reason that its code tells. */
export const VERDICTS = ['accepted', 'duplicate', 'challenge', 'refused'] as const
export type Verdict = (typeof VERDICTS)[number]

/** A request that a source got. */
export interface SourceEvent {
  /** UUID v7. */
  id: string
  sourceId: string
  receivedAtMs: number
  verdict: Verdict
  /** Of what was refused: an error code and a sentence for the source's owner. */
  reason: { code: string; message: string } | null
  /** The sender's own id. */
  eventId: string | null
  /** Of a duplicate: the event that was there before, where that is known still. */
  duplicateOf: string | null
  /** The event that was replayed. */
  replayOf: string | null
  runId: string | null
  messageId: string | null
  contentType: string | null
  sizeBytes: number
}
