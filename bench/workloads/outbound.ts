// Calls that reach other services: an input fetched from a local upstream, a result sent to a local target.
import { readFileSync } from 'node:fs'
import type { Contestant } from '../contest.ts'
import { guestFile } from '../guests.ts'
import { overHttp } from '../over-http.ts'
import type { Bench, Result, Workload } from '../workload.ts'
import { FETCHED, startEcho, startFetcher, startForwarder } from '../yardsticks/start.ts'
import { HELLO } from './hello.ts'
import { ratioFigure } from './routes.ts'

export const fetched: Workload = {
  name: 'fetched',
  summary: 'hello, its input fetched from an upstream on this machine.',
  async run(bench) {
    const upstream = bench.own(await startEcho())
    const fetcher = bench.own(await startFetcher())
    return compare(
      bench,
      { SSVM_Fetch: upstream.origin },
      undefined,
      overHttp(bench.load, {
        name: 'bare Fastify route that fetches with undici',
        server: fetcher,
        request: { paths: ['/'], body: Buffer.from(upstream.origin) },
        expected: FETCHED,
      }),
    )
  },
}

export const callback: Workload = {
  name: 'callback',
  summary: "hello, its result sent to a target on this machine, whose answer is the caller's.",
  async run(bench) {
    const target = bench.own(await startEcho())
    const forwarder = bench.own(await startForwarder(target.origin))
    return compare(
      bench,
      { SSVM_Callback: target.origin },
      HELLO.input,
      overHttp(bench.load, {
        name: 'bare Fastify route that forwards with undici',
        server: forwarder,
        request: { paths: ['/'], headers: { 'content-type': 'text/plain' }, body: HELLO.input },
        expected: HELLO.input,
      }),
    )
  },
}

async function compare(
  bench: Bench,
  headers: Readonly<Record<string, string>>,
  input: Buffer | undefined,
  yardstick: Contestant,
): Promise<Result> {
  const { server, note } = await bench.wasmhook()
  const { id } = await server.upload(readFileSync(guestFile(HELLO.guest)))
  const ours = overHttp(bench.load, {
    name: 'wasmhook',
    note,
    server,
    request: {
      paths: [`/api/run/${id}/${HELLO.fn}`],
      headers: { 'content-type': 'text/plain', ...headers },
      body: input ?? Buffer.alloc(0),
    },
    expected: Buffer.from('hello world'),
  })
  const measured = await bench.contest([ours, yardstick])
  return { measured, figures: [ratioFigure(measured[0]!, measured[1]!)], notes: [] }
}
