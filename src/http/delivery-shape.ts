// What a delivery and its attempts look like in an answer.
import { Type } from 'typebox'
import type { Attempt } from '../model.ts'
import { textOf } from './cut-text.ts'
import { nullable } from './schemas.ts'
import { toTime } from './times.ts'

const Text = Type.String()
const Whole = Type.Integer()
const Flag = Type.Boolean()
const Time = Type.String({ description: 'RFC 3339, UTC' })

export const AttemptShape = Type.Object(
  {
    attempt_id: Text,
    began_at: nullable(Time),
    duration_us: Whole,
    manual: Flag,
    request: Type.Unknown({ description: 'What was sent, its secrets masked; null: nothing was' }),
    peer: nullable(Text),
    timings: Type.Object({
      dns_us: nullable(Whole),
      connect_us: nullable(Whole),
      tls_us: nullable(Whole),
      first_byte_us: nullable(Whole),
      total_us: Whole,
    }),
    status: nullable(Whole),
    error: nullable(Text),
    error_class: nullable(Text),
    response_headers: Type.Record(Type.String(), Type.String()),
    response_body: nullable(Text),
    response_body_base64: nullable(Text),
    response_cut: Flag,
  },
  { additionalProperties: true },
)

/** The last ones are shown of one delivery, not in lists. */
export const DeliveryShape = Type.Object(
  {
    delivery_id: Text,
    run_id: nullable(Text),
    wasm_id: nullable(Whole),
    tenant: nullable(Text),
    message_id: nullable(Text),
    endpoint_id: nullable(Text),
    event_type: nullable(Text),
    order_key: nullable(Text),
    order_state: nullable(
      Type.String({
        description: 'In its line: waits, turn, blocks or parks; null: it is in none',
      }),
    ),
    target: Type.String({ description: 'Origin, as https://host:443' }),
    state: Text,
    reason: nullable(Text),
    due_at: nullable(Time),
    tries: Whole,
    last_status: nullable(Whole),
    last_error_class: nullable(Text),
    resending: Flag,
    payload_kept: Flag,
    retry: Type.Unknown({ description: '{ interval_ms, backoff, retries } or { schedule_ms }' }),
    content_type: Text,
    size_bytes: Whole,
    created_at: nullable(Time),
    ended_at: nullable(Time),
    held_until: Type.Optional(nullable(Time)),
    attempts: Type.Optional(Type.Array(AttemptShape)),
    attempts_omitted: Type.Optional(Whole),
  },
  { additionalProperties: true },
)

export function attemptToWire(attempt: Attempt) {
  return {
    attempt_id: attempt.id,
    began_at: toTime(attempt.beganAtMs),
    duration_us: attempt.durationUs,
    manual: attempt.manual,
    request: attempt.request,
    peer: attempt.peer,
    timings: {
      dns_us: attempt.timings.dnsUs,
      connect_us: attempt.timings.connectUs,
      tls_us: attempt.timings.tlsUs,
      first_byte_us: attempt.timings.firstByteUs,
      total_us: attempt.durationUs,
    },
    status: attempt.status,
    error: attempt.errorMessage,
    error_class: attempt.errorClass,
    response_headers: attempt.responseHeaders,
    ...bodyToWire(attempt),
    response_cut: attempt.responseCut,
  }
}

function bodyToWire({ responseBody: body, responseCut }: Attempt) {
  const text = textOf(body, responseCut)
  return text === undefined
    ? { response_body: null, response_body_base64: body.toString('base64') }
    : { response_body: text, response_body_base64: null }
}
