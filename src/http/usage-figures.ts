// The usage figures of the original service, under its names: what an executable's runs came to.
import type { Executable, Usage } from '../model.ts'
import { toTime } from './times.ts'

/** Each is a filter of describe and of the log route. */
export const USAGE_FILTERS = [
  'total_invocations',
  'total_gas_consumed',
  'latest_execution_time_in_nanoseconds',
  'full_usage_report',
] as const

export type UsageFilter = (typeof USAGE_FILTERS)[number]

/** @param usage undefined before the first run has ended */
export function usageFigure(
  name: UsageFilter,
  executable: Executable,
  usage: Usage | undefined,
): unknown {
  if (name === 'total_invocations') return invocations(usage)
  if (name === 'total_gas_consumed') return usage?.fuel ?? 0
  if (name === 'latest_execution_time_in_nanoseconds') return latestNanoseconds(usage)
  return fullReport(executable, usage)
}

function fullReport({ id, metered }: Executable, usage: Usage | undefined) {
  return {
    wasm_id: id,
    since: usage === undefined ? null : toTime(usage.sinceMs),
    total_invocations: invocations(usage),
    invocations_by_outcome: {
      succeeded: usage?.succeeded ?? 0,
      failed: usage?.failed ?? 0,
      canceled: usage?.canceled ?? 0,
    },
    total_gas_consumed: usage?.fuel ?? 0,
    metered_invocations: usage?.meteredRuns ?? 0,
    metered,
    total_input_bytes: usage?.inputBytes ?? 0,
    total_output_bytes: usage?.outputBytes ?? 0,
    total_queue_time_us: usage?.queueUs ?? 0,
    total_execution_time_us: usage?.runUs ?? 0,
    latest_execution_time_in_nanoseconds: latestNanoseconds(usage),
  }
}

/** Runs that have ended, whatever came of them. */
function invocations(usage: Usage | undefined): number {
  return usage === undefined ? 0 : usage.succeeded + usage.failed + usage.canceled
}

/** Measured to the microsecond; null until the function has been executed. */
function latestNanoseconds(usage: Usage | undefined): number | null {
  return usage?.latestRunUs === undefined || usage.latestRunUs === null
    ? null
    : usage.latestRunUs * 1000
}

/** Said beside the gas of an executable that counts none, so that nobody takes 0 for a measurement. */
export function gasWarnings(names: readonly string[], { metered }: Executable): string[] {
  return metered || !names.includes('total_gas_consumed')
    ? []
    : ['Gas is counted in metered runs only; this executable is not metered now.']
}
