// Adds up what ended runs used.
import type { RunRecord, Usage } from '../model.ts'

/** Usage before any run. */
export function noUsage(sinceMs: number): Usage {
  return {
    sinceMs,
    succeeded: 0,
    failed: 0,
    canceled: 0,
    meteredRuns: 0,
    fuel: 0,
    inputBytes: 0,
    outputBytes: 0,
    queueUs: 0,
    runUs: 0,
    latestRunUs: null,
  }
}

/** Adds an ended run in place: this is done for every call. */
export function addRun(usage: Usage, run: RunRecord): void {
  if (run.status === 'succeeded') usage.succeeded++
  else if (run.status === 'canceled') usage.canceled++
  else usage.failed++
  if (run.fuelUsed !== null) {
    usage.meteredRuns++
    usage.fuel += run.fuelUsed
  }
  usage.inputBytes += run.inputBytes
  usage.outputBytes += run.outputBytes
  usage.queueUs += run.timings.queueUs ?? 0
  usage.runUs += run.timings.runUs ?? 0
  usage.latestRunUs = run.timings.runUs ?? usage.latestRunUs
}

/** Both together; `later` holds the runs that ended later. */
export function addUsage(earlier: Usage | undefined, later: Usage | undefined): Usage | undefined {
  if (earlier === undefined || later === undefined) return earlier ?? later
  return {
    sinceMs: earlier.sinceMs,
    succeeded: earlier.succeeded + later.succeeded,
    failed: earlier.failed + later.failed,
    canceled: earlier.canceled + later.canceled,
    meteredRuns: earlier.meteredRuns + later.meteredRuns,
    fuel: earlier.fuel + later.fuel,
    inputBytes: earlier.inputBytes + later.inputBytes,
    outputBytes: earlier.outputBytes + later.outputBytes,
    queueUs: earlier.queueUs + later.queueUs,
    runUs: earlier.runUs + later.runUs,
    latestRunUs: later.latestRunUs ?? earlier.latestRunUs,
  }
}
