// Verifies webhooks as Standard Webhooks 1.0 signs them, with nothing but Web Crypto: in Node.js, Deno, Bun,
// workers at the edge and browsers.

/** `Headers`, `request.headers` of Node.js, or any object or `Map` of names and values; names in any case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | ReadonlyMap<string, string | readonly string[] | undefined>
  | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** How far `webhook-timestamp` may be from now, either way; 300 where nothing is said. */
  toleranceSeconds?: number | undefined
  /** In place of the clock, for tests of receivers. */
  now?: Date | undefined
}

export interface VerifiedWebhook {
  /** `webhook-id`: the same on every attempt. Remember it to drop what you have seen. */
  id: string
  /** When this attempt was signed. */
  timestamp: Date
}

/**
 * - `MISSING_HEADER`: one of `webhook-id`, `webhook-timestamp` and `webhook-signature`
 * - `BAD_TIMESTAMP`: it is not a number of seconds
 * - `TOO_OLD`, `TOO_NEW`: the timestamp is further away than is tolerated
 * - `NO_MATCH`: no signature is one of this body with one of these secrets
 * - `BAD_SECRET`: a secret is none that a server gives, or there is none: yours to correct
 * - `BODY_NOT_RAW`: the body is not the bytes or text that came: yours to correct
 */
export type VerificationCode =
  | 'MISSING_HEADER'
  | 'BAD_TIMESTAMP'
  | 'TOO_OLD'
  | 'TOO_NEW'
  | 'NO_MATCH'
  | 'BAD_SECRET'
  | 'BODY_NOT_RAW'

/** What `verify` rejects with. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError'
  /** Stable; the message is for people and may change. */
  readonly code: VerificationCode

  constructor(code: VerificationCode, message: string) {
    super(message)
    this.code = code
  }
}

const TOLERANCE_S = 300
/** More than a server ever sends; each costs a look at the whole body. */
const SIGNATURES_MAX = 64
/** Of an HMAC key of Standard Webhooks. */
const KEY_BYTES_MIN = 24
const KEY_BYTES_MAX = 64
const ED25519_KEY_BYTES = 32
/**
 * The y of the ed25519 points of small order, as encodings have it, without the sign of x; the last two are not
 * reduced. With such a key anybody can make signatures that verify: of the identity, one for every text.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])

/** What a secret's text holds, by the version of the signatures that it is for. */
interface Key {
  version: 'v1' | 'v1a'
  bytes: Bytes
}

/** As Web Crypto wants them: not shared with another thread. */
type Bytes = Uint8Array<ArrayBuffer>

/**
 * Verifies that a request was signed with a secret, and lately. The body is never parsed.
 *
 * ```ts
 * const { id } = await verify(request.headers, await request.text(), 'whsec_…')
 * ```
 *
 * @param headers of the request
 * @param rawBody exactly as it came, before anything parses it; bytes where it need not be text
 * @param secret `whsec_…` (HMAC, v1; its mark may be missing), or a public key `whpk_…` (ed25519, v1a); or several, of which one has to match:
 *   while a secret is rotated the old and the new one
 * @throws WebhookVerificationError whose `code` says why it is refused
 * @throws TypeError where an option is not of its type
 */
export async function verify(
  headers: WebhookHeaders,
  rawBody: Uint8Array | ArrayBuffer | string,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<VerifiedWebhook> {
  const { toleranceSeconds, now } = checked(options)
  const body = bytesOf(rawBody)
  const keys = readSecrets(secret)
  const id = header(headers, 'webhook-id')
  const seconds = header(headers, 'webhook-timestamp')
  // Between signatures there is a space; headers that were repeated are joined with a comma before it.
  const signatures = header(headers, 'webhook-signature').split(/,? +/).slice(0, SIGNATURES_MAX)
  const timestamp = checkTimestamp(seconds, toleranceSeconds, now)
  const signed = concat(new TextEncoder().encode(`${id}.${seconds}.`), body)
  for (const key of keys) {
    const sent = signatures
      .filter((signature) => signature.startsWith(`${key.version},`))
      .map((signature) => fromBase64(signature.slice(key.version.length + 1)))
      .filter((bytes) => bytes !== undefined)
    if (sent.length > 0 && (await matches(key, sent, signed))) return { id, timestamp }
  }
  throw new WebhookVerificationError(
    'NO_MATCH',
    'No signature matches: the secret is another one, or the body is not what was sent, byte for byte.',
  )
}

/**
 * The public keys of `/.well-known/jwks/<id>.json`, as `verify` takes them. Keys of other kinds are left out.
 *
 * ```ts
 * const jwks = await (await fetch(`${server}/.well-known/jwks/${endpointId}.json`)).json()
 * await verify(headers, rawBody, publicKeys(jwks))
 * ```
 */
export function publicKeys(jwks: {
  keys: readonly { kty?: string; crv?: string; x?: string }[]
}): string[] {
  return jwks.keys.flatMap(({ kty, crv, x }) => {
    if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) return []
    const base64 = x.replaceAll('-', '+').replaceAll('_', '/')
    return `whpk_${base64.padEnd(Math.ceil(base64.length / 4) * 4, '=')}`
  })
}

async function matches(
  { version, bytes }: Key,
  sent: readonly Bytes[],
  signed: Bytes,
): Promise<boolean> {
  const { subtle } = globalThis.crypto
  if (version === 'v1') {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    const key = await subtle.importKey('raw', bytes, algorithm, false, ['sign'])
    // Once, however many signatures there are to compare with.
    const expected = new Uint8Array(await subtle.sign('HMAC', key, signed))
    return sent.some((signature) => equal(signature, expected))
  }
  const key = await subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify'])
  for (const signature of sent) {
    if (await subtle.verify('Ed25519', key, signature, signed)) return true
  }
  return false
}

/** In constant time. */
function equal(left: Bytes, right: Bytes): boolean {
  if (left.length !== right.length) return false
  let different = 0
  for (const [at, byte] of left.entries()) different |= byte ^ (right[at] ?? 0)
  return different === 0
}

/** @throws TypeError that says which is none */
function checked(options: unknown): { toleranceSeconds: number; now: Date } {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('The options of verify have to be an object.')
  }
  const { toleranceSeconds = TOLERANCE_S, now = new Date() } = options as Record<string, unknown>
  if (typeof toleranceSeconds !== 'number' || !(toleranceSeconds >= 0)) {
    throw new TypeError('toleranceSeconds has to be a number, and not below 0.')
  }
  if (!(now instanceof Date) || Number.isNaN(now.getTime())) {
    throw new TypeError('now has to be a Date, and one of a time.')
  }
  return { toleranceSeconds, now }
}

function checkTimestamp(text: string, toleranceSeconds: number, now: Date): Date {
  if (!/^\d{1,12}$/.test(text)) {
    throw new WebhookVerificationError('BAD_TIMESTAMP', 'webhook-timestamp is not in seconds.')
  }
  const ageS = Math.floor(now.getTime() / 1000) - Number(text)
  if (Math.abs(ageS) > toleranceSeconds) {
    throw ageS > 0
      ? new WebhookVerificationError('TOO_OLD', `It was signed ${ageS} s ago.`)
      : new WebhookVerificationError('TOO_NEW', `It was signed ${-ageS} s ahead of this clock.`)
  }
  return new Date(Number(text) * 1000)
}

function header(headers: unknown, name: string): string {
  const value = find(headers, name)
  const text = Array.isArray(value) ? value.join(' ') : value
  // Some who keep requests write what looks like a number as one.
  if (typeof text === 'number') return String(text)
  if (typeof text === 'string' && text !== '') return text
  throw new WebhookVerificationError('MISSING_HEADER', `The request has no header ${name}.`)
}

function find(headers: unknown, name: string): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined
  const isMap = headers instanceof Map
  if (!isMap && 'get' in headers && typeof headers.get === 'function') {
    return (headers as Headers).get(name)
  }
  const entries: [unknown, unknown][] = isMap ? [...headers] : Object.entries(headers)
  return entries.find(([key]) => String(key).toLowerCase() === name)?.[1]
}

function readSecrets(secret: string | readonly string[]): Key[] {
  const texts: readonly unknown[] = typeof secret === 'string' ? [secret] : secret
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new WebhookVerificationError('BAD_SECRET', 'There is no secret to verify with.')
  }
  return texts.map(readSecret)
}

function readSecret(text: unknown): Key {
  if (typeof text === 'string') {
    const [, mark, base64 = ''] = /^(whsec_|whpk_)?(.+)$/.exec(text.trim()) ?? []
    const bytes = fromBase64(base64)
    if (bytes !== undefined) {
      const { length } = bytes
      if (mark === 'whpk_') {
        if (length === ED25519_KEY_BYTES && !isSmallOrder(bytes)) return { version: 'v1a', bytes }
      } else if (length >= KEY_BYTES_MIN && length <= KEY_BYTES_MAX) {
        return { version: 'v1', bytes }
      }
    }
  }
  // Without what it holds: errors are logged.
  throw new WebhookVerificationError(
    'BAD_SECRET',
    'A secret is whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of an ed25519 public key (none of small order).',
  )
}

function isSmallOrder(point: Bytes): boolean {
  const last = ED25519_KEY_BYTES - 1
  const y = point.map((byte, at) => (at === last ? byte & 0x7f : byte))
  return SMALL_ORDER.has(Array.from(y, (byte) => byte.toString(16).padStart(2, '0')).join(''))
}

function bytesOf(body: unknown): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body)
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  throw new WebhookVerificationError(
    'BODY_NOT_RAW',
    'The body has to be the bytes or text that came. It has been parsed, or not been read: what is written ' +
      'anew as JSON has not the same bytes. Take it before any JSON middleware (express.raw, request.text()).',
  )
}

function concat(head: Uint8Array, body: Uint8Array): Bytes {
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}

/** Undefined for what is no base64, or is cut off. Its padding may be missing. */
function fromBase64(text: string): Bytes | undefined {
  const bare = /^([A-Za-z0-9+/]+)={0,2}$/.exec(text)?.[1]
  if (bare === undefined || bare.length % 4 === 1) return undefined
  const binary = atob(bare)
  if (!btoa(binary).startsWith(bare)) return undefined
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
