// Whether endpoints are sent anything: disabled and enabled by their owner, and what was paused meanwhile resumed.
import { Type } from 'typebox'
import type { Endpoints } from '../../core/endpoints.ts'
import { EndpointParams, Shape, toWire } from '../endpoint-wire.ts'
import type { KeyGuard } from '../key-guard.ts'
import { idOf } from '../page.ts'
import { ErrorBody, NoFields, SECURITY, TenantQuery } from '../schemas.ts'
import type { App } from '../server.ts'

export function registerEndpointHealth(
  app: App,
  { endpoints, keyGuard }: { endpoints: Endpoints; keyGuard: KeyGuard },
): void {
  const common = {
    tags: ['events'],
    security: SECURITY.manage,
    params: EndpointParams,
    querystring: TenantQuery,
    body: NoFields,
  }
  const config = { access: 'manage', optionalBody: true } as const
  const switches = {
    enable: 'Have an endpoint get what is published from now on; what is paused stays so',
    disable: 'Pause what waits for an endpoint, and have it get nothing of what is published',
  } as const

  for (const name of ['enable', 'disable'] as const) {
    app.post(
      `/api/endpoints/:id/${name}`,
      {
        schema: {
          ...common,
          summary: switches[name],
          response: { 200: Shape, '4xx': ErrorBody },
        },
        config,
      },
      async (request) => {
        const tenant = keyGuard.tenantOf(request, request.query.tenant)
        const endpoint = await endpoints[name](tenant, idOf(request.params, 'endpoint'))
        return toWire(endpoint, endpoints.aliveSecrets(endpoint))
      },
    )
  }

  app.post(
    '/api/endpoints/:id/resume',
    {
      schema: {
        ...common,
        summary: 'Send what is paused of an endpoint, the oldest first',
        response: {
          200: Type.Object({
            endpoint_id: Type.String(),
            resumed: Type.Integer({ description: 'Deliveries' }),
          }),
          '4xx': ErrorBody,
        },
      },
      config,
    },
    async (request) => {
      const id = idOf(request.params, 'endpoint')
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      return { endpoint_id: id, resumed: await endpoints.resume(tenant, id) }
    },
  )
}
