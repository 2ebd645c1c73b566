// Pure computation of some tens of milliseconds: what the compiler makes of a guest, with all that a
// call costs on top.
import { readFileSync } from 'node:fs'
import { column } from '../contest.ts'
import type { Contestant } from '../contest.ts'
import { guestFile } from '../guests.ts'
import { overHttp } from '../over-http.ts'
import { median, spreadOf } from '../statistics.ts'
import type { Result, Workload } from '../workload.ts'
import { createGlue } from '../yardsticks/glue.ts'
import { buildNative, nativeContestant } from '../yardsticks/native.ts'
import { startNodeWasm } from '../yardsticks/start.ts'
import { ratioFigure } from './routes.ts'

/** Each function with its input: a size. */
const COMPUTATIONS = [
  { fn: 'hash', input: '10000000', what: 'SHA-256 over 10 MB' },
  { fn: 'shrink', input: '1600', what: 'resize of 1600 × 1200 pixels' },
  { fn: 'primes', input: '10000000', what: 'sieve of the primes below 10 million' },
] as const

/** A computation that takes about 50 ms, for those that need one beside something else. */
export const COMPUTATION = COMPUTATIONS[2]

const headers = { 'content-type': 'text/plain' }

export const compute: Workload = {
  name: 'compute',
  summary: 'Three computations of some tens of milliseconds, one call at a time.',
  async run(bench) {
    const result: Result = { measured: [], figures: [], notes: [] }
    const native = buildNative()
    if (native === undefined) result.notes.push('native is left out: there is no cargo.')
    const file = guestFile('compute')
    const wasm = readFileSync(file)
    const { server, note } = await bench.wasmhook()
    result.notes.push(`Wasmhook's server: ${note}.`)
    const executable = await server.upload(wasm)

    for (const { fn, input, what } of COMPUTATIONS) {
      const expected = createGlue(wasm).instance().call(fn, Buffer.from(input))
      const body = Buffer.from(input)
      const at = (path: string): { paths: [string]; headers: typeof headers; body: Buffer } => ({
        paths: [path],
        headers,
        body,
      })
      const node = bench.own(await startNodeWasm('warm', file, fn))
      const contestants: Contestant[] = [
        overHttp(bench.load, {
          name: 'wasmhook',
          note: what,
          server,
          request: at(`/api/run/${executable.id}/${fn}`),
          expected,
        }),
        overHttp(bench.load, {
          name: "Node's WebAssembly, warm instance",
          note: what,
          server: node,
          request: at('/'),
          expected,
        }),
      ]
      if (native !== undefined) {
        const same = { fn, input, expected: expected.toString('utf8') }
        contestants.push({ ...nativeContestant(native, same), note: what })
      }
      const measured = await bench.contest(contestants, { connections: 1 })
      const [ours, v8, machine] = measured
      result.measured.push(...measured)
      if (machine !== undefined) {
        const own = median(await server.runTimesUs(executable, fn))
        result.figures.push(ratioFigure(ours!, machine, 'compute/native', what), {
          name: "the guest's own time by its run records / native",
          variant: what,
          value: spreadOf(column(machine, 'p50Us').map((us) => own / us)),
          unit: '×',
        })
      }
      result.figures.push(ratioFigure(ours!, v8!, undefined, what))
    }
    return result
  },
}
