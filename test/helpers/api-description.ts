// The routes as /openapi.json tells them, for tests that have to know every route there is.
import assert from 'node:assert/strict'
import type { Caller } from './client.ts'

/** A schema as far as tests look into it. */
export interface Schema {
  properties?: Record<string, Schema>
  required?: string[]
}

export interface Operation {
  summary?: string
  security?: Record<string, string[]>[]
  parameters?: { name: string; in: string; required?: boolean }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, unknown>
}

export interface Route extends Operation {
  /** As `PATCH /api/endpoints/{id}`. */
  name: string
  method: string
  path: string
}

export async function readRoutes(app: Caller): Promise<Route[]> {
  const response = await app.request('/openapi.json')
  assert.equal(response.status, 200)
  const { paths } = (await response.json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([verb, operation]) => {
      const method = verb.toUpperCase()
      return { ...operation, name: `${method} ${path}`, method, path }
    }),
  )
}

/** What is named in the query of a route, or in the JSON that it takes. */
export function takes(route: Route, where: 'query' | 'body', name: string): boolean {
  if (where === 'query') {
    return (route.parameters ?? []).some((one) => one.in === 'query' && one.name === name)
  }
  const schema = route.requestBody?.content['application/json']?.schema
  return Object.hasOwn(schema?.properties ?? {}, name)
}
