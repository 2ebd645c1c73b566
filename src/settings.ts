// Every setting and limit with its unit, default and reason, under one name everywhere: RUN_TIMEOUT_MS in the
// environment, --run-timeout-ms as a flag, config.RUN_TIMEOUT_MS in the code (config.ts reads them).
// docs/configuration.md is tested against these tables.
import { availableParallelism } from 'node:os'

export interface Setting<T> {
  default: T
  unit: string
  about: string
  /** Smallest and largest value of a number. */
  range?: readonly [number, number]
  /** What `auto` stands for, where it may be said. */
  auto?: number
}

const MiB = 1024 * 1024
const GiB = 1024 * MiB

function text(unit: string, fallback: string, about: string): Setting<string> {
  return { unit, default: fallback, about }
}
function list(unit: string, about: string): Setting<readonly string[]> {
  return { unit, default: [], about }
}
function flag(about: string): Setting<boolean> {
  return { unit: '1 or 0', default: false, about }
}
function count(
  unit: string,
  fallback: number,
  range: readonly [number, number],
  about: string,
): Setting<number> {
  return { unit, default: fallback, range, about }
}

/**
 * SANDBOX_THREADS where it is not set: enough that a few long calls leave threads for short ones, in each process;
 * CPU-bound guests gain nothing from more.
 */
export function defaultThreads(workers: number): number {
  return Math.max(8, 4 * availableParallelism(), 4 * workers)
}

export const TEXTS = {
  HOST: text(
    'address',
    '127.0.0.1',
    'Address to listen on; anything but loopback needs API_TOKEN.',
  ),
  DATA_DIR: text(
    'folder',
    './data',
    'Compiled modules; on SQLite also database and key file, for one server at a time.',
  ),
  DATABASE_URL: text(
    'URL',
    '',
    'Empty: a SQLite file in DATA_DIR; postgres://user:password@host/name: PostgreSQL 15 or newer.',
  ),
  API_TOKEN: text(
    'secret',
    '',
    'Opens every route; without it the server is for this machine only.',
  ),
  SECRET_KEY: text(
    'secret',
    '',
    'Encrypts stored secrets; empty: a 0600 key file in DATA_DIR (on PostgreSQL it must be set).',
  ),
  OUTBOUND_PROXY: text('URL', '', 'HTTP proxy for every outbound call; HTTP_PROXY is not read.'),
  PUBLIC_URL: text(
    'URL',
    '',
    'Origin under which others reach this server; it may be called back.',
  ),
  TLS_CERT_FILE: text(
    'file',
    '',
    'PEM certificate chain; with TLS_KEY_FILE the server speaks https.',
  ),
  TLS_KEY_FILE: text('file', '', 'PEM private key of TLS_CERT_FILE.'),
  LOG_LEVEL: text('level', 'info', 'fatal, error, warn, info, debug, trace or silent.'),
}

export const LISTS = {
  OUTBOUND_ALLOW: list('hosts and CIDRs', 'Non-global addresses that may be called all the same.'),
  CORS_ORIGINS: list('origins', 'Pages that may call; default none without a token, * with one.'),
}

export const FLAGS = {
  TRUST_PROXY: flag('Take the client address from X-Forwarded-For of the proxy in front.'),
  SWAP_OFF: flag('Memory is never swapped on this machine: calls are then reset faster.'),
}

export const NUMBERS = {
  PORT: count('port', 8080, [0, 65535], 'Port to listen on; 0 takes a free one.'),
  WORKERS: {
    ...count(
      'processes',
      1,
      [1, 256],
      'Processes that serve the port, or `auto`: one a core (docs/workers.md).',
    ),
    auto: availableParallelism(),
  },
  RUN_TIMEOUT_MS: count('ms', 10_000, [1, 300_000], 'Wall time of one call in the sandbox.'),
  RUN_TIMEOUT_MS_MAX: count('ms', 300_000, [1, 3_600_000], 'Ceiling of RUN_TIMEOUT_MS.'),
  RUN_MEMORY_BYTES: count(
    'bytes',
    128 * MiB,
    [65_536, 4 * GiB - 65_536],
    'Linear memory of one call.',
  ),
  RUN_MEMORY_BYTES_MAX: count(
    'bytes',
    512 * MiB,
    [65_536, 4 * GiB],
    'Ceiling of RUN_MEMORY_BYTES.',
  ),
  INPUT_BYTES: count('bytes', 32 * MiB, [1, 2 * GiB], "One call's inputs together."),
  INPUT_BYTES_MAX: count('bytes', 100 * MiB, [1, 2 * GiB], 'Ceiling of INPUT_BYTES.'),
  OUTPUT_BYTES: count('bytes', 32 * MiB, [1, 2 * GiB], 'One result, or one answer of a target.'),
  OUTPUT_BYTES_MAX: count('bytes', 100 * MiB, [1, 2 * GiB], 'Ceiling of OUTPUT_BYTES.'),
  LOG_BYTES: count('bytes', 64 * 1024, [0, 64 * MiB], 'stdout and stderr kept of one call.'),
  LOG_BYTES_MAX: count('bytes', MiB, [0, 64 * MiB], 'Ceiling of LOG_BYTES.'),
  STACK_BYTES: count('bytes', 512 * 1024, [65_536, 4 * MiB], 'Stack of one call.'),
  TABLE_ELEMENTS: count('elements', 20_000, [1, 10_000_000], 'Table elements of one call.'),
  TABLE_ELEMENTS_MAX: count('elements', 100_000, [1, 10_000_000], 'Ceiling of TABLE_ELEMENTS.'),
  SANDBOX_THREADS: count('threads', defaultThreads(1), [1, 1024], 'Calls that run at once.'),
  CONCURRENCY: count(
    'calls',
    0,
    [0, 1024],
    'Calls of one executable at once; 0: half the threads.',
  ),
  CONCURRENCY_MAX: count(
    'calls',
    0,
    [0, 1024],
    'Ceiling of CONCURRENCY; 0: half the threads, or CONCURRENCY where that is more.',
  ),
  QUEUE_LENGTH: count('calls', 1_000, [0, 1_000_000], 'Waiting calls of one executable.'),
  QUEUE_LENGTH_MAX: count('calls', 10_000, [0, 1_000_000], 'Ceiling of QUEUE_LENGTH.'),
  QUEUE_WAIT_MS: count('ms', 5_000, [0, 3_600_000], 'Longest wait for a free thread.'),
  QUEUE_WAIT_MS_MAX: count('ms', 300_000, [0, 3_600_000], 'Ceiling of QUEUE_WAIT_MS.'),
  // About one unit an instruction: by default the wall time ends a call first.
  RUN_FUEL: count('fuel', 1e12, [1, 1e15], 'Fuel of one call of a metered executable.'),
  RUN_FUEL_MAX: count('fuel', 1e15, [1, 1e15], 'Ceiling of RUN_FUEL.'),
  REUSE_CALLS: count('calls', 1_000, [1, 100_000], 'Calls that one warm instance serves.'),
  REUSE_CALLS_MAX: count('calls', 100_000, [1, 1_000_000], 'Ceiling of REUSE_CALLS.'),
  REUSE_AGE_MS: count('ms', 60_000, [1, 3_600_000], 'How old a warm instance grows.'),
  REUSE_AGE_MS_MAX: count('ms', 3_600_000, [1, 86_400_000], 'Ceiling of REUSE_AGE_MS.'),
  BUFFERED_BYTES: count('bytes', GiB, [1, 1024 * GiB], 'Bodies, inputs and results held in all.'),
  MODULE_BYTES_MAX: count('bytes', 64 * MiB, [8, GiB], 'One uploaded module.'),
  COMPILE_TIMEOUT_MS: count(
    'ms',
    60_000,
    [100, 3_600_000],
    'CPU time of one compilation; three times as much by the clock.',
  ),
  COMPILE_MEMORY_BYTES: count('bytes', 2 * GiB, [64 * MiB, 64 * GiB], 'Memory of the compiler.'),
  COMPILE_QUEUE_LENGTH: count('uploads', 16, [0, 10_000], 'Uploads that wait to be compiled.'),
  JSON_SEARCH_BYTES: count(
    'bytes',
    MiB,
    [0, 64 * MiB],
    'Largest body or result that is searched for SSVM_Fetch, SSVM_Callback or callback.',
  ),
  RESULTS_KEPT_BYTES: count(
    'bytes',
    64 * MiB,
    [0, 64 * GiB],
    'Kept results of one executable together.',
  ),
  VERSIONS_KEPT: count('versions', 10, [1, 10_000], 'Versions of one executable that stay.'),
  STATE_BYTES_MAX: count('bytes', MiB, [0, 64 * MiB], 'State of one executable.'),
  VARIABLES_BYTES_MAX: count('bytes', 64 * 1024, [0, 16 * MiB], 'Variables of one executable.'),
  STORE_BYTES: count('bytes', MiB, [0, 64 * MiB], 'Function storage of one executable.'),
  STORE_BYTES_MAX: count('bytes', 16 * MiB, [0, 64 * MiB], 'Ceiling of STORE_BYTES.'),
  STORE_KEYS: count('keys', 1_000, [0, 100_000], 'Keys in the function storage of one executable.'),
  STORE_KEYS_MAX: count('keys', 10_000, [0, 100_000], 'Ceiling of STORE_KEYS.'),
  FETCH_TIMEOUT_MS: count('ms', 10_000, [1, 3_600_000], 'One fetched input, DNS to last byte.'),
  FETCH_TIMEOUT_MS_MAX: count('ms', 60_000, [1, 3_600_000], "Ceiling of a fetch's own timeout."),
  CALLBACK_TIMEOUT_MS: count('ms', 30_000, [1, 3_600_000], 'One callback, DNS to last byte.'),
  CALLBACK_TIMEOUT_MS_MAX: count(
    'ms',
    300_000,
    [1, 3_600_000],
    "Ceiling of a callback's own timeout.",
  ),
  INPUTS_MAX: count('inputs', 64, [1, 1024], 'Inputs of one call.'),
  EPHEMERAL_TTL_MS: count('ms', 3_600_000, [1, 86_400_000], 'How long ephemeral storage keeps.'),
  EPHEMERAL_VALUE_BYTES: count('bytes', MiB, [2, 64 * MiB], 'One ephemeral value.'),
  EPHEMERAL_BYTES: count('bytes', 256 * MiB, [1, 64 * GiB], 'Ephemeral storage in all.'),
  EPHEMERAL_ENTRIES: count('entries', 100_000, [1, 100_000_000], 'Ephemeral entries in all.'),
  DURABLE_RUNS_MAX: count(
    'runs',
    10_000,
    [0, 10_000_000],
    'Runs of one executable that wait with nobody waiting for them.',
  ),
  PREFER_WAIT_MS_MAX: count(
    'ms',
    60_000,
    [0, 3_600_000],
    'Longest wait that `Prefer: respond-async, wait=N` gets.',
  ),
  IDEMPOTENCY_KEPT_MS: count(
    'ms',
    24 * 3_600_000,
    [1_000, 30 * 24 * 3_600_000],
    'How long an Idempotency-Key names its run.',
  ),
  IDEMPOTENCY_KEYS_MAX: count(
    'keys',
    100_000,
    [0, 10_000_000],
    'Idempotency keys of one executable that are kept.',
  ),
  IDEMPOTENCY_BYTES: count(
    'bytes',
    64 * MiB,
    [0, 64 * GiB],
    'Answers kept with the keys of one executable together.',
  ),
  DELIVERY_CONCURRENCY: count('attempts', 256, [1, 10_000], 'Attempts under way at once.'),
  DELIVERY_TARGET_CONCURRENCY: count(
    'attempts',
    16,
    [1, 1_000],
    'Of those, attempts at one target.',
  ),
  DELIVERY_EXECUTABLE_CONCURRENCY: count(
    'attempts',
    0,
    [0, 10_000],
    'Of those, attempts for one executable; 0: half of DELIVERY_CONCURRENCY.',
  ),
  RETRY_AFTER_MS_MAX: count(
    'ms',
    24 * 3_600_000,
    [0, 30 * 24 * 3_600_000],
    "Ceiling of a target's Retry-After.",
  ),
  TARGET_PAUSE_MS_MAX: count(
    'ms',
    300_000,
    [0, 24 * 3_600_000],
    'Longest pause of all that is sent to a target that answers 429 or 503.',
  ),
  DELIVERY_LEASE_MS: count(
    'ms',
    30_000,
    [1_000, 3_600_000],
    'A delivery whose process died is tried again after this.',
  ),
  DELIVERY_POLL_MS: count(
    'ms',
    1_000,
    [10, 60_000],
    'Due deliveries are looked for at least this often, whatever the clock does.',
  ),
  DELIVERIES_KEPT_MS: count(
    'ms',
    30 * 24 * 3_600_000,
    [0, 10 * 365 * 24 * 3_600_000],
    'Ended deliveries stay this long.',
  ),
  DELIVERY_PAYLOADS_KEPT_MS: count(
    'ms',
    14 * 24 * 3_600_000,
    [0, 10 * 365 * 24 * 3_600_000],
    'What ended deliveries sent and were answered stays this long, and can be sent again.',
  ),
  MESSAGE_PAYLOADS_KEPT_MS: count(
    'ms',
    14 * 24 * 3_600_000,
    [0, 10 * 365 * 24 * 3_600_000],
    'Payloads of messages stay this long, and while something is to be sent of them.',
  ),
  DELIVERIES_KEPT_BYTES: count(
    'bytes',
    4 * GiB,
    [0, Number.MAX_SAFE_INTEGER],
    'And up to so much in all.',
  ),
  SIGNING_SECRET_OVERLAP_MS: count(
    'ms',
    24 * 3_600_000,
    [0, 7 * 24 * 3_600_000],
    'A replaced signing secret still signs for this long.',
  ),
  DELIVER_LATER_MS_MAX: count(
    'ms',
    30 * 24 * 3_600_000,
    [0, 10 * 365 * 24 * 3_600_000],
    'How far away deliver_at and delay_ms of a callback may be.',
  ),
  TOKENS_MAX: count('tokens', 10_000, [0, 100_000], 'Tokens of all tenants that open something.'),
  EVENT_TYPES_MAX: count('event types', 10_000, [0, 1_000_000], 'Event types of one tenant.'),
  EVENT_SCHEMA_BYTES: count(
    'bytes',
    64 * 1024,
    [2, 256 * 1024],
    "An event type's JSON Schema, and its example.",
  ),
  EVENT_SCHEMA_STEPS: count(
    'steps',
    200_000,
    [1_000, 100_000_000],
    'Of one check of a payload; a value against a part of its schema is one, and takes about 0.3 µs.',
  ),
  ENDPOINT_DISABLED_AFTER_MS: count(
    'ms',
    5 * 24 * 3_600_000,
    [0, 365 * 24 * 3_600_000],
    'An endpoint is disabled once every attempt has failed for this long; 0: never.',
  ),
  ENDPOINT_STATS_KEPT_MS: count(
    'ms',
    7 * 24 * 3_600_000,
    [3_600_000, 31 * 24 * 3_600_000],
    'How long statistics of endpoints are kept by the hour; their totals stay.',
  ),
  ENDPOINTS_MAX: count(
    'endpoints',
    1_000,
    [0, 100_000],
    'Endpoints of one tenant; a message to 1,000 of them is committed in some 40 ms.',
  ),
  MESSAGE_BYTES: count('bytes', MiB, [2, 16 * MiB], 'Payload of one message.'),
  MESSAGES_BATCH_BYTES: count(
    'bytes',
    4 * MiB,
    [1_024, 64 * MiB],
    'Messages that are published together.',
  ),
  SOURCES_MAX: count('sources', 1_000, [0, 100_000], 'Sources of one tenant.'),
  HOOK_BYTES: count('bytes', MiB, [2, 16 * MiB], 'Body of one request to a source.'),
  HOOK_IDS_KEPT_MS: count(
    'ms',
    24 * 3_600_000,
    [1_000, 30 * 24 * 3_600_000],
    'How long a source knows an event, by its id or by its signature, for one that it got already.',
  ),
  HOOK_IDS_MAX: count(
    'ids',
    500_000,
    [0, 10_000_000],
    'Ids and signatures that one source knows its events by.',
  ),
  SOURCE_EVENTS_KEPT: count(
    'events',
    1_000,
    [0, 100_000],
    "Newest events in a source's history, of each verdict.",
  ),
  SOURCE_EVENTS_BYTES: count(
    'bytes',
    64 * MiB,
    [0, 64 * GiB],
    'Bodies in the history of one source.',
  ),
  BINS_MAX: count('bins', 20, [0, 10_000], 'Request bins of one tenant.'),
  BIN_TTL_MS: count('ms', 24 * 3_600_000, [1_000, 30 * 24 * 3_600_000], 'How long a bin is there.'),
  BIN_REQUESTS_MAX: count('requests', 100, [1, 1_000], 'Newest requests that a bin keeps.'),
  BIN_BODY_BYTES: count('bytes', 64 * 1024, [1, MiB], 'Of the body of each.'),
  DATABASE_CONNECTIONS: count(
    'connections',
    10,
    [2, 1_000],
    'To PostgreSQL, of each process; one more listens, and up to 16 while functions keep something.',
  ),
  RUN_FLUSH_MS: count('ms', 200, [1, 60_000], 'Run records are written in batches this often.'),
  RUNS_KEPT: count(
    'runs',
    1_000,
    [0, 10_000_000],
    'Newest ended runs of one executable that stay.',
  ),
  FAILED_RUNS_KEPT: count('runs', 10_000, [0, 10_000_000], 'Older failures that stay for 7 days.'),
  DRAIN_MS: count('ms', 10_000, [0, 3_600_000], 'How long a stop waits for calls under way.'),
}
