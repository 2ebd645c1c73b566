// Messages: events are published, and found again with what became of them.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Config } from '../../config.ts'
import type { Deliveries } from '../../core/deliveries.ts'
import { jsonElementTexts, jsonMemberText } from '../../core/json-members.ts'
import type { Accepted, Messages, NewEvent } from '../../core/messages.ts'
import { checkTenant } from '../../core/tenants.ts'
import { AppError } from '../../errors.ts'
import type { Message } from '../../model.ts'
import { JSON_TYPE, jsonWith } from '../json-text.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readPage, idOf } from '../page.ts'
import {
  ErrorBody,
  OptionalTenant,
  SECURITY,
  TenantQuery,
  listOf,
  tenantPage,
  nullable,
  AROUND_PAYLOAD_BYTES,
} from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime, readTime } from '../times.ts'
import { hopsOf } from '../wire.ts'

export interface MessagesRoutesDeps {
  messages: Messages
  deliveries: Deliveries
  keyGuard: KeyGuard
  config: Config
}

const MESSAGE_ID_CHARS_MAX = 255
/** Of a message that is read; the rest is listed by `GET /api/deliveries?message_id=`. */
const DELIVERIES_SHOWN = 100

/** Of one batch. */
const MESSAGES_BATCH_MAX = 100

const Shape = Type.Object(
  {
    message_id: Type.String(),
    id: nullable(Type.String({ description: 'Your own' })),
    tenant: Type.String(),
    type: Type.String(),
    deliveries: Type.Integer({ description: 'That were made when it was published' }),
    size_bytes: Type.Integer(),
    warnings: Type.Array(Type.String(), {
      description: "What its type's schema has against the payload, where that warns",
    }),
    awaits_fetch: Type.Boolean({ description: 'Its payload will be fetched, and is not yet' }),
    fetched_at: nullable(Type.String({ description: 'When its payload was fetched' })),
    deliver_at: nullable(Type.String()),
    expunged_at: nullable(Type.String({ description: 'When its payload was deleted' })),
    created_at: Type.String({ description: 'RFC 3339, UTC' }),
  },
  { additionalProperties: true },
)
const Whole = Type.Object(
  {
    ...Shape.properties,
    payload: Type.Unknown(),
    payload_kept: Type.Boolean(),
    delivery_ids: Type.Array(Type.String()),
  },
  { additionalProperties: true },
)
const Expunged = Type.Object(
  { ...Shape.properties, payload_kept: Type.Boolean() },
  { additionalProperties: true },
)
const Fields = {
  type: Type.String({ description: "One of the tenant's event types" }),
  payload: Type.Unknown({ description: 'Any JSON, sent byte for byte' }),
  id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MESSAGE_ID_CHARS_MAX,
      description: 'Your own id: the same message under it is published once',
    }),
  ),
  deliver_at: Type.Optional(Type.String({ description: 'RFC 3339; not sent before' })),
}
const Body = Type.Object({ tenant: OptionalTenant, ...Fields }, { additionalProperties: false })
const BatchBody = Type.Object(
  {
    tenant: OptionalTenant,
    messages: Type.Array(Type.Object(Fields, { additionalProperties: false }), {
      minItems: 1,
      maxItems: MESSAGES_BATCH_MAX,
    }),
  },
  { additionalProperties: false },
)
const BatchShape = Type.Object({
  items: Type.Array(
    Type.Object(
      {
        status: Type.Integer({ description: 'As if it had been published alone' }),
        ...Type.Partial(Shape).properties,
        idempotent_replayed: Type.Optional(Type.Boolean()),
        ...Type.Partial(ErrorBody).properties,
      },
      { additionalProperties: true },
    ),
    { description: 'In the order of `messages`: what was accepted, or an error' },
  ),
})
const Params = Type.Object({ id: Type.String({ description: 'message_id' }) })

export function registerMessages(app: App, deps: MessagesRoutesDeps): void {
  const { messages, deliveries, keyGuard, config } = deps
  const common = { tags: ['events'] }

  app.post(
    '/api/messages',
    {
      bodyLimit: config.MESSAGE_BYTES + AROUND_PAYLOAD_BYTES,
      schema: {
        ...common,
        security: SECURITY.publish,
        summary: 'Publish an event to every endpoint of the tenant that wants its type',
        body: Body,
        response: { 202: Shape, '4xx': ErrorBody },
      },
      config: { access: 'publish', keepsText: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.body.tenant)
      const hops = hopsOf(request.headers)
      const event = toEvent(request.body, request.jsonText)
      const { message, repeated } = await messages.publish({ ...event, tenant, hops })
      reply.code(202).header('location', `/api/messages/${message.id}?tenant=${tenant}`)
      if (repeated) reply.header('idempotent-replayed', 'true')
      return toWire(message)
    },
  )

  app.post(
    '/api/messages/batch',
    {
      bodyLimit: config.MESSAGES_BATCH_BYTES,
      schema: {
        ...common,
        security: SECURITY.publish,
        summary: 'Publish several events in their order, each for itself',
        body: BatchBody,
        response: { 202: BatchShape, 207: BatchShape, '4xx': ErrorBody },
      },
      config: { access: 'publish', keepsText: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.body.tenant)
      checkTenant(tenant)
      const hops = hopsOf(request.headers)
      const texts = jsonElementTexts(jsonMemberText(request.jsonText, 'messages') ?? '[]')
      const events = request.body.messages.map((body, n) => ({
        ...toEvent(body, texts[n] ?? '{}', `messages.${n}.`),
        ...{ tenant, hops },
      }))
      const outcomes = await messages.publishAll(events)
      const items = outcomes.map((one, n) =>
        one instanceof AppError ? refusedToWire(one, `messages.${n}.`) : acceptedToWire(one),
      )
      reply.code(items.every(({ status }) => status === 202) ? 202 : 207)
      return { items }
    },
  )

  app.get(
    '/api/messages',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: "A tenant's messages, newest first",
        querystring: tenantPage({
          type: Type.Optional(Type.String({ description: 'Of that event type' })),
        }),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, type, ...page } = request.query
      const tenant = keyGuard.tenantOf(request, named)
      const { items, next } = await messages.list(tenant, { type }, readPage(page))
      return { items: items.map(toWire), next }
    },
  )

  app.get(
    '/api/messages/:id',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: 'One message with its payload and its deliveries',
        params: Params,
        querystring: TenantQuery,
        response: { 200: Whole, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request, reply) => {
      const id = idOf(request.params, 'message')
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const { message, payload } = await messages.find(tenant, id)
      const { items } = await deliveries.list({ messageId: id }, { limit: DELIVERIES_SHOWN })
      const ids = items.map((delivery) => delivery.id)
      const shown = { ...toWire(message), payload_kept: payload !== null, delivery_ids: ids }
      return reply.type(JSON_TYPE).send(jsonWith(shown, { payload }) as never)
    },
  )

  app.delete(
    '/api/messages/:id/payload',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: "Delete a message's payload and all that was made of it; its history stays",
        params: Params,
        querystring: TenantQuery,
        response: { 200: Expunged, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      return {
        ...toWire(await messages.expunge(tenant, idOf(request.params, 'message'))),
        payload_kept: false,
      }
    },
  )
}

function toWire(message: Message) {
  const { deliverAtMs, expungedAtMs } = message
  return {
    message_id: message.id,
    id: message.callerId,
    tenant: message.tenant,
    type: message.type,
    deliveries: message.deliveries,
    size_bytes: message.sizeBytes,
    warnings: [...message.warnings],
    awaits_fetch: message.fetched === 'waiting',
    fetched_at: typeof message.fetched === 'number' ? toTime(message.fetched) : null,
    deliver_at: toTime(deliverAtMs),
    expunged_at: toTime(expungedAtMs),
    created_at: toTime(message.createdAtMs),
  }
}

/** @param text of the same object, whose payload is sent byte for byte */
function toEvent(
  { type, id, deliver_at: deliverAt }: Omit<Static<typeof Body>, 'tenant'>,
  text: string,
  place = '',
): Omit<NewEvent, 'tenant' | 'hops'> {
  return {
    type,
    payload: jsonMemberText(text, 'payload') ?? 'null',
    callerId: id ?? null,
    deliverAtMs: deliverAt === undefined ? null : readTime(deliverAt, `${place}deliver_at`),
  }
}

function acceptedToWire({ message, repeated }: Accepted) {
  return { status: 202, ...toWire(message), ...(repeated && { idempotent_replayed: true }) }
}

/** As the error of a message that is published alone, its field by its place in the batch. */
function refusedToWire({ status, code, message, detail }: AppError, place: string) {
  const { field } = detail
  const at = typeof field === 'string' ? { field: place + field } : {}
  return { status, error: message, code, ...detail, ...at }
}
