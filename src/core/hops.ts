// Calls that go in a circle: counted in `Wasmhook-Hops` from run to run.
import type { OutboundResponse } from '../outbound/outbound.ts'

/** Calls that pass through more runs than this go in a circle. */
export const HOPS_MAX = 8

/** True for a run's own refusal further on, which every run before it passes back as it is. */
export function toldOfLoop({ status, headers }: OutboundResponse): boolean {
  return status === 508 && headers['wasmhook-run'] !== undefined
}
