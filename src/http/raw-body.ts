// Bodies as bytes, read within the route's limit and the server-wide
// byte budget; and the scopes in which they are taken as they are, whatever their content type says.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ByteBudget, ByteLease } from '../core/byte-budget.ts'
import { HangUp } from '../core/hang-up.ts'
import { AppError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What this request holds of BUFFERED_BYTES; released when it has been answered. */
    lease: ByteLease
    /** The caller, who may hang up before the answer has left. */
    hangUp: HangUp
    /** What a raw body may have, in bytes. */
    rawBodyLimit: number
    /** What the body had, in bytes; of one that was cut too. */
    rawBodySize: number
    /** The content type as it was sent, where that is malformed and the header says another. */
    malformedType: string | undefined
  }
}

/** Requests that a connection has under way; pipelining allows several. */
const underWay = Symbol('requests under way')

interface Connection extends Socket {
  [underWay]?: Set<FastifyRequest>
}

export function registerByteBudget(app: FastifyInstance, budget: ByteBudget): void {
  // Fastify wants properties declared before they are set; they are set before any handler runs.
  app.decorateRequest('lease', undefined as unknown as ByteLease)
  app.decorateRequest('hangUp', undefined as unknown as HangUp)
  app.addHook('onRequest', (request, _reply, done) => {
    request.lease = budget.lease()
    request.hangUp = new HangUp()
    requestsOf(request.raw.socket).add(request)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    // Heard of a second time when the connection closes with the answer not all sent.
    if (requestsOf(request.raw.socket).delete(request)) end(request, reply.raw.writableFinished)
    done()
  })
}

/** One listener for all requests of a connection: each adding its own would cost more than it does. */
function requestsOf(connection: Connection): Set<FastifyRequest> {
  const known = connection[underWay]
  if (known !== undefined) return known
  const requests = new Set<FastifyRequest>()
  connection[underWay] = requests
  connection.once('close', () => {
    for (const request of requests) end(request, false)
    requests.clear()
  })
  return requests
}

function end(request: FastifyRequest, answered: boolean): void {
  if (!answered) request.hangUp.leave()
  request.lease.release()
}

/** The beginning of a media type (RFC 9110). */
const WELL_FORMED = /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+[ \t]*(;|$)/

type ReadBody = typeof readBody

/**
 * In this scope every body is a Buffer; without a body and a content type there is none (undefined).
 * @param read what becomes of one that is longer than its route takes
 */
export function takeRawBodies(scope: FastifyInstance, read: ReadBody = readBody): void {
  scope.removeAllContentTypeParsers()
  scope.decorateRequest('rawBodyLimit', 0)
  scope.decorateRequest('rawBodySize', 0)
  scope.decorateRequest('malformedType', undefined)
  scope.addHook('onRoute', (route) => {
    const limit = route.bodyLimit ?? scope.initialConfig.bodyLimit ?? 0
    const prepare = (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
      request.rawBodyLimit = limit
      // Fastify refuses a malformed type before any parser is asked; here every type is accepted.
      const type = request.headers['content-type']
      if (type !== undefined && !WELL_FORMED.test(type)) {
        request.malformedType = type
        request.headers['content-type'] = 'text/plain'
      }
      done()
    }
    route.onRequest = [route.onRequest ?? [], prepare].flat()
  })
  scope.addContentTypeParser('*', (request, payload, done) =>
    read(request, payload, request.rawBodyLimit, (error, body, size = 0) => {
      request.rawBodySize = size
      done(error, body)
    }),
  )
}

export const NO_BYTES = Buffer.alloc(0)

/** The body of a request in such a scope. */
export function rawBody(request: { body: unknown }): Buffer | undefined {
  return Buffer.isBuffer(request.body) ? request.body : undefined
}

type BodyRead = (error: Error | null, body?: Buffer, size?: number) => void

/** Tells the body, or why it was refused, once; the request's lease has its bytes then. */
export function readBody(
  request: FastifyRequest,
  payload: IncomingMessage,
  limit: number,
  tell: BodyRead,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    payload.resume()
    tell(tooLarge(limit))
    return
  }
  read(request, payload, { limit, cut: false }, tell)
}

/** As readBody, but for one that is longer: what comes past the limit is counted and thrown away. */
export function readBeginning(
  request: FastifyRequest,
  payload: IncomingMessage,
  limit: number,
  tell: BodyRead,
): void {
  read(request, payload, { limit, cut: true }, tell)
}

function read(
  request: FastifyRequest,
  payload: IncomingMessage,
  { limit, cut }: { limit: number; cut: boolean },
  tell: BodyRead,
): void {
  const { lease } = request
  const pieces = new Pieces()
  let size = 0
  const settle: BodyRead = (...outcome): void => {
    payload.off('data', keep)
    payload.off('end', ended)
    payload.off('error', brokeOff)
    payload.off('close', brokeOff)
    tell(...outcome)
  }
  const refuse = (error: Error): void => {
    // What still comes is read and thrown away: closing at once would lose the answer on its way.
    settle(error)
    payload.resume()
  }
  const keep = (whole: Buffer): void => {
    const chunk = cut ? whole.subarray(0, Math.max(0, limit - size)) : whole
    size += whole.length
    if (chunk.length === 0) return
    try {
      if (size > limit && !cut) throw tooLarge(limit)
      lease.take(pieces.cost(chunk))
      pieces.add(chunk)
    } catch (error) {
      refuse(error as Error)
    }
  }
  const ended = (): void => settle(null, pieces.joined(Math.min(size, limit)), size)
  const brokeOff = (): void => settle(new AppError('BAD_REQUEST', 'The body broke off.'))
  payload.on('data', keep)
  payload.on('end', ended)
  payload.on('error', brokeOff)
  payload.on('close', brokeOff)
}

function tooLarge(limit: number): AppError {
  return new AppError('BODY_TOO_LARGE', `The body is larger than ${limit} bytes.`, {
    detail: { limit_bytes: limit },
  })
}

/** A chunk that is smaller costs more to keep than its bytes. */
const SMALL_CHUNK_BYTES = 1024
/** Small chunks are copied into blocks, each twice as large as the one before. */
const FIRST_BLOCK_BYTES = SMALL_CHUNK_BYTES
const LAST_BLOCK_BYTES = 16 * 1024

/** What has arrived of a body. Small chunks are copied together: a sender may make each of one byte. */
class Pieces {
  readonly #pieces: Buffer[] = []
  /** Where small chunks go. */
  #block = NO_BYTES
  #used = 0
  #nextBlockBytes = FIRST_BLOCK_BYTES

  /** Bytes that adding the chunk takes. */
  cost(chunk: Buffer): number {
    if (this.#isKept(chunk)) return chunk.length
    return this.#used + chunk.length <= this.#block.length ? 0 : this.#nextBlockBytes
  }

  add(chunk: Buffer): void {
    if (this.#isKept(chunk)) {
      this.#endBlock()
      this.#pieces.push(chunk)
      return
    }
    if (this.#used + chunk.length > this.#block.length) {
      this.#endBlock()
      this.#block = Buffer.allocUnsafeSlow(this.#nextBlockBytes)
      this.#nextBlockBytes = Math.min(2 * this.#nextBlockBytes, LAST_BLOCK_BYTES)
    }
    this.#used += chunk.copy(this.#block, this.#used)
  }

  /** Most bodies arrive in one piece, which need not be copied. */
  joined(size: number): Buffer {
    this.#endBlock()
    const [first] = this.#pieces
    return this.#pieces.length === 1 && first !== undefined
      ? first
      : Buffer.concat(this.#pieces, size)
  }

  #isKept(chunk: Buffer): boolean {
    return chunk.length >= SMALL_CHUNK_BYTES || this.#pieces.length + this.#used === 0
  }

  #endBlock(): void {
    if (this.#used > 0) this.#pieces.push(this.#block.subarray(0, this.#used))
    this.#block = NO_BYTES
    this.#used = 0
  }
}
