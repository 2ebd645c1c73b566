// Bodies as bytes, whatever their content type says, read within the route's limit and the server-wide
// byte budget.
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ByteBudget, ByteLease } from '../core/byte-budget.ts'
import { AppError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What this request holds of BUFFERED_BYTES; released when it has been answered. */
    lease: ByteLease
    /** Aborts when the caller hangs up before the answer has left. */
    hangUp: AbortSignal
  }
}

export function registerByteBudget(app: FastifyInstance, budget: ByteBudget): void {
  // Fastify wants properties declared before they are set; they are set before any handler runs.
  app.decorateRequest('lease', undefined as unknown as ByteLease)
  app.decorateRequest('hangUp', undefined as unknown as AbortSignal)
  app.addHook('onRequest', (request, reply, done) => {
    const hangUp = new AbortController()
    request.lease = budget.lease()
    request.hangUp = hangUp.signal
    const { lease } = request
    const { socket } = request.raw
    let ended = false
    const end = (): void => {
      // A dying socket closes its answer within its own event, and is then itself heard.
      if (ended) return
      ended = true
      reply.raw.off('close', end)
      socket.off('close', end)
      if (!reply.raw.writableFinished) hangUp.abort()
      lease.release()
    }
    reply.raw.once('close', end)
    // A pipelined answer that waits behind another never closes by itself when the socket dies.
    socket.setMaxListeners(0).once('close', end)
    done()
  })
}

/** The beginning of a media type (RFC 9110). */
const WELL_FORMED = /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+[ \t]*(;|$)/

/** In this scope every body is a Buffer; without a body and a content type there is none (undefined). */
export function takeRawBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  // Fastify refuses a malformed type before any parser is asked; here every type is accepted.
  scope.addHook('onRequest', (request, _reply, done) => {
    const type = request.headers['content-type']
    if (type !== undefined && !WELL_FORMED.test(type))
      request.headers['content-type'] = 'text/plain'
    done()
  })
  scope.addContentTypeParser('*', (request: FastifyRequest, payload: Readable) =>
    readBody(request, payload),
  )
}

export const NO_BYTES = Buffer.alloc(0)

/** The body of a request in such a scope. */
export function rawBody(request: { body: unknown }): Buffer | undefined {
  return Buffer.isBuffer(request.body) ? request.body : undefined
}

function readBody(request: FastifyRequest, payload: Readable): Promise<Buffer> {
  const limit = request.routeOptions.bodyLimit
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const refuse = (error: Error): void => {
      payload.off('data', keep)
      // What still comes is read and thrown away: closing at once would lose the answer on its way.
      payload.resume()
      reject(error)
    }
    const keep = (chunk: Buffer): void => {
      size += chunk.length
      try {
        if (size > limit) throw tooLarge(limit)
        request.lease.take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        refuse(error as Error)
      }
    }
    payload.on('data', keep)
    payload.once('end', () => resolve(joined(chunks, size)))
    payload.once('error', reject)
    payload.once('close', () => reject(new AppError('BAD_REQUEST', 'The body broke off.')))
    if (Number(request.headers['content-length'] ?? 0) > limit) refuse(tooLarge(limit))
  })
}

function tooLarge(limit: number): AppError {
  return new AppError('BODY_TOO_LARGE', `The body is larger than ${limit} bytes.`, {
    detail: { limit_bytes: limit },
  })
}

/** Most bodies arrive in one piece, which need not be copied. */
function joined(chunks: readonly Buffer[], size: number): Buffer {
  const [first] = chunks
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size)
}
