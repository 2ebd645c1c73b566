// What docs/limits.md says beside the values: what happens past each limit, and which constants are limits.
// test/docs.test.ts finds a setting or a constant `…_MAX` that has no row here.

/** Past a setting: the error's code, or what happens instead of one. */
export const PAST_SETTING: Readonly<Record<string, string>> = {
  RUN_TIMEOUT_MS: '`RUN_TIMEOUT`',
  RUN_MEMORY_BYTES: '`MEMORY_LIMIT`; `MODULE_EXCEEDS_LIMITS` at upload',
  TABLE_ELEMENTS: '`TABLE_LIMIT`; `MODULE_EXCEEDS_LIMITS` at upload',
  INPUT_BYTES:
    '`INPUT_TOO_LARGE`; fetched: `UPSTREAM_TOO_LARGE`; a body past the ceiling: `BODY_TOO_LARGE`',
  OUTPUT_BYTES: "`OUTPUT_TOO_LARGE`; a target's answer: `TARGET_TOO_LARGE`",
  LOG_BYTES: 'cut; `log_truncated` says so',
  CONCURRENCY: 'waits in the queue',
  QUEUE_LENGTH: '`QUEUE_FULL`',
  QUEUE_WAIT_MS: '`QUEUE_TIMEOUT`',
  RUN_FUEL: '`FUEL_LIMIT`',
  REUSE_CALLS: 'a fresh instance',
  REUSE_AGE_MS: 'a fresh instance',
  STORE_BYTES: '`STORE_FULL`',
  STORE_KEYS: '`STORE_FULL`',
  STACK_BYTES: '`TRAP`',
  SANDBOX_THREADS: 'waits in the queue',
  BUFFERED_BYTES: '`BUFFERS_FULL`',
  MODULE_BYTES_MAX: '`BODY_TOO_LARGE`',
  COMPILE_TIMEOUT_MS: '`MODULE_TOO_COMPLEX`',
  COMPILE_MEMORY_BYTES: '`MODULE_TOO_COMPLEX`',
  COMPILE_QUEUE_LENGTH: '`QUEUE_FULL`',
  JSON_SEARCH_BYTES: 'taken as it is, unsearched',
  RESULTS_KEPT_BYTES: 'the oldest results go',
  VERSIONS_KEPT: 'the oldest versions go',
  STATE_BYTES_MAX: '`BODY_TOO_LARGE`',
  VARIABLES_BYTES_MAX: '`BODY_TOO_LARGE`',
  FETCH_TIMEOUT_MS: '`UPSTREAM_TIMEOUT`',
  FETCH_TIMEOUT_MS_MAX: 'cut to it',
  CALLBACK_TIMEOUT_MS: '`CALLBACK_TIMEOUT`',
  CALLBACK_TIMEOUT_MS_MAX: 'cut to it',
  INPUTS_MAX: '`BAD_REQUEST`; far more parts: `INVALID_MULTIPART`',
  EPHEMERAL_TTL_MS: 'the entry is gone',
  EPHEMERAL_VALUE_BYTES: '`BODY_TOO_LARGE`',
  EPHEMERAL_BYTES: '`EPHEMERAL_STORAGE_FULL`',
  EPHEMERAL_ENTRIES: '`EPHEMERAL_STORAGE_FULL`',
  DURABLE_RUNS_MAX: '`DURABLE_RUNS_FULL`',
  PREFER_WAIT_MS_MAX: 'cut to it; 202 when it is over',
  IDEMPOTENCY_KEPT_MS: 'the key names nothing any more',
  IDEMPOTENCY_KEYS_MAX: '`IDEMPOTENCY_FULL`',
  IDEMPOTENCY_BYTES: 'the oldest answers go: `IDEMPOTENCY_ANSWER_DROPPED`',
  DELIVERY_CONCURRENCY: 'waits',
  DELIVERY_TARGET_CONCURRENCY: 'waits',
  DELIVERY_EXECUTABLE_CONCURRENCY: 'waits',
  RETRY_AFTER_MS_MAX: 'cut to it',
  TARGET_PAUSE_MS_MAX: 'cut to it',
  DELIVERY_LEASE_MS: 'tried again',
  DELIVERY_POLL_MS: 'looked for',
  DELIVERIES_KEPT_MS: 'deleted',
  DELIVERY_PAYLOADS_KEPT_MS: 'dropped; a resend: `PAYLOAD_GONE`',
  MESSAGE_PAYLOADS_KEPT_MS: 'dropped; a resend: `PAYLOAD_GONE`',
  DELIVERIES_KEPT_BYTES: 'the oldest are dropped; a resend: `PAYLOAD_GONE`',
  SIGNING_SECRET_OVERLAP_MS: 'it signs no more',
  DELIVER_LATER_MS_MAX: '`INVALID_SPEC`; in a result: `INVALID_CALLBACK`',
  TOKENS_MAX: '`CONFLICT`',
  EVENT_TYPES_MAX: '`CONFLICT`',
  EVENT_SCHEMA_BYTES: '`BODY_TOO_LARGE`',
  EVENT_SCHEMA_STEPS: '`SCHEMA_TOO_COMPLEX`, or a warning',
  ENDPOINT_DISABLED_AFTER_MS: 'the endpoint is disabled, and what waits is paused',
  ENDPOINT_STATS_KEPT_MS: 'deleted',
  ENDPOINTS_MAX: '`CONFLICT`',
  MESSAGE_BYTES: '`BODY_TOO_LARGE`',
  MESSAGES_BATCH_BYTES: '`BODY_TOO_LARGE`',
  SOURCES_MAX: '`CONFLICT`',
  HOOK_BYTES: '`BODY_TOO_LARGE`',
  HOOK_IDS_KEPT_MS: 'the same event is a new one',
  HOOK_IDS_MAX: 'the oldest are forgotten',
  SOURCE_EVENTS_KEPT: 'the oldest go',
  SOURCE_EVENTS_BYTES: 'the oldest bodies go; their events cannot be replayed',
  BINS_MAX: '`CONFLICT`',
  BIN_TTL_MS: 'the bin is gone',
  BIN_REQUESTS_MAX: 'the oldest go',
  BIN_BODY_BYTES: 'cut; `body_cut` says so',
  DATABASE_CONNECTIONS: 'waits',
  RUN_FLUSH_MS: 'written',
  RUNS_KEPT: 'the oldest runs go, failures after the rest',
  FAILED_RUNS_KEPT: 'the oldest failures go',
  DRAIN_MS: 'connections are cut',
}

interface Constant {
  file: string
  name: string
  unit: string
  bounds: string
  past: string
}

type Row = readonly [name: string, unit: string, bounds: string, past: string]

const BY_FILE: Readonly<Record<string, readonly Row[]>> = {
  'src/http/server.ts': [
    ['HEADER_BYTES_MAX', 'bytes', 'Request line and headers', '`HEADERS_TOO_LARGE`'],
    ['JSON_BODY_BYTES_MAX', 'bytes', 'A JSON body of the new routes', '`BODY_TOO_LARGE`'],
    [
      'PATH_SEGMENT_CHARS_MAX',
      'characters',
      "A function's name or a key in a path",
      '`BAD_REQUEST`',
    ],
    ['REQUEST_TIMEOUT_MS', 'ms', 'The arrival of a whole request', '`REQUEST_TIMEOUT`'],
  ],
  'src/core/run-record.ts': [
    [
      'INPUT_ORIGINS_MAX',
      'inputs',
      'Of a run, whose origin is recorded',
      'the others are not told of',
    ],
  ],
  'src/http/routes/console.ts': [
    ['CONSOLE_FILES_MAX', 'files', 'What was built of the console', 'the server does not start'],
    ['CONSOLE_BYTES_MAX', 'bytes', 'What was built of the console', 'the server does not start'],
  ],
  'src/core/live-runs.ts': [
    ['LIVE_RUNS_MAX', 'runs', 'Told to one watcher of runs, a second', 'a part; `sampled` says so'],
    ['LIVE_WATCHERS_MAX', 'watchers', 'Of runs, of one process', '`RATE_LIMITED`'],
  ],
  'src/system.ts': [
    [
      'QUEUE_COUNTED_MAX',
      'rows',
      'Waiting work, for the overview',
      'not counted on; `more` says so',
    ],
  ],
  'src/http/routes/bins.ts': [
    ['BIN_PAGE_BYTES_MAX', 'bytes', 'Requests of a bin on one page', 'a shorter page, with `next`'],
  ],
  'src/http/idempotency-key.ts': [
    ['KEY_CHARS_MAX', 'characters', 'An `Idempotency-Key`', '`BAD_REQUEST`'],
  ],
  'src/http/multipart.ts': [
    ['PART_HEADER_BYTES_MAX', 'bytes', "One part's headers", '`INVALID_MULTIPART`'],
    ['BOUNDARY_CHARS_MAX', 'characters', 'The boundary (RFC 2046)', '`INVALID_MULTIPART`'],
  ],
  'src/http/routes/resend-jobs.ts': [
    ['RATE_PER_SECOND_MAX', 'deliveries', '`rate_per_second` of a resend job', '`BAD_REQUEST`'],
  ],
  'src/core/trials.ts': [
    ['TRIALS_AT_ONCE_MAX', 'trials', "Of one tenant's endpoints, in one process", '`RATE_LIMITED`'],
  ],
  'src/core/conversion/document.ts': [
    [
      'DOCUMENT_DEPTH_MAX',
      'levels',
      "A document of a source's request: objects and arrays, or elements",
      '`INVALID_DOCUMENT`',
    ],
    ['FORM_BYTES_MAX', 'bytes', "A form of a source's request", '`BODY_TOO_LARGE`'],
    ['XML_BYTES_MAX', 'bytes', "XML of a source's request", '`BODY_TOO_LARGE`'],
    ['YAML_BYTES_MAX', 'bytes', "YAML of a source's request", '`BODY_TOO_LARGE`'],
    [
      'JSON_DOCUMENT_BYTES_MAX',
      'bytes',
      "JSON of a source's request, events included; not of a `raw` one",
      '`BODY_TOO_LARGE`',
    ],
    [
      'CONVERTED_JSON_BYTES_MAX',
      'bytes',
      'The JSON that a form, XML or YAML becomes; data of an event that are no JSON, as they are written',
      '`BODY_TOO_LARGE`',
    ],
  ],
  'src/core/conversion/form.ts': [
    ['FORM_FIELDS_MAX', 'fields', "A form of a source's request", '`INVALID_DOCUMENT`'],
  ],
  'src/core/resend-jobs.ts': [
    [
      'RUNNING_JOBS_MAX',
      'jobs',
      'Resend jobs of one executable, or of all, that run',
      '`CONFLICT`',
    ],
  ],
  'src/http/warnings.ts': [
    ['WARNING_CHARS_MAX', 'characters', '`Wasmhook-Warning` of an answer', 'cut'],
  ],
  'src/http/page.ts': [
    ['PAGE_DEFAULT', 'items', 'A page where no limit is asked for', 'the next page'],
    ['PAGE_MAX', 'items', 'A page', '`BAD_REQUEST`'],
  ],
  'src/http/routes/executables.ts': [
    ['DESCRIPTION_CHARS_MAX', 'characters', 'A description', '`BAD_REQUEST`'],
  ],
  'src/http/routes/settings.ts': [
    ['TYPES_OF_FUNCTION_MAX', 'types', 'Declared types of one function', '`BAD_REQUEST`'],
    ['TYPED_FUNCTIONS_MAX', 'functions', 'Functions with declared types', '`BAD_REQUEST`'],
    ['VARIABLES_MAX', 'variables', 'Variables of one executable', '`BAD_REQUEST`'],
  ],
  'src/request-spec.ts': [
    ['SPEC_CHARS_MAX', 'characters', "A request spec's text, its body included", '`INVALID_SPEC`'],
    ['URL_BYTES_MAX', 'bytes', 'A URL', '`INVALID_SPEC`'],
    ['HEADER_COUNT_MAX', 'fields', "A spec's headers", '`INVALID_SPEC`'],
    ['HEADER_BYTES_MAX', 'bytes', "A spec's headers in all", '`INVALID_SPEC`'],
    ['METHOD_LENGTH_MAX', 'characters', 'A method', '`INVALID_SPEC`'],
    ['REDIRECTS_MAX', 'redirects', '`maxRedirects` of a spec, `max_redirects`', '`INVALID_SPEC`'],
    ['WARNINGS_MAX', 'warnings', 'Warnings of one spec', 'the rest is left out'],
  ],
  'src/fetch-template.ts': [
    ['TEMPLATE_CHARS_MAX', 'characters', '`fetch` of an event type', '`INVALID_SPEC`'],
    ['FILLED_CHARS_MAX', 'characters', 'What a payload fills in', '`FETCH_VALUE_REFUSED`'],
  ],
  'src/core/event-types.ts': [
    ['NESTING_MAX', 'levels', 'A schema or example of an event type', '`BAD_REQUEST`'],
  ],
  'src/core/json-schema/schema.ts': [
    ['DEPTH_MAX', 'levels', 'Schemas within each other', '`INVALID_SCHEMA`'],
    ['PATTERNS_SIZE_MAX', 'instructions', "A schema's regular expressions", '`INVALID_SCHEMA`'],
    ['PROBLEMS_MAX', 'problems', 'Told of one payload', 'the rest is left out'],
    ['WARNINGS_MAX', 'warnings', 'Told of one schema', 'the rest is left out'],
  ],
  'src/core/json-schema/pattern.ts': [
    ['SOURCE_CHARS_MAX', 'characters', 'A regular expression of a schema', '`INVALID_SCHEMA`'],
  ],
  'src/core/json-schema/run.ts': [
    ['DEPTH_MAX', 'levels', 'A check of a payload', '`SCHEMA_TOO_COMPLEX`'],
  ],
  'src/core/function-storage.ts': [
    ['OPEN_BYTES_MAX', 'bytes', 'Function stores in memory', 'those that nobody uses go'],
    ['OPEN_STORES_MAX', 'stores', 'Function stores in memory', 'those that nobody uses go'],
  ],
  'src/storage/postgres-turns.ts': [
    ['TURNS_MAX', 'turns', 'Functions of one process that keep something, at once', 'waits'],
  ],
  'runtime/engine/src/warm.rs': [
    [
      'WARM_INSTANCES_MAX',
      'instances',
      'Warm instances that wait, of all functions',
      'the oldest goes',
    ],
    ['WARM_MEMORY_BYTES_MAX', 'bytes', 'Memory of an instance that waits', 'it goes'],
  ],
  'runtime/engine/src/host/storage.rs': [
    ['KEY_BYTES_MAX', 'bytes', "A key of a function's store", 'cut, as the original cut it'],
  ],
  'src/core/hops.ts': [
    ['HOPS_MAX', 'runs', 'Runs that one call passes through', '`LOOP_DETECTED`'],
  ],
  'src/core/inputs.ts': [
    ['FETCH_REDIRECTS', 'redirects', 'Redirects of a fetch that names none', '`UPSTREAM_FAILED`'],
    ['UPSTREAM_EXCERPT_BYTES', 'bytes', "An upstream's error answer as it is shown", 'cut'],
  ],
  'src/retry-policy.ts': [
    ['RETRIES_MAX', 'retries', 'Retries of one delivery', '`INVALID_SPEC`'],
    ['PAUSE_MS_MIN', 'ms', 'The shortest pause between two tries', '`INVALID_SPEC`'],
    ['PAUSE_MS_MAX', 'ms', 'The longest', '`INVALID_SPEC`'],
    ['BACKOFF_MAX', 'times', 'The growth of pauses', '`INVALID_SPEC`'],
  ],
  'src/event-pattern.ts': [
    [
      'OPERATIONAL_ENDPOINTS_MAX',
      'endpoints',
      'Of a tenant that name one of the types that the server tells',
      '`CONFLICT`',
    ],
    [
      'EVENT_TYPE_CHARS_MAX',
      'characters',
      'A name of an event type, or a pattern',
      '`BAD_REQUEST`',
    ],
    ['EVENT_TYPE_WORDS_MAX', 'words', 'A name of an event type, or a pattern', '`BAD_REQUEST`'],
  ],
  'src/http/endpoint-wire.ts': [
    ['PATTERNS_MAX', 'patterns', 'Of one endpoint', '`BAD_REQUEST`'],
    ['RATE_ATTEMPTS_MAX', 'attempts', '`rate_limit` of an endpoint', '`BAD_REQUEST`'],
    ['RATE_PER_MS_MAX', 'ms', '`rate_limit` of an endpoint', '`BAD_REQUEST`'],
    ['DESCRIPTION_CHARS_MAX', 'characters', 'Description of an endpoint', '`BAD_REQUEST`'],
  ],
  'src/http/error-reply.ts': [
    ['FIELD_CHARS_MAX', 'characters', 'Unknown name of a field in `field` of an error', 'cut'],
  ],
  'src/http/named-functions.ts': [
    [
      'FUNCTION_CHARS_MAX',
      'characters',
      'Name of a function that an endpoint names',
      '`BAD_REQUEST`',
    ],
  ],
  'src/payload-filter.ts': [
    ['FILTER_BYTES_MAX', 'bytes', 'JSON of one payload filter', '`BAD_REQUEST`'],
    ['FILTER_PARTS_MAX', 'parts', 'Of one payload filter', '`BAD_REQUEST`'],
    ['FILTER_DEPTH_MAX', 'levels', '`and`, `or` and `not` within each other', '`BAD_REQUEST`'],
    ['FILTER_VALUES_MAX', 'values', 'Of one `in`', '`BAD_REQUEST`'],
    [
      'FILTER_CHARS_MAX',
      'characters',
      'A path, also that of `ordered.key`, or a text that is compared with',
      '`BAD_REQUEST`',
    ],
  ],
  'src/http/routes/event-types.ts': [
    ['DESCRIPTION_CHARS_MAX', 'characters', 'Description of an event type', '`BAD_REQUEST`'],
  ],
  'src/http/routes/tokens.ts': [
    ['DESCRIPTION_CHARS_MAX', 'characters', 'Description of a token', '`BAD_REQUEST`'],
  ],
  'src/core/tokens.ts': [
    ['TOKEN_LIFE_MS_MAX', 'ms', 'A token that ends by itself', '`BAD_REQUEST`'],
    ['CACHE_ENTRIES', 'tokens', 'Tokens kept in memory', 'the least used is read again'],
    ['UNKNOWN_ENTRIES', 'hashes', 'What was sent and is no token', 'the oldest is looked up again'],
  ],
  'src/http/routes/messages.ts': [
    ['MESSAGE_ID_CHARS_MAX', 'characters', "A message's own `id`", '`BAD_REQUEST`'],
    ['MESSAGES_BATCH_MAX', 'messages', 'Of one batch', '`BAD_REQUEST`'],
  ],
  'src/core/deliveries.ts': [
    [
      'ATTEMPTS_SHOWN_MAX',
      'attempts',
      'Of a delivery that is read',
      'left out; `attempts_omitted`',
    ],
  ],
  'src/core/attempt.ts': [
    ['EXCERPT_BYTES', 'bytes', "A target's answer that is kept or shown", 'cut'],
  ],
  'src/http/source-wire.ts': [
    ['DESCRIPTION_CHARS_MAX', 'characters', 'Description of a source', '`BAD_REQUEST`'],
    ['PLACE_CHARS_MAX', 'characters', 'Where something is in a request', '`BAD_REQUEST`'],
  ],
  'src/core/hooks.ts': [
    [
      'CONTENDED_MS_MAX',
      'ms',
      'The pause before an event that somebody else is accepting is tried again',
      '`HOOK_IN_FLIGHT`',
    ],
  ],
  'src/core/source-history.ts': [
    [
      'PENDING_OF_SOURCE_MAX',
      'events',
      'Of one source that wait for its history, within RUN_FLUSH_MS',
      'left out of it',
    ],
    ['PENDING_MAX', 'events', 'Of all sources that wait for their histories', 'left out of it'],
    [
      'PENDING_BYTES_MAX',
      'bytes',
      'Bodies of events that wait for their histories',
      'written without',
    ],
  ],
  'src/core/source-verification/verification-fields.ts': [
    ['SECRETS_MAX', 'secrets', 'Of one source', '`BAD_REQUEST`'],
    ['SECRET_CHARS_MAX', 'characters', 'A secret of a source, or a verify token', '`BAD_REQUEST`'],
    [
      'SECRET_PLACE_CHARS_MAX',
      'characters',
      'Name of the header, parameter or member that a secret is in',
      '`BAD_REQUEST`',
    ],
    ['USERNAME_CHARS_MAX', 'characters', 'Username of a source', '`BAD_REQUEST`'],
    ['TOLERANCE_MS_MIN', 'ms', '`tolerance_ms` of a source', '`BAD_REQUEST`'],
    ['TOLERANCE_MS_MAX', 'ms', '`tolerance_ms` of a source', '`BAD_REQUEST`'],
  ],
  'src/core/source-verification/keys.ts': [
    ['KEY_BYTES_MAX', 'bytes', 'A key of Standard Webhooks, decoded', '`BAD_REQUEST`'],
  ],
  'src/core/source-verification/claims.ts': [
    [
      'SIGNATURES_MAX',
      'signatures',
      'Of one request to a source, and of either kind',
      'the rest is not looked at',
    ],
  ],
  'src/core/source-verification/event-id.ts': [
    ['EVENT_ID_CHARS_MAX', 'characters', "A sender's id of an event", 'it is none'],
  ],
  'src/core/source-verification/challenge-fields.ts': [
    ['ORIGINS_MAX', 'origins', 'Of a challenge of CloudEvents', '`BAD_REQUEST`'],
    ['ORIGIN_CHARS_MAX', 'characters', 'One of them', '`BAD_REQUEST`'],
  ],
  'src/core/source-verification/challenges.ts': [
    ['CHALLENGE_CHARS_MAX', 'characters', 'What is repeated to a sender', '`HOOK_REFUSED`'],
    ['CHALLENGE_BODY_BYTES_MAX', 'bytes', "Body of Slack's challenge", 'it is an event'],
  ],
  'src/core/signing.ts': [
    ['PREVIOUS_SECRETS_MAX', 'secrets', 'Replaced signing secrets that are alive', '`CONFLICT`'],
  ],
  'src/http/signing-secrets.ts': [
    ['OVERLAP_MS_MAX', 'ms', '`overlap_ms` of a rotation', '`BAD_REQUEST`'],
  ],
  'src/core/run-worker.ts': [
    ['PAUSE_MS_MAX', 'ms', 'The pause before a queued run that found no room', 'grows no more'],
  ],
  'src/core/worker.ts': [
    ['HELD_BYTES_MAX', 'bytes', 'Deliveries, or queued runs, in memory at once', 'the rest waits'],
  ],
  'src/http/routes/runs.ts': [
    ['RUN_DELIVERIES_MAX', 'deliveries', "Deliveries that a run's record names", 'the newest'],
  ],
  'src/core/executables.ts': [
    ['CACHE_ENTRIES', 'executables', 'Executables kept in memory', 'the least used is read again'],
  ],
  'src/core/run-journal.ts': [
    [
      'TIMED_RECORDS_MAX',
      'records',
      'Runs of one executable that its p95 is made of',
      'of the newest',
    ],
    [
      'SCANNED_RECORDS_MAX',
      'records',
      'Looked at for one page of the runs of all executables',
      'a shorter page, with `next`',
    ],
    [
      'PENDING_RECORDS_MAX',
      'records',
      'Records that wait while storage fails',
      'the oldest go, counted',
    ],
    [
      'PENDING_RESULT_BYTES_MAX',
      'bytes',
      'Results that wait while storage fails',
      'the oldest go, counted',
    ],
    ['RETRY_MS_MAX', 'ms', 'The pause between tries while storage fails', 'grows no more'],
  ],
  'src/outbound/outbound.ts': [
    [
      'HEADER_BYTES_MAX',
      'bytes',
      "A peer's answer headers",
      '`UPSTREAM_FAILED` or `CALLBACK_FAILED`',
    ],
    ['CONNECTIONS_PER_ORIGIN_MAX', 'connections', 'Connections to one origin', 'waits'],
    ['KEEP_ALIVE_MAX_MS', 'ms', 'An idle connection, whatever the peer says', 'closed'],
    ['CONNECT_TIMEOUT_MS', 'ms', 'A connection attempt nobody waits for', 'ended'],
  ],
  'src/outbound/response-body.ts': [
    [
      'CODINGS_MAX',
      'codings',
      'Content codings one on another',
      '`UPSTREAM_FAILED` or `CALLBACK_FAILED`',
    ],
    [
      'WIRE_SLACK_BYTES',
      'bytes',
      'Hollow compressed data beyond twice its cap',
      '`UPSTREAM_TOO_LARGE` or `TARGET_TOO_LARGE`',
    ],
  ],
  'src/sandbox/loaded-modules.ts': [
    [
      'LOADED_MODULES_MAX',
      'modules',
      'Modules mapped at a time',
      'the least called is mapped again',
    ],
  ],
  'src/sandbox/while-wanted.ts': [
    [
      'MODULE_WAIT_MS_MIN',
      'ms',
      'The wait for a module under a shorter QUEUE_WAIT_MS',
      '`QUEUE_TIMEOUT`',
    ],
  ],
  'src/sandbox/compiler.ts': [
    ['ANSWER_BYTES_MAX', 'bytes', "The compiler's answer", '`MODULE_TOO_COMPLEX`'],
    ['WALL_FACTOR', 'times', 'COMPILE_TIMEOUT_MS by the clock', '`MODULE_TOO_COMPLEX`'],
  ],
  'runtime/engine/src/complexity.rs': [
    ['FUNCTIONS_MAX', 'functions', 'Functions of a module', '`MODULE_TOO_COMPLEX`'],
    ['FUNCTION_BODY_BYTES_MAX', 'bytes', 'One function', '`MODULE_TOO_COMPLEX`'],
    ['EXPORTS_MAX', 'exports', 'Exports of a module', '`MODULE_TOO_COMPLEX`'],
    ['IMPORTS_MAX', 'imports', 'Imports of a module', '`MODULE_TOO_COMPLEX`'],
    ['NAME_BYTES_MAX', 'bytes', 'A name of an import or export', '`MODULE_TOO_COMPLEX`'],
    ['NAMES_BYTES_MAX', 'bytes', 'Those names together', '`MODULE_TOO_COMPLEX`'],
    ['TYPES_MAX', 'types', 'Types of a module', '`MODULE_TOO_COMPLEX`'],
    ['GLOBALS_MAX', 'globals', 'Globals of a module', '`MODULE_TOO_COMPLEX`'],
    ['SEGMENTS_MAX', 'segments', 'Data, or element, segments of a module', '`MODULE_TOO_COMPLEX`'],
  ],
  'runtime/engine/src/engine.rs': [
    ['TABLES_PER_MODULE', 'tables', 'Tables of a module', '`MODULE_TOO_COMPLEX`'],
    [
      'INSTANCE_BYTES_MAX',
      'bytes',
      "An instance's own bookkeeping",
      'out of reach within the bounds on functions and globals',
    ],
  ],
  'runtime/engine/src/types.rs': [
    ['NAME_BYTES_MAX', 'bytes', 'A declared type', '`INVALID_TYPES`'],
  ],
  'runtime/engine/src/describe/descriptors.rs': [
    ['DEPTH_MAX', 'levels', 'A described type within another', 'its types stay unknown'],
  ],
  'runtime/engine/src/trial.rs': [
    [
      'TIMEOUT_MS',
      'ms',
      "A module's describe exports in all; its allocator's first step",
      'its types stay unknown; it is compiled as it came',
    ],
    ['MEMORY_BYTES', 'bytes', 'Memory of either', 'the same'],
  ],
  'runtime/engine/src/ready.rs': [
    ['MODULE_BYTES_MAX', 'bytes', 'A module made ready', 'it is compiled as it came'],
    [
      'GROWTH_BYTES_MAX',
      'bytes',
      'What its allocator takes at first, and what it writes',
      'it is compiled as it came',
    ],
    ['TABLE_ELEMENTS_MAX', 'elements', 'Elements of a table of it', 'it is compiled as it came'],
  ],
  'runtime/engine/src/host/bindgen/casts.rs': [
    ['WORDS_MAX', 'words', 'A type that a module describes', '`GUEST_ABI`'],
  ],
  'runtime/engine/src/host/bindgen/values.rs': [
    ['VALUES_MAX', 'values', 'JavaScript values that a call holds', '`MEMORY_LIMIT`'],
    ['VALUE_BYTES_MAX', 'bytes', 'Those values together', '`MEMORY_LIMIT`'],
    ['ERROR_TEXT_BYTES_MAX', 'bytes', "An error's text", 'cut'],
  ],
  'runtime/engine/src/host/wasi.rs': [
    ['IOV_MAX', 'buffers', 'Buffers of one read or write', 'EINVAL in the guest'],
  ],
  'runtime/engine/src/host/wasi_poll.rs': [
    ['SUBSCRIPTIONS_MAX', 'subscriptions', 'Events that one poll waits for', 'EINVAL in the guest'],
  ],
  'runtime/engine/src/queue.rs': [
    [
      'GROUPS_REMEMBERED_MAX',
      'executables',
      'Executables whose pace is remembered',
      'idle ones go',
    ],
  ],
  'runtime/engine/src/bin/wasmhook-compile.rs': [
    ['FILE_BYTES_MAX', 'bytes', 'A compiled form', '`MODULE_TOO_COMPLEX`'],
    ['OPEN_FILES_MAX', 'files', "The compiler's open files", '`INTERNAL`'],
  ],
  'runtime/addon/src/options.rs': [
    ['FUEL_MAX', 'fuel', 'RUN_FUEL on its way to the engine', '`INTERNAL`'],
    ['BYTES_MAX', 'bytes', 'A limit in bytes on its way to the engine', '`INTERNAL`'],
  ],
}

export const CONSTANTS: readonly Constant[] = Object.entries(BY_FILE).flatMap(([file, rows]) =>
  rows.map(([name, unit, bounds, past]) => ({ file, name, unit, bounds, past })),
)
