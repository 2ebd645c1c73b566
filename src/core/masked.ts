// Shows requests and answers without what they keep secret.

export const MASK = '***'

/** Headers that callers give and that are never secret; all others are masked: a token can have any name. */
const PLAIN_HEADERS = new Set(['accept', 'content-type', 'user-agent'])

/** Headers of an answer whose names say that they hold secrets. */
const SECRET_NAME =
  /cookie|token|secret|passw|credential|signature|session|api-?key|^(?:proxy-)?authorization$|^(?:proxy-)?authentication-info$/
/** Those that may repeat the path that was asked for, which can be secret. */
const PATH_HEADERS = new Set(['location', 'content-location', 'refresh', 'link'])

type Headers = Readonly<Record<string, string>>

/** Addresses of hooks often hold their secret in any segment, or carry it in a query. */
export function maskPath(path: string): string {
  return path === '/' ? path : `/${MASK}`
}

export function isPlainHeader(name: string): boolean {
  return PLAIN_HEADERS.has(name.toLowerCase())
}

/** Headers as they were sent; those that the caller named are masked, the server's own are not. */
export function maskSent(sent: Headers, callers: Headers, own: Headers): Headers {
  return mapHeaders(sent, (name) => name in callers && !(name in own) && !isPlainHeader(name))
}

export function maskReceived(received: Headers): Headers {
  return mapHeaders(received, (name) => SECRET_NAME.test(name) || PATH_HEADERS.has(name))
}

function mapHeaders(headers: Headers, isSecret: (name: string) => boolean): Headers {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, isSecret(name) ? MASK : value]),
  )
}
