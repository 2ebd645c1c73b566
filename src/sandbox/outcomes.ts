// Reads what came of calls, which crosses from the runtime as one buffer for many of them: the form is
// told at the top of runtime/addon/src/outbox.rs.
import { AppError, isErrorCode } from '../errors.ts'
import type { ErrorDetail } from '../errors.ts'

export interface InvocationResult {
  /** `isJson`: the text is a JSON object or array. */
  outcome:
    { ok: true; bytes: Buffer; isText: boolean; isJson: boolean } | { ok: false; error: AppError }
  log: string
  logTruncated: boolean
  queueUs: number
  instantiateUs: number
  runUs: number
  memoryBytes: number
  /**
   * Null for a module that is not metered, and for a call that never began. Exact but for calls that the
   * clock or a fault of the machine ended: there at least so much (decision 0010).
   */
  fuelUsed: number | null
  store: StoreUse
}

/** What a call did with its executable's storage. */
export interface StoreUse {
  /** It began to store; where that was out of turn it was ended, for want of anything else to do. */
  began: boolean
  /** What a call that succeeded stored; not committed yet. */
  stored: readonly { key: Buffer; value: Buffer }[]
}

const COUNT_BYTES = 8
const RECORD_BYTES = 9 * 8
const OK = 1
const IS_TEXT = 2
const IS_JSON = 4
const LOG_TRUNCATED = 8
const BEGAN_TO_STORE = 16
const STORED = 32

const UNUSED: StoreUse = { began: false, stored: [] }

export function readOutcomes(
  records: Buffer,
  extras: readonly (Buffer | string)[],
  settle: (id: number, result: InvocationResult) => void,
): void {
  const count = records.readDoubleLE(0)
  let at = COUNT_BYTES + count * RECORD_BYTES
  let extra = 0
  const take = (length: number): Buffer => records.subarray(at, (at += length))
  for (let record = 0; record < count; record++) {
    const word = (place: number): number =>
      records.readDoubleLE(COUNT_BYTES + record * RECORD_BYTES + place * 8)
    const flags = word(1)
    const length = word(2)
    let outcome: InvocationResult['outcome']
    if ((flags & OK) === 0) outcome = { ok: false, error: toError(extras[extra++]) }
    else {
      const bytes = length < 0 ? (extras[extra++] as Buffer) : take(length)
      outcome = {
        ok: true,
        bytes,
        isText: (flags & IS_TEXT) !== 0,
        isJson: (flags & IS_JSON) !== 0,
      }
    }
    const logLength = word(3)
    settle(word(0), {
      outcome,
      log: logLength === 0 ? '' : take(logLength).toString('utf8'),
      logTruncated: (flags & LOG_TRUNCATED) !== 0,
      queueUs: microseconds(word(4)),
      instantiateUs: microseconds(word(5)),
      runUs: microseconds(word(6)),
      memoryBytes: word(7),
      fuelUsed: word(8) < 0 ? null : word(8),
      store:
        (flags & BEGAN_TO_STORE) === 0
          ? UNUSED
          : { began: true, stored: (flags & STORED) === 0 ? [] : readStored(extras[extra++]) },
    })
  }
}

function readStored(extra: Buffer | string | undefined): StoreUse['stored'] {
  const bytes = extra as Buffer
  const stored = []
  for (let at = 0; at < bytes.length;) {
    const keyAt = at + 8
    const valueAt = keyAt + bytes.readUInt32LE(at)
    const end = valueAt + bytes.readUInt32LE(at + 4)
    stored.push({ key: bytes.subarray(keyAt, valueAt), value: bytes.subarray(valueAt, end) })
    at = end
  }
  return stored
}

function microseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1000)
}

interface Failure {
  code: string
  message: string
  detail: ErrorDetail | null
  cause: string | null
}

function toError(json: Buffer | string | undefined): AppError {
  const { code, message, detail, cause } = JSON.parse(String(json)) as Failure
  if (!isErrorCode(code)) return new AppError('INTERNAL', `${code}: ${message}`)
  return new AppError(code, message, { detail: detail ?? {}, cause: cause ?? undefined })
}
