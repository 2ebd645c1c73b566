// Deliveries and attempts as rows, and rows as what they are in the model.
import type { Selectable } from 'kysely'
import type { Attempt, Delivery, DeliveryState, PlaceInLine, RetryPolicy } from '../model.ts'
import type { AttemptsTable, DeliveriesTable } from './schema.ts'
import type { RunDelivery } from './storage.ts'

/** All that the model tells of a delivery. */
export const DELIVERY_COLUMNS = [
  'id',
  'run_id',
  'executable_id',
  'tenant',
  'endpoint_id',
  'event_type',
  'lane',
  'own_target',
  'state',
  'reason',
  'due_at_ms',
  'lease_id',
  'tries',
  'retry',
  'hops',
  'signed',
  'content_type',
  'size_bytes',
  'created_at_ms',
  'ended_at_ms',
  'last_status',
  'last_error_class',
  'kept_bytes',
  'manual',
  'chain_due_at_ms',
  'order_key',
  'order_place',
  'order_seat',
] as const satisfies readonly (keyof DeliveriesTable)[]

export type DeliveryRow = Pick<Selectable<DeliveriesTable>, (typeof DELIVERY_COLUMNS)[number]>

export function deliveryToRow(delivery: RunDelivery) {
  return {
    id: delivery.id,
    run_id: delivery.runId,
    executable_id: delivery.executableId,
    lane: delivery.target,
    state: delivery.state,
    reason: delivery.reason,
    due_at_ms: delivery.dueAtMs,
    tries: delivery.tries,
    retry: JSON.stringify(delivery.retry),
    hops: delivery.hops,
    signed: delivery.signed ? 1 : 0,
    content_type: delivery.contentType,
    size_bytes: delivery.sizeBytes,
    created_at_ms: delivery.createdAtMs,
    ended_at_ms: delivery.endedAtMs,
    last_status: delivery.lastStatus,
    last_error_class: delivery.lastErrorClass,
  }
}

export function rowToDelivery(row: DeliveryRow): Delivery {
  const manual = row.manual === 1
  const leased = row.lease_id !== null && row.ended_at_ms === null && !manual
  return {
    id: row.id,
    ...originOfRow(row),
    target: row.own_target ?? row.lane,
    state: leased ? 'leased' : (row.state as DeliveryState),
    reason: row.reason,
    dueAtMs: manual ? row.chain_due_at_ms : row.due_at_ms,
    tries: row.tries,
    retry: JSON.parse(row.retry) as RetryPolicy,
    hops: row.hops,
    signed: row.signed === 1,
    contentType: row.content_type,
    sizeBytes: row.size_bytes,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
    lastStatus: row.last_status,
    lastErrorClass: row.last_error_class,
    payloadKept: row.kept_bytes !== null,
    resending: manual,
  }
}

function originOfRow(row: DeliveryRow): Pick<Delivery, 'runId' | 'executableId' | 'event'> {
  const { run_id: id, tenant, endpoint_id: endpointId, event_type: type } = row
  if (tenant === null || endpointId === null || type === null) {
    return { runId: id, executableId: row.executable_id, event: null }
  }
  const event = { tenant, messageId: id, endpointId, type, line: lineOfRow(row) }
  return { runId: null, executableId: null, event }
}

function lineOfRow(row: DeliveryRow): PlaceInLine | null {
  const { order_key: key, order_place: place, order_seat: seat } = row
  if (key === null) return null
  return { key, place: seat === null ? place : 'waits' }
}

export function attemptToRow(deliveryId: string, attempt: Attempt) {
  return {
    id: attempt.id,
    delivery_id: deliveryId,
    began_at_ms: attempt.beganAtMs,
    duration_us: attempt.durationUs,
    request_method: attempt.request?.method ?? null,
    request_url: attempt.request?.url ?? null,
    request_headers: attempt.request === null ? null : JSON.stringify(attempt.request.headers),
    peer: attempt.peer,
    dns_us: attempt.timings.dnsUs,
    connect_us: attempt.timings.connectUs,
    tls_us: attempt.timings.tlsUs,
    first_byte_us: attempt.timings.firstByteUs,
    status: attempt.status,
    error_class: attempt.errorClass,
    error_message: attempt.errorMessage,
    response_headers: JSON.stringify(attempt.responseHeaders),
    response_body: attempt.responseBody,
    response_cut: attempt.responseCut ? 1 : 0,
    manual: attempt.manual ? 1 : 0,
  }
}

export function rowToAttempt(row: Selectable<AttemptsTable>): Attempt {
  return {
    id: row.id,
    beganAtMs: row.began_at_ms,
    durationUs: row.duration_us,
    request: toRequest(row),
    peer: row.peer,
    timings: {
      dnsUs: row.dns_us,
      connectUs: row.connect_us,
      tlsUs: row.tls_us,
      firstByteUs: row.first_byte_us,
    },
    status: row.status,
    errorClass: row.error_class,
    errorMessage: row.error_message,
    responseHeaders: JSON.parse(row.response_headers) as Record<string, string>,
    responseBody: row.response_body,
    responseCut: row.response_cut === 1,
    manual: row.manual === 1,
  }
}

function toRequest(row: Selectable<AttemptsTable>): Attempt['request'] {
  const { request_method: method, request_url: url, request_headers: headers } = row
  if (method === null || url === null || headers === null) return null
  return { method, url, headers: JSON.parse(headers) as Record<string, string> }
}

/** Of what is kept of an attempt, the bytes that its target chose. */
export function answerBytes(attempt: Attempt): number {
  return attempt.responseBody.length
}
