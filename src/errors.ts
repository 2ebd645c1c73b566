// Every error the product answers with: one stable code, its HTTP status and whose fault it is.
// Scripts branch on the code, never on the sentence. docs/errors.md is tested against this table.

/** Whose fault: it decides what a log line says and, later, whether a retry can help. */
export type Fault = 'caller' | 'guest' | 'upstream' | 'target' | 'ours'

const TABLE = {
  // The request itself.
  BAD_REQUEST: [400, 'caller', 'The request is malformed.'],
  INVALID_JSON: [400, 'caller', 'The body, header or part is not valid JSON.'],
  INVALID_SPEC: [400, 'caller', 'A request spec (URL or HTTP options) is malformed.'],
  ADDRESS_REFUSED: [400, 'caller', 'The address is not one this server may call.'],
  UNKNOWN_FILTER: [400, 'caller', 'filterBy names something that is not a filter.'],
  INVALID_MULTIPART: [400, 'caller', 'The multipart body is malformed.'],
  UNKNOWN_PART: [
    400,
    'caller',
    'A part is neither an argument (name ending in _N) nor SSVM_Callback.',
  ],
  DUPLICATE_PART: [400, 'caller', 'Two parts carry the same number.'],
  MISSING_PART: [400, 'caller', 'The numbered parts have a gap.'],
  MISSING_KEY: [401, 'caller', 'A key is needed and none was sent.'],
  WRONG_KEY: [403, 'caller', 'The key is wrong.'],
  MISSING_RIGHT: [403, 'caller', 'The token has not the right that the route needs.'],
  ORIGIN_REFUSED: [403, 'caller', 'Without API_TOKEN only local, non-browser requests are served.'],
  NOT_FOUND: [404, 'caller', 'There is no such thing.'],
  METHOD_NOT_ALLOWED: [405, 'caller', 'The route exists for other methods; see Allow.'],
  REQUEST_TIMEOUT: [408, 'caller', 'The request did not arrive in full in time.'],
  CONFLICT: [409, 'caller', 'The request conflicts with the present state.'],
  PAYLOAD_GONE: [410, 'caller', 'What the delivery sends is kept no more.'],
  MESSAGE_ID_REUSED: [409, 'caller', 'Another message was published under this id.'],
  UNKNOWN_EVENT_TYPE: [422, 'caller', 'The tenant has no such event type.'],
  TOKEN_FIELDS_MISSING: [422, 'caller', 'The payload lacks what a token is made of.'],
  INVALID_SCHEMA: [422, 'caller', 'The JSON Schema is malformed, or holds what is not taken.'],
  PAYLOAD_MISMATCH: [422, 'caller', 'The payload does not satisfy the schema of its event type.'],
  FETCH_VALUE_REFUSED: [
    422,
    'caller',
    'The payload lacks a value that fetching its resource needs, or has one that cannot be put in.',
  ],
  SCHEMA_TOO_COMPLEX: [
    422,
    'caller',
    'To check the payload against its schema takes more than EVENT_SCHEMA_STEPS.',
  ],
  RATE_LIMITED: [429, 'caller', 'As much of this is under way as may be at once.'],
  HOOK_REFUSED: [401, 'caller', 'The source does not take this request; its history says why.'],
  HOOK_IN_FLIGHT: [409, 'caller', 'The same event is being worked on; send it again later.'],
  HOOK_UNAVAILABLE: [503, 'ours', 'What the source calls cannot be called; send it again later.'],
  INVALID_DOCUMENT: [422, 'caller', 'The body is not a document that the source takes.'],
  BODY_TOO_LARGE: [413, 'caller', 'The body is larger than its limit.'],
  INPUT_TOO_LARGE: [413, 'caller', 'The inputs of one call are together larger than INPUT_BYTES.'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'caller', 'The route does not take this content type.'],
  HEADERS_TOO_LARGE: [431, 'caller', 'The request headers are too large.'],
  // The upload.
  NOT_WASM: [400, 'caller', 'The bytes are not a WebAssembly module.'],
  PRECOMPILED_REFUSED: [400, 'caller', 'Native and precompiled files are refused; send the .wasm.'],
  INVALID_WASM: [
    400,
    'caller',
    'The module is truncated, malformed or uses a feature that is off.',
  ],
  COMPONENT_UNSUPPORTED: [400, 'caller', 'Components cannot be run yet; send a core module.'],
  MISSING_IMPORT_KIND: [
    400,
    'caller',
    'The module imports a memory, table or global nobody provides.',
  ],
  MODULE_TOO_COMPLEX: [400, 'caller', 'The module is too complex to compile within its limits.'],
  MODULE_EXCEEDS_LIMITS: [
    400,
    'caller',
    'The module declares more memory or table than the ceiling.',
  ],
  // The call.
  UNKNOWN_FUNCTION: [404, 'caller', 'The module has no such function.'],
  WRONG_ARGUMENT_COUNT: [400, 'caller', 'The function takes another number of arguments.'],
  AMBIGUOUS_TYPES: [400, 'caller', 'The argument types cannot be told from the module alone.'],
  UNSUPPORTED_SIGNATURE: [
    400,
    'caller',
    'The function takes or returns a type that cannot be passed.',
  ],
  LIMIT_OUT_OF_RANGE: [400, 'caller', 'A limit is above its ceiling or below its floor.'],
  INVALID_TYPES: [400, 'caller', 'The declared types are not valid.'],
  INPUT_TYPE_MISMATCH: [422, 'caller', 'An input does not fit its type.'],
  FUNCTION_ERROR: [422, 'guest', 'The function returned an error.'],
  TRAP: [500, 'guest', 'The function trapped.'],
  EXIT_CODE: [500, 'guest', 'The command exited with a code other than 0.'],
  MISSING_IMPORT: [500, 'guest', 'The function called an import that nobody provides.'],
  GUEST_ABI: [500, 'guest', 'The module broke its calling convention.'],
  INVALID_UTF8: [500, 'guest', 'The function returned bytes where text was asked for.'],
  MEMORY_LIMIT: [500, 'guest', 'The function needed more memory than RUN_MEMORY_BYTES.'],
  TABLE_LIMIT: [500, 'guest', 'The function needed larger tables than TABLE_ELEMENTS.'],
  FUEL_LIMIT: [500, 'guest', 'The function did more work than RUN_FUEL allows.'],
  INVALID_CALLBACK: [500, 'guest', 'The callback in the result is malformed.'],
  OUTPUT_TOO_LARGE: [500, 'guest', 'The result is larger than OUTPUT_BYTES.'],
  RUN_TIMEOUT: [504, 'guest', 'The function ran longer than RUN_TIMEOUT_MS.'],
  IDEMPOTENCY_MISMATCH: [422, 'caller', 'The Idempotency-Key was used for another request.'],
  IDEMPOTENCY_IN_FLIGHT: [
    409,
    'caller',
    'The first request under this Idempotency-Key is not answered yet; ask again later.',
  ],
  IDEMPOTENCY_ANSWER_DROPPED: [
    410,
    'caller',
    'The run under this Idempotency-Key has ended; there was no room to keep its answer.',
  ],
  CANCELED: [409, 'caller', 'The run was canceled.'],
  // Load.
  QUEUE_FULL: [503, 'ours', 'Too many calls of this function wait already.'],
  QUEUE_TIMEOUT: [503, 'ours', 'The call waited longer than QUEUE_WAIT_MS for a free slot.'],
  DURABLE_RUNS_FULL: [
    503,
    'ours',
    'As many runs of this executable wait as DURABLE_RUNS_MAX allows.',
  ],
  IDEMPOTENCY_FULL: [
    503,
    'ours',
    'As many keys of this executable are kept as IDEMPOTENCY_KEYS_MAX allows.',
  ],
  BUFFERS_FULL: [503, 'ours', 'The server holds as many bytes as BUFFERED_BYTES allows.'],
  EPHEMERAL_STORAGE_FULL: [507, 'ours', 'The ephemeral storage is full.'],
  STORE_FULL: [
    507,
    'guest',
    'The function keeps more than STORE_BYTES or STORE_KEYS; nothing was stored.',
  ],
  STORAGE_UNAVAILABLE: [503, 'ours', 'The database cannot be reached.'],
  STORAGE_UNKNOWN: [
    503,
    'ours',
    'The connection to the database broke during a commit; whether it was stored is not known.',
  ],
  STORAGE_FULL: [507, 'ours', 'The disk or database is full.'],
  STORAGE_BUSY: [503, 'ours', 'Another process keeps the database locked; nothing was stored.'],
  CLOSED: [503, 'ours', 'The server is shutting down.'],
  // Inputs.
  UPSTREAM_FAILED: [502, 'upstream', 'A fetched input could not be had.'],
  UPSTREAM_TOO_LARGE: [
    502,
    'upstream',
    'A fetched input is larger than INPUT_BYTES leaves room for.',
  ],
  UPSTREAM_TIMEOUT: [504, 'upstream', 'A fetched input did not arrive within FETCH_TIMEOUT_MS.'],
  // Forwarding.
  CALLBACK_FAILED: [
    502,
    'target',
    'The callback target refused the result or could not be reached.',
  ],
  CALLBACK_TIMEOUT: [
    504,
    'target',
    'The callback target did not answer within CALLBACK_TIMEOUT_MS.',
  ],
  TARGET_TOO_LARGE: [502, 'target', 'The callback target answered more than OUTPUT_BYTES.'],
  LOOP_DETECTED: [508, 'caller', 'The call passed through too many hops.'],
  // Ours.
  INTERNAL: [500, 'ours', 'Something went wrong here.'],
} as const satisfies Record<string, readonly [status: number, fault: Fault, meaning: string]>

/** A stable error code: the only thing to branch on. */
export type ErrorCode = keyof typeof TABLE

/** The table in full, for the documentation and its test. */
export const ERRORS: Readonly<Record<ErrorCode, readonly [number, Fault, string]>> = TABLE

/** True for a string that is one of the table's codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(TABLE, code)
}

/** Anything worth telling beside the sentence; its fields are merged into the JSON answer. */
export type ErrorDetail = Readonly<Record<string, unknown>>

/** An error with a stable code, thrown anywhere and answered in one place (http/error-reply.ts). */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: ErrorDetail

  constructor(
    code: ErrorCode,
    message?: string,
    options?: { detail?: ErrorDetail; cause?: unknown },
  ) {
    super(message ?? TABLE[code][2], options?.cause === undefined ? {} : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = options?.detail ?? {}
  }

  get status(): number {
    return TABLE[this.code][0]
  }

  get fault(): Fault {
    return TABLE[this.code][1]
  }
}
