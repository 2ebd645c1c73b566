// The tables of sources as Kysely sees them; a part of schema.ts.
import type { Sealed } from './schema.ts'

export interface SourcesTable {
  id: string
  tenant: string
  description: string
  enabled: number
  /** JSON: verification and challenge. */
  verification: Sealed
  /** JSON: what else its owner says of it. */
  settings: string
  created_at_ms: number
  updated_at_ms: number
}

/** What a source got: the newest of each verdict. */
export interface SourceEventsTable {
  id: string
  source_id: string
  received_at_ms: number
  verdict: string
  /** JSON. */
  reason: string | null
  event_id: string | null
  duplicate_of: string | null
  replay_of: string | null
  run_id: string | null
  message_id: string | null
  content_type: string | null
  size_bytes: number
  /** Of the body, as far as it is there. */
  kept_bytes: number
  /** JSON. */
  request: Sealed | null
  /** Up to HOOK_BYTES: not selected in lists. */
  body: Buffer | null
}

/** What tells an event from others: the sender's id of it, or what was signed. */
export interface SourceKeysTable {
  source_id: string
  key: string
  /** The event that has it; its row may be gone. */
  event_id: string
  expires_at_ms: number
  /** Of one whose sender waits, until its run has succeeded: without a queued run of that id it has not. */
  run_id: string | null
  /** That was published of it. */
  message_id: string | null
}

export interface SourcesSchema {
  sources: SourcesTable
  source_events: SourceEventsTable
  source_keys: SourceKeysTable
}
