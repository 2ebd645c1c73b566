// The product's plain types, shared by every folder. No behaviour, no wire names (http/wire.ts has those).
import type { EventOfDelivery } from './event-model.ts'

export type * from './event-model.ts'
export type * from './bin-model.ts'
export type * from './run-model.ts'
export type * from './source-model.ts'
export type * from './token-model.ts'
export type * from './usage-model.ts'

/** What the runtime found in a module when it was compiled; stored beside the version. */
export interface ModuleInterface {
  kind: 'wasm-bindgen' | 'wasi-command' | 'raw'
  functions: FunctionInterface[]
  /** Function imports nobody provides: accepted, and trapping with their name when called. */
  missing_imports: string[]
  /** Present where the module imports the storage of its executable. */
  uses_storage?: true
  warnings: string[]
  /** The runtime's own notes for calling; opaque to TypeScript. */
  abi: unknown
}

export interface FunctionInterface {
  name: string
  /** The export's own name, where it differs (raw output of newer wasm-bindgen adds a hash). */
  export?: string
  /** Why the function cannot be called, where the module tells (a struct, a closure, async). */
  unsupported?: string
  /** Types as the design spells them (`text`, `option<u32>`); null where the module does not tell. */
  params: string[] | null
  result: string | null
  core_params: string[]
  core_results: string[]
}

/** Types an owner declares for one function. */
export interface DeclaredTypes {
  params: string[]
  result?: string
}

/** A URL or Node.js HTTP options, checked and normalised (request-spec.ts). */
export interface RequestSpec {
  protocol: 'http:' | 'https:'
  /** As in a URL: IPv6 literals without brackets. */
  hostname: string
  port: number
  /** Path and query, normalised, beginning with a slash. */
  path: string
  /** Upper case; undefined means the purpose's own (GET for a fetch, POST for a callback). */
  method?: string
  /** Lower-case names; `auth` is folded in as `authorization`. */
  headers: Readonly<Record<string, string>>
  body?: string
  maxRedirects?: number
  timeoutMs?: number
  /** Of a callback only: how its delivery is tried again. */
  retry?: RetryPolicy
  /** Of a callback only: when it is sent first, if not at once. */
  later?: SendLater
}

/** A time, or a pause from when the result is there. */
export type SendLater = { atMs: number } | { delayMs: number }

/** The pauses before each further try; how many there are says how often it is tried again. */
export type RetryPolicy =
  { intervalMs: number; backoff: number; retries: number } | { scheduleMs: readonly number[] }

/** What a run can fail of, as far as trying it again can help. */
export type RunFailure = 'fetch' | 'trap' | 'error' | 'timeout' | 'limit'

/** How a run that failed of these is tried again. */
export interface RunRetry {
  policy: RetryPolicy
  on: readonly RunFailure[]
}

/** One argument: given with the call, or fetched when it runs. */
export type Input = { kind: 'bytes'; bytes: Buffer } | { kind: 'fetch'; spec: RequestSpec }

/** Where a result goes: not said, nowhere (`{}`), or a target. */
export type Callback = RequestSpec | 'none' | undefined

/** What a run that waits in the database needs besides its record. */
export interface QueuedRequest {
  inputs: readonly Input[]
  callback: Callback
  /** True: the result is text; false: bytes. */
  text: boolean
  /** JSON: of a source's run, the request that it got, for the function to see; absent of others. */
  webhook?: string | undefined
  hops: number
  /** True where the call carried the admin key or the token: the callback that it names is signed. */
  vouched: boolean
  /** Somebody waits for it: its result is forwarded as any call's, and its answer kept with its key. */
  waited: boolean
  /** Undefined: it is run once, whatever it comes to. */
  retry: RunRetry | undefined
}

export interface Executable {
  id: number
  description: string
  /** Hex sha256 hashes; a null usage hash means the function is open to all. */
  adminKeyHash: string
  usageKeyHash: string | null
  /** 32 hex digits, one per executable, handed to guests as the variable `storage_key`. */
  storageKey: string
  state: string | null
  variables: Readonly<Record<string, string>>
  /** The stored callback's own JSON, as the owner sent it; null when none. */
  callback: string | null
  /** Newest first, some perhaps expired; none: callbacks are not signed. */
  signingSecrets: readonly SigningSecret[]
  /** False: a `callback` in a result is data. */
  embeddedCallback: boolean
  types: Readonly<Record<string, DeclaredTypes>>
  /** What the owner set in place of the defaults; core/limits.ts tells what holds. */
  limits: Readonly<Partial<CallLimits>>
  /** True: a warm instance may serve further calls of the same version. */
  reuse: boolean
  /** True: calls run on the engine that counts fuel. */
  metered: boolean
  version: Version
  createdAtMs: number
}

/** What callbacks are signed with. */
export interface SigningSecret {
  /** UUID v7. */
  id: string
  /** Key of HMAC-SHA256. */
  hmacKey: Buffer
  /** Of ed25519, in PKCS #8 (DER); null where the owner asked for none. */
  privateKey: Buffer | null
  createdAtMs: number
  /** Null until another replaces it. */
  expiresAtMs: number | null
}

/** One binary of an executable. */
export interface Version {
  number: number
  /** Hex, without 0x. */
  sha256: string
  sizeBytes: number
  interface: ModuleInterface
  createdAtMs: number
}

/** scheduled: not tried yet; leased: an attempt is under way; waiting: for its next attempt. */
export const OPEN_STATES = ['scheduled', 'leased', 'waiting'] as const
/** Its endpoint is disabled: it waits until somebody has it go on. */
export const PAUSED = 'paused'
/** Ends, of which a resend can make another: exhausted ran out of retries, discarded has a reason. */
export const ENDED_STATES = ['succeeded', 'exhausted', 'canceled', 'discarded'] as const

export const DELIVERY_STATES = [...OPEN_STATES, PAUSED, ...ENDED_STATES] as const

export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** A try of a run that failed, where another followed. */
export interface FailedTry {
  /** From 1. */
  number: number
  errorCode: string
  errorMessage: string
  endedAtMs: number
}

/** One durable outbound send. */
export interface Delivery {
  /** UUID v7; the same on every attempt. */
  id: string
  /** What it carries: the result of an executable's run, or an event; of these one is null. */
  runId: string | null
  executableId: number | null
  event: EventOfDelivery | null
  /** Origin that it is sent to; its path, query and headers may be secret. */
  target: string
  state: DeliveryState
  /** Why it was canceled or discarded. */
  reason: string | null
  /** When it is tried next; null while an attempt is under way, and at the end. */
  dueAtMs: number | null
  /** Automatic attempts so far. */
  tries: number
  retry: RetryPolicy
  hops: number
  /** True where its attempts are signed, as far as the executable has a secret then. */
  signed: boolean
  contentType: string
  sizeBytes: number
  /** The time that its id tells. */
  createdAtMs: number
  endedAtMs: number | null
  /** Status or class of failure of the newest attempt. */
  lastStatus: number | null
  lastErrorClass: string | null
  /** False: what is sent is kept no more, and it cannot be sent again. */
  payloadKept: boolean
  /** Somebody asked for an attempt that has not ended. */
  resending: boolean
}

/** What a delivery is to have in common with all that are asked for; undefined: anything. */
export interface DeliveryFilter {
  runId?: string | undefined
  executableId?: number | undefined
  /** Of events: a tenant's, and in particular those of a message, or to an endpoint. */
  tenant?: string | undefined
  messageId?: string | undefined
  endpointId?: string | undefined
  /** Within a tenant, an endpoint or a message. */
  eventType?: string | undefined
  target?: string | undefined
  states?: readonly DeliveryState[] | undefined
  /** What ended for these reasons is looked at, and not sent again. */
  passedOver?: readonly string[] | undefined
  /** From one time on, and before another. */
  createdFromMs?: number | undefined
  createdBeforeMs?: number | undefined
}

/** running: it looks for what to send; finished: it has seen all there was when it began. */
export type ResendJobState = 'running' | 'finished' | 'canceled'

/**
 * resend: sends again what a filter finds, each delivery once. replay: sends an endpoint the messages that it wants and was
 * never sent.
 */
export type ResendJobKind = 'resend' | 'replay'

export interface ResendJob {
  kind: ResendJobKind
  /** UUID v7; deliveries with a greater id are none of its business. */
  id: string
  /** Null: of all executables. */
  executableId: number | null
  /** Whose events' deliveries alone it is about; null: not asked for. */
  tenant: string | null
  state: ResendJobState
  filter: DeliveryFilter
  /** Null: as fast as they can be sent. */
  ratePerSecond: number | null
  /** The last delivery, or message, that it has looked at. */
  cursor: string | null
  /**
   * Deliveries looked at so far: those that are sent again, and those that could not be. Of a replay: messages that are
   * missing, those that are sent, and those whose payload is gone.
   */
  matched: number
  resent: number
  skipped: number
  /** Attempts that have ended, of a resend. */
  succeeded: number
  failed: number
  createdAtMs: number
  endedAtMs: number | null
}

/** What is sent, as long as it may be sent again. */
export interface DeliveryPayload {
  spec: RequestSpec
  body: Buffer
}

/** Microseconds; null for what did not happen, as on a connection that was kept from before. */
export interface ConnectionTimings {
  dnsUs: number | null
  connectUs: number | null
  tlsUs: number | null
  /** From the beginning to the answer's headers. */
  firstByteUs: number | null
}

/** One try of a delivery, never changed once it is written. */
export interface Attempt {
  /** UUID v7. */
  id: string
  beganAtMs: number
  durationUs: number
  /** What was sent, its secrets masked; null in those made before this was kept. */
  request: {
    method: string
    url: string
    headers: Readonly<Record<string, string>>
  } | null
  /** Address and port of who was connected to; null where nobody was, or a proxy was. */
  peer: string | null
  timings: ConnectionTimings
  /** Null where no answer began. */
  status: number | null
  /** What went wrong where the answer did not come whole: `dns`, `refused`, `timeout`, `tls`, `reset`, … */
  errorClass: string | null
  errorMessage: string | null
  /** Secrets masked. */
  responseHeaders: Readonly<Record<string, string>>
  /** The beginning of the answer's body. */
  responseBody: Buffer
  /** True where there was more of it. */
  responseCut: boolean
  /** True for one that somebody asked for. */
  manual: boolean
}

/** What the caller of a run gets: the result, or the callback target's answer. */
export interface RunAnswer {
  status: number
  type: string
  body: Buffer
  /** For people: what was ignored in a callback that the result or the executable named. */
  warnings: readonly string[]
  /** The result is sent later, and this delivery of it is committed: there is nothing else to answer. */
  postponed?: { deliveryId: string; dueAtMs: number }
}

/** Everything a call may use, each in bytes, milliseconds or a count. */
export interface CallLimits {
  timeoutMs: number
  memoryBytes: number
  tableElements: number
  inputBytes: number
  outputBytes: number
  logBytes: number
  concurrency: number
  queueLength: number
  queueWaitMs: number
  /** Of metered calls. */
  fuel: number
  /** Calls that a warm instance serves, and how old it grows. */
  reuseCalls: number
  reuseAgeMs: number
  /** What the executable's functions may keep: keys and values together, and keys. */
  storeBytes: number
  storeKeys: number
}
