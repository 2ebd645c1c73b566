// What secrets are as keys, and how what a request shows is compared with them: in a time that tells nothing.
import { createHash, createPublicKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { SignedScheme } from '../../source-model.ts'

export interface Keys {
  hmac: readonly Buffer[]
  /** Public ones, of Standard Webhooks only. */
  ed25519: readonly KeyObject[]
}

/** Of an HMAC key of Standard Webhooks. */
const KEY_BYTES_MIN = 24
const KEY_BYTES_MAX = 64
const ED25519_BYTES = 32
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
const PUBLIC_MARK = 'whpk_'
const BASE64 = /^([A-Za-z0-9+/]+)={0,2}$/

/** True for what is a key of Standard Webhooks that anybody may know. */
export function isPublicKey(secret: string): boolean {
  return secret.startsWith(PUBLIC_MARK)
}

/**
 * A key of Standard Webhooks: `whsec_…`, the same without its mark, or `whpk_…`; undefined for anything else, as a
 * public key with which anybody can sign.
 */
export function standardKey(secret: string): Buffer | KeyObject | undefined {
  if (isPublicKey(secret)) {
    const key = fromBase64(secret.slice(PUBLIC_MARK.length))
    return key?.length === ED25519_BYTES && !isSmallOrder(key) ? toPublicKey(key) : undefined
  }
  const key = fromBase64(secret.replace(/^whsec_/, ''))
  const fits = key !== undefined && key.length >= KEY_BYTES_MIN && key.length <= KEY_BYTES_MAX
  return fits ? key : undefined
}

/** The keys of a scheme: all but Standard Webhooks take a secret's text as it is. */
export function keysOf(scheme: SignedScheme, secrets: readonly string[]): Keys {
  if (scheme !== 'standard-webhooks') {
    return { hmac: secrets.map((secret) => Buffer.from(secret)), ed25519: [] }
  }
  const keys = secrets.map(standardKey)
  return {
    hmac: keys.filter((key) => Buffer.isBuffer(key)),
    ed25519: keys.filter((key): key is KeyObject => key !== undefined && !Buffer.isBuffer(key)),
  }
}

/** Undefined for what is no base64, or is cut off. Its padding may be missing. */
export function fromBase64(text: string): Buffer | undefined {
  const bare = BASE64.exec(text)?.[1]
  if (bare === undefined) return undefined
  const bytes = Buffer.from(bare, 'base64')
  return bytes.toString('base64').startsWith(bare) ? bytes : undefined
}

/** True where one of the texts is what was given; all are compared, whichever it is. */
export function isOneOf(given: Buffer, texts: readonly string[]): boolean {
  // Digests have one length, whatever is compared.
  const digest = sha256(given)
  return texts.map((text) => timingSafeEqual(digest, sha256(text))).includes(true)
}

/** True where one of the signatures is one of the expected; all of one length. */
export function anyEqual(given: readonly Buffer[], expected: readonly Buffer[]): boolean {
  return given.flatMap((one) => expected.map((other) => timingSafeEqual(one, other))).includes(true)
}

function sha256(data: Buffer | string): Buffer {
  return createHash('sha256').update(data).digest()
}

function isSmallOrder(point: Buffer): boolean {
  const y = Buffer.from(point)
  y.writeUInt8(y.readUInt8(ED25519_BYTES - 1) & 0x7f, ED25519_BYTES - 1)
  return SMALL_ORDER.has(y.toString('hex'))
}

function toPublicKey(bytes: Buffer): KeyObject {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }
  return createPublicKey({ key: jwk, format: 'jwk' })
}
