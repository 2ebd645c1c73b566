// `Idempotency-Key` of a run route: the key as it was sent, and a fingerprint of all that decides what the run
// comes to, so that the same key with another request is told from a retry.
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { AppError } from '../errors.ts'
import type { RunRetry } from '../model.ts'
import type { CallRequest } from './run-request.ts'

const KEY_CHARS_MAX = 255
const PRINTABLE = /^[\x20-\x7e]+$/
/** Hashed without a turn of the event loop. */
const STRETCH_BYTES = 1024 * 1024

/** @throws AppError BAD_REQUEST */
export function idempotencyKey(request: IncomingMessage): string | undefined {
  if (request.headers['idempotency-key'] === undefined) return undefined
  const [key = '', second] = request.headersDistinct['idempotency-key'] ?? []
  if (second !== undefined) throw malformed('was sent twice')
  if (key.length > KEY_CHARS_MAX) throw malformed(`is longer than ${KEY_CHARS_MAX} characters`)
  if (!PRINTABLE.test(key)) throw malformed('must be printable ASCII, and not empty')
  return key
}

function malformed(what: string): AppError {
  return new AppError('BAD_REQUEST', `The Idempotency-Key ${what}.`)
}

/** Of route, inputs in order, callback and how it is tried again; hex sha256. */
export async function fingerprintOf(
  route: string,
  { inputs, callback }: CallRequest,
  retry: RunRetry | undefined,
): Promise<string> {
  const hash = createHash('sha256')
  addText(hash, JSON.stringify([route, callback ?? null, retry ?? null]))
  for (const input of inputs) {
    if (input.kind === 'fetch') {
      addText(hash, JSON.stringify(input.spec))
      continue
    }
    const { bytes } = input
    hash.update(`bytes ${bytes.length}\n`)
    for (let at = 0; at < bytes.length; at += STRETCH_BYTES) {
      if (at > 0) await setImmediate()
      hash.update(bytes.subarray(at, at + STRETCH_BYTES))
    }
  }
  return hash.digest('hex')
}

/** With its length, so that no two lists read the same. */
function addText(hash: Hash, text: string): void {
  hash.update(`text ${Buffer.byteLength(text)}\n`).update(text)
}
