// The lines of an ordered endpoint: what of a payload tells in which one its delivery stands.
import { createHash } from 'node:crypto'
import { valueAt } from './payload-filter.ts'

/** What becomes of a line whose first delivery has failed for good. */
export type OnExhaustion = 'block' | 'skip' | 'park'

/** An endpoint that gets one delivery of a line at a time, in the order of publish. */
export interface Ordered {
  /** Names and indexes with dots between them, into the payload; null: all of the endpoint is one line. */
  key: string | null
  onExhaustion: OnExhaustion
}

/** Longer ones are told apart by their hash: they are indexed. */
const PLAIN_CHARS = 200
/** No JSON text. */
const WHOLE_ENDPOINT = '*'

/**
 * The line's name: what is at the key as JSON, `null` where nothing is; `*` without a key.
 * @param payload as JSON.parse reads it; not looked at without a key
 */
export function lineOf({ key }: Ordered, payload: unknown): string {
  if (key === null) return WHOLE_ENDPOINT
  const name = JSON.stringify(valueAt(payload, key) ?? null)
  if (name.length <= PLAIN_CHARS) return name
  return `sha256:${createHash('sha256').update(name).digest('hex')}`
}
