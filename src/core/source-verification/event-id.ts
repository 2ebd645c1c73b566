// The id that a sender gives an event: the same however often it sends it.
import { isUtf8 } from 'node:buffer'

/** A longer one is none: it is a key of a table. */
export const EVENT_ID_CHARS_MAX = 256

/**
 * Null for what is no id: neither a text nor a whole number, empty, too long, or with what storage would not take.
 * Numbers so large that others read as the same are none either.
 */
export function toEventId(value: unknown): string | null {
  const text = Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || text === '' || text.length > EVENT_ID_CHARS_MAX) return null
  return /[\p{Cc}\p{Surrogate}]/u.test(text) ? null : text
}

/** A member of the JSON object that the body is; undefined where there is none, or the body is larger. */
export function bodyMember(body: Buffer, name: string, bytesMax: number): unknown {
  // Parsing more would hold up everybody else (decision 0009).
  if (body.length > bytesMax || !isUtf8(body)) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  if (parsed === null || typeof parsed !== 'object' || !Object.hasOwn(parsed, name)) {
    return undefined
  }
  return (parsed as Record<string, unknown>)[name]
}
