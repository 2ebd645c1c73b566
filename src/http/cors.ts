// CORS for the routes that pages call (config.cors): run, multipart run and ephemeral storage. No others.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    cors?: boolean
  }
}

const METHODS = 'GET, POST, PUT, DELETE'
/** Of an answer's headers, what a page may read. */
const EXPOSED = [
  'Wasmhook-Run',
  'Wasmhook-Warning',
  'Wasmhook-Delivery',
  'Location',
  'Preference-Applied',
  'Idempotent-Replayed',
  'Retry-After',
].join(', ')
/** How long a browser may keep a preflight's answer. */
const MAX_AGE_S = 600

/** Registered before the key guard, so that a page can read a refusal too. */
export function registerCors(app: FastifyInstance, origins: readonly string[]): void {
  const preflighted = new Set<string>()
  const allowOrigin = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    allow(request, reply, origins)
    done()
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.cors !== true) return
    route.onRequest = [route.onRequest ?? [], allowOrigin].flat()
    if (preflighted.has(route.url)) return
    preflighted.add(route.url)
    app.options(
      route.url,
      { schema: { hide: true }, config: { access: 'open', cors: true } },
      (request, reply) => answerPreflight(request, reply),
    )
  })
}

function allow(request: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  const { origin } = request.headers
  const any = origins.includes('*')
  if (origins.length > 0 && !any) reply.header('vary', 'Origin')
  if (origin === undefined || !(any || origins.includes(origin))) return
  reply.header('access-control-allow-origin', any ? '*' : origin)
  reply.header('access-control-expose-headers', EXPOSED)
}

function answerPreflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (reply.getHeader('access-control-allow-origin') !== undefined) {
    const asked = request.headers['access-control-request-headers']
    reply.header('access-control-allow-methods', METHODS)
    reply.header('access-control-max-age', String(MAX_AGE_S))
    if (asked !== undefined) reply.header('access-control-allow-headers', asked)
  }
  return reply.code(204).send()
}
