// Endpoints: a tenant's receivers of events. What is secret of them is shown once, when it is made, or not at all.
import type { Endpoints } from '../../core/endpoints.ts'
import type { Executables } from '../../core/executables.ts'
import type { Endpoint } from '../../model.ts'
import {
  ChangeBody,
  Deleted,
  EndpointParams,
  NewBody,
  Shape,
  WithSecret,
  toWire as endpointToWire,
  toRequest,
} from '../endpoint-wire.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readPage, idOf } from '../page.ts'
import { ErrorBody, SECURITY, TenantQuery, listOf, tenantPage } from '../schemas.ts'
import type { App } from '../server.ts'
import { Rotation } from '../signing-secrets.ts'

export interface EndpointsRoutesDeps {
  endpoints: Endpoints
  executables: Pick<Executables, 'find'>
  keyGuard: KeyGuard
}

export function registerEndpoints(
  app: App,
  { endpoints, executables, keyGuard }: EndpointsRoutesDeps,
): void {
  const common = { tags: ['events'] }
  const one = { ...common, params: EndpointParams, querystring: TenantQuery }

  const toWire = (endpoint: Endpoint) => endpointToWire(endpoint, endpoints.aliveSecrets(endpoint))

  function withSecret(endpoint: Endpoint, secret: string) {
    const told = toWire(endpoint)
    return { ...told, secret, public_key: told.secrets[0]?.public_key ?? null }
  }

  app.post(
    '/api/endpoints',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Register a receiver of events; its secret is shown once',
        body: NewBody,
        response: { 201: WithSecret, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const { tenant: named, v1a = false, ...body } = request.body
      const tenant = keyGuard.tenantOf(request, named)
      const { endpoint, secret, warnings } = await endpoints.add(
        tenant,
        await toRequest(request, body, { executables, keyGuard }),
        v1a,
      )
      reply
        .code(201)
        .header('location', `/api/endpoints/${endpoint.id}?tenant=${tenant}`)
        .header('cache-control', 'no-store')
      return { ...withSecret(endpoint, secret), warnings }
    },
  )

  app.get(
    '/api/endpoints',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: "A tenant's endpoints, newest first",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, ...page } = request.query
      const tenant = keyGuard.tenantOf(request, named)
      const { items, next } = await endpoints.list(tenant, readPage(page))
      return { items: items.map(toWire), next }
    },
  )

  app.get(
    '/api/endpoints/:id',
    {
      schema: {
        ...one,
        security: SECURITY.read,
        summary: 'One endpoint, its secrets masked',
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const endpoint = await endpoints.find(tenant, idOf(request.params, 'endpoint'))
      return { ...toWire(endpoint), paused: await endpoints.countPaused(endpoint.id) }
    },
  )

  app.patch(
    '/api/endpoints/:id',
    {
      schema: {
        ...one,
        security: SECURITY.manage,
        summary: 'Change an endpoint; what waits for it goes where it points then',
        body: ChangeBody,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const id = idOf(request.params, 'endpoint')
      const named = await toRequest(request, request.body, { executables, keyGuard })
      const changed = await endpoints.change(tenant, id, named)
      return { ...toWire(changed.endpoint), warnings: changed.warnings }
    },
  )

  app.delete(
    '/api/endpoints/:id',
    {
      schema: {
        ...one,
        security: SECURITY.manage,
        summary: 'Delete an endpoint, and cancel what was not delivered to it',
        response: { 200: Deleted, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const id = idOf(request.params, 'endpoint')
      await endpoints.remove(keyGuard.tenantOf(request, request.query.tenant), id)
      return { endpoint_id: id }
    },
  )

  app.post(
    '/api/endpoints/:id/secret/rotate',
    {
      schema: {
        ...one,
        security: SECURITY.manage,
        summary: "Replace an endpoint's secret; old and new sign side by side for a while",
        body: Rotation,
        response: { 200: WithSecret, '4xx': ErrorBody },
      },
      config: { access: 'manage', optionalBody: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const { v1a, overlap_ms: overlapMs } = request.body
      const rotation = { v1a, overlapMs }
      const { endpoint, secret } = await endpoints.rotate(
        tenant,
        idOf(request.params, 'endpoint'),
        rotation,
      )
      reply.header('cache-control', 'no-store')
      return withSecret(endpoint, secret)
    },
  )
}
