// The one place where an error becomes an answer: { error, code, … } with its status.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { ANSWER_HEADERS } from './answer-headers.ts'
import { JSON_TYPE } from './json-text.ts'
import type { OtherMethods } from './other-methods.ts'

/**
 * For what fails before any route is found (the URL), where the handlers below are not asked.
 * @returns the status it answers with
 */
export function replyToFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): number {
  // No hook runs for these.
  void reply.headers(ANSWER_HEADERS)
  return replyWithError(toAppError(error), request, reply).statusCode
}

/**
 * For what Node.js's parser refuses: there is no request, so the answer is written to the socket.
 * @returns the status it answers with; 0 where there is nobody to answer
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): number {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error)
    return 0
  }
  const known = toClientError(error.code)
  const body = JSON.stringify({ error: known.message, code: known.code })
  const reason = STATUS_CODES[known.status] ?? ''
  socket.end(
    `HTTP/1.1 ${known.status} ${reason}\r\n` +
      `Content-Type: ${JSON_TYPE}\r\n${HEADER_LINES}` +
      `Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  return known.status
}

const HEADER_LINES = Object.entries(ANSWER_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

function toClientError(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('HEADERS_TOO_LARGE')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AppError('REQUEST_TIMEOUT')
  return new AppError('BAD_REQUEST', 'The request is not valid HTTP.')
}

/** Conflicts that end by themselves. */
const UNDER_WAY = new Set<ErrorCode>(['IDEMPOTENCY_IN_FLIGHT', 'HOOK_IN_FLIGHT'])
/** What is told to wait, in seconds, where the load was too high or a first call is still under way. */
const RETRY_AFTER_S = 1

export function registerErrorReplies(app: FastifyInstance, otherMethods: OtherMethods): void {
  app.setErrorHandler((error: FastifyError, request, reply) =>
    replyWithError(toAppError(error), request, reply),
  )
  app.setNotFoundHandler((request, reply) =>
    replyWithError(
      otherMethods.refusal(request, reply) ??
        new AppError('NOT_FOUND', `There is no route ${request.method} ${pathOf(request)}.`),
      request,
      reply,
    ),
  )
}

export function replyWithError(
  error: AppError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error.fault === 'ours' && error.status === 500) {
    request.log.error({ err: error.cause ?? error }, error.message)
  }
  if (error.status === 503 || error.status === 429 || UNDER_WAY.has(error.code))
    reply.header('retry-after', String(RETRY_AFTER_S))
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(error.status)
    .type(JSON_TYPE)
    .send({ error: error.message, code: error.code, ...error.detail })
}

/** Of a name that its sender chose. */
const FIELD_CHARS_MAX = 128

const FASTIFY_CODES: Readonly<Record<string, readonly [ErrorCode, string?]>> = {
  FST_ERR_VALIDATION: ['BAD_REQUEST'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['INVALID_JSON', 'The body is empty; JSON is expected.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['INVALID_JSON', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BAD_REQUEST', 'The body is not as long as it says.'],
  FST_ERR_BAD_URL: ['BAD_REQUEST', 'The URL is malformed.'],
  FST_ERR_MAX_PARAM_LENGTH: ['BAD_REQUEST', 'A path segment is too long.'],
}

/** The place in a request that its description has something against, as `messages.0.type`. */
function fieldOf({ validation }: FastifyError): { field?: string } {
  const [first] = validation ?? []
  if (first === undefined) return {}
  const { missingProperty, additionalProperty } = first.params
  const last = missingProperty ?? additionalProperty
  const names = first.instancePath.split('/').slice(1)
  if (typeof last === 'string') names.push(last.slice(0, FIELD_CHARS_MAX))
  return names.length === 0 ? {} : { field: names.join('.') }
}

/** What the file system says where the compiled form of a module finds no room. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT'])

function toAppError(error: FastifyError): AppError {
  if (error instanceof AppError) return error
  const known = FASTIFY_CODES[error.code]
  if (known !== undefined) {
    const [code, sentence] = known
    const told = sentence ?? (code === 'BAD_REQUEST' ? error.message : undefined)
    return new AppError(code, told, { detail: fieldOf(error) })
  }
  if (DISK_FULL.has(error.code)) return new AppError('STORAGE_FULL', undefined, { cause: error })
  // What else Fastify refuses before a handler is asked.
  if (/^FST_/.test(error.code) && (error.statusCode ?? 500) < 500)
    return new AppError('BAD_REQUEST', error.message)
  if (error instanceof SyntaxError)
    return new AppError('INVALID_JSON', 'The body is not valid JSON.')
  return new AppError('INTERNAL', undefined, { cause: error })
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}
