// What a delivery and its attempts look like in an answer.
import { Type } from 'typebox'
import { nullable } from './schemas.ts'

const Text = Type.String()
const Whole = Type.Integer()
const Flag = Type.Boolean()
const Time = Type.String({ description: 'RFC 3339, UTC' })

const Attempt = Type.Object(
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
    attempts: Type.Optional(Type.Array(Attempt)),
    attempts_omitted: Type.Optional(Whole),
  },
  { additionalProperties: true },
)
