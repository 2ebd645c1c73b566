// Runs that nobody waits for, from acceptance to the target: how long, how many, and what one costs.
import { setTimeout as wait } from 'node:timers/promises'
import { startEngines } from '../engines.ts'
import { latency, pacedRound, startReceiver } from '../paced/paced.ts'
import type { Paced, PacedContestant, Receiver } from '../paced/paced.ts'
import { ratioOf, spreadOf } from '../statistics.ts'
import type { TargetKey } from '../targets.ts'
import type { Bench, Figure, Workload } from '../workload.ts'
import { durableHello, handWritten } from './durable.ts'
import type { Durable } from './durable.ts'
import { HELLO } from './hello.ts'

/** The last is what has to be sustained. */
const PACES = [50, 200, 1_000, 2_000]
const QUICK_PACES = [200, 2_000]
/** A round is long enough for so many, lest its p99 be a single one. */
const ITEMS_MIN = 1_000
const TARGETS = 20

export const deliveries: Workload = {
  name: 'deliveries',
  summary:
    `hello with \`Prefer: respond-async\`, its results delivered to ${TARGETS} targets, sent at a rate that ` +
    'heeds no answer; times from when an item was due.',
  async run(bench) {
    const { quick, rounds, seconds, warmUpSeconds } = bench.options
    const receiver = bench.own(await startReceiver(Array(TARGETS).fill('healthy')))
    const ours: Durable[] = []
    for (const engine of await startEngines(bench)) {
      ours.push(await durableHello(`wasmhook, ${engine.name}`, await engine.wasmhook()))
    }
    const all: PacedContestant[] = [...ours, await handWritten(bench)]
    for (const one of all) {
      await pacedRound(one, receiver, { perSecond: 500, seconds: warmUpSeconds })
    }
    const paced: Paced[] = []
    for (const perSecond of quick ? QUICK_PACES : PACES) {
      const rows = all.map(({ name, note = '' }): Paced => ({ name, note, perSecond, rounds: [] }))
      const pace = {
        perSecond,
        seconds: quick ? seconds : Math.max(seconds, ITEMS_MIN / perSecond),
      }
      for (let round = 0; round < rounds; round++) {
        for (const [at, one] of all.entries()) {
          rows[at]!.rounds.push(await pacedRound(one, receiver, pace))
        }
        const p95 = rows.map((row) => latency(row, 'arrived', 'p95').at(-1)!.toFixed(1)).join(', ')
        bench.progress(`${perSecond}/s, round ${round + 1} of ${rounds}: p95 of arrival ${p95} ms`)
      }
      paced.push(...rows)
    }
    const figures: Figure[] = []
    for (const [at, { name }] of ours.entries()) {
      const rows = paced.filter((row) => row.name === name)
      const yardstick = paced.filter((row) => row.name === all.at(-1)!.name)
      figures.push(...figuresOf(rows, yardstick), ...(await flatOut(bench, ours[at]!, receiver)))
    }
    return { measured: [], paced, figures, notes: NOTES }
  },
}

const NOTES = [
  'Accepted and arrived are times from when an item was due to its 202 and to its arrival at the target, whole.',
  'The queue written by hand is a Fastify route with one SQLite table, undici and a commit for each write; it calls ' +
    'no function, and tries nothing again.',
  'CPU is that of the serving process for an item accepted, run and delivered.',
]

function figuresOf(rows: readonly Paced[], yardstick: readonly Paced[]): Figure[] {
  const at = (pace: number): Paced => rows.find(({ perSecond }) => perSecond === pace)!
  const [slow, fast] = [at(200), at(PACES.at(-1)!)]
  const variant = slow.name
  const cpu = fast.rounds.map((round) => round.cpuUs)
  const figure = (target: TargetKey, name: string, values: number[], unit: string): Figure => ({
    target,
    name,
    variant,
    value: spreadOf(values),
    unit,
  })
  const base = yardstick.find(({ perSecond }) => perSecond === fast.perSecond)!
  return [
    figure('deliveries/accept', 'accepted, p95 at 200/s', latency(slow, 'accepted', 'p95'), 'ms'),
    figure('deliveries/arrive', 'arrived, p95 at 200/s', latency(slow, 'arrived', 'p95'), 'ms'),
    figure(
      'deliveries/sustained',
      `delivered at ${fast.perSecond}/s`,
      fast.rounds.map((round) => round.arrivedPerSecond),
      '/s',
    ),
    {
      name: 'one core serves',
      variant,
      value: spreadOf(cpu.map((us) => 1e6 / us)),
      unit: '/s',
    },
    {
      name: `CPU of an item / ${base.name}`,
      variant,
      value: ratioOf(
        cpu,
        base.rounds.map((round) => round.cpuUs),
      ),
      unit: '×',
    },
  ]
}

/** As many as it accepts from callers who ask again at once, and how fast what then waits is delivered. */
async function flatOut(bench: Bench, one: Durable, receiver: Receiver): Promise<Figure[]> {
  const { load, options } = bench
  const accepted: number[] = []
  const delivered: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    const before = await receiver.requests()
    const begun = performance.now()
    const result = await load.run(
      {
        origin: one.origin,
        paths: [one.path],
        headers: { ...one.headers, SSVM_Callback: receiver.targets[round % TARGETS]! },
        body: HELLO.input,
      },
      options,
    )
    const count = result.requests - result.refused
    // wrk's last requests were accepted although it did not wait for their answers.
    while ((await receiver.requests()) - before < count) await wait(10)
    accepted.push(count / result.seconds)
    delivered.push(count / ((performance.now() - begun) / 1000))
  }
  const figure = (name: string, values: number[]): Figure => ({
    name,
    variant: one.name,
    value: spreadOf(values),
    unit: '/s',
  })
  return [
    figure(`accepted from ${options.connections} callers at once`, accepted),
    figure('of these delivered to one target, from the first to the last', delivered),
  ]
}
