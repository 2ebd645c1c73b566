// Every guest that means harm or is broken, what each of its functions does, and what its caller gets.
// The tests (test/hostile-*.test.ts), the soak and the benchmark (bench/workloads/) read this table.
import { ALLOCATOR } from './hostile/allocator.ts'
import { EXITS } from './hostile/exits.ts'
import type { HostileGuest } from './hostile/expected.ts'
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
