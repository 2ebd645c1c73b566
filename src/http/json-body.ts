// Bodies of the routes that describe one: JSON and nothing else. A route that describes none ignores
// what is sent, whatever its type: scripts put a Content-Type on every request, on DELETE too.
import type { IncomingMessage } from 'node:http'
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { NO_BYTES, readBody } from './raw-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True: a request without a body is one with `{}`. */
    optionalBody?: boolean
    /** True: the handler finds the body's text beside what was read of it. */
    keepsText?: boolean
  }
  interface FastifyRequest {
    jsonText: string
  }
}

export function takeJsonBodies(app: FastifyInstance): void {
  // Refuses `__proto__` and `constructor.prototype` as names, and an empty body.
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.decorateRequest('jsonText', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (request, payload, done) => {
    if (!hasBody(request)) {
      pass(payload, done)
      return
    }
    readBody(request, payload, request.routeOptions.bodyLimit, (error, bytes = NO_BYTES) => {
      if (error !== null) done(error)
      else if (bytes.length === 0 && mayBeEmpty(request)) done(null, undefined)
      else parse(request, bytes, done)
    })
  })
  app.addContentTypeParser('*', (request, payload, done) => {
    if (hasBody(request))
      done(new AppError('UNSUPPORTED_MEDIA_TYPE', 'The route takes application/json only.'))
    else pass(payload, done)
  })

  function parse(request: FastifyRequest, bytes: Buffer, done: BodyParsed): void {
    if (!isUtf8(bytes)) {
      done(new AppError('INVALID_JSON', 'The body is not valid UTF-8.'))
      return
    }
    const text = bytes.toString()
    if (request.routeOptions.config.keepsText === true) {
      try {
        request.lease.take(bytes.length)
      } catch (error) {
        done(error as Error)
        return
      }
      request.jsonText = text
    }
    void parseJson(request, text, done)
  }

  app.addHook('onRoute', (route) => {
    if (route.schema?.body === undefined) return
    route.preValidation = [refuseEmptyBody, route.preValidation ?? []].flat()
  })
}

/** What nobody asked for is read and thrown away. */
function pass(payload: IncomingMessage, done: BodyParsed): void {
  payload.resume()
  done(null, undefined)
}

function refuseEmptyBody(request: FastifyRequest, _reply: FastifyReply, done: HookDone): void {
  if (request.body === undefined && mayBeEmpty(request)) request.body = {}
  const missing = request.body === undefined
  done(missing ? new AppError('INVALID_JSON', 'The body is empty; JSON is expected.') : undefined)
}

function mayBeEmpty(request: FastifyRequest): boolean {
  return request.routeOptions.config.optionalBody === true
}

type HookDone = (error?: Error) => void
type BodyParsed = (error: Error | null, body?: unknown) => void

function hasBody(request: FastifyRequest): boolean {
  return request.routeOptions.schema?.body !== undefined
}
