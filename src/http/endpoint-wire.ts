// What is said and shown of an endpoint: the bodies of its routes, and the model that they stand for.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { EndpointRequest } from '../core/endpoint-fields.ts'
import type { Executables } from '../core/executables.ts'
import { MASK, isPlainHeader, maskPath } from '../core/masked.ts'
import type { Endpoint, FunctionRef, SigningSecret } from '../model.ts'
import { parsePayloadFilter } from '../payload-filter.ts'
import { REDIRECTS_MAX, originOf } from '../request-spec.ts'
import { formatRetry } from '../retry-policy.ts'
import type { KeyGuard } from './key-guard.ts'
import {
  NAMED_FUNCTION,
  NamedFunction,
  readNamedFunction,
  showFunction,
} from './named-functions.ts'
import { OrderedField, readOrdered, showOrdered } from './ordered-field.ts'
import { OptionalTenant, nullable } from './schemas.ts'
import { V1A, secretToWire } from './signing-secrets.ts'
import { toTime } from './times.ts'

/** Event types and patterns of one endpoint: each is tried with every message. */
const PATTERNS_MAX = 100
const DESCRIPTION_CHARS_MAX = 1_000
/** A rate: attempts in a time, which is at most a day. */
const RATE_ATTEMPTS_MAX = 10_000
const RATE_PER_MS_MAX = 24 * 3_600_000

const Fields = {
  url: Type.String({ description: 'https:// or http://' }),
  function: Type.Object(
    { ...NAMED_FUNCTION, callback: Type.Optional(Type.Boolean()) },
    {
      additionalProperties: false,
      description: 'In place of url; callback: its result goes on to its callback',
    },
  ),
  event_types: Type.Array(Type.String(), {
    minItems: 1,
    maxItems: PATTERNS_MAX,
    description: 'Names, or patterns: * is all, order.* everything below order',
  }),
  description: Type.String({ maxLength: DESCRIPTION_CHARS_MAX }),
  headers: Type.Record(Type.String(), Type.String(), {
    description: 'Sent along; never shown again',
  }),
  retry: Type.Unknown({
    description: '{ interval_ms, backoff, retries } or { schedule_ms }; null: the default',
  }),
  timeout_ms: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
    description: 'Of one attempt; null: CALLBACK_TIMEOUT_MS',
  }),
  ordered: OrderedField,
  body_style: Type.Union(
    [
      Type.Literal('envelope'),
      Type.Literal('raw'),
      Type.Literal('cloudevents'),
      Type.Literal('cloudevents_binary'),
    ],
    {
      description:
        '{ type, timestamp, data }, the payload alone, or a CloudEvent in the structured or binary mode',
    },
  ),
  signature_style: Type.Union([Type.Literal('standard'), Type.Literal('token')], {
    description: 'token: the payload gains `token`, an HMAC over its id and createdAt',
  }),
  payload_filter: Type.Unknown({
    description: 'Which payloads it wants (docs/events.md); null: every one',
  }),
  filter: Type.Union([NamedFunction, Type.Null()], {
    description: 'Returns true or false for each message',
  }),
  transform: Type.Union([NamedFunction, Type.Null()], {
    description: 'Makes of each message what is sent',
  }),
  delay_ms: Type.Integer({
    minimum: 0,
    description: 'Each is due that much later; at most DELIVER_LATER_MS_MAX',
  }),
  max_redirects: Type.Integer({
    minimum: 0,
    maximum: REDIRECTS_MAX,
    description: 'Followed of one attempt; 0: a redirect is an answer like any',
  }),
  rate_limit: Type.Union(
    [
      Type.Object(
        {
          attempts: Type.Integer({ minimum: 1, maximum: RATE_ATTEMPTS_MAX }),
          per_ms: Type.Integer({ minimum: 1, maximum: RATE_PER_MS_MAX }),
        },
        { additionalProperties: false },
      ),
      Type.Null(),
    ],
    { description: 'So many attempts in so much time, as many at once; null: no limit' },
  ),
  max_in_flight: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
    description: 'Attempts under way; null: DELIVERY_TARGET_CONCURRENCY, its most, for the target',
  }),
  enabled: Type.Boolean({ description: 'false: nothing of what is published from then on' }),
}
const Optional = {
  url: Type.Optional(Fields.url),
  function: Type.Optional(Fields.function),
  description: Type.Optional(Fields.description),
  headers: Type.Optional(Fields.headers),
  retry: Type.Optional(Fields.retry),
  timeout_ms: Type.Optional(Fields.timeout_ms),
  ordered: Type.Optional(Fields.ordered),
  body_style: Type.Optional(Fields.body_style),
  signature_style: Type.Optional(Fields.signature_style),
  payload_filter: Type.Optional(Fields.payload_filter),
  filter: Type.Optional(Fields.filter),
  transform: Type.Optional(Fields.transform),
  delay_ms: Type.Optional(Fields.delay_ms),
  max_redirects: Type.Optional(Fields.max_redirects),
  rate_limit: Type.Optional(Fields.rate_limit),
  max_in_flight: Type.Optional(Fields.max_in_flight),
  enabled: Type.Optional(Fields.enabled),
}
export const NewBody = Type.Object(
  {
    tenant: OptionalTenant,
    event_types: Fields.event_types,
    ...Optional,
    v1a: Type.Optional(V1A),
  },
  { additionalProperties: false },
)
export const ChangeBody = Type.Object(
  { event_types: Type.Optional(Fields.event_types), ...Optional },
  { additionalProperties: false },
)
const Key = nullable(Type.String())
const Shown = {
  endpoint_id: Type.String(),
  tenant: Type.String(),
  ...Type.Partial(Type.Object(Fields)).properties,
  url: nullable(Type.String({ description: 'Its path and query masked; null: a function' })),
  function: nullable(Fields.function),
  headers: Type.Record(Type.String(), Type.String(), { description: 'Their values masked' }),
  secrets: Type.Array(
    Type.Object({
      created_at: Type.String(),
      expires_at: nullable(Type.String()),
      public_key: Key,
      kid: Key,
    }),
    { description: 'That sign now' },
  ),
  disabled_reason: nullable(
    Type.String({ description: 'owner, gone (it answered 410), or failing; null: it is enabled' }),
  ),
  disabled_at: nullable(Type.String()),
  failing_since: nullable(Type.String({ description: 'null: the last attempt arrived' })),
  paused: Type.Optional(
    Type.Integer({
      description: 'Of one endpoint: deliveries that wait to be resumed, up to 10,000',
    }),
  ),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  updated_at: Type.String(),
  warnings: Type.Optional(Type.Array(Type.String())),
}
export const Shape = Type.Object(Shown, { additionalProperties: true })
export const Deleted = Type.Object({ endpoint_id: Type.String() })
export const WithSecret = Type.Object(
  {
    ...Shown,
    secret: Type.String({ description: 'whsec_…; shown once' }),
    public_key: nullable(Type.String({ description: 'whpk_…, with v1a' })),
  },
  { additionalProperties: true },
)
export const EndpointParams = Type.Object({ id: Type.String({ description: 'endpoint_id' }) })

/** @param alive those of its secrets that sign now */
export function toWire(endpoint: Endpoint, alive: readonly SigningSecret[]) {
  const { spec, settings } = endpoint
  const { target, rateLimit } = settings
  return {
    endpoint_id: endpoint.id,
    tenant: endpoint.tenant,
    url: spec === null ? null : originOf(spec) + maskPath(spec.path),
    function: target === null ? null : { ...showFunction(target), callback: target.callback },
    event_types: [...endpoint.eventTypes],
    description: endpoint.description,
    headers: Object.fromEntries(
      Object.entries(spec?.headers ?? {}).map(([name, value]) => [
        name,
        isPlainHeader(name) ? value : MASK,
      ]),
    ),
    retry: formatRetry(endpoint.retry),
    timeout_ms: spec?.timeoutMs ?? null,
    ordered: showOrdered(settings.ordered),
    body_style: settings.bodyStyle,
    signature_style: settings.signatureStyle,
    payload_filter: settings.payloadFilter,
    filter: settings.filter && showFunction(settings.filter),
    transform: settings.transform && showFunction(settings.transform),
    delay_ms: settings.delayMs,
    max_redirects: spec?.maxRedirects ?? 0,
    rate_limit: rateLimit && { attempts: rateLimit.attempts, per_ms: rateLimit.perMs },
    max_in_flight: settings.maxInFlight,
    enabled: endpoint.enabled,
    disabled_reason: endpoint.disabled?.reason ?? null,
    disabled_at: toTime(endpoint.disabled?.atMs ?? null),
    failing_since: toTime(endpoint.failingSinceMs),
    secrets: alive.map(secretToWire),
    created_at: toTime(endpoint.createdAtMs),
    updated_at: toTime(endpoint.updatedAtMs),
  }
}

export async function toRequest(
  request: FastifyRequest,
  body: Static<typeof ChangeBody>,
  deps: { executables: Pick<Executables, 'find'>; keyGuard: KeyGuard },
): Promise<EndpointRequest> {
  const { url, description, headers, retry, enabled } = body
  const { payload_filter: payloadFilter, filter, transform, function: target } = body
  const { rate_limit: rate } = body
  const read = (named: Static<typeof NamedFunction>, field: string): Promise<FunctionRef> =>
    readNamedFunction(request, { wasm_id: named.wasm_id, name: named.name }, field, deps)
  return {
    ...{ url, description, headers, retry, enabled },
    eventTypes: body.event_types,
    timeoutMs: body.timeout_ms,
    maxRedirects: body.max_redirects,
    settings: {
      ordered: body.ordered === undefined ? undefined : readOrdered(body.ordered),
      bodyStyle: body.body_style,
      signatureStyle: body.signature_style,
      payloadFilter:
        payloadFilter === undefined || payloadFilter === null
          ? payloadFilter
          : parsePayloadFilter(payloadFilter, 'payload_filter'),
      filter: filter && (await read(filter, 'filter')),
      transform: transform && (await read(transform, 'transform')),
      target: target && {
        ...(await read(target, 'function')),
        callback: target.callback ?? false,
      },
      delayMs: body.delay_ms,
      rateLimit: rate && { attempts: rate.attempts, perMs: rate.per_ms },
      maxInFlight: body.max_in_flight,
    },
  }
}
