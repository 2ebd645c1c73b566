// Signs what is sent as Standard Webhooks 1.0 says: HMAC-SHA256 (`v1`) and ed25519 (`v1a`), with every key that
// is alive, so that a receiver may hold any of them. Pure: keys, bytes and time are handed in.
import { createHmac, createPrivateKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SigningSecret } from '../model.ts'
import { updateSliced } from '../sliced-hash.ts'

export interface SignedMessage {
  /** The same on every attempt; without a dot, which separates what is signed. */
  id: string
  nowMs: number
  /** The exact bytes that are sent. */
  body: Buffer
}

/** On Node.js's own threads. */
const signAside = promisify(sign) as (
  algorithm: null,
  data: Buffer,
  key: KeyObject,
) => Promise<Buffer>

/** Headers whose names begin so are the signature's, where there is one. */
export function isSignatureHeader(name: string): boolean {
  return name.startsWith('webhook-')
}

/** `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`: one for each key, in their order. */
export async function signatureHeaders(
  { id, nowMs, body }: SignedMessage,
  secrets: readonly SigningSecret[],
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const head = Buffer.from(`${id}.${timestamp}.`)
  const keys = secrets.map(({ hmacKey }) => hmacKey)
  const pairs = secrets.flatMap(({ privateKey }) => (privateKey === null ? [] : [privateKey]))
  const signatures = [
    ...(await hmacs(keys, head, body)).map((mac) => `v1,${mac}`),
    ...(await ed25519s(pairs, head, body)).map((signature) => `v1a,${signature}`),
  ]
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}

async function hmacs(keys: readonly Buffer[], head: Buffer, body: Buffer): Promise<string[]> {
  const macs = keys.map((key) => createHmac('sha256', key).update(head))
  await updateSliced(macs, body)
  return macs.map((mac) => mac.digest('base64'))
}

async function ed25519s(keys: readonly Buffer[], head: Buffer, body: Buffer): Promise<string[]> {
  if (keys.length === 0) return []
  // Ed25519 reads the message twice, so it takes it whole.
  const message = Buffer.concat([head, body])
  const signatures = await Promise.all(keys.map((key) => signAside(null, message, toKey(key))))
  return signatures.map((signature) => signature.toString('base64'))
}

function toKey(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}
