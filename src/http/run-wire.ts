// What is shown of a run wherever runs are listed.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { AppError } from '../errors.ts'
import type { RunCause, RunRecord, RunStatus } from '../model.ts'
import { nullable } from './schemas.ts'
import { toTime } from './times.ts'

export const RunSummary = {
  run_id: Type.String(),
  wasm_id: Type.Integer(),
  version: Type.Integer(),
  function: Type.String(),
  status: Type.String({
    description: 'queued, running, forwarding, succeeded, failed or canceled',
  }),
  error: nullable(Type.String()),
  code: nullable(Type.String()),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  ended_at: nullable(Type.String()),
  timings_us: Type.Object({
    fetch: nullable(Type.Integer()),
    queue: nullable(Type.Integer()),
    instantiate: nullable(Type.Integer()),
    run: nullable(Type.Integer()),
    forward: nullable(Type.Integer()),
  }),
  input_bytes: nullable(Type.Integer()),
  output_bytes: nullable(Type.Integer()),
  memory_bytes: nullable(Type.Integer()),
  fuel_used: nullable(Type.Integer()),
  forwarded_to: nullable(Type.String()),
  log_truncated: Type.Boolean(),
}
export const RunItem = Type.Object(RunSummary, { additionalProperties: true })

/** What had it begin that nobody called, and where its inputs came from: of one run, not of lists. */
export const RunOrigins = {
  came_from: nullable(
    Type.Object(
      {
        kind: Type.String({ description: 'source or delivery' }),
        tenant: nullable(Type.String()),
        source_id: nullable(Type.String()),
        event_id: nullable(Type.String({ description: "In the source's history" })),
        delivery_id: nullable(Type.String()),
      },
      { description: 'Null for a call' },
    ),
  ),
  inputs: nullable(
    Type.Array(
      Type.Object({
        origin: nullable(Type.String({ description: 'Of its URL; null for one of the call' })),
        bytes: nullable(Type.Integer({ description: 'Null where it was not fetched' })),
      }),
      { description: 'The first 64; null where all there was is one that came with the call' },
    ),
  ),
}

const STATUSES: readonly RunStatus[] = [
  'queued',
  'running',
  'forwarding',
  'succeeded',
  'failed',
  'canceled',
]
export const RunsFilter = Type.Object(
  {
    status: Type.Optional(
      Type.Unsafe<RunStatus>({ type: 'string', enum: STATUSES, description: 'In that status' }),
    ),
    wasm_id: Type.Optional(Type.String({ description: 'Of that executable' })),
    code: Type.Optional(Type.String({ description: 'That ended with this error' })),
  },
  { additionalProperties: false },
)

/** @throws AppError BAD_REQUEST */
export function readFilterOfRuns({ status, wasm_id: wasmId, code }: Static<typeof RunsFilter>) {
  const executableId = wasmId === undefined ? undefined : readExecutable(wasmId)
  return { status, executableId, errorCode: code }
}

function readExecutable(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new AppError('BAD_REQUEST', 'wasm_id must be a positive whole number.', {
    detail: { field: 'wasm_id' },
  })
}

/** What a list shows: all but the log. */
export function summary(run: RunRecord) {
  return {
    run_id: run.id,
    wasm_id: run.executableId,
    version: run.version,
    function: run.functionName,
    status: run.status,
    error: run.errorMessage,
    code: run.errorCode,
    created_at: toTime(run.createdAtMs),
    ended_at: toTime(run.endedAtMs),
    timings_us: {
      fetch: run.timings.fetchUs,
      queue: run.timings.queueUs,
      instantiate: run.timings.instantiateUs,
      run: run.timings.runUs,
      forward: run.timings.forwardUs,
    },
    input_bytes: run.inputBytes,
    output_bytes: run.outputBytes,
    memory_bytes: run.memoryBytes,
    fuel_used: run.fuelUsed,
    forwarded_to: run.forwardedTo,
    log_truncated: run.logTruncated,
  }
}

export function originsOf({ cause, inputs }: RunRecord) {
  const none = { tenant: null, source_id: null, event_id: null, delivery_id: null }
  return { came_from: cause && { ...none, ...causeToWire(cause) }, inputs }
}

function causeToWire(cause: RunCause) {
  if (cause.kind === 'delivery') return { kind: cause.kind, delivery_id: cause.deliveryId }
  const { kind, tenant, sourceId, eventId } = cause
  return { kind, tenant, source_id: sourceId, event_id: eventId }
}
