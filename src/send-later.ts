// When a callback is sent, where it says so: at a time, or so long after the result is there. Pure: the time is
// handed in.
import { AppError } from './errors.ts'
import type { Callback, SendLater } from './model.ts'
import { parseTime } from './rfc3339.ts'

/** Fields of a callback. */
export interface LaterFields {
  /** RFC 3339. */
  deliverAt: unknown
  /** Milliseconds. */
  delayMs: unknown
}

/**
 * Undefined where neither is given. Whether a time is past, and a pause too long, checkLater() tells.
 * @throws AppError INVALID_SPEC, whose detail names the `field`
 */
export function parseLater({ deliverAt, delayMs }: LaterFields): SendLater | undefined {
  if (isAbsent(deliverAt) && isAbsent(delayMs)) return undefined
  if (!isAbsent(deliverAt) && !isAbsent(delayMs)) {
    throw invalid('delay_ms', 'Give deliver_at or delay_ms, not both.')
  }
  if (isAbsent(deliverAt)) {
    if (Number.isSafeInteger(delayMs) && (delayMs as number) >= 0) {
      return { delayMs: delayMs as number }
    }
    throw invalid('delay_ms', 'delay_ms must be a whole number of milliseconds, at least 0.')
  }
  const atMs = typeof deliverAt === 'string' ? parseTime(deliverAt) : undefined
  if (atMs !== undefined) return { atMs }
  throw invalid('deliver_at', 'deliver_at must be a time, as 2026-01-31T12:00:00Z.')
}

/** @throws AppError INVALID_SPEC where the time is past, or further away than `maxMs` */
export function checkLater(
  callback: Callback,
  { nowMs, maxMs }: { nowMs: number; maxMs: number },
): void {
  if (callback === undefined || callback === 'none' || callback.later === undefined) return
  const { later } = callback
  const field = 'atMs' in later ? 'deliver_at' : 'delay_ms'
  const pauseMs = dueOf(later, nowMs) - nowMs
  if (pauseMs < 0) throw invalid(field, 'deliver_at is in the past.')
  if (pauseMs > maxMs) throw invalid(field, `${field} is more than ${maxMs} ms away.`)
}

/** @param nowMs when the result is there */
export function dueOf(later: SendLater | undefined, nowMs: number): number {
  if (later === undefined) return nowMs
  return 'atMs' in later ? later.atMs : nowMs + later.delayMs
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function invalid(field: string, sentence: string): AppError {
  return new AppError('INVALID_SPEC', sentence, { detail: { field } })
}
