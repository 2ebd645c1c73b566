// Event types: what a tenant may publish.
import { Type } from 'typebox'
import type { EventTypes } from '../../core/event-types.ts'
import type { EventType } from '../../model.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, SECURITY, TenantField, TenantQuery, listOf, tenantPage } from '../schemas.ts'
import type { App } from '../server.ts'

const DESCRIPTION_CHARS_MAX = 1_000

const Shape = Type.Object({
  tenant: Type.String(),
  name: Type.String(),
  description: Type.String(),
  created_at: Type.String(),
})
const Body = Type.Object(
  {
    tenant: TenantField,
    name: Type.String({ description: 'Words with dots between them, as order.created' }),
    description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
  },
  { additionalProperties: false },
)
const Params = Type.Object({ name: Type.String({ description: 'Name of an event type' }) })

export function registerEventTypes(app: App, { eventTypes }: { eventTypes: EventTypes }): void {
  const common = { tags: ['events'], security: SECURITY.token }
  const config = { access: 'token' } as const

  app.post(
    '/api/event-types',
    {
      schema: {
        ...common,
        summary: 'Add an event type, which the tenant may publish from then on',
        body: Body,
        response: { 201: Shape, '4xx': ErrorBody },
      },
      config,
    },
    async (request, reply) => {
      const { tenant, name, description = '' } = request.body
      const made = await eventTypes.add({ tenant, name, description })
      reply.code(201).header('location', `/api/event-types/${name}?tenant=${tenant}`)
      return toWire(made)
    },
  )

  app.get(
    '/api/event-types',
    {
      schema: {
        ...common,
        summary: "A tenant's event types, by name",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config,
    },
    async (request) => {
      const { tenant, limit, cursor: after } = request.query
      const page = await eventTypes.list(tenant, { limit: readLimit(limit), after })
      return { items: page.items.map(toWire), next: page.next }
    },
  )

  app.get(
    '/api/event-types/:name',
    {
      schema: {
        ...common,
        summary: 'One event type',
        params: Params,
        querystring: TenantQuery,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config,
    },
    async (request) => toWire(await eventTypes.find(request.query.tenant, request.params.name)),
  )

  app.delete(
    '/api/event-types/:name',
    {
      schema: {
        ...common,
        summary: 'Delete an event type; what was published of it is still sent',
        params: Params,
        querystring: TenantQuery,
        response: {
          200: Type.Object({ tenant: Type.String(), name: Type.String() }),
          '4xx': ErrorBody,
        },
      },
      config,
    },
    async (request) => {
      const { tenant } = request.query
      const { name } = request.params
      await eventTypes.remove(tenant, name)
      return { tenant, name }
    },
  )
}

function toWire({ tenant, name, description, createdAtMs }: EventType) {
  return { tenant, name, description, created_at: new Date(createdAtMs).toISOString() }
}
