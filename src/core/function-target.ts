// An attempt to deliver to a function in place of a URL. It is kept as one over HTTP is, as if the function's run route
// had been called.
import { v7 as uuidv7 } from 'uuid'
import type { Attempt, FunctionRef } from '../model.ts'
import { EXCERPT_BYTES } from './attempt.ts'
import type { FunctionOutcome } from './function-calls.ts'

const NO_TIMINGS = { dnsUs: null, connectUs: null, tlsUs: null, firstByteUs: null }

/** Where deliveries to functions of an executable wait. */
export function laneOfFunction({ executableId }: Pick<FunctionRef, 'executableId'>): string {
  return `function:${executableId}`
}

/** @param begun when it began: of the clock, and of performance.now() */
export function attemptOfCall(
  { executableId, functionName }: FunctionRef,
  outcome: Extract<FunctionOutcome, { kind: 'returned' | 'failed' }>,
  begun: { atMs: number; performanceMs: number },
): Attempt {
  const path = `/api/run/${executableId}/${encodeURIComponent(functionName)}`
  const { runId, status } = outcome
  const failed = outcome.kind === 'failed'
  const body = failed ? Buffer.alloc(0) : outcome.bytes
  return {
    id: uuidv7(),
    beganAtMs: begun.atMs,
    durationUs: Math.round((performance.now() - begun.performanceMs) * 1000),
    request: { method: 'POST', url: path, headers: {} },
    peer: null,
    timings: NO_TIMINGS,
    status,
    errorClass: failed ? 'function' : null,
    errorMessage: failed ? `${outcome.code}: ${outcome.message}` : null,
    responseHeaders: {
      ...(runId === null ? {} : { 'wasmhook-run': runId }),
      ...(failed ? {} : { 'content-type': outcome.type }),
    },
    responseBody: body.subarray(0, EXCERPT_BYTES),
    responseCut: body.length > EXCERPT_BYTES,
    manual: false,
  }
}

/** An attempt that ended before anything was sent, in one of the steps before. */
export function attemptOfStep(
  step: string,
  message: string,
  begun: { atMs: number; performanceMs: number },
): Attempt {
  return {
    id: uuidv7(),
    beganAtMs: begun.atMs,
    durationUs: Math.round((performance.now() - begun.performanceMs) * 1000),
    request: null,
    peer: null,
    timings: NO_TIMINGS,
    status: null,
    errorClass: step,
    errorMessage: message,
    responseHeaders: {},
    responseBody: Buffer.alloc(0),
    responseCut: false,
    manual: false,
  }
}
