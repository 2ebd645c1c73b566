// When a failed delivery is tried again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../src/errors.ts'
import { DEFAULT_RETRY, formatRetry, parseRetry, pauseMs } from '../src/retry-policy.ts'
import type { RetryPolicy } from '../src/model.ts'

function pauses(policy: RetryPolicy, chance = 0): number[] {
  const all: number[] = []
  for (let failures = 1; ; failures++) {
    const pause = pauseMs(policy, failures, chance)
    if (pause === undefined) return all
    all.push(pause)
  }
}

test('retries do not count the first call: three of them are three pauses', () => {
  const factor2 = parseRetry({ interval_ms: 10_000, backoff: 2, retries: 3 })
  assert.deepEqual(pauses(factor2), [10_000, 20_000, 40_000])
  const apart = parseRetry({ interval_ms: 60_000, retries: 3 })
  assert.deepEqual(pauses(apart), [60_000, 60_000, 60_000])
  assert.deepEqual(pauses(parseRetry({ interval_ms: 100, retries: 0 })), [])
})

test('a schedule is its pauses, and the default has seven', () => {
  assert.deepEqual(pauses(parseRetry({ schedule_ms: [5_000, 300_000] })), [5_000, 300_000])
  assert.equal(pauses(DEFAULT_RETRY).length, 7)
})

test('chance adds up to a fifth and never shortens', () => {
  const policy = parseRetry({ schedule_ms: [1_000] })
  assert.deepEqual(pauses(policy, 0), [1_000])
  assert.deepEqual(pauses(policy, 1), [1_200])
})

test('a growing pause stops at a week', () => {
  const week = 7 * 24 * 3_600_000
  const policy = parseRetry({ interval_ms: week, backoff: 10, retries: 2 })
  assert.deepEqual(pauses(policy), [week, week])
})

test('what is no policy is refused with the field that is wrong', () => {
  const wrong: [unknown, string][] = [
    [5, 'retry'],
    [[], 'retry'],
    [{}, 'retry.retries'],
    [{ interval_ms: 100, retries: 101 }, 'retry.retries'],
    [{ interval_ms: 100, retries: 1.5 }, 'retry.retries'],
    [{ interval_ms: -1, retries: 1 }, 'retry.interval_ms'],
    [{ interval_ms: 0, retries: 100 }, 'retry.interval_ms'],
    [{ interval_ms: 99, retries: 1 }, 'retry.interval_ms'],
    [{ interval_ms: 604_800_001, retries: 1 }, 'retry.interval_ms'],
    [{ interval_ms: '5', retries: 1 }, 'retry.interval_ms'],
    [{ interval_ms: 100, backoff: 0.5, retries: 1 }, 'retry.backoff'],
    [{ interval_ms: 100, backoff: 11, retries: 1 }, 'retry.backoff'],
    [{ interval_ms: 100, retries: 1, attempts: 3 }, 'retry.attempts'],
    [{ schedule_ms: [100, 99] }, 'retry.schedule_ms.1'],
    [{ schedule_ms: [604_800_001] }, 'retry.schedule_ms.0'],
    [{ schedule_ms: [100, 200, null] }, 'retry.schedule_ms.2'],
    [{ interval_ms: 100, backoff: NaN, retries: 1 }, 'retry.backoff'],
    [{ interval_ms: 100, backoff: '2', retries: 1 }, 'retry.backoff'],
    [{ interval_ms: Infinity, retries: 1 }, 'retry.interval_ms'],
    [{ interval_ms: 100, retries: 1e300 }, 'retry.retries'],
    [{ schedule_ms: Array.from({ length: 101 }, () => 100) }, 'retry.schedule_ms'],
    [{ schedule_ms: 5 }, 'retry.schedule_ms'],
    [{ schedule_ms: [100], retries: 1 }, 'retry.retries'],
  ]
  for (const [value, field] of wrong) {
    const isRefusal = (error: AppError): boolean =>
      error.code === 'INVALID_SPEC' && error.detail.field === field
    assert.throws(() => parseRetry(value), isRefusal, JSON.stringify(value))
  }
})

test('a policy is written as it was read', () => {
  for (const written of [{ schedule_ms: [100] }, { interval_ms: 100, backoff: 2, retries: 3 }]) {
    assert.deepEqual(formatRetry(parseRetry(written)), written)
  }
})
