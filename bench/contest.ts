// Contestants do the same work in turns, A B C A B C …, so that each round of one has rounds of the
// others beside it that met the same machine.
import type { LoadOptions, LoadResult } from './load.ts'
import { ratioOf } from './statistics.ts'
import type { Spread } from './statistics.ts'

export interface Contestant {
  /** What the table calls it. */
  name: string
  /** What its row has to tell besides: the sandbox's state. */
  note?: string
  /** Throws where it does not do the work that is compared. */
  check(): Promise<void>
  /** Works for one round. */
  measure(options: LoadOptions): Promise<Round>
}

export interface Round extends LoadResult {
  /** User and system time of the working process for each request or call. */
  cpuUs: number
}

export interface Measured {
  name: string
  note: string
  rounds: Round[]
}

export interface ContestOptions extends LoadOptions {
  rounds: number
  warmUpSeconds: number
}

export async function contest(
  contestants: readonly Contestant[],
  options: ContestOptions,
  progress: (sentence: string) => void,
): Promise<Measured[]> {
  for (const one of contestants) {
    await one.check()
    await one.measure({ ...options, seconds: options.warmUpSeconds })
  }
  const measured = contestants.map(({ name, note = '' }): Measured => ({ name, note, rounds: [] }))
  for (let round = 0; round < options.rounds; round++) {
    for (const [at, one] of contestants.entries()) {
      measured[at]!.rounds.push(await one.measure(options))
    }
    const cpu = measured.map(({ rounds }) => rounds.at(-1)!.cpuUs.toFixed(0))
    progress(`round ${round + 1} of ${options.rounds}: ${cpu.join(', ')} µs of CPU a request`)
  }
  return measured
}

/** One column of its rounds. */
export function column({ rounds }: Measured, name: keyof Round): number[] {
  return rounds.map((round) => round[name])
}

/** How many times the CPU of the other it takes. */
export function cpuRatio(one: Measured, other: Measured): Spread {
  return ratioOf(column(one, 'cpuUs'), column(other, 'cpuUs'))
}
