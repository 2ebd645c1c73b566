// What a workload is: a file workloads/<name>.ts that exports one `Workload`, and a line in
// workloads/all.ts. Its `run` gets a `Bench`, which starts servers (and ends them when the workload is
// over), measures contestants in alternating rounds and knows the options of the command line; it gives
// back a `Result`:
//
//   measured   a row for each contestant, from bench.contest(); the raw rounds go into the JSON file
//   paced      a row for each contestant and rate, from pacedRound() (paced/paced.ts)
//   figures    numbers that stand for themselves or beside a target (targets.ts)
//   notes      sentences below the table: what was left out and why
//
// A workload that needs no load generator (hostile, soak) leaves `measured` empty and reports figures.
import type { Contestant, Measured } from './contest.ts'
import type { Load } from './load.ts'
import type { Paced } from './paced/paced.ts'
import type { Running } from './process.ts'
import type { Spread } from './statistics.ts'
import type { TargetKey } from './targets.ts'
import type { Settings, Wasmhook } from './wasmhook.ts'

export interface Workload {
  name: string
  /** One sentence: what is called, and what is compared. */
  summary: string
  run(bench: Bench): Promise<Result>
}

export interface Result {
  measured: Measured[]
  paced?: Paced[]
  figures: Figure[]
  notes: string[]
}

export interface Figure {
  /** The row of targets.ts that it is held against. */
  target?: TargetKey
  name: string
  /** What tells it from another of the same name or target: a function, the sandbox's state. */
  variant?: string
  value: Spread
  unit: string
}

/** The command line's options. */
export interface BenchOptions {
  /** How often each contestant is measured. */
  rounds: number
  /** Length of one round. */
  seconds: number
  warmUpSeconds: number
  /** Connections that call at once. */
  connections: number
  /** For development: the numbers of things (functions, calls) are cut as well; figures mean little. */
  quick: boolean
}

export interface Bench {
  options: BenchOptions
  load: Load
  /** The server with the pagemap scan where this machine has it. */
  wasmhook(settings?: Settings): Promise<Variant>
  /** The server with and without the pagemap scan; one only, where the machine knows no other. */
  wasmhooks(settings?: Settings): Promise<Variant[]>
  /** Hands over what the bench closes at the end of the workload. */
  own<T extends Pick<Running, 'close'>>(server: T): T
  /** Measures in alternating rounds; `changed` replaces options. */
  contest(contestants: readonly Contestant[], changed?: Partial<BenchOptions>): Promise<Measured[]>
  /** A sentence for whoever waits. */
  progress(sentence: string): void
}

export interface Variant {
  server: Wasmhook
  /** "pagemap scan on" or "pagemap scan off", as /readyz has it. */
  note: string
}
