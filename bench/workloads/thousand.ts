// Many functions on one server: what the thousandth costs, idle and called.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { memoryAtRest } from '../calm.ts'
import { cpuRatio } from '../contest.ts'
import { guestFile } from '../guests.ts'
import { overHttp } from '../over-http.ts'
import { median, spreadOf } from '../statistics.ts'
import type { Spread } from '../statistics.ts'
import type { Executable, Wasmhook } from '../wasmhook.ts'
import type { Workload } from '../workload.ts'
import { HELLO } from './hello.ts'

const FUNCTIONS = 1_000
const QUICK_FUNCTIONS = 50
const KB = 1e3

export const thousand: Workload = {
  name: 'thousand',
  summary: '1,000 different functions: uploaded, loaded after a restart, called in random order.',
  async run(bench) {
    const { options, load } = bench
    const count = options.quick ? QUICK_FUNCTIONS : FUNCTIONS
    const tenth = Math.ceil(count / 10)
    const wasm = readFileSync(guestFile(HELLO.guest))
    const { server: first, note } = await bench.wasmhook()

    const uploadMs: number[] = []
    const functions: Executable[] = []
    for (let i = 0; i < count; i++) {
      const begun = performance.now()
      functions.push(await first.upload(distinct(wasm, i)))
      uploadMs.push(performance.now() - begun)
      if ((i + 1) % tenth === 0) {
        bench.progress(`${i + 1} uploaded, the last in ${uploadMs.at(-1)!.toFixed(0)} ms`)
      }
    }
    const artefactBytes = median(artefactSizes(first.dataDir))

    // Started anew it has loaded none; one is called until the process is warm.
    const server = bench.own(await first.restart())
    const pathOf = ({ id }: Executable): string => `/api/run/${id}/${HELLO.fn}`
    const headers = { 'content-type': 'text/plain' }
    const hellos = { paths: [pathOf(functions[0]!)], headers, body: HELLO.input }
    await load.run(
      { ...hellos, origin: server.origin },
      { ...options, seconds: options.warmUpSeconds },
    )
    const before = await memoryAtRest(server.pid)
    const loadMs: number[] = []
    for (const one of functions.slice(1)) loadMs.push(await timeCall(server, pathOf(one)))
    const after = await memoryAtRest(server.pid)
    bench.progress(`loaded, each in ${median(loadMs).toFixed(1)} ms`)

    const contestant = { server, expected: Buffer.from('hello world') }
    const random = { paths: functions.map(pathOf), headers, body: HELLO.input }
    const measured = await bench.contest([
      overHttp(load, { ...contestant, name: `${count} functions`, note, request: random }),
      overHttp(load, { ...contestant, name: 'one function', note, request: hellos }),
    ])

    const each = (bytes: number): Spread => spreadOf([bytes / loadMs.length / KB])
    const held = ({ anonymousBytes, memfdBytes }: typeof before): number =>
      anonymousBytes + memfdBytes
    return {
      measured,
      figures: [
        {
          target: 'thousand/load',
          name: 'first call, last tenth / first tenth',
          value: growth(loadMs, tenth),
          unit: '×',
        },
        { name: 'first call of each', value: spreadOf(loadMs), unit: 'ms' },
        { name: 'upload, last tenth / first tenth', value: growth(uploadMs, tenth), unit: '×' },
        { name: 'upload of each', value: spreadOf(uploadMs), unit: 'ms' },
        {
          target: 'thousand/memory',
          name: 'memory of an idle function beyond its artefact',
          value: each(held(after) - held(before)),
          unit: 'kB',
        },
        {
          name: 'pages of its artefact in memory',
          value: each(after.fileBytes - before.fileBytes),
          unit: 'kB',
        },
        { name: 'its artefact on disk', value: spreadOf([artefactBytes / KB]), unit: 'kB' },
        {
          name: `CPU of a call to one of ${count} / to one function`,
          value: cpuRatio(measured[0]!, measured[1]!),
          unit: '×',
        },
      ],
      notes: [`Wasmhook's server: ${note}.`],
    }
  },
}

/** How the median of the last ones compares with that of the first. */
function growth(values: readonly number[], count: number): Spread {
  return spreadOf([median(values.slice(-count)) / median(values.slice(0, count))])
}

async function timeCall(server: Wasmhook, route: string): Promise<number> {
  const begun = performance.now()
  const answer = await fetch(server.origin + route, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: new Uint8Array(HELLO.input),
  })
  const text = await answer.text()
  if (text !== 'hello world') throw new Error(`A first call answers ${answer.status}: ${text}`)
  return performance.now() - begun
}

/** The same module as far as it does anything: a custom section makes its bytes its own. */
function distinct(wasm: Buffer, which: number): Buffer {
  const name = 'bench'
  const content = Buffer.from(`${String.fromCharCode(name.length)}${name}${which}`)
  return Buffer.concat([wasm, Buffer.from([0, content.length]), content])
}

/** Bytes of each compiled form. */
function artefactSizes(dataDir: string): number[] {
  const folder = path.join(dataDir, 'modules')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cwasm'))
    .map((name) => statSync(path.join(folder, name)).size)
}
