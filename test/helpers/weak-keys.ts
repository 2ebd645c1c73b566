// Public keys of ed25519 with which anybody can sign, and how.
import { createPublicKey, verify } from 'node:crypto'

const KEY_BYTES = 32
const SIGN_OF_X = 0x80
/** One in eight is forged with a point of order eight. */
const TRIES = 200

/** The points of order 1, 2, 4 and 8 in each encoding that they have. */
export const SMALL_ORDER_KEYS: readonly Buffer[] = [
  '00'.repeat(KEY_BYTES),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map(largeY),
].flatMap(bothSigns)

/** All keys whose y is not reduced. */
export const LARGE_Y_KEYS: readonly Buffer[] = Array.from({ length: 19 }, (_, above) =>
  largeY((0xed + above).toString(16)),
).flatMap(bothSigns)

/** True where a signature that was made without any private key verifies. */
export function isForgeable(key: Buffer): boolean {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  // The identity, and zero.
  const signature = Buffer.alloc(2 * KEY_BYTES)
  signature.writeUInt8(1)
  return Array.from({ length: TRIES }, (_, at) => Buffer.from(`text ${at}`)).some((text) =>
    verify(null, text, publicKey, signature),
  )
}

function largeY(first: string): string {
  return `${first}${'ff'.repeat(30)}7f`
}

function bothSigns(hex: string): Buffer[] {
  const negative = Buffer.from(hex, 'hex')
  negative.writeUInt8(negative.readUInt8(KEY_BYTES - 1) | SIGN_OF_X, KEY_BYTES - 1)
  return [Buffer.from(hex, 'hex'), negative]
}
