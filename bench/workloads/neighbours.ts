// Whether a target that is down, and one that is slow, hold up the deliveries to the others.
import { startEngines } from '../engines.ts'
import { latency, pacedRound, startReceiver } from '../paced/paced.ts'
import type { Paced, PacedContestant, Receiver } from '../paced/paced.ts'
import type { TargetKind } from '../paced/receiver.ts'
import { ratioOf } from '../statistics.ts'
import type { Figure, Workload } from '../workload.ts'
import { durableHello } from './durable.ts'

const PER_SECOND = 200
const HEALTHY = 18
/** Long enough that the p99 of a round is not that of a handful. */
const SECONDS_MIN = 10

export const neighbours: Workload = {
  name: 'neighbours',
  summary:
    `${PER_SECOND} durable runs a second to twenty targets: all healthy, and with one that never answers and ` +
    'one that answers after 2 s, more slowly than it is sent to; times are those of healthy targets.',
  async run(bench) {
    const { quick, rounds, seconds } = bench.options
    const paced: Paced[] = []
    const figures: Figure[] = []
    const targets = (others: [TargetKind, TargetKind]): Promise<Receiver> =>
      startReceiver([...others, ...Array<TargetKind>(HEALTHY).fill('healthy')])
    for (const engine of await startEngines(bench)) {
      const { name } = engine
      // Each its own server: what waits for the dead target goes on waiting.
      const pairs: { one: PacedContestant; receiver: Receiver; row: Paced }[] = []
      for (const [what, kinds] of [
        ['all healthy', ['healthy', 'healthy']],
        ['one dead, one slow', ['dead', 'slow']],
      ] as const) {
        const one = await durableHello(`${what}, ${name}`, await engine.wasmhook())
        const receiver = bench.own(await targets([...kinds]))
        await pacedRound(one, receiver, { perSecond: PER_SECOND, seconds: quick ? seconds : 10 })
        const row: Paced = { name: one.name, note: '', perSecond: PER_SECOND, rounds: [] }
        pairs.push({ one, receiver, row })
      }
      const pace = {
        perSecond: PER_SECOND,
        seconds: quick ? seconds : Math.max(seconds, SECONDS_MIN),
      }
      for (let round = 0; round < rounds; round++) {
        for (const { one, receiver, row } of pairs) {
          row.rounds.push(await pacedRound(one, receiver, pace))
        }
        const p99 = pairs.map(({ row }) => latency(row, 'arrived', 'p99').at(-1)!.toFixed(1))
        bench.progress(`${name}, round ${round + 1} of ${rounds}: p99 ${p99.join(', ')} ms`)
      }
      const [alone, beside] = pairs.map(({ row }) => row) as [Paced, Paced]
      paced.push(alone, beside)
      figures.push({
        target: 'neighbours/p99',
        name: "healthy targets' p99, beside a dead and a slow one / all healthy",
        variant: name,
        value: ratioOf(latency(beside, 'arrived', 'p99'), latency(alone, 'arrived', 'p99')),
        unit: '×',
      })
    }
    return { measured: [], paced, figures, notes: [] }
  },
}
