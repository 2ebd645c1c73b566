// Calls that go in a circle: counted in `Wasmhook-Hops` from run to run.
import { AppError } from '../errors.ts'

/** Calls that pass through more runs than this go in a circle. */
export const HOPS_MAX = 8

/** True for a run's own refusal further on, which every run before it passes back as it is. */
export function toldOfLoop({
  status,
  headers,
}: {
  status: number | null
  headers: Readonly<Record<string, string>>
}): boolean {
  return status === 508 && headers['wasmhook-run'] !== undefined
}

/** @throws AppError LOOP_DETECTED */
export function checkHops(hops: number): void {
  if (hops > HOPS_MAX) throw new AppError('LOOP_DETECTED', `The call passed through ${hops} runs.`)
}
