// The API's description (OpenAPI 3.1), written from the routes' schemas, and its reference page at /docs.
import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify'
import { ErrorBody, SECURITY } from './schemas.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Content types of a body that is taken byte for byte; only described, never validated. */
    rawBody?: readonly string[]
    /** Content types of what is answered byte for byte; only described. */
    rawAnswer?: readonly string[]
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
    transform: ({ schema, url, route }) => ({ schema: describeRoute(schema, route.config), url }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      mayBeLeftOut(document.openapiObject)
      return document.openapiObject
    },
  })
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/docs')) return
    route.config = { ...route.config, access: 'open' }
  })
  await app.register(fastifySwaggerUi, { routePrefix: '/docs' })
}

/** Marks, while the description is made, a body that need not be sent. */
const OPTIONAL_BODY = 'x-optional-body'

/** What a route takes and answers beside its validated schema; none of it is looked at when it is called. */
function describeRoute(schema: FastifySchema = {}, config: FastifyContextConfig = {}): object {
  const { access, rawBody, rawAnswer, wireHeaders, optionalBody } = config
  return {
    ...schema,
    ...(access === 'open' ? { security: SECURITY.open } : {}),
    ...(rawBody === undefined
      ? {}
      : { consumes: [...rawBody], body: { type: 'string', format: 'binary' } }),
    ...(optionalBody === true ? { [OPTIONAL_BODY]: true } : {}),
    ...(wireHeaders === undefined
      ? {}
      : { headers: { type: 'object', properties: named(wireHeaders) } }),
    response: {
      ...(rawAnswer === undefined ? {} : { '2xx': bytesOf(rawAnswer) }),
      ...FAILURES,
      ...(schema.response as object | undefined),
    },
  }
}

/** Whatever is called may be refused, and may find the server at its limits. */
const FAILURES = { '4xx': ErrorBody, '5xx': ErrorBody }

function bytesOf(types: readonly string[]): object {
  const schema = { type: 'string', format: 'binary' }
  const content = Object.fromEntries(types.map((type) => [type, { schema }]))
  return { description: 'What it is, byte for byte', content }
}

/** Every body is described as one that has to be sent. */
function mayBeLeftOut({ paths = {} }: { paths?: object }): void {
  for (const operations of Object.values(paths) as Record<string, Operation>[]) {
    for (const [method, operation] of Object.entries(operations)) {
      const { [OPTIONAL_BODY]: optional, ...described } = operation
      if (optional !== true) continue
      const requestBody = { ...described.requestBody, required: false }
      operations[method] = { ...described, requestBody }
    }
  }
}

interface Operation {
  [OPTIONAL_BODY]?: boolean
  requestBody?: object
}

function named(headers: Readonly<Record<string, string>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }]),
  )
}
