// Each hostile guest in a loop beside a neighbour: what the neighbour's callers wait, and what they
// wait alone.
import { readFileSync } from 'node:fs'
import { callWith } from '../../test/helpers/guest-calls.ts'
import { HOSTILE_GUESTS, HOSTILE_SETTINGS, differs } from '../../test/helpers/hostile-guests.ts'
import type { HostileGuest } from '../../test/helpers/hostile-guests.ts'
import { guestFile } from '../guests.ts'
import type { LoadResult } from '../load.ts'
import { spreadOf } from '../statistics.ts'
import type { Executable, Wasmhook } from '../wasmhook.ts'
import type { Bench, Figure, Workload } from '../workload.ts'
import { HELLO } from './hello.ts'

/** Callers of the hostile guest at once: all the threads that it may have, and more that wait. */
const HOSTILE_CALLERS = 8
/** The neighbour's callers: few, since it is their wait that is measured and not the server's most. */
const NEIGHBOURS_CALLERS = 4
const RUN_TIMEOUT_MS = 1_000
const ROUNDS = 3
const SECONDS = 3

export const hostile: Workload = {
  name: 'hostile',
  summary: 'hello beside each hostile guest, which is called in a loop, and alone.',
  async run(bench) {
    const settings = { ...HOSTILE_SETTINGS, RUN_TIMEOUT_MS }
    const { server, note } = await bench.wasmhook(
      Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
    )
    const neighbour = await server.upload(readFileSync(guestFile(HELLO.guest)))
    const path = `/api/executables/${neighbour.id}/limits`
    await server.asOwner(neighbour, 'PUT', path, { run_timeout_ms: 60_000 })
    const { quick, warmUpSeconds } = bench.options
    const seconds = quick ? 1 : SECONDS
    const wrong: string[] = []
    await callNeighbour(bench, server, neighbour, warmUpSeconds)
    const alone: LoadResult[] = []
    const beside: { guest: HostileGuest; one: Executable; rounds: LoadResult[] }[] = []
    for (const guest of HOSTILE_GUESTS) {
      beside.push({ guest, one: await server.upload(await guest.wasm()), rounds: [] })
    }
    for (let round = 1; round <= (quick ? 1 : ROUNDS); round++) {
      alone.push(await callNeighbour(bench, server, neighbour, seconds))
      for (const { guest, one, rounds } of beside) {
        const over = new AbortController()
        const calling = Array.from({ length: HOSTILE_CALLERS }, (_, n) =>
          callInLoop(server, guest, one, n, over.signal, wrong),
        )
        rounds.push(await callNeighbour(bench, server, neighbour, seconds))
        over.abort()
        await Promise.all(calling)
      }
      bench.progress(`round ${round}`)
    }
    const all = [...alone, ...beside.flatMap(({ rounds }) => rounds)]
    const failed = all.reduce((sum, { refused, broken }) => sum + refused + broken, 0)
    return {
      measured: [],
      figures: [
        ...figuresOf('alone', alone),
        ...beside.flatMap(({ guest, rounds }) => figuresOf(`beside ${guest.name}`, rounds)),
        figure("neighbour's calls that failed", [failed], ''),
        figure("hostile calls' wrong answers", [wrong.length], ''),
      ],
      notes: [
        `Each of ${HOSTILE_CALLERS} hostile callers calls again as soon as it is answered; an endless ` +
          `call ends after ${RUN_TIMEOUT_MS} ms. The callers of both share the machine with the server ` +
          `(${note}).`,
        ...wrong.slice(0, 10).map((told) => `Wrong: ${told.slice(0, 300)}`),
      ],
    }
  },
}

function callNeighbour(
  { load }: Bench,
  { origin }: Wasmhook,
  { id }: Executable,
  seconds: number,
): Promise<LoadResult> {
  const paths = [`/api/run/${id}/${HELLO.fn}`]
  const headers = { 'content-type': 'text/plain' }
  const request = { origin, paths, headers, body: HELLO.input }
  return load.run(request, { connections: NEIGHBOURS_CALLERS, seconds })
}

/** Calls one function of the guest after the other until told to stop. */
async function callInLoop(
  { origin }: Wasmhook,
  { calls }: HostileGuest,
  one: Executable,
  first: number,
  over: AbortSignal,
  wrong: string[],
): Promise<void> {
  const caller = { request: (path: string, init?: RequestInit) => fetch(origin + path, init) }
  for (let turn = first; !over.aborted; turn++) {
    const [does, fn, expected, inputs = []] = calls[turn % calls.length]!
    const answer = await callWith(caller, one, fn, inputs)
    const difference = differs(expected, answer.status, await answer.text())
    if (difference !== undefined) wrong.push(`${does}: ${difference}`)
  }
}

function figuresOf(name: string, rounds: readonly LoadResult[]): Figure[] {
  const ms = (of: 'p50Us' | 'p99Us'): number[] => rounds.map((round) => round[of] / 1000)
  return [figure(`p50 ${name}`, ms('p50Us'), 'ms'), figure(`p99 ${name}`, ms('p99Us'), 'ms')]
}

function figure(name: string, values: readonly number[], unit: string): Figure {
  return { name, value: spreadOf(values), unit }
}
