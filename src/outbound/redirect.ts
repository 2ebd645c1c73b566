// What one redirect turns a request into. Pure; counting and dialling are outbound.ts's.
import { OutboundError } from './outbound-error.ts'
import { isSignatureHeader } from './signature.ts'

/** One request on the wire, of which a send makes one per redirect. */
export interface Hop {
  url: URL
  method: string
  body: Buffer | undefined
  /** Given by the caller in its spec: for the origin it named, and no other. */
  callerHeaders: Readonly<Record<string, string>>
  /** Set by the server (the result's type, signatures); lower-case names. */
  ownHeaders: Readonly<Record<string, string>>
}

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])
/** Those that keep method and body (RFC 9110, 15.4). */
const KEEPING_STATUSES = new Set([307, 308])

/** The hop that the answer asks for; undefined where it asks for none. */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | undefined {
  if (!REDIRECT_STATUSES.has(status) || location === undefined) return undefined
  const url = readLocation(hop.url, location)
  const changed =
    KEEPING_STATUSES.has(status) || hop.method === 'HEAD'
      ? hop
      : { ...withoutContent(hop), method: 'GET', body: undefined }
  if (url.origin === hop.url.origin) return { ...changed, url }

  const downgraded = hop.url.protocol === 'https:' && url.protocol === 'http:'
  if (downgraded && changed.body !== undefined) {
    throw new OutboundError(
      'redirects',
      `${hop.url.host} redirects to plain HTTP, where the body would travel in the clear.`,
    )
  }
  // Another origin gets a signature only with what it signs, which it then knows anyway.
  const signed =
    changed.body === undefined ? without(changed.ownHeaders, isSignatureHeader) : changed.ownHeaders
  const ownHeaders = downgraded ? {} : signed
  return { ...changed, url, callerHeaders: {}, ownHeaders }
}

function readLocation(base: URL, location: string): URL {
  if (!URL.canParse(location, base.href)) {
    throw new OutboundError('redirects', `${base.host} redirects to something that is no URL.`)
  }
  const url = new URL(location, base)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutboundError('redirects', `${base.host} redirects to ${url.protocol}, not to HTTP.`)
  }
  // Credentials that a stranger put there would authenticate us as somebody of their choosing.
  url.username = ''
  url.password = ''
  url.hash = ''
  return url
}

/** A GET has no body, so nothing that describes or signs one. */
function withoutContent(hop: Hop): Hop {
  const describes = (name: string): boolean => name.startsWith('content-')
  const signs = (name: string): boolean => hop.body !== undefined && isSignatureHeader(name)
  return {
    ...hop,
    callerHeaders: without(hop.callerHeaders, describes),
    ownHeaders: without(hop.ownHeaders, (name) => describes(name) || signs(name)),
  }
}

function without(headers: Hop['ownHeaders'], drops: (name: string) => boolean): Hop['ownHeaders'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !drops(name)))
}
