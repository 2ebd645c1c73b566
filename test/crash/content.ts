// What is sent: every item has a token of its own, and its bytes follow from the token, so that whoever sees
// them can tell whether they are whole.
import { createHash } from 'node:crypto'

/** Of an attempt at the receiver: what the callbacks say, and what a 2xx has to be written within. */
export const TIMEOUT_MS = 2_000

/** What the function `fn` makes of its input travels to the path of its name. */
export const FUNCTIONS = ['echo', 'say'] as const
export type Fn = (typeof FUNCTIONS)[number]

/** Most are small, some take several pages of a database, a few several chunks of a socket. */
const SIZES = [64, 64, 64, 300, 300, 1_000, 1_000, 5_000, 20_000, 150_000] as const

/** The input of an item. */
export function inputOf(token: string): Buffer {
  const hash = createHash('sha256').update(token).digest()
  const size = SIZES[hash[0]! % SIZES.length]!
  const filler = hash.toString('hex')
  return Buffer.from(`${token} ${filler.repeat(Math.ceil(size / filler.length)).slice(0, size)}`)
}

/** What has to arrive of it. */
export function resultOf(fn: Fn, token: string): Buffer {
  const input = inputOf(token)
  return fn === 'say' ? Buffer.concat([Buffer.from('hello '), input]) : input
}

/** The token in what arrived for `fn`, and whether every byte is as it has to be. */
export function readResult(fn: Fn, bytes: Buffer): { token: string; exact: boolean } {
  const words = bytes.subarray(0, 200).toString('latin1').split(' ')
  const token = words[fn === 'say' ? 1 : 0] ?? ''
  return { token, exact: resultOf(fn, token).equals(bytes) }
}
