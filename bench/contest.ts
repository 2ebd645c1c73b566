// Contestants answer the same request in turns, A B C A B C …, so that each round of one has rounds of
// the others beside it that met the same machine.
import { cpuUs } from './process-usage.ts'
import type { Load, LoadOptions, LoadRequest, LoadResult } from './load.ts'
import type { Running } from './process.ts'
import { median } from './statistics.ts'

export interface Contestant {
  /** What the table calls it. */
  name: string
  server: Running
  request: Omit<LoadRequest, 'origin'>
  /** What it must answer; a contestant that answers something else is not measured. */
  expected: Buffer
  /** Settings that its row has to tell: the sandbox's state. */
  note?: string
}

export interface Round extends LoadResult {
  /** User and system time of the serving process for each request that was answered. */
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
  load: Load,
  contestants: readonly Contestant[],
  options: ContestOptions,
  progress: (sentence: string) => void,
): Promise<Measured[]> {
  for (const one of contestants) {
    await check(one)
    await measure(load, one, { ...options, seconds: options.warmUpSeconds })
  }
  const measured = contestants.map(({ name, note = '' }): Measured => ({ name, note, rounds: [] }))
  for (let round = 0; round < options.rounds; round++) {
    for (const [at, one] of contestants.entries()) {
      measured[at]!.rounds.push(await measure(load, one, options))
    }
    const cpu = measured.map(({ rounds }) => rounds.at(-1)!.cpuUs.toFixed(0))
    progress(`round ${round + 1} of ${options.rounds}: ${cpu.join(', ')} us of CPU a request`)
  }
  return measured
}

/** The median of one column. */
export function medianOf({ rounds }: Measured, column: keyof Round): number {
  return median(rounds.map((round) => round[column]))
}

async function measure(load: Load, one: Contestant, options: LoadOptions): Promise<Round> {
  const { pid, origin } = one.server
  const before = cpuUs(pid)
  const result = await load.run({ ...one.request, origin }, options)
  const used = cpuUs(pid) - before
  if (result.requests === 0) throw new Error(`${one.name} answered nothing.`)
  return { ...result, cpuUs: used / result.requests }
}

async function check({ name, server, request, expected }: Contestant): Promise<void> {
  const answer = await fetch(server.origin + request.paths[0]!, {
    method: request.body === undefined ? 'GET' : 'POST',
    headers: { ...request.headers },
    ...(request.body === undefined ? {} : { body: new Uint8Array(request.body) }),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  if (answer.ok && bytes.equals(expected)) return
  const told = bytes.subarray(0, 500).toString('utf8')
  throw new Error(`${name} answers ${answer.status} and not what is expected: ${told}`)
}
