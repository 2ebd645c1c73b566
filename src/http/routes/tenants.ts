// Which tenants there are: for the operator, who chooses among them.
import { Type } from 'typebox'
import type { Tenants } from '../../core/tenants.ts'
import { readLimit } from '../page.ts'
import { ErrorBody, PageQuery, SECURITY, listOf } from '../schemas.ts'
import type { App } from '../server.ts'

const Shape = Type.Object({ tenant: Type.String() })

export function registerTenants(app: App, { tenants }: { tenants: Tenants }): void {
  app.get(
    '/api/tenants',
    {
      schema: {
        tags: ['tokens'],
        security: SECURITY.token,
        summary: 'Tenants that have something, by name',
        querystring: PageQuery,
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'token' },
    },
    async (request) => {
      const { limit, cursor: after } = request.query
      const { items, next } = await tenants.list({ limit: readLimit(limit), after })
      return { items: items.map((tenant) => ({ tenant })), next }
    },
  )
}
