// Event types: what a tenant may publish.
import { Type } from 'typebox'
import type { EventTypes } from '../../core/event-types.ts'
import type { EventType } from '../../model.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, OptionalTenant, SECURITY, TenantQuery, listOf, tenantPage } from '../schemas.ts'
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
    tenant: OptionalTenant,
    name: Type.String({ description: 'Words with dots between them, as order.created' }),
    description: Type.Optional(Type.String({ maxLength: DESCRIPTION_CHARS_MAX })),
  },
  { additionalProperties: false },
)
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
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const { name, description = '' } = request.body
      const tenant = keyGuard.tenantOf(request, request.body.tenant)
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
        security: SECURITY.read,
        summary: "A tenant's event types, by name",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { limit, cursor: after } = request.query
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const page = await eventTypes.list(tenant, { limit: readLimit(limit), after })
      return { items: page.items.map(toWire), next: page.next }
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
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      return toWire(await eventTypes.find(tenant, request.params.name))
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

function toWire({ tenant, name, description, createdAtMs }: EventType) {
  return { tenant, name, description, created_at: new Date(createdAtMs).toISOString() }
}
