// The API describes itself: every route there is, with what it needs.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'

interface Operation {
  summary?: string
  tags?: string[]
  security?: Record<string, unknown[]>[]
  parameters?: { name: string; in: string }[]
  responses?: Record<string, unknown>
}

interface Description {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { securitySchemes: Record<string, unknown> }
}

/** Every route of the design and what opens it; an addition here is an addition to the interface. */
const ROUTES: Readonly<Record<string, string>> = {
  'GET /api/executables': 'token',
  'POST /api/executables': 'token',
  'GET /api/executables/{id}': 'open',
  'PATCH /api/executables/{id}': 'admin',
  'DELETE /api/executables/{id}': 'admin',
  'PUT /api/update_wasm_binary/{id}': 'admin',
  'GET /api/executables/{id}/versions': 'admin',
  'POST /api/executables/{id}/versions/{version}/activate': 'admin',
  'GET /api/executables/{id}/types': 'admin',
  'PUT /api/executables/{id}/types': 'admin',
  'GET /api/executables/{id}/limits': 'admin',
  'PUT /api/executables/{id}/limits': 'admin',
  'GET /api/executables/{id}/variables': 'admin',
  'PUT /api/executables/{id}/variables': 'admin',
  'GET /api/executables/{id}/runs': 'admin',
  'GET /api/executables/{id}/storage': 'admin',
  'DELETE /api/executables/{id}/storage': 'admin',
  'GET /api/executables/{id}/storage/{key}': 'admin',
  'DELETE /api/executables/{id}/storage/{key}': 'admin',
  'PUT /api/keys/{id}/usage_key': 'admin',
  'DELETE /api/keys/{id}/usage_key': 'admin',
  'GET /api/state/{id}': 'usage',
  'PUT /api/state/{id}': 'admin',
  'PUT /api/callback/{id}': 'admin',
  'DELETE /api/callback/{id}': 'admin',
  'GET /api/log/{id}': 'admin',
  'POST /api/run/{id}/{fn}': 'usage',
  'POST /api/run/{id}/{fn}/bytes': 'usage',
  'POST /api/multipart/run/{id}/{fn}': 'usage',
  'POST /api/multipart/run/{id}/{fn}/bytes': 'usage',
  'GET /api/runs/{id}': 'usage',
  'DELETE /api/runs/{id}': 'usage',
  'GET /api/deliveries': 'admin',
  'GET /api/deliveries/{id}': 'admin',
  'POST /api/deliveries/resend': 'admin',
  'GET /api/resend-jobs': 'admin',
  'GET /api/resend-jobs/{id}': 'admin',
  'POST /api/resend-jobs/{id}/cancel': 'admin',
  'POST /api/deliveries/{id}/cancel': 'admin',
  'POST /api/deliveries/{id}/resend': 'admin',
  'GET /api/executables/{id}/deliveries': 'admin',
  'GET /api/runs/{id}/result': 'usage',
  'POST /api/executables/{id}/signing-secret': 'admin',
  'GET /api/executables/{id}/signing-secret': 'admin',
  'DELETE /api/executables/{id}/signing-secret': 'admin',
  'GET /.well-known/jwks/{id}.json': 'open',
  'GET /api/tokens': 'token',
  'POST /api/tokens': 'token',
  'GET /api/tokens/{id}': 'token',
  'DELETE /api/tokens/{id}': 'token',
  'GET /api/token': 'scoped',
  'GET /api/event-types': 'read',
  'POST /api/event-types': 'manage',
  'GET /api/event-types/{name}': 'read',
  'PATCH /api/event-types/{name}': 'manage',
  'DELETE /api/event-types/{name}': 'manage',
  'GET /api/endpoints': 'read',
  'POST /api/endpoints': 'manage',
  'GET /api/endpoints/{id}': 'read',
  'PATCH /api/endpoints/{id}': 'manage',
  'DELETE /api/endpoints/{id}': 'manage',
  'GET /api/endpoints/{id}/stats': 'read',
  'POST /api/endpoints/{id}/secret/rotate': 'manage',
  'POST /api/endpoints/{id}/test': 'manage',
  'POST /api/endpoints/{id}/transform/test': 'manage',
  'POST /api/endpoints/{id}/recover': 'manage',
  'POST /api/endpoints/{id}/replay': 'manage',
  'POST /api/endpoints/{id}/enable': 'manage',
  'POST /api/endpoints/{id}/disable': 'manage',
  'POST /api/endpoints/{id}/resume': 'manage',
  'GET /api/messages': 'read',
  'POST /api/messages': 'publish',
  'POST /api/messages/batch': 'publish',
  'GET /api/messages/{id}': 'read',
  'DELETE /api/messages/{id}/payload': 'manage',
  'GET /api/sources': 'read',
  'POST /api/sources': 'manage',
  'GET /api/sources/{id}': 'read',
  'PATCH /api/sources/{id}': 'manage',
  'DELETE /api/sources/{id}': 'manage',
  'GET /api/sources/{id}/events': 'read',
  'GET /api/sources/{id}/events/{event}': 'read',
  'POST /api/sources/{id}/events/{event}/replay': 'manage',
  'GET /api/bins': 'read',
  'POST /api/bins': 'manage',
  'GET /api/bins/{id}': 'read',
  'DELETE /api/bins/{id}': 'manage',
  'GET /api/bins/{id}/requests': 'read',
  'POST /hooks/{id}': 'open',
  'GET /hooks/{id}': 'open',
  'OPTIONS /hooks/{id}': 'open',
  'POST /api/ephemeral_storage': 'token',
  'GET /api/ephemeral_storage/{key}': 'open',
  'PUT /api/ephemeral_storage/{key}': 'token',
  'DELETE /api/ephemeral_storage/{key}': 'token',
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'token',
  'GET /api/system': 'token',
  'GET /api/runs': 'token',
  'GET /api/functions': 'token',
  'GET /api/tenants': 'token',
}

const SCHEME_OF: Readonly<Record<string, string>> = {
  token: 'apiToken',
  admin: 'adminKey',
  usage: 'usageKey',
  scoped: 'tenantToken',
  read: 'tenantToken',
  publish: 'tenantToken',
  manage: 'tenantToken',
}

describe('the description of the API', () => {
  const scope = suiteScope()
  let app: TestApp
  let description: Description
  let operations: Map<string, Operation>

  before(async () => {
    app = await buildApp(scope)
    const response = await app.request('/openapi.json')
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
    description = (await response.json()) as Description
    operations = new Map(
      Object.entries(description.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [
          `${method.toUpperCase()} ${path}`,
          operation,
        ]),
      ),
    )
  })

  test('is OpenAPI 3.1 with a title and a version', () => {
    assert.match(description.openapi, /^3\.1\.\d+$/)
    assert.equal(description.info.title, 'Wasmhook')
    assert.match(description.info.version, /^\d+\.\d+\.\d+/)
  })

  test('lists every route, and none that is not one', () => {
    const described = [...operations.keys()].filter((name) => name !== 'GET /openapi.json').sort()
    assert.deepEqual(described, Object.keys(ROUTES).sort())
  })

  for (const [route, right] of Object.entries(ROUTES)) {
    test(`says of ${route} what it does and that it is for ${right}`, () => {
      const operation = operations.get(route)
      assert.ok((operation?.summary ?? '').length > 8)
      assert.equal(operation?.tags?.length, 1)
      const schemes = (operation.security ?? []).flatMap((needed) => Object.keys(needed))
      const scheme = SCHEME_OF[right]
      if (scheme === undefined) assert.deepEqual(schemes, [])
      else assert.ok(schemes.includes(scheme), schemes.join())
      const rights = (operation.security ?? []).flatMap((needed) => needed.tenantToken ?? [])
      if (['read', 'publish', 'manage'].includes(right)) assert.deepEqual(rights, [right])
      for (const name of schemes) assert.ok(name in description.components.securitySchemes)
      const inPath = [...route.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const described = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name)
      assert.deepEqual(described, inPath)
    })

    test(`answers other methods at ${route} with 405 and names it in Allow`, async () => {
      const [method = '', path = ''] = route.split(' ')
      const unused = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PROPFIND'].filter(
        (other) => !operations.has(`${other} ${path}`),
      )
      for (const other of unused) {
        const answer = await app.request(path.replace(/\{\w+\}/g, '1'), { method: other })
        assert.ok(answer.headers.get('allow')?.split(', ').includes(method))
        await refused(answer, 405, 'METHOD_NOT_ALLOWED')
      }
    })
  }

  test('takes a method that asks for a content type, where there is no route, for a slip of the caller', async () => {
    await refused(await app.request('/nothing', { method: 'QUERY' }), 400, 'BAD_REQUEST')
  })

  test('has a page for readers at /docs, which runs nothing from elsewhere', async () => {
    const page = await app.request('/docs')
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    const html = await page.text()
    for (const [, source = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.doesNotMatch(source, /^(https?:)?\/\//)
      const asset = await app.request(new URL(source, `${app.origin}/docs/`).pathname)
      await asset.arrayBuffer()
      assert.equal(asset.status, 200, source)
    }
  })
})
