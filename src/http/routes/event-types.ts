// Event types: what a tenant may publish.
import { Type } from 'typebox'
import type { EventTypeRequest, EventTypes } from '../../core/event-types.ts'
import { jsonMemberText } from '../../core/json-members.ts'
import { MASK, isPlainHeader, maskPath } from '../../core/masked.ts'
import { placeholdersOf } from '../../fetch-template.ts'
import type { EventType, RequestSpec } from '../../model.ts'
import { originOf } from '../../request-spec.ts'
import { JSON_TYPE, jsonWith } from '../json-text.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readLimit } from '../page.ts'
import {
  ErrorBody,
  OptionalTenant,
  SECURITY,
  TenantQuery,
  listOf,
  nullable,
  tenantPage,
} from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'

const DESCRIPTION_CHARS_MAX = 1_000

const Shape = Type.Object({
  tenant: Type.String(),
  name: Type.String(),
  description: Type.String(),
  schema: Type.Unknown({ description: 'JSON Schema, or null' }),
  example: Type.Unknown(),
  enforcement: Type.String({ description: 'off, warn or reject' }),
  fetch: nullable(
    Type.Object({
      url: Type.String({ description: 'Its path masked' }),
      method: Type.String(),
      headers: Type.Record(Type.String(), Type.String()),
      placeholders: Type.Array(Type.String()),
      timeout_ms: nullable(Type.Integer()),
      max_redirects: nullable(Type.Integer()),
    }),
  ),
  created_at: Type.String(),
  warnings: Type.Optional(Type.Array(Type.String())),
})
const Fields = {
  description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
  schema: Type.Optional(
    Type.Unknown({ description: 'JSON Schema 2020-12 of the payloads; null: none' }),
  ),
  example: Type.Optional(
    Type.Unknown({ description: 'A payload, which satisfies the schema; null: none' }),
  ),
  fetch: Type.Optional(
    Type.Unknown({
      description:
        'A URL or HTTP options, with placeholders as {{id}}: what is sent is fetched by them; null: the payload is sent',
    }),
  ),
  enforcement: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('warn'), Type.Literal('reject')], {
      description: 'What becomes of payloads that do not satisfy the schema; default off',
    }),
  ),
}
const Body = Type.Object(
  {
    tenant: OptionalTenant,
    name: Type.String({ description: 'Words with dots between them, as order.created' }),
    ...Fields,
  },
  { additionalProperties: false },
)
const ChangeBody = Type.Object(Fields, { additionalProperties: false })
const Params = Type.Object({ name: Type.String({ description: 'Name of an event type' }) })

export function registerEventTypes(
  app: App,
  { eventTypes, keyGuard }: { eventTypes: EventTypes; keyGuard: KeyGuard },
): void {
  const common = { tags: ['events'] }

  app.post(
    '/api/event-types',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Add an event type, which the tenant may publish from then on',
        body: Body,
        response: { 201: Shape, '4xx': ErrorBody },
      },
      config: { access: 'manage', keepsText: true },
    },
    async (request, reply) => {
      const { name } = request.body
      const tenant = keyGuard.tenantOf(request, request.body.tenant)
      const { type, warnings } = await eventTypes.add(tenant, name, toRequest(request))
      reply.code(201).header('location', `/api/event-types/${name}?tenant=${tenant}`)
      return reply.type(JSON_TYPE).send(toJson(type, { warnings }) as never)
    },
  )

  app.get(
    '/api/event-types',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: "A tenant's event types, by name",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request, reply) => {
      const { limit, cursor: after } = request.query
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const page = await eventTypes.list(tenant, { limit: readLimit(limit), after })
      const items = `[${page.items.map((type) => toJson(type)).join()}]`
      return reply.type(JSON_TYPE).send(jsonWith({ next: page.next }, { items }) as never)
    },
  )

  app.get(
    '/api/event-types/:name',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: 'One event type',
        params: Params,
        querystring: TenantQuery,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const type = await eventTypes.find(tenant, request.params.name)
      return reply.type(JSON_TYPE).send(toJson(type) as never)
    },
  )

  app.patch(
    '/api/event-types/:name',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Change an event type; what was published before stays as it was judged then',
        params: Params,
        querystring: TenantQuery,
        body: ChangeBody,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'manage', keepsText: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const { name } = request.params
      const { type, warnings } = await eventTypes.change(tenant, name, toRequest(request))
      return reply.type(JSON_TYPE).send(toJson(type, { warnings }) as never)
    },
  )

  app.delete(
    '/api/event-types/:name',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Delete an event type; what was published of it is still sent',
        params: Params,
        querystring: TenantQuery,
        response: {
          200: Type.Object({ tenant: Type.String(), name: Type.String() }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const { name } = request.params
      await eventTypes.remove(tenant, name)
      return { tenant, name }
    },
  )
}

function toRequest({
  body: { description, enforcement },
  jsonText,
}: {
  body: Pick<EventTypeRequest, 'description' | 'enforcement'>
  jsonText: string
}): EventTypeRequest {
  return {
    description,
    enforcement,
    schema: jsonMemberText(jsonText, 'schema'),
    example: jsonMemberText(jsonText, 'example'),
    fetch: jsonMemberText(jsonText, 'fetch'),
  }
}

/** Schema and example byte for byte as they were given. */
function toJson(
  { schema, example, createdAtMs, ...type }: EventType,
  more: { warnings?: readonly string[] } = {},
): string {
  const shown = {
    tenant: type.tenant,
    name: type.name,
    description: type.description,
    enforcement: type.enforcement,
    fetch: type.fetch === null ? null : fetchToWire(type.fetch),
    created_at: toTime(createdAtMs),
    ...more,
  }
  return jsonWith(shown, { schema, example })
}

function fetchToWire(fetch: RequestSpec) {
  return {
    url: originOf(fetch) + maskPath(fetch.path),
    method: fetch.method ?? 'GET',
    headers: Object.fromEntries(
      Object.entries(fetch.headers).map(([name, value]) => [
        name,
        isPlainHeader(name) ? value : MASK,
      ]),
    ),
    placeholders: placeholdersOf(fetch),
    timeout_ms: fetch.timeoutMs ?? null,
    max_redirects: fetch.maxRedirects ?? null,
  }
}
