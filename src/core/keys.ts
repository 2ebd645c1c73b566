// Admin and usage keys: made here, shown once, kept and compared as hashes only.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'

/** The usage key of a function that is open to all. */
export const ZERO_KEY = '00000000-0000-0000-0000-000000000000'

/** A new key: 122 random bits, in the UUID form that scripts expect. */
export function makeKey(): string {
  return randomUUID()
}

/** Hex sha256. Keys are random and long, so a plain hash cannot be guessed back. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** True when the key has this hash; the time taken does not depend on where they differ. */
export function keyMatches(key: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashKey(key), 'hex'), Buffer.from(hash, 'hex'))
}
