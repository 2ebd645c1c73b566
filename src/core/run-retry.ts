// When a run that failed is tried again: only where its caller asks for it, and by what it failed of.
import { AppError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { RunFailure, RunRetry } from '../model.ts'
import { formatRetry, parseRetry, pauseMs } from '../retry-policy.ts'

/** Which codes are meant. What the guard refuses, or is too large, will not be otherwise later. */
const CODES: Readonly<Record<RunFailure, readonly ErrorCode[]>> = {
  fetch: ['UPSTREAM_FAILED', 'UPSTREAM_TIMEOUT'],
  trap: ['TRAP', 'EXIT_CODE'],
  error: ['FUNCTION_ERROR'],
  timeout: ['RUN_TIMEOUT'],
  limit: ['MEMORY_LIMIT', 'TABLE_LIMIT', 'FUEL_LIMIT', 'OUTPUT_TOO_LARGE', 'STORE_FULL'],
}

const KINDS = Object.keys(CODES) as RunFailure[]
const DEFAULT_ON: readonly RunFailure[] = ['fetch']

/**
 * @param value as `retry` of a callback, and `on`: a list of failures
 * @throws AppError INVALID_SPEC, whose detail names the `field`
 */
export function parseRunRetry(value: unknown): RunRetry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { policy: parseRetry(value), on: DEFAULT_ON }
  }
  const { on = DEFAULT_ON, ...policy } = value as Record<string, unknown>
  const isList = Array.isArray(on) && on.length > 0
  if (!isList || !on.every((kind) => KINDS.includes(kind as RunFailure))) {
    throw new AppError('INVALID_SPEC', `on must be a list of: ${KINDS.join(', ')}.`, {
      detail: { field: 'retry.on' },
    })
  }
  return { policy: parseRetry(policy), on: KINDS.filter((kind) => on.includes(kind)) }
}

/** As it is written. */
export function formatRunRetry({ policy, on }: RunRetry): object {
  return { ...formatRetry(policy), on }
}

/**
 * The pause before a failed run is tried again; undefined where it is not.
 * @param tries that failed, this one included
 * @param chance from 0 to 1
 */
export function runPauseMs(
  error: AppError,
  { policy, on }: RunRetry,
  { tries, chance }: { tries: number; chance: number },
): number | undefined {
  if (!on.some((kind) => CODES[kind].includes(error.code))) return undefined
  return pauseMs(policy, tries, chance)
}
