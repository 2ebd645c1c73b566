// What is recorded of a run: as it begins, where its inputs come from, and what its call came to.
import type { Input, InputOrigin, RunRecord } from '../model.ts'
import { originOf } from '../request-spec.ts'
import type { InvocationResult } from '../sandbox/sandbox.ts'
import type { RunRequest } from './runner.ts'

/** Of a run's inputs so many are told of. */
const INPUT_ORIGINS_MAX = 64

/** As it begins. */
export function newRecord(request: RunRequest, nowMs: number): RunRecord {
  return {
    id: request.id,
    executableId: request.executable.id,
    version: request.executable.version.number,
    functionName: request.functionName,
    status: 'running',
    errorCode: null,
    errorMessage: null,
    usageKeyHash: request.executable.usageKeyHash,
    forwardedTo: null,
    cause: request.cause ?? null,
    inputs: null,
    timings: { fetchUs: null, queueUs: null, instantiateUs: null, runUs: null, forwardUs: null },
    inputBytes: 0,
    outputBytes: 0,
    memoryBytes: 0,
    fuelUsed: null,
    log: '',
    logTruncated: false,
    createdAtMs: nowMs,
    endedAtMs: null,
    result: null,
  }
}

/** What its call came to. */
export function note(record: RunRecord, invoked: InvocationResult): void {
  record.timings.queueUs = invoked.queueUs
  // A call that was refused never came to either.
  const ran = invoked.outcome.ok || invoked.instantiateUs + invoked.runUs > 0
  record.timings.instantiateUs = ran ? invoked.instantiateUs : null
  record.timings.runUs = ran ? invoked.runUs : null
  record.memoryBytes = invoked.memoryBytes
  record.fuelUsed = invoked.fuelUsed
  record.log = invoked.log
  record.logTruncated = invoked.logTruncated
}

/**
 * Null for what nearly every call has: one input that came with it, or none.
 * @param bytes what they came to, once all are there
 */
export function inputOrigins(
  inputs: readonly Input[],
  bytes?: readonly Buffer[],
): InputOrigin[] | null {
  if (inputs.length < 2 && inputs[0]?.kind !== 'fetch') return null
  return inputs.slice(0, INPUT_ORIGINS_MAX).map((input, at) => ({
    origin: input.kind === 'fetch' ? originOf(input.spec) : null,
    bytes: (input.kind === 'fetch' ? bytes?.[at] : input.bytes)?.length ?? null,
  }))
}
