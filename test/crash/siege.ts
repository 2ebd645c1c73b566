// Kills servers at random moments while the load goes on, and looks after each kill what had been leased.
import { setTimeout as pause } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { Engine } from './engine.ts'
import type { Load } from './load.ts'
import type { CrashServer } from './server.ts'

/** When a kill comes. */
export const MOMENTS = { load: 74, start: 13, drain: 13 } as const
export type Moment = keyof typeof MOMENTS

export interface Kill {
  moment: Moment
  /** Killed at once. */
  processes: number
  /** Rows leased once the process was gone, those of other processes included. */
  leasedDeliveries: number
  leasedRuns: number
  /** Runs and deliveries that waited or were under way. */
  open: number
}

/** One attempt, as it was seen in the database. */
export interface AttemptRow {
  id: string
  delivery_id: string
  began_at_ms: number
  duration_us: number
  status: number | null
  error_class: string | null
  manual: number
}

export interface Siege {
  kills: Kill[]
  /** Of each delivery, the leases under which a kill found it. */
  leases: Map<string, Set<string>>
  /** Attempts that a kill found in the database: none may change or go. */
  attempts: Map<string, AttemptRow>
  memoryBytesMax: number
  disturbances: string[]
}

export function newSiege(): Siege {
  return {
    kills: [],
    leases: new Map(),
    attempts: new Map(),
    memoryBytesMax: 0,
    disturbances: [],
  }
}

/** How long a server may serve, or take to start or to drain, before it is killed. */
const SERVES_MS = 1_500
const STARTS_MS = 450
const DRAINS_MS = 400
/** How often all processes are killed at once. */
const KILLS_ALL = 0.15
/** Past so many open rows the load is eased: an audit is of kills, not of how much can wait. */
const OPEN_MAX = 600

export const ATTEMPT_COLUMNS =
  'id, delivery_id, began_at_ms, duration_us, status, error_class, manual'

export interface SiegeOptions {
  engine: Engine
  servers: readonly CrashServer[]
  chance: Chance
  /** Both must be reached. */
  kills: number
  untilMs: number
  onKill: (kills: number) => void
}

/** Kills during the very first starts, while there is no load yet. */
export async function disturbBirth(
  siege: Siege,
  options: SiegeOptions,
  kills: number,
): Promise<void> {
  for (let n = 0; n < kills; n++) {
    const server = options.servers[n % options.servers.length]!
    server.start()
    await pause(options.chance.whole(0, STARTS_MS))
    if (await server.kill()) {
      siege.kills.push({
        moment: 'start',
        processes: 1,
        leasedDeliveries: 0,
        leasedRuns: 0,
        open: 0,
      })
    }
  }
}

export async function besiege(siege: Siege, load: Load, options: SiegeOptions): Promise<void> {
  const { engine, servers, chance, untilMs, onKill } = options
  let disturbedAt = countKills(siege)
  while (countKills(siege) < options.kills || Date.now() < untilMs) {
    const server = servers[chance.whole(0, servers.length - 1)]!
    const moment = chance.pick(MOMENTS)
    const all = chance.next() < KILLS_ALL
    if (await killAt(moment, server, siege, options)) {
      const others = all ? servers.filter((one) => one !== server) : []
      const killed = await Promise.all(others.map((one) => one.kill()))
      await look(siege, engine, { moment, processes: 1 + killed.filter(Boolean).length })
      onKill(countKills(siege))
      load.ease(siege.kills.at(-1)!.open > OPEN_MAX ? 6 : 1)
    }
    for (const one of servers) if (!one.running()) one.start()
    const { disturbance } = engine
    if (disturbance !== undefined && countKills(siege) - disturbedAt >= disturbance.afterKills) {
      disturbedAt = countKills(siege)
      await Promise.all(servers.map((one) => one.ready()))
      await look(siege, engine, undefined)
      siege.disturbances.push(await disturbance.make(chance))
      await look(siege, engine, undefined)
    }
  }
}

/** False where the process was gone before the signal came. */
async function killAt(
  moment: Moment,
  server: CrashServer,
  siege: Siege,
  { engine, chance }: SiegeOptions,
): Promise<boolean> {
  if (moment === 'start') {
    // Whatever runs there makes room for a start.
    if (server.running()) {
      server.stop()
      await server.ended()
      // A stop cuts off what takes longer than DRAIN_MS: that stays leased too.
      await look(siege, engine, undefined)
    }
    server.start()
    await pause(chance.whole(0, STARTS_MS))
    return server.kill()
  }
  if (!server.running()) server.start()
  await server.ready()
  await pause(chance.whole(0, SERVES_MS))
  siege.memoryBytesMax = Math.max(siege.memoryBytesMax, await server.memoryBytes())
  if (moment === 'drain') {
    server.stop()
    await pause(chance.whole(0, DRAINS_MS))
  }
  return server.kill()
}

/** Notes what is leased, and which attempts there are, after a kill or beside a disturbance. */
async function look(
  siege: Siege,
  engine: Engine,
  kill: Pick<Kill, 'moment' | 'processes'> | undefined,
): Promise<void> {
  const leased = await engine.rows<{ work: string; id: string; lease_id: string }>(
    `select 'delivery' as work, id, lease_id from deliveries where lease_id is not null
     union all select 'run' as work, id, lease_id from queued_runs where lease_id is not null`,
  )
  const deliveries = leased.filter(({ work }) => work === 'delivery')
  for (const { id, lease_id: lease } of deliveries) {
    const known = siege.leases.get(id) ?? new Set()
    siege.leases.set(id, known.add(lease))
  }
  const newest = [...siege.attempts.keys()].at(-1) ?? ''
  const attempts = await engine.rows<AttemptRow>(
    `select ${ATTEMPT_COLUMNS} from attempts where id > '${newest}' order by id`,
  )
  for (const attempt of attempts) siege.attempts.set(attempt.id, attempt)
  if (kill === undefined) return
  siege.kills.push({
    ...kill,
    leasedDeliveries: deliveries.length,
    leasedRuns: leased.length - deliveries.length,
    open: await countOpen(engine),
  })
}

/** Processes that were killed. */
export function countKills({ kills }: Siege): number {
  return kills.reduce((sum, { processes }) => sum + processes, 0)
}

/** Runs and deliveries that have not ended. */
export async function countOpen(engine: Engine): Promise<number> {
  const [row] = await engine.rows<{ open: number | string }>(
    `select (select count(*) from queued_runs)
       + (select count(*) from deliveries where ended_at_ms is null) as open`,
  )
  return Number(row!.open)
}
