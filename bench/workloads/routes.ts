// One function called over HTTP by this server and by everything it is compared with.
import type { Contestant, Measured } from '../contest.ts'
import { guestFile } from '../guests.ts'
import type { Running } from '../process.ts'
import { ratioOf } from '../statistics.ts'
import type { TargetKey } from '../targets.ts'
import type { Bench, Figure, Result } from '../workload.ts'
import { findWasmtime, startEcho, startNodeWasm, startWasmtimeServe } from '../yardsticks/start.ts'

export interface RouteCase {
  wasmFile: string
  wasm: Buffer
  fn: string
  /** The result is text; without it bytes. */
  text: boolean
  input: Buffer
  output: Buffer
  /** The path of the wasi:http component that does the same work; none: it is not compared. */
  component?: string
  /** Which targets the ratios are held against. */
  targets?: Partial<Record<Yardstick, TargetKey>>
}

type Yardstick = 'echo' | 'node' | 'warm' | 'serve'

const NAMES: Record<Yardstick, string> = {
  echo: 'bare Fastify route',
  node: "Node's WebAssembly, fresh instance",
  warm: "Node's WebAssembly, warm instance",
  serve: 'wasmtime serve',
}

export async function compareRoutes(bench: Bench, what: RouteCase): Promise<Result> {
  const notes: string[] = []
  const headers = { 'content-type': what.text ? 'text/plain' : 'application/octet-stream' }
  const at = (path: string): Contestant['request'] => ({ paths: [path], headers, body: what.input })

  const ours: Contestant[] = []
  for (const { server, note } of await bench.wasmhooks()) {
    const { id } = await server.upload(what.wasm)
    const path = `/api/run/${id}/${what.fn}${what.text ? '' : '/bytes'}`
    ours.push({ name: 'wasmhook', note, server, request: at(path), expected: what.output })
  }

  const yardsticks = new Map<Yardstick, Contestant>()
  const add = (key: Yardstick, server: Running, path = '/', expected = what.output): void => {
    bench.own(server)
    yardsticks.set(key, { name: NAMES[key], server, request: at(path), expected })
  }
  add('echo', await startEcho(), '/', what.input)
  add('node', await startNodeWasm('fresh', what.wasmFile, what.fn))
  add('warm', await startNodeWasm('warm', what.wasmFile, what.fn))
  if (what.component !== undefined) {
    const wasmtime = findWasmtime()
    if (wasmtime === undefined) {
      notes.push('wasmtime serve is left out: there is no wasmtime in the PATH or in WASMTIME.')
    } else {
      const component = guestFile('component')
      add('serve', await startWasmtimeServe(wasmtime.command, component), what.component)
      notes.push(`wasmtime serve is ${wasmtime.version}.`)
    }
  }

  const measured = await bench.contest([...ours, ...yardsticks.values()])
  const figures = ours.flatMap((_, which) =>
    [...yardsticks.keys()].map((key, index): Figure => {
      const target = what.targets?.[key]
      return {
        ...(target === undefined ? {} : { target }),
        ...cpuRatio(measured[which]!, measured[ours.length + index]!),
      }
    }),
  )
  return { measured, figures, notes }
}

/** How many times the CPU of the other it takes. */
export function cpuRatio(one: Measured, other: Measured): Figure {
  const cpu = ({ rounds }: Measured): number[] => rounds.map((round) => round.cpuUs)
  const note = one.note === '' ? '' : ` (${one.note})`
  return {
    name: `CPU of ${one.name}${note} / ${other.name}`,
    value: ratioOf(cpu(one), cpu(other)),
    unit: '×',
  }
}
