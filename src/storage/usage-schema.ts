// Tables of what is counted of executables' runs; a part of schema.ts.

/** Counters; a row comes with an executable's first ended run. */
export interface UsageTable {
  executable_id: number
  since_ms: number
  succeeded: number
  failed: number
  canceled: number
  metered_runs: number
  fuel: number
  input_bytes: number
  output_bytes: number
  queue_us: number
  run_us: number
  latest_run_us: number | null
}

/** Calls of an executable by slots of time. */
export interface RunSlotsTable {
  executable_id: number
  from_ms: number
  calls: number
  errors: number
}

export interface UsageSchema {
  usage: UsageTable
  run_slots: RunSlotsTable
}
