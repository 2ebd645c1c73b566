// Every guest that means harm or is broken, what each of its functions does, and what its caller gets.
// The tests (test/hostile-*.test.ts), the soak and the benchmark (bench/workloads/) read this table.
import { ALLOCATOR } from './hostile/allocator.ts'
import { EXITS } from './hostile/exits.ts'
import type { Expected, HostileGuest } from './hostile/expected.ts'
import { GREED } from './hostile/greed.ts'
import { RESULTS } from './hostile/results.ts'
import { TIME } from './hostile/time.ts'

export { HOSTILE_SETTINGS } from './hostile/expected.ts'
export type { Expected, HostileGuest, Row } from './hostile/expected.ts'

export const HOSTILE_GUESTS: readonly HostileGuest[] = [
  ...TIME,
  ...GREED,
  ...RESULTS,
  ...ALLOCATOR,
  ...EXITS,
]

/** Why an answer is not the expected one; undefined where it is. */
export function differs(expected: Expected, status: number, text: string): string | undefined {
  if (status !== expected.status) return `${status} instead of ${expected.status}: ${text}`
  if (expected.code === undefined) {
    return text === expected.text ? undefined : `${text} instead of ${expected.text ?? ''}`
  }
  const answer = JSON.parse(text) as Record<string, unknown>
  const wanted = { code: expected.code, ...expected.detail }
  const wrong = Object.entries(wanted).find(([name, value]) => answer[name] !== value)
  return wrong === undefined ? undefined : `${wrong[0]} is not ${wrong[1]}: ${text}`
}
