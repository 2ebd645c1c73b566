// The tables as Kysely sees them. Times are integer milliseconds, booleans 0 or 1, JSON is text, bytes
// are blobs. A `Sealed` column holds what secrets.ts made of a text, bound to its table, column and row.
import type {
  ColumnDataType,
  ColumnDefinitionBuilder,
  Generated,
  GeneratedAlways,
  RawBuilder,
} from 'kysely'
import type { EventSends, EventsSchema, OrderColumns } from './events-schema.ts'
import type { BinsSchema } from './bins-schema.ts'
import type { SourcesSchema } from './sources-schema.ts'
import type { UsageSchema } from './usage-schema.ts'

/** A secret, encrypted; see secrets.ts. */
export type Sealed = Buffer

export interface MetaTable {
  key: string
  value: Buffer
}

export interface ExecutablesTable {
  id: Generated<number>
  description: string
  admin_key_hash: string
  usage_key_hash: string | null
  storage_key: string
  state: Sealed | null
  /** JSON; null until some are set. */
  variables: Sealed | null
  callback: Sealed | null
  embedded_callback: number
  types: string
  /** JSON: the limits that the owner set. */
  limits: string
  reuse: number
  metered: number
  active_version: number
  /** The last number given out, so that none is given out twice. */
  newest_version: number
  created_at_ms: number
}

export interface VersionsTable {
  executable_id: number
  number: number
  sha256: string
  size_bytes: number
  interface: string
  created_at_ms: number
  /** The module, up to MODULE_BYTES_MAX: selected alone, by readBinary. */
  wasm: Buffer
}

export interface RunsTable {
  /** The order of first saving. */
  sequence: Generated<number>
  id: string
  executable_id: number
  version: number
  function_name: string
  status: string
  error_code: string | null
  error_message: string | null
  usage_key_hash: string | null
  forwarded_to: string | null
  fetch_us: number | null
  queue_us: number | null
  instantiate_us: number | null
  run_us: number | null
  forward_us: number | null
  input_bytes: number
  output_bytes: number
  memory_bytes: number
  /** Null where the run was not metered. */
  fuel_used: number | null
  log_truncated: number
  created_at_ms: number
  ended_at_ms: number | null
  /** Up to LOG_BYTES_MAX: not selected in lists. */
  log: string
  result_type: string | null
  /** Up to OUTPUT_BYTES_MAX: not selected in lists. */
  result_bytes: Buffer | null
  /** The database keeps it: the size of `result_bytes`, null where there are none. */
  result_size_bytes: GeneratedAlways<number | null>
  /** JSON: what had it begin, and where its inputs came from; null where both are as of nearly every call. */
  origins: string | null
}

export interface EphemeralTable {
  key: string
  value: string
  size_bytes: number
  expires_at_ms: number
}

/** One row: what `ephemeral` holds in all, expired entries included until they are deleted. */
export interface EphemeralTotalsTable {
  entries: number
  bytes: number
}

export interface FunctionStorageTable {
  executable_id: number
  /** As the guest gave it: up to 32 bytes, not always text. */
  key: Buffer
  /** Up to STORE_BYTES_MAX: not selected in lists. */
  value: Sealed
  /** Of key and value, as they count against STORE_BYTES. */
  size_bytes: number
  updated_at_ms: number
}

/** How often what an executable's functions keep was changed; no row before the first change. */
export interface FunctionVersionsTable {
  executable_id: number
  version: number
}

/** One row: how often executables or tokens were changed, by which processes on PostgreSQL find what they missed. */
export interface ChangesTable {
  count: number
}

/** What every table of work has; work-queue.ts tells how they go together. */
export interface WorkColumns {
  id: string
  /** Whose work it is; null where it is nobody's in particular. */
  executable_id: number | null
  lane: string
  due_at_ms: number | null
  lease_id: string | null
  leased_until_ms: number | null
}

export interface LanesTable {
  /** Name of the table whose work it is. */
  work: string
  lane: string
  /** When something can be claimed; null while nothing waits. */
  due_at_ms: number | null
  /** Whose work is the next, as `executable_id` has it. */
  owner: number | null
  /** Nothing is claimed before; it is of the past, or null, where nothing holds the lane. */
  held_until_ms: Generated<number | null>
  /** How often in a row it was held; until it is 0 again, one item at a time is worked on. */
  held_count: Generated<number>
  /** 1: as much is under way as may be, or was when the lane was last looked at. */
  is_full: Generated<number>
}

/** A delivery's lane is its target, an origin, or its endpoint's own (lane-names.ts). */
export interface DeliveriesTable extends WorkColumns, OrderColumns {
  /** The run whose result it carries, or the message. */
  run_id: string
  /** Whose share of the attempts it takes: an executable's, or a tenant's (`shareOfTenant`), below zero. */
  executable_id: number
  /** These are set where it carries a message. */
  tenant: Generated<string | null>
  endpoint_id: Generated<string | null>
  event_type: Generated<string | null>
  /** The origin that it goes to, where its lane is its endpoint's own; null: the lane is the target. */
  own_target: Generated<string | null>
  /** Of its message; null: all of it, or it carries none. */
  sends: Generated<EventSends | null>
  /** Of the automatic chain, whatever is leased. */
  state: string
  reason: string | null
  tries: number
  /** JSON. */
  retry: string
  hops: number
  signed: number
  content_type: string
  size_bytes: number
  created_at_ms: number
  ended_at_ms: number | null
  /** Of the newest attempt. */
  last_status: number | null
  last_error_class: string | null
  /** Of payload and answers; null once they are gone. */
  kept_bytes: number | null
  /** Of these, what counts with it of its message's body; null: nothing. */
  body_bytes: Generated<number | null>
  /** 1: the next attempt is one that somebody asked for, and `due_at_ms` and the lease are its own. */
  manual: Generated<number>
  /** Of a manual one: what `due_at_ms` is again when it has failed. */
  chain_due_at_ms: number | null
  /** The job that asked for it. */
  resend_job_id: string | null
}

export interface DeliveryPayloadsTable {
  delivery_id: string
  /** JSON: the request spec whole. */
  spec: Sealed
  /** Up to OUTPUT_BYTES_MAX: selected when it is to be sent. */
  body: Buffer
}

export interface AttemptsTable {
  id: string
  delivery_id: string
  began_at_ms: number
  duration_us: number
  /** These are null in rows of before they were kept. */
  request_method: string | null
  request_url: string | null
  /** JSON. */
  request_headers: string | null
  /** Address and port. */
  peer: string | null
  dns_us: number | null
  connect_us: number | null
  tls_us: number | null
  first_byte_us: number | null
  status: number | null
  error_class: string | null
  error_message: string | null
  /** JSON. */
  response_headers: string
  response_body: Buffer
  response_cut: Generated<number>
  manual: number
}

/** Beside a row of `runs` that is queued; its lane is its executable. Gone when the run has ended. */
export interface QueuedRunsTable extends WorkColumns {
  executable_id: number
  /** Whoever runs it is to end it. */
  cancel_requested: Generated<number>
  /** JSON: callback, and inputs with their request specs or lengths. */
  request: Sealed
  /** How often there was no room for it. */
  put_back: Generated<number>
}

/** A try of a run that failed, where another followed. */
export interface RunTriesTable {
  run_id: string
  /** From 1. */
  number: number
  error_code: string
  error_message: string
  ended_at_ms: number
}

/** What a caller named with Idempotency-Key. */
export interface IdempotencyKeysTable {
  executable_id: number
  function_name: string
  key: string
  /** Hex sha256 of what was asked for. */
  fingerprint: string
  run_id: string
  /** 1: the caller waits for the run, and its answer is kept here; 0: 202 is the answer. */
  waited: number
  /** Of the kept answer; null while the run is under way. */
  status: number | null
  /** Null where the answer is an error. */
  content_type: string | null
  /** JSON: what the answer tells besides. */
  notes: string | null
  /** Of the answer's body; 0 where there is none, or where it had to go. */
  size_bytes: number
  expires_at_ms: number
}

/** The body of a kept answer; of an error its code, sentence and detail as JSON. */
export interface IdempotencyAnswersTable {
  run_id: string
  body: Buffer
}

/** What an executable's keys come to, expired ones included until they are deleted. */
export interface IdempotencyTotalsTable {
  executable_id: number
  entries: number
  bytes: number
}

/** What an executable's callbacks are signed with; at most a few of each. */
export interface SigningSecretsTable {
  id: string
  executable_id: number
  /** Of HMAC-SHA256. */
  secret: Sealed
  /** Of ed25519, in PKCS #8. */
  private_key: Sealed | null
  created_at_ms: number
  /** Null until another replaces it. */
  expires_at_ms: number | null
}

/** The bytes of a queued run's given inputs, one after another. */
export interface QueuedInputsTable {
  run_id: string
  size_bytes: number
  bytes: Buffer
}

/** A job's lane is its executable, or that of all. */
export interface ResendJobsTable extends WorkColumns {
  /** Null: deliveries of all executables. */
  executable_id: number | null
  /** Null: of all tenants. */
  tenant: string | null
  state: string
  /** JSON. */
  filter: string
  /** What it does: see ResendJob. */
  kind: Generated<string>
  rate_per_second: number | null
  /** Id of the last delivery that was looked at. */
  cursor: string | null
  matched: number
  resent: number
  skipped: number
  succeeded: number
  failed: number
  created_at_ms: number
  ended_at_ms: number | null
}

/** Keys to what is one tenant's. */
export interface TokensTable {
  id: string
  /** Hex sha256 of what its holder sends. */
  hash: string
  prefix: string
  tenant: string
  /** JSON. */
  rights: string
  description: string
  created_at_ms: number
  expires_at_ms: number | null
  revoked_at_ms: number | null
  /** Since when it opens nothing: the earlier of both; null where it has no end. */
  dead_from_ms: number | null
  last_used_at_ms: number | null
}

export interface Schema extends EventsSchema, SourcesSchema, BinsSchema, UsageSchema {
  meta: MetaTable
  executables: ExecutablesTable
  versions: VersionsTable
  runs: RunsTable
  ephemeral: EphemeralTable
  ephemeral_totals: EphemeralTotalsTable
  function_storage: FunctionStorageTable
  function_versions: FunctionVersionsTable
  changes: ChangesTable
  deliveries: DeliveriesTable
  delivery_payloads: DeliveryPayloadsTable
  lanes: LanesTable
  queued_runs: QueuedRunsTable
  queued_inputs: QueuedInputsTable
  attempts: AttemptsTable
  resend_jobs: ResendJobsTable
  run_tries: RunTriesTable
  idempotency_keys: IdempotencyKeysTable
  idempotency_answers: IdempotencyAnswersTable
  idempotency_totals: IdempotencyTotalsTable
  signing_secrets: SigningSecretsTable
  tokens: TokensTable
}

/** What engines spell differently in a table's definition. */
export interface EngineTypes {
  /** Holds milliseconds since 1970. */
  integer: ColumnDataType
  bytes: ColumnDataType
  /** Makes an integer column a key whose values rise and are never used again. */
  identity: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  /** Ends the definition of a column that is computed. */
  computed: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  /** Ends each table's definition. */
  tableEnd: RawBuilder<unknown>
}
