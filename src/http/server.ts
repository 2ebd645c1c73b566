// The HTTP server without its routes: limits, guards, headers, errors, API description.
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { LogController } from 'fastify'
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ByteBudget } from '../core/byte-budget.ts'
import { AppError } from '../errors.ts'
import { createAnswerCounts } from './answer-counts.ts'
import type { AnswerTable } from './answer-counts.ts'
import { registerAnswerHeaders } from './answer-headers.ts'
import { registerCors } from './cors.ts'
import { answerClientError, registerErrorReplies, replyToFrameworkError } from './error-reply.ts'
import { takeJsonBodies } from './json-body.ts'
import { registerDescription } from './openapi.ts'
import type { KeyGuard } from './key-guard.ts'
import { registerOriginGuard } from './origin-guard.ts'
import { watchMethods } from './other-methods.ts'
import { registerByteBudget } from './raw-body.ts'

export interface ServerOptions {
  logger: FastifyBaseLogger
  keyGuard: KeyGuard
  budget: ByteBudget
  answers: AnswerTable
  /** No API_TOKEN is set: serve this machine only. */
  localOnly: boolean
  corsOrigins: readonly string[]
  trustProxy: boolean
  tls: { cert: Buffer; key: Buffer } | undefined
  version: string
}

/** A JSON body of the new routes; the original's bodies have limits of their own. */
const JSON_BODY_BYTES_MAX = 1024 * 1024
/** A whole request has to arrive within this time (100 MiB at 350 kB/s). */
const REQUEST_TIMEOUT_MS = 300_000
/** Request line and headers, SSVM_Callback and SSVM_Fetch among them. */
const HEADER_BYTES_MAX = 64 * 1024
/** A function's name or a key within a path. */
const PATH_SEGMENT_CHARS_MAX = 512

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** @param routes registers every route; called once everything that watches over routes stands */
export async function createServer(
  options: ServerOptions,
  routes: (app: App) => void,
): Promise<App> {
  const counts = createAnswerCounts(options.answers)
  const server = {
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy,
    bodyLimit: JSON_BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    routerOptions: { maxParamLength: PATH_SEGMENT_CHARS_MAX },
    // Fastify's own answer has neither code nor Retry-After; refuseWhileClosing gives ours.
    return503OnClosing: false,
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      counts.malformed(replyToFrameworkError(error, request, reply)),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) =>
      counts.malformed(answerClientError(error, socket)),
    // A body is taken as it is: no coercion, no silent removal of unknown fields, no defaults.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  } as const
  const app = (
    options.tls === undefined ? Fastify(server) : secure(server, options.tls)
  ).withTypeProvider<TypeBoxTypeProvider>()
  const otherMethods = watchMethods(app)
  registerErrorReplies(app, otherMethods)
  registerAnswerHeaders(app)
  refuseWhileClosing(app)
  logRequests(app, options.logger)
  counts.register(app)
  if (options.localOnly) registerOriginGuard(app, { allowedOrigins: options.corsOrigins })
  registerCors(app, options.corsOrigins)
  registerByteBudget(app, options.budget)
  takeJsonBodies(app)
  await registerDescription(app, options.version)
  options.keyGuard.register(app)
  routes(app)
  void app.register((scope, _options, done) => {
    otherMethods.refuse(scope)
    done()
  })
  return app
}

/** Fastify types an https server differently; nothing here depends on the difference. */
function secure(server: object, tls: { cert: Buffer; key: Buffer }): FastifyInstance {
  return Fastify({ ...server, https: tls })
}

/** A line for each failure of ours or of others; for every request where the operator asks (debug). */
function logRequests(app: App, logger: FastifyBaseLogger): void {
  const verbose = ['debug', 'trace'].includes(logger.level)
  app.addHook('onResponse', (request, reply, done) => {
    if (reply.statusCode >= 500 || verbose) {
      const { method, params, routeOptions } = request
      const { statusCode: status, elapsedTime } = reply
      const run = reply.getHeader('wasmhook-run')
      const line = {
        method,
        route: routeOptions.url,
        // Neither a key of ephemeral storage nor an address of a source or a bin: who has it may read, or send.
        id: /^\/(hooks|bin)\//.test(routeOptions.url ?? '')
          ? undefined
          : (params as { id?: string }).id,
        status,
        ms: Math.round(elapsedTime),
        run,
      }
      logger[status >= 500 ? 'warn' : 'debug'](line, 'answered')
    }
    done()
  })
}

/** What still comes on connections that are open when the server stops. */
function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onRequest', (_request, _reply, done) => {
    done(closing ? new AppError('CLOSED') : undefined)
  })
}
