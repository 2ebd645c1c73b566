// One attempt to send something to a target: what is sent, what is kept of the answer, and what the
// answer means for a delivery.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import type { Attempt, RequestSpec, RetryPolicy, SigningSecret } from '../model.ts'
import { OutboundError, Trace, isSignatureHeader, signatureHeaders } from '../outbound/outbound.ts'
import type { Outbound, OutboundResponse } from '../outbound/outbound.ts'
import { originOf } from '../request-spec.ts'
import { pauseMs } from '../retry-policy.ts'
import type { AfterAttempt, TargetNews } from '../storage/storage.ts'
import { toldOfLoop } from './hops.ts'
import { maskPath, maskReceived, maskSent } from './masked.ts'

/** How much of an answer's body is kept. */
export const EXCERPT_BYTES = 16 * 1024
const GONE = 410
const NO_BYTES = Buffer.alloc(0)
const TOO_MANY_REQUESTS = 429
const UNAVAILABLE = 503

/** RFC 9110: what is sent, and two forms of old. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
]

export interface AttemptRequest {
  spec: RequestSpec
  result: { bytes: Buffer; type: string }
  timeoutMs: number
  /** Of the answer's body; the rest is cut off. */
  answerBytes: number
  /** Runs that the result passed through, this one included. */
  hops: number
  /** The server's own headers besides. */
  headers?: Readonly<Record<string, string>>
  /** The id is the same on every attempt; without secrets nothing is signed. */
  signing: { id: string; secrets: readonly SigningSecret[] }
  onBytes?: (bytes: number) => void
  signal?: AbortSignal
}

/** The attempt as it is kept, and the answer or why there is none. */
export type Attempted =
  | { attempt: Attempt; response: OutboundResponse; error: undefined }
  | { attempt: Attempt; response: undefined; error: OutboundError }

/** @throws what `onBytes` threw */
export async function attempt(
  outbound: Outbound,
  request: AttemptRequest,
  now: () => number,
): Promise<Attempted> {
  const { result } = request
  const method = request.spec.method ?? 'POST'
  const bodyless = method === 'GET' || method === 'HEAD'
  const beganAtMs = now()
  const sent = bodyless ? undefined : result.bytes
  const { spec, signature } = await sign(request, sent ?? NO_BYTES, beganAtMs)
  const typed = spec.headers['content-type'] !== undefined || bodyless
  // Ours, so that it goes along where a redirect drops the spec's headers.
  const type = typed ? {} : { 'content-type': result.type }
  const headers = { ...type, ...request.headers, ...signature }
  const trace = new Trace()
  const kept = (error: OutboundError | undefined): Attempt => ({
    id: uuidv7(),
    beganAtMs,
    durationUs: trace.durationUs,
    request: {
      method,
      url: originOf(spec) + maskPath(spec.path),
      headers: maskSent(trace.headers, spec.headers, headers),
    },
    peer: trace.peer,
    timings: trace.timings,
    status: trace.status,
    errorClass: error?.class ?? null,
    errorMessage: error?.message ?? null,
    responseHeaders: maskReceived(trace.responseHeaders),
    responseBody: NO_BYTES,
    responseCut: false,
    manual: false,
  })
  try {
    const response = await outbound.send({
      spec,
      method,
      headers,
      ...(sent === undefined ? {} : { body: sent }),
      timeoutMs: request.timeoutMs,
      maxBytes: request.answerBytes,
      overflow: 'cut',
      maxRedirects: 0,
      hops: request.hops,
      trace,
      ...(request.onBytes === undefined ? {} : { onBytes: request.onBytes }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    })
    const { body, truncated, damage } = response
    const responseBody = body.subarray(0, EXCERPT_BYTES)
    const responseCut = truncated || body.length > EXCERPT_BYTES
    return {
      attempt: { ...kept(damage), responseBody, responseCut },
      response,
      error: undefined,
    }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return { attempt: kept(error), response: undefined, error }
  }
}

/** Headers that sign the body, and the spec without those that would contradict them. */
async function sign(
  { spec, signing: { id, secrets } }: AttemptRequest,
  body: Buffer,
  nowMs: number,
): Promise<{ spec: RequestSpec; signature: Readonly<Record<string, string>> }> {
  if (secrets.length === 0) return { spec, signature: {} }
  const kept = Object.entries(spec.headers).filter(([name]) => !isSignatureHeader(name))
  return {
    spec: { ...spec, headers: Object.fromEntries(kept) },
    signature: await signatureHeaders({ id, nowMs, body }, secrets),
  }
}

/** How long an attempt may take, from the name's resolution to the last byte. */
export function timeoutOf(spec: RequestSpec, config: Config): number {
  return Math.min(spec.timeoutMs ?? config.CALLBACK_TIMEOUT_MS, config.CALLBACK_TIMEOUT_MS_MAX)
}

/**
 * True for an answer that took what was sent. It must have come whole; only that its body cannot be
 * decompressed does not matter.
 */
export function arrived({ status, errorClass }: Attempt): boolean {
  const whole = errorClass === null || errorClass === 'encoding'
  return whole && status !== null && status >= 200 && status < 300
}

/**
 * What becomes of a delivery.
 * @param tries automatic attempts, this one included
 * @param chance from 0 to 1
 */
export function afterAttempt(
  made: Attempt,
  delivery: { retry: RetryPolicy; tries: number },
  { nowMs, chance, config }: { nowMs: number; chance: number; config: Config },
): AfterAttempt {
  if (arrived(made)) return { state: 'succeeded', reason: null }
  if (made.status === GONE) return { state: 'discarded', reason: 'gone' }
  const { status, responseHeaders: headers } = made
  // Sending again would go round once more.
  if (toldOfLoop({ status, headers })) return { state: 'discarded', reason: 'loop' }
  const pause = pauseMs(delivery.retry, delivery.tries, chance)
  if (pause === undefined) return { state: 'exhausted', reason: null }
  const askedMs = retryAfterMs(headers['retry-after'], nowMs, config.RETRY_AFTER_MS_MAX)
  return { state: 'waiting', dueAtMs: nowMs + Math.max(pause, askedMs) }
}

/**
 * What an attempt tells of its target. One that answers, be it that it refuses, is well; that it fails or
 * cannot be reached says nothing of how much it can take.
 */
export function newsOf(made: Attempt, nowMs: number, config: Config): TargetNews {
  const { status, errorClass, responseHeaders: headers } = made
  if (status === TOO_MANY_REQUESTS || status === UNAVAILABLE) {
    const askedMs = retryAfterMs(headers['retry-after'], nowMs, config.RETRY_AFTER_MS_MAX)
    return { askedMs, maxMs: config.TARGET_PAUSE_MS_MAX }
  }
  return status !== null && status < 500 && errorClass === null ? 'well' : 'none'
}

/** Seconds or a date; 0 where neither can be read. */
export function retryAfterMs(value: string | undefined, nowMs: number, maxMs: number): number {
  if (value === undefined) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : dateMs(value) - nowMs
  return ms > 0 ? Math.min(ms, maxMs) : 0
}

/** NaN for what is no date of HTTP: Date.parse reads much that is none. */
function dateMs(value: string): number {
  if (!HTTP_DATES.some((form) => form.test(value))) return NaN
  return Date.parse(value.endsWith('GMT') ? value : `${value} GMT`)
}
