// The routes as /openapi.json tells them, for tests that have to know every route there is.
import assert from 'node:assert/strict'
import type { Caller } from './client.ts'

/** A schema as far as tests look into it. */
export interface Schema {
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

export interface Operation {
  summary?: string
  security?: Record<string, string[]>[]
  parameters?: { name: string; in: string; required?: boolean }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
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

/** Members of a JSON answer, as `items.tries`, that the description of the route does not name. */
export function undescribed(route: Route, status: number, answer: unknown): string[] {
  const described = route.responses[String(status)] ?? route.responses['2XX']
  const schema = described?.content?.['application/json']?.schema
  return schema === undefined ? [] : [...new Set(strangers(schema, answer, ''))]
}

function strangers({ properties, items }: Schema, value: unknown, at: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one: unknown) => (items === undefined ? [] : strangers(items, one, at)))
  }
  if (properties === undefined || typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    return known === undefined ? [at + name] : strangers(known, member, `${at}${name}.`)
  })
}
