// What is counted of an executable's runs.

/** What an executable's ended runs came to, counted since the first of them; never pruned. */
export interface Usage {
  /** When the first run began that was counted. */
  sinceMs: number
  succeeded: number
  failed: number
  canceled: number
  /** Runs that counted fuel, and how much they used in all. */
  meteredRuns: number
  fuel: number
  inputBytes: number
  outputBytes: number
  queueUs: number
  runUs: number
  /** How long the function took when it was last executed; null until it is. */
  latestRunUs: number | null
}

/** What of an executable's runs ended in a slot of five minutes. */
export interface RunSlot {
  executableId: number
  fromMs: number
  calls: number
  /** Of these, failed or canceled. */
  errors: number
}
