// When a failed delivery is tried again. Pure: chance is handed in.
import { AppError } from './errors.ts'
import type { RetryPolicy } from './model.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Retries of one delivery. */
const RETRIES_MAX = 100
/** One pause: at none, a hundred retries are over before a target that fails can notice. */
const PAUSE_MS_MIN = 100
const PAUSE_MS_MAX = 7 * 24 * HOUR
const BACKOFF_MAX = 10
/** What chance adds to a pause at most, so that what failed together is not tried together. */
const JITTER = 0.2

/** The first pause of a target that asked for less and did not say for how long. */
const TARGET_PAUSE_MS = 5 * SECOND

/** Where nothing else is said: the example of the Standard Webhooks specification, some 27 hours in all. */
export const DEFAULT_RETRY: RetryPolicy = {
  scheduleMs: [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
}

/**
 * @param value `{ interval_ms, backoff, retries }` or `{ schedule_ms }`
 * @throws AppError INVALID_SPEC, whose detail names the `field`
 */
export function parseRetry(value: unknown): RetryPolicy {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('retry', 'retry must be { interval_ms, backoff, retries } or { schedule_ms }.')
  }
  const { schedule_ms: schedule, ...others } = value as Record<string, unknown>
  if (schedule === undefined) return parseInterval(others)
  const [other] = Object.keys(others)
  if (other !== undefined) {
    throw invalid(`retry.${other}`, `${other} has no meaning beside schedule_ms.`)
  }
  if (!Array.isArray(schedule) || schedule.length > RETRIES_MAX) {
    throw invalid(
      'retry.schedule_ms',
      `schedule_ms must be a list of at most ${RETRIES_MAX} pauses.`,
    )
  }
  return { scheduleMs: schedule.map((pause, at) => readPause(`retry.schedule_ms.${at}`, pause)) }
}

function parseInterval(fields: Record<string, unknown>): RetryPolicy {
  const { interval_ms: interval, backoff = 1, retries, ...others } = fields
  const [other] = Object.keys(others)
  if (other !== undefined) throw invalid(`retry.${other}`, `retry has no field ${other}.`)
  if (typeof backoff !== 'number' || !(backoff >= 1 && backoff <= BACKOFF_MAX)) {
    throw invalid('retry.backoff', `backoff must be a number from 1 to ${BACKOFF_MAX}.`)
  }
  if (!isWhole(retries, 0, RETRIES_MAX)) {
    throw invalid('retry.retries', `retries must be a whole number from 0 to ${RETRIES_MAX}.`)
  }
  return { intervalMs: readPause('retry.interval_ms', interval), backoff, retries }
}

function readPause(field: string, value: unknown): number {
  if (isWhole(value, PAUSE_MS_MIN, PAUSE_MS_MAX)) return value
  const range = `from ${PAUSE_MS_MIN} to ${PAUSE_MS_MAX}`
  throw invalid(field, `A pause is a whole number of milliseconds ${range}.`)
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function invalid(field: string, sentence: string): AppError {
  return new AppError('INVALID_SPEC', sentence, { detail: { field } })
}

/** The policy as it is written in a request spec. */
export function formatRetry(policy: RetryPolicy): object {
  if ('scheduleMs' in policy) return { schedule_ms: policy.scheduleMs }
  return { interval_ms: policy.intervalMs, backoff: policy.backoff, retries: policy.retries }
}

/**
 * The pause before the next try, in milliseconds; undefined where there is none left.
 * @param failures tries that failed so far, at least 1
 * @param chance from 0 to 1
 */
export function pauseMs(policy: RetryPolicy, failures: number, chance: number): number | undefined {
  const pause = basePause(policy, failures - 1)
  return pause === undefined ? undefined : Math.round(pause * (1 + JITTER * chance))
}

/**
 * How long nothing is sent to a target that asked for less (429, 503): as long as it asked, or twice as long
 * each time; milliseconds.
 * @param times how often in a row it was held before
 */
export function targetPauseMs(
  { askedMs, maxMs }: { askedMs: number; maxMs: number },
  times: number,
): number {
  return Math.min(Math.max(askedMs, TARGET_PAUSE_MS * 2 ** times), maxMs)
}

function basePause(policy: RetryPolicy, retry: number): number | undefined {
  if ('scheduleMs' in policy) return policy.scheduleMs[retry]
  if (retry >= policy.retries) return undefined
  return Math.min(policy.intervalMs * policy.backoff ** retry, PAUSE_MS_MAX)
}
