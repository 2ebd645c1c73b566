// The tables of request bins as Kysely sees them; a part of schema.ts.
import type { Sealed } from './schema.ts'

export interface BinsTable {
  id: string
  tenant: string
  created_at_ms: number
  expires_at_ms: number
}

/** What was sent to a bin: the newest. */
export interface BinRequestsTable {
  id: string
  bin_id: string
  received_at_ms: number
  method: string
  /** Of the body as it came. */
  size_bytes: number
  /** JSON: path, query and headers. */
  request: Sealed
  /** As much of it as is kept. */
  body: Buffer
}

export interface BinsSchema {
  bins: BinsTable
  bin_requests: BinRequestsTable
}
