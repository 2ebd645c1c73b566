// Rounds at a pace: items are sent by one process at a rate that heeds no answer, run and delivered by the
// server under test, and received by another process. A row tells how long they took and what they cost.
import { execFile } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startProcess } from '../process.ts'
import type { Running } from '../process.ts'
import { cpuUs } from '../process-usage.ts'
import { percentile } from '../statistics.ts'
import type { Arrivals, TargetKind } from './receiver.ts'
import type { SendPlan, Sent } from './sender.ts'

const run = promisify(execFile)
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export interface Percentiles {
  p50: number
  p95: number
  p99: number
}

/** Of one round; times in microseconds, from when an item was due. */
export interface PacedRound {
  accepted: Percentiles
  /** At healthy targets. */
  arrived: Percentiles
  acceptedPerSecond: number
  /** Up to the last arrival. */
  arrivedPerSecond: number
  /** Of the serving processes, for each item accepted. */
  cpuUs: number
  /** Not accepted. */
  failed: number
  /** Accepted for healthy targets, and not there within the patience. */
  missing: number
  /** Arrivals of what had arrived. */
  again: number
}

/** One that accepts, runs and delivers. */
export interface PacedContestant {
  name: string
  note?: string
  origin: string
  path: string
  headers: Readonly<Record<string, string>>
  /** The processes that work. */
  pids: () => readonly number[]
}

export interface Paced {
  name: string
  note: string
  perSecond: number
  rounds: PacedRound[]
}

export interface Receiver extends Running {
  targets: readonly string[]
  healthy: readonly boolean[]
  arrivals(round: string): Promise<Arrivals>
  count(round: string): Promise<number>
  /** Whatever arrived at healthy targets, items or not. */
  requests(): Promise<number>
}

export async function startReceiver(kinds: readonly TargetKind[]): Promise<Receiver> {
  const running = await startProcess({
    command: process.execPath,
    args: ['--import', 'tsx', script('receiver.ts'), ...kinds],
  })
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`${running.origin}/${path}`)).json()
  return {
    ...running,
    targets: (await ask('targets')) as string[],
    healthy: kinds.map((kind) => kind === 'healthy'),
    arrivals: async (round) => (await ask(`arrivals/${round}`)) as Arrivals,
    count: async (round) => (await ask(`count/${round}`)) as number,
    requests: async () => (await ask('requests')) as number,
  }
}

export interface Pace {
  perSecond: number
  seconds: number
  /** How long the last items may take after all were sent. */
  patienceMs?: number
}

const PATIENCE_MS = 60_000
const LOOK_MS = 100
let rounds = 0

export async function pacedRound(
  one: PacedContestant,
  receiver: Receiver,
  { perSecond, seconds, patienceMs = PATIENCE_MS }: Pace,
): Promise<PacedRound> {
  const round = `round-${rounds++}`
  const { origin, path, headers } = one
  const { targets } = receiver
  const count = Math.round(perSecond * seconds)
  const plan: SendPlan = { origin, path, headers, targets, round, perSecond, count }
  const before = cpuOf(one)
  const sent = await send(plan)
  const expected = sent.byTarget
    .filter((_, at) => receiver.healthy[at])
    .reduce((sum, accepted) => sum + accepted, 0)
  const patientUntil = Date.now() + patienceMs
  while ((await receiver.count(round)) < expected && Date.now() < patientUntil) await wait(LOOK_MS)
  const used = cpuOf(one) - before
  const { arrivedUs, again, lastAtUs } = await receiver.arrivals(round)
  const accepted = sent.acceptedUs.length
  if (accepted === 0) throw new Error(`${one.name} accepted nothing.`)
  return {
    accepted: percentilesOf(sent.acceptedUs),
    arrived: percentilesOf(arrivedUs),
    acceptedPerSecond: accepted / (sent.tookUs / 1e6),
    arrivedPerSecond: arrivedUs.length / ((lastAtUs - sent.beganUs) / 1e6),
    cpuUs: used / accepted,
    failed: sent.refused + sent.broken,
    missing: expected - arrivedUs.length,
    again,
  }
}

async function send(plan: SendPlan): Promise<Sent> {
  const args = ['--import', 'tsx', script('sender.ts'), JSON.stringify(plan)]
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1e9 })
  return JSON.parse(stdout) as Sent
}

function cpuOf({ pids }: PacedContestant): number {
  return pids().reduce((sum, pid) => sum + cpuUs(pid), 0)
}

function percentilesOf(values: readonly number[]): Percentiles {
  const of = (share: number): number => (values.length === 0 ? NaN : percentile(values, share))
  return { p50: of(0.5), p95: of(0.95), p99: of(0.99) }
}

/** A column of the rounds, or of one of their percentiles, in milliseconds. */
export function latency({ rounds }: Paced, what: 'accepted' | 'arrived', share: keyof Percentiles) {
  return rounds.map((round) => round[what][share] / 1000)
}
