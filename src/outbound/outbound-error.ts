// Every way in which an outbound request fails, as one small set of classes to branch on.

/**
 * dns: the name has no address · refused: nothing listens there, or no way leads there · timeout:
 * the deadline passed · tls: no trusted connection · reset: cut off before the end ·
 * headers_too_large · guard: an address or path this server may not call · too_large: the body is
 * past its cap · redirects: too many, or one that cannot be followed · encoding: the body cannot be
 * decompressed · protocol: not HTTP · aborted: the caller or a shutdown ended it.
 */
export type OutboundErrorClass =
  | 'dns'
  | 'refused'
  | 'timeout'
  | 'tls'
  | 'reset'
  | 'headers_too_large'
  | 'guard'
  | 'too_large'
  | 'redirects'
  | 'encoding'
  | 'protocol'
  | 'aborted'

/** A failed outbound request; its message is meant for the caller and names no resolved address. */
export class OutboundError extends Error {
  readonly class: OutboundErrorClass

  constructor(errorClass: OutboundErrorClass, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'OutboundError'
    this.class = errorClass
  }
}

/** Codes of Node.js, undici and getaddrinfo; every other code is told by its prefix below. */
const CLASS_OF_CODE: Readonly<Record<string, OutboundErrorClass>> = {
  ENOTFOUND: 'dns',
  ENODATA: 'dns',
  EAI_AGAIN: 'dns',
  ESERVFAIL: 'dns',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  EHOSTDOWN: 'refused',
  ENETDOWN: 'refused',
  EADDRNOTAVAIL: 'refused',
  EACCES: 'refused',
  UND_ERR_ABORTED: 'refused',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  ECONNABORTED: 'reset',
  UND_ERR_HEADERS_OVERFLOW: 'headers_too_large',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
  EPROTO: 'tls',
  UND_ERR_PRX_TLS: 'tls',
  HPE_INVALID_EOF_STATE: 'reset',
}

const CLASS_OF_PREFIX: readonly (readonly [RegExp, OutboundErrorClass])[] = [
  [/^(?:ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_)/, 'tls'],
  [/^(?:INVALID_CA|PATH_LENGTH_|ERROR_IN_CERT|CRL_|INVALID_PURPOSE|UNSPECIFIED$)/, 'tls'],
  [/^EAI_/, 'dns'],
  [/^(?:Z_|ERR__ERROR_|ERR_BROTLI_)/, 'encoding'],
  [/^HPE_/, 'protocol'],
]

const SENTENCES: Readonly<Record<OutboundErrorClass, string>> = {
  dns: 'its name could not be resolved',
  refused: 'the connection was refused, or no way leads there',
  timeout: 'the connection was not made in time',
  tls: 'no trusted TLS connection could be made',
  reset: 'the connection was cut off before the answer ended',
  headers_too_large: 'its response headers are too large',
  guard: 'the address may not be called',
  too_large: 'its body is too large',
  redirects: 'it redirects too often',
  encoding: 'its body could not be decompressed',
  protocol: 'it did not answer in HTTP',
  aborted: 'the request was ended from here',
}

/** Says what a low-level failure means for a request to this URL. */
export function toOutboundError(error: unknown, url: URL): OutboundError {
  if (error instanceof OutboundError) return error
  const code = codeOf(error)
  const errorClass = classOf(code)
  const hint = isPlainHttp(code) ? '; if it speaks plain HTTP, say so with protocol: "http:"' : ''
  const reason = `${SENTENCES[errorClass]}${code === undefined ? '' : ` (${code})`}`
  return new OutboundError(errorClass, `${url.host}: ${reason}${hint}.`, { cause: error })
}

function classOf(code: string | undefined): OutboundErrorClass {
  if (code === undefined) return 'protocol'
  const known = CLASS_OF_CODE[code]
  return known ?? CLASS_OF_PREFIX.find(([prefix]) => prefix.test(code))?.[1] ?? 'protocol'
}

/** The first code in an error, its causes and, where several addresses were tried, its parts. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error.cause
  return codeOf(first)
}

/** What OpenSSL says when the answer to its greeting is text. */
function isPlainHttp(code: string | undefined): boolean {
  return code !== undefined && /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION|PACKET_LENGTH))/.test(code)
}
