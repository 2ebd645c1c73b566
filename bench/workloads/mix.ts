// Small calls with long ones beside them: whether computations hold up those who only want a greeting.
import { readFileSync } from 'node:fs'
import { guestFile } from '../guests.ts'
import type { LoadRequest, LoadResult } from '../load.ts'
import { ratioOf, spreadOf } from '../statistics.ts'
import type { Workload } from '../workload.ts'
import { COMPUTATION } from './compute.ts'
import { HELLO } from './hello.ts'

/** Callers of the computation, each of which asks again as soon as it is answered. */
const COMPUTING_CONNECTIONS = 2

export const mix: Workload = {
  name: 'mix',
  summary: `hellos alone, and beside ${COMPUTING_CONNECTIONS} callers of a computation of about 50 ms.`,
  async run(bench) {
    const { options, load } = bench
    const { server, note } = await bench.wasmhook()
    const upload = async (guest: string, fn: string, input: Buffer): Promise<LoadRequest> => {
      const { id } = await server.upload(readFileSync(guestFile(guest)))
      const headers = { 'content-type': 'text/plain' }
      return { origin: server.origin, paths: [`/api/run/${id}/${fn}`], headers, body: input }
    }
    const hellos = await upload(HELLO.guest, HELLO.fn, HELLO.input)
    const computations = await upload('compute', COMPUTATION.fn, Buffer.from(COMPUTATION.input))

    await load.run(computations, { connections: COMPUTING_CONNECTIONS, seconds: 1 })
    await load.run(hellos, { ...options, seconds: options.warmUpSeconds })
    const alone: LoadResult[] = []
    const mixed: LoadResult[] = []
    const beside: LoadResult[] = []
    for (let round = 0; round < options.rounds; round++) {
      alone.push(await load.run(hellos, options))
      const [small, long] = await Promise.all([
        load.run(hellos, options),
        load.run(computations, { ...options, connections: COMPUTING_CONNECTIONS }),
      ])
      mixed.push(small)
      beside.push(long)
      const ms = (us: number): string => (us / 1000).toFixed(1)
      const p99s = `${ms(alone.at(-1)!.p99Us)} ms alone, ${ms(small.p99Us)} ms mixed`
      bench.progress(`round ${round + 1} of ${options.rounds}: p99 of hellos ${p99s}`)
    }

    const p99 = (results: LoadResult[]): number[] => results.map(({ p99Us }) => p99Us / 1000)
    const rate = (results: LoadResult[]): number[] =>
      results.map(({ requests, seconds }) => requests / seconds)
    const failed = [...alone, ...mixed, ...beside].map(({ refused, broken }) => refused + broken)
    return {
      measured: [],
      figures: [
        {
          target: 'mix/p99',
          name: "hellos' p99, mixed / alone",
          variant: note,
          value: ratioOf(p99(mixed), p99(alone)),
          unit: '×',
        },
        { name: "hellos' p99 alone", value: spreadOf(p99(alone)), unit: 'ms' },
        { name: "hellos' p99 mixed", value: spreadOf(p99(mixed)), unit: 'ms' },
        { name: 'hellos alone', value: spreadOf(rate(alone)), unit: '/s' },
        { name: 'hellos mixed', value: spreadOf(rate(mixed)), unit: '/s' },
        { name: 'computations', value: spreadOf(rate(beside)), unit: '/s' },
        {
          name: "computations' p50",
          value: spreadOf(beside.map((r) => r.p50Us / 1000)),
          unit: 'ms',
        },
        { name: 'calls that failed', value: spreadOf(failed), unit: 'a round' },
      ],
      notes: [],
    }
  },
}
