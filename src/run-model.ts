// Runs, as they are recorded; a part of model.ts.

export type RunStatus = 'queued' | 'running' | 'forwarding' | 'succeeded' | 'failed' | 'canceled'

/** Microseconds each stage took; null for a stage that did not happen. */
export interface RunTimings {
  fetchUs: number | null
  queueUs: number | null
  instantiateUs: number | null
  runUs: number | null
  forwardUs: number | null
}

/** What had a run begin that nobody called: an event of a source, or a delivery that goes to a function. */
export type RunCause =
  | { kind: 'source'; tenant: string; sourceId: string; eventId: string }
  | { kind: 'delivery'; deliveryId: string }

/** Where one input came from. */
export interface InputOrigin {
  /** Of its URL, whose path and query may be secret; null for one that came with the call. */
  origin: string | null
  /** Null where it was not fetched. */
  bytes: number | null
}

/** One invocation of one function, as it is kept. */
export interface RunRecord {
  /** UUID v7. */
  id: string
  executableId: number
  version: number
  functionName: string
  status: RunStatus
  /** Error code and sentence of a failed run. */
  errorCode: string | null
  errorMessage: string | null
  /** Hash of the usage key the run was made with; null for an open function. */
  usageKeyHash: string | null
  /** Origin the result was forwarded to (never its path, query or headers: those can hold secrets). */
  forwardedTo: string | null
  /** Null for a call. */
  cause: RunCause | null
  /** The first of them; null where all there was is one input that came with the call. */
  inputs: InputOrigin[] | null
  timings: RunTimings
  inputBytes: number
  outputBytes: number
  memoryBytes: number
  /** Null where the run was not metered. */
  fuelUsed: number | null
  /** What the guest wrote to stdout and stderr, up to LOG_BYTES. */
  log: string
  logTruncated: boolean
  createdAtMs: number
  endedAtMs: number | null
  /** A result that is kept: that of a run whose forward failed. */
  result: { bytes: Buffer; type: string } | null
}
