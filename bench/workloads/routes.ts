// One function called over HTTP by this server and by everything it is compared with.
import { readFileSync } from 'node:fs'
import { cpuRatio } from '../contest.ts'
import type { Contestant, Measured } from '../contest.ts'
import { guestFile } from '../guests.ts'
import { overHttp } from '../over-http.ts'
import type { HttpContestant } from '../over-http.ts'
import type { Running } from '../process.ts'
import type { TargetKey } from '../targets.ts'
import type { Bench, BenchOptions, Figure, Result } from '../workload.ts'
import { createGlue } from '../yardsticks/glue.ts'
import { findWasmtime, startEcho, startNodeWasm, startWasmtimeServe } from '../yardsticks/start.ts'

/** echo: a bare Fastify route; node, warm: Node's WebAssembly; serve: `wasmtime serve`. */
export type Yardstick = 'echo' | 'node' | 'warm' | 'serve'

export interface RouteCase {
  /** The guest and its function, of one text or of bytes. */
  guest: string
  fn: string
  text: boolean
  input: Buffer
  yardsticks: readonly Yardstick[]
  /** The path of the wasi:http component that does the same work, for `serve`. */
  component?: string
  /** Which targets the ratios are held against. */
  targets?: Partial<Record<Yardstick, TargetKey>>
  /** The executable keeps warm instances. */
  reuse?: boolean
  options?: Partial<BenchOptions>
}

const NAMES: Record<Yardstick, string> = {
  echo: 'bare Fastify route',
  node: "Node's WebAssembly, fresh instance",
  warm: "Node's WebAssembly, warm instance",
  serve: 'wasmtime serve',
}

export async function compareRoutes(bench: Bench, what: RouteCase): Promise<Result> {
  const { fn, text, input, reuse = false } = what
  const file = guestFile(what.guest)
  const wasm = readFileSync(file)
  const expected = createGlue(wasm).instance().call(fn, input)
  const headers = { 'content-type': text ? 'text/plain' : 'application/octet-stream' }
  const route = (
    of: Pick<HttpContestant, 'name' | 'note' | 'server'>,
    path = '/',
    answer = expected,
  ): Contestant =>
    overHttp(bench.load, {
      ...of,
      request: { paths: [path], headers, body: input },
      expected: answer,
    })

  const ours: Contestant[] = []
  for (const { server, note } of await bench.wasmhooks()) {
    const one = await server.upload(wasm)
    if (reuse) {
      const path = `/api/executables/${one.id}`
      const answer = await server.asOwner(one, 'PATCH', path, { reuse: true })
      if (!answer.ok) {
        return { measured: [], figures: [], notes: [`reuse is not available: ${answer.status}.`] }
      }
    }
    const path = `/api/run/${one.id}/${fn}${text ? '' : '/bytes'}`
    ours.push(route({ name: reuse ? 'wasmhook, reuse' : 'wasmhook', note, server }, path))
  }

  const notes: string[] = []
  const others = new Map<Yardstick, Contestant>()
  const add = (key: Yardstick, server: Running, path = '/', answer = expected): void => {
    others.set(key, route({ name: NAMES[key], server: bench.own(server) }, path, answer))
  }
  for (const key of what.yardsticks) {
    if (key === 'echo') add(key, await startEcho(), '/', input)
    else if (key === 'node') add(key, await startNodeWasm('fresh', file, fn))
    else if (key === 'warm') add(key, await startNodeWasm('warm', file, fn))
    else {
      const wasmtime = findWasmtime()
      if (wasmtime === undefined) {
        notes.push('wasmtime serve is left out: there is no wasmtime in the PATH or in WASMTIME.')
        continue
      }
      add(key, await startWasmtimeServe(wasmtime.command, guestFile('component')), what.component)
      notes.push(`wasmtime serve is that of ${wasmtime.version}.`)
    }
  }

  const measured = await bench.contest([...ours, ...others.values()], what.options)
  const figures = measured
    .slice(0, ours.length)
    .flatMap((our) =>
      [...others.keys()].map((key, at) =>
        ratioFigure(our, measured[ours.length + at]!, what.targets?.[key]),
      ),
    )
  return { measured, figures, notes }
}

/** How many times the CPU of the other it takes, as a figure. */
export function ratioFigure(
  one: Measured,
  other: Measured,
  target?: TargetKey,
  variant = one.note,
): Figure {
  return {
    ...(target === undefined ? {} : { target }),
    name: `CPU of ${one.name} / ${other.name}`,
    variant,
    value: cpuRatio(one, other),
    unit: '×',
  }
}
