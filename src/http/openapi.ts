// The API's description (OpenAPI 3.1), written from the routes' schemas, and its reference page at /docs.
import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Content types of a body that is taken byte for byte; only described, never validated. */
    rawBody?: readonly string[]
    /** Headers of the original interface that the route reads, with what they mean. */
    wireHeaders?: Readonly<Record<string, string>>
  }
}

export async function registerDescription(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Wasmhook', version, description: 'WebAssembly functions for webhooks.' },
      components: {
        securitySchemes: {
          apiToken: { type: 'http', scheme: 'bearer' },
          tenantToken: {
            type: 'http',
            scheme: 'bearer',
            description: 'wht_…: a token of one tenant, with the right that the route names',
          },
          adminKey: { type: 'apiKey', in: 'header', name: 'SSVM_Admin_Key' },
          usageKey: { type: 'apiKey', in: 'header', name: 'SSVM_Usage_Key' },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ schema: describeRaw(schema, route.config), url }),
  })
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/docs')) return
    route.config = { ...route.config, access: 'open' }
  })
  await app.register(fastifySwaggerUi, { routePrefix: '/docs' })
}

/** What a route takes beside its validated schema. */
function describeRaw(
  schema: FastifySchema | undefined,
  config: { rawBody?: readonly string[]; wireHeaders?: Readonly<Record<string, string>> } = {},
): FastifySchema {
  const { rawBody, wireHeaders } = config
  return {
    ...schema,
    ...(rawBody === undefined
      ? {}
      : { consumes: [...rawBody], body: { type: 'string', format: 'binary' } }),
    ...(wireHeaders === undefined
      ? {}
      : { headers: { type: 'object', properties: named(wireHeaders) } }),
  }
}

function named(headers: Readonly<Record<string, string>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }]),
  )
}
