// A bucket of tokens as one number, the time at which it is full again (GCRA): taking a token puts that off by the time
// that one needs to come back. Pure; times in microseconds, so that a thousand tokens a second are as many.
import type { RateLimit } from '../model.ts'

/** In which one token comes back: rounded up, so that no rate is above what was said. */
function tokenUs({ attempts, perMs }: RateLimit): number {
  return Math.ceil((perMs * 1_000) / attempts)
}

/** No bucket is emptier than empty, though the clock was set back since it was looked at. */
export function fullAtOf(limit: RateLimit, fullAtUs: number, nowMs: number): number {
  return Math.min(fullAtUs, nowMs * 1_000 + limit.attempts * tokenUs(limit))
}

export function tokensAt(limit: RateLimit, fullAtUs: number, nowMs: number): number {
  return Math.max(0, limit.attempts - Math.ceil(missing(limit, fullAtUs, nowMs)))
}

/** When it is full again, once `count` tokens were taken. */
export function fullAfter(
  limit: RateLimit,
  fullAtUs: number,
  { nowMs, count }: { nowMs: number; count: number },
): number {
  return Math.max(fullAtUs, nowMs * 1_000) + count * tokenUs(limit)
}

/** When there is a token, at the latest; of the past where there is one. */
export function firstTokenMs(limit: RateLimit, fullAtUs: number): number {
  return Math.ceil((fullAtUs - (limit.attempts - 1) * tokenUs(limit)) / 1_000)
}

/** When it is full again under another limit: as many tokens are missing as were, but no more than it holds. */
export function fullUnder(
  limit: RateLimit,
  before: { limit: RateLimit; fullAtUs: number },
  nowMs: number,
): number {
  const count = Math.min(missing(before.limit, before.fullAtUs, nowMs), limit.attempts)
  return Math.ceil(nowMs * 1_000 + count * tokenUs(limit))
}

function missing(limit: RateLimit, fullAtUs: number, nowMs: number): number {
  return Math.max(0, fullAtUs - nowMs * 1_000) / tokenUs(limit)
}
