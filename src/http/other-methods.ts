// A path that exists for other methods answers 405 with Allow, not 404.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

export interface OtherMethods {
  /** For a scope that is registered after every route: those methods of their paths that have none. */
  refuse(scope: FastifyInstance): void
  /** Of methods that Fastify has no routes for; undefined where there is no such path. */
  refusal(request: FastifyRequest, reply: FastifyReply): AppError | undefined
}

/** Registered before any route. */
export function watchMethods(app: FastifyInstance): OtherMethods {
  const paths = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', (route) => {
    const known = paths.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set() }
    for (const method of [route.method].flat()) known.methods.add(method)
    paths.set(route.url, known)
  })

  function refusalOf(
    methods: ReadonlySet<string>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): AppError {
    const allow = [...methods].sort().join(', ')
    reply.header('allow', allow)
    return new AppError('METHOD_NOT_ALLOWED', `${request.method} is none of: ${allow}.`)
  }

  return {
    refuse(scope) {
      for (const [url, known] of [...paths]) {
        // Those are added to it from here on.
        const methods = new Set(known.methods)
        const others = scope.supportedMethods.filter((method) => !methods.has(method))
        if (others.length === 0 || url.startsWith('/docs')) continue
        scope.route({
          method: others,
          url,
          schema: { hide: true },
          config: { access: 'open' },
          onRequest: (request, reply, next) => next(refusalOf(methods, request, reply)),
          handler: () => undefined,
        })
        known.methods = methods
      }
    },
    refusal(request, reply) {
      if (request.server.supportedMethods.includes(request.method)) return undefined
      const path = request.url.split('?', 1)[0] ?? ''
      // As the router does: a path in so many words before one with parameters.
      const known = paths.get(path) ?? [...paths.values()].find(({ pattern }) => pattern.test(path))
      return known === undefined ? undefined : refusalOf(known.methods, request, reply)
    },
  }
}

/** Of a route's path, whose parameters are a segment or the beginning of one; `*` at its end is all below. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\\\*$/, '.*')}$`)
}
