// A URL or Node.js HTTP options, as callers write them, into one checked and normalised RequestSpec.
// Pure: it neither resolves names nor judges addresses (outbound/address-guard.ts does, when dialling).
import { isIPv6 } from 'node:net'
import { AppError } from './errors.ts'
import type { RequestSpec } from './model.ts'
import { parseRetry } from './retry-policy.ts'
import { parseLater } from './send-later.ts'

/** What a spec is for: an input to fetch, or a target that the result is sent to, of one call or of all. */
export type SpecPurpose = 'fetch' | 'callback' | 'stored callback'

/** A spec, and what the caller should know about parts of it that have no effect. */
export interface ParsedSpec {
  spec: RequestSpec
  warnings: string[]
}

/** Bytes of a URL: what common servers take in a request line. */
const URL_BYTES_MAX = 8 * 1024
/** Header fields of one spec. */
const HEADER_COUNT_MAX = 100
/** Bytes of all header fields of one spec, names, values and line ends together. */
const HEADER_BYTES_MAX = 64 * 1024
/** Redirects a spec may ask for: as many as browsers follow. */
export const REDIRECTS_MAX = 20
/** Characters of a method: longer than every registered one. */
const METHOD_LENGTH_MAX = 32
/** Warnings kept for one spec, so that a hostile spec cannot make a long answer. */
const WARNINGS_MAX = 20

/** Options that would change which machine is dialled or whether it is who it says: never ignored. */
const REFUSED_FIELDS = new Set(
  (
    'socketPath lookup localAddress localPort createConnection rejectUnauthorized ' +
    'checkServerIdentity servername insecureHTTPParser ca cert key pfx passphrase crl ciphers ' +
    'secureContext secureProtocol secureOptions minVersion maxVersion'
  ).split(' '),
)

/** Methods that open tunnels or echo credentials. */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])

/** Headers that frame the message or belong to one connection: the server sets them itself. */
const OUR_HEADERS =
  /^(?:host|content-length|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|http2-settings|proxy-.*|wasmhook-.*)$/

/** Headers that HTTP defines to hold one value, so that a list of them cannot be joined. */
const SINGLE_HEADERS = new Set(
  'authorization content-type content-encoding user-agent referer from date origin'.split(' '),
)

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/

/** A spec's text, its body included; parsing more would hold up everybody else. */
const SPEC_CHARS_MAX = 1024 * 1024

/**
 * Parses a URL, JSON text of an options object, or such an object.
 * Throws INVALID_JSON or INVALID_SPEC, whose detail names the `field`.
 */
export function parseRequestSpec(value: unknown, purpose: SpecPurpose): ParsedSpec {
  if (typeof value !== 'string') return fromOptions(value, purpose)
  if (value.length > SPEC_CHARS_MAX) {
    throw invalid('spec', `The request spec is longer than ${SPEC_CHARS_MAX} characters.`)
  }
  const text = value.trim()
  return text.startsWith('{') ? fromOptions(parseJson(text), purpose) : fromUrl(text)
}

/** Scheme, host and port: the part of an address that is never secret. */
export function originOf(spec: RequestSpec): string {
  const host = spec.hostname.includes(':') ? `[${spec.hostname}]` : spec.hostname
  return `${spec.protocol}//${host}:${spec.port}`
}

/** The spec's URL, without credentials. */
export function formatUrl(spec: RequestSpec): string {
  return toUrl(spec.protocol, spec.hostname, spec.port, spec.path).href
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError(
      'INVALID_JSON',
      `The request spec begins like JSON but is not: ${(cause as Error).message}.`,
      { detail: { field: 'spec' }, cause },
    )
  }
}

function fromUrl(text: string): ParsedSpec {
  if (CONTROL.test(text)) throw invalid('url', 'The URL holds a control character.')
  checkUrlLength('url', text)
  if (!URL.canParse(text)) {
    throw invalid(
      'url',
      'The URL cannot be parsed; write it in full, as in https://example.com/path, or as an ' +
        'object of HTTP options.',
    )
  }
  const url = new URL(text)
  checkUrlLength('url', url.href)
  const headers = new Map<string, string>()
  if (url.username !== '' || url.password !== '') {
    headers.set('authorization', basic(`${decode(url.username)}:${decode(url.password)}`))
  }
  return { spec: toSpec(httpProtocol('url', url.protocol), url, headers), warnings: [] }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw invalid('url', 'The credentials in the URL are not percent-encoded correctly.', cause)
  }
}

function fromOptions(value: unknown, purpose: SpecPurpose): ParsedSpec {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('spec', 'A request spec is a URL or an object of HTTP options.')
  }
  const options = new Map<string, unknown>(Object.entries(value))
  const warnings = createWarnings()
  for (const name of options.keys()) {
    if (REFUSED_FIELDS.has(name)) {
      throw invalid(name, `The field ${name} is not allowed in a request spec; leave it out.`)
    }
    if (!KNOWN_FIELDS.has(name) && (purpose === 'fetch' || !CALLBACK_FIELDS.has(name)))
      warnings.add(`Unknown field ${quote(name)} was ignored.`)
  }

  const target = readTarget(options)
  const headers = readHeaders(options.get('headers'), warnings)
  // Node.js takes empty credentials for none.
  const auth = readText(options, 'auth') ?? ''
  if (auth !== '' && headers.has('authorization')) {
    warnings.add('The field auth was ignored, because headers has Authorization.')
  } else if (auth !== '') {
    headers.set('authorization', basic(auth))
  }
  const body = readBody(options.get('body'), headers)
  const sent = purpose === 'fetch' ? body : undefined
  if (body !== undefined && sent === undefined) {
    warnings.add('The field body was ignored: a callback sends the result.')
  }
  checkHeaderSize(headers)

  const method = readMethod(options)
  const maxRedirects = readInteger(options, 'maxRedirects', 0, REDIRECTS_MAX)
  const timeoutMs = readInteger(options, 'timeout', 1, Number.MAX_SAFE_INTEGER)
  const { retry, later } = readDelivery(options, purpose)
  const spec: RequestSpec = {
    ...toSpec(target.protocol, target.url, headers),
    ...(method !== undefined && { method }),
    ...(sent !== undefined && { body: sent }),
    ...(maxRedirects !== undefined && { maxRedirects }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(retry !== undefined && { retry }),
    ...(later !== undefined && { later }),
  }
  return { spec, warnings: warnings.list }
}

/** How a callback is sent, beyond the request itself. */
function readDelivery(
  options: Map<string, unknown>,
  purpose: SpecPurpose,
): Pick<RequestSpec, 'retry' | 'later'> {
  if (purpose === 'fetch') return {}
  const retry = options.get('retry') ?? undefined
  const [deliverAt, delayMs] = [options.get('deliver_at'), options.get('delay_ms')]
  const later = parseLater({ deliverAt, delayMs })
  if (purpose === 'stored callback' && later !== undefined && 'atMs' in later) {
    throw invalid('deliver_at', 'A stored callback is for every call; give delay_ms.')
  }
  return {
    ...(retry !== undefined && { retry: parseRetry(retry) }),
    ...(later !== undefined && { later }),
  }
}

const KNOWN_FIELDS = new Set(
  'protocol hostname host port path method headers auth body maxRedirects timeout'.split(' '),
)

const CALLBACK_FIELDS = new Set(['retry', 'deliver_at', 'delay_ms'])

function toSpec(
  protocol: RequestSpec['protocol'],
  url: URL,
  headers: Map<string, string>,
): RequestSpec {
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port),
    path: url.pathname + url.search,
    headers: Object.fromEntries(headers),
  }
}

function readTarget(options: Map<string, unknown>): {
  protocol: RequestSpec['protocol']
  url: URL
} {
  const field = options.has('hostname') ? 'hostname' : 'host'
  const written = readText(options, field)?.trim()
  if (written === undefined || written === '') {
    throw invalid('hostname', 'The request spec names no host; give hostname, as in "example.com".')
  }
  const { hostname, port: hostPort } = splitPort(field, written)
  const port = readInteger(options, 'port', 1, 65_535) ?? hostPort
  const named = readText(options, 'protocol')
  const fallback = port === 80 ? 'http:' : 'https:'
  const protocol = named === undefined ? fallback : httpProtocol('protocol', named)

  const path = readText(options, 'path') ?? '/'
  checkUrlLength('path', path)
  try {
    const url = toUrl(protocol, hostname, port, path)
    checkUrlLength('path', url.href)
    return { protocol, url }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw invalid(field, `The ${field} ${quote(written)} is not a host name or address.`, cause)
  }
}

/** Some write `host` as the Host header has it, with a port. */
function splitPort(field: string, text: string): { hostname: string; port: number | undefined } {
  if (isIPv6(text)) return { hostname: text, port: undefined }
  const match = /^(\[[^\]/?#@\\]+\]|[^\s:/?#@\\[\]]+)(?::(\d{1,5}))?$/.exec(text)
  if (match?.[1] === undefined) {
    throw invalid(
      field,
      `The ${field} ${quote(text)} is not a host name; put the scheme into protocol, the path ` +
        'into path and credentials into auth.',
    )
  }
  const port = match[2] === undefined ? undefined : Number(match[2])
  if (port === 0 || (port !== undefined && port > 65_535)) {
    throw invalid(field, `The port in ${field} must be between 1 and 65535.`)
  }
  return { hostname: match[1].replace(/^\[|\]$/g, ''), port }
}

function toUrl(protocol: string, hostname: string, port: number | undefined, path: string): URL {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  const rooted = path.startsWith('/') || path.startsWith('?') ? path : `/${path}`
  return new URL(`${protocol}//${host}${port === undefined ? '' : `:${port}`}${rooted}`)
}

function httpProtocol(field: string, text: string): RequestSpec['protocol'] {
  const name = text.toLowerCase().replace(/:?(?:\/\/)?$/, '')
  if (name === 'http' || name === 'https') return `${name}:`
  throw invalid(field, `The protocol ${quote(text)} is not supported; use http: or https:.`)
}

function readMethod(options: Map<string, unknown>): string | undefined {
  const method = readText(options, 'method')?.toUpperCase()
  if (method === undefined) return undefined
  if (method.length > METHOD_LENGTH_MAX || !TOKEN.test(method) || REFUSED_METHODS.has(method)) {
    throw invalid('method', `The method ${quote(method)} is not allowed.`)
  }
  return method
}

function readHeaders(value: unknown, warnings: Warnings): Map<string, string> {
  const headers = new Map<string, string>()
  if (value === undefined || value === null) return headers
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid('headers', 'headers must be an object of names and values.')
  }
  const entries = Object.entries(value)
  if (entries.length > HEADER_COUNT_MAX) {
    throw invalid('headers', `A request spec may have at most ${HEADER_COUNT_MAX} headers.`)
  }
  for (const [written, raw] of entries) {
    const name = written.toLowerCase()
    if (!TOKEN.test(name)) throw invalid('headers', `${quote(written)} is not a header name.`)
    const values = readHeaderValues(written, raw)
    if (OUR_HEADERS.test(name)) {
      warnings.add(`The header ${quote(written)} was ignored: the server sets it.`)
      continue
    }
    const earlier = headers.get(name)
    const all = earlier === undefined ? values : [earlier, ...values]
    if (all.length > 1 && SINGLE_HEADERS.has(name)) {
      throw invalid(`headers.${name}`, `The header ${quote(written)} can have one value only.`)
    }
    if (all.length > 0) headers.set(name, all.join(name === 'cookie' ? '; ' : ', '))
  }
  return headers
}

function readHeaderValues(name: string, raw: unknown): string[] {
  const values: unknown[] = Array.isArray(raw) ? raw : [raw]
  return values.map((value) => {
    const text = typeof value === 'number' ? String(value) : value
    if (typeof text !== 'string' || !HEADER_VALUE.test(text)) {
      throw invalid(
        `headers.${name.toLowerCase()}`,
        `The value of header ${quote(name)} must be text in Latin-1 without line breaks.`,
      )
    }
    return text.trim()
  })
}

function checkHeaderSize(headers: Map<string, string>): void {
  let bytes = 0
  for (const [name, value] of headers) bytes += name.length + value.length + ': \r\n'.length
  if (bytes > HEADER_BYTES_MAX) {
    throw invalid('headers', `The headers are together larger than ${HEADER_BYTES_MAX} bytes.`)
  }
}

/** A body is data: every character is allowed in it. */
function readBody(value: unknown, headers: Map<string, string>): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value !== 'object') throw invalid('body', 'body must be text, or an object as JSON.')
  if (!headers.has('content-type')) headers.set('content-type', 'application/json')
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw invalid('body', 'body is nested too deeply.', cause)
  }
}

function readText(options: Map<string, unknown>, field: string): string | undefined {
  const value = options.get(field)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw invalid(field, `${field} must be text.`)
  if (CONTROL.test(value)) throw invalid(field, `${field} holds a control character.`)
  return value
}

function readInteger(
  options: Map<string, unknown>,
  field: string,
  min: number,
  max: number,
): number | undefined {
  const value = options.get(field)
  if (value === undefined || value === null) return undefined
  const digits = typeof value === 'string' && /^\d{1,16}$/.test(value)
  const number = digits ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) {
    return number
  }
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw invalid(field, `${field} must be a whole number ${bounds}.`)
}

function checkUrlLength(field: string, text: string): void {
  if (Buffer.byteLength(text) > URL_BYTES_MAX) {
    throw invalid(field, `The URL is longer than ${URL_BYTES_MAX} bytes.`)
  }
}

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

interface Warnings {
  list: string[]
  add(text: string): void
}

function createWarnings(): Warnings {
  const list: string[] = []
  return {
    list,
    add(text) {
      if (list.length < WARNINGS_MAX) list.push(text)
    },
  }
}

/** The caller's own text in a sentence: short, and with nothing in it that could break a log line. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}

function invalid(field: string, message: string, cause?: unknown): AppError {
  return new AppError('INVALID_SPEC', message, { detail: { field }, cause })
}
