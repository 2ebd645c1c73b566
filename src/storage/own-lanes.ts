// What bounds the lanes that endpoints have to themselves (lane-names.ts): those that say how many attempts they take at once, or
// in a time. How many tokens an endpoint has left is a number of its row, so that it holds over a restart, and for all
// processes together. What waits for a token is not touched: its lane is due when there is one.
import type { Kysely } from 'kysely'
import type { RateLimit } from '../model.ts'
import type { Locks } from './database.ts'
import { settingsOf } from './endpoint-rows.ts'
import { ownerOfLane } from './lane-names.ts'
import type { Schema } from './schema.ts'
import { firstTokenMs, fullAfter, fullAtOf, tokensAt } from './token-bucket.ts'

export interface OwnLane {
  endpointId: string
  /** Under way at once; null: as many as in any lane. */
  most: number | null
  limit: RateLimit | null
  fullAtUs: number
}

/** What pays for attempts of one lane. */
export interface Purse {
  affords(id: string): boolean
  pay(id: string): true
  /** Keeps what is left. */
  close(): Promise<void>
}

const NO_LANES: ReadonlyMap<string, OwnLane> = new Map()
const FREE: Purse = {
  affords: () => true,
  pay: () => true,
  close: () => Promise.resolve(),
}

/** By their names, those of these lanes that are endpoints' own. */
export async function readOwnLanes(
  db: Kysely<Schema>,
  lanes: readonly string[],
): Promise<ReadonlyMap<string, OwnLane>> {
  const ids = endpointsOf(lanes)
  if (ids.length === 0) return NO_LANES
  return toOwnLanes(await ofEndpoints(db, ids).execute(), lanes)
}

/** The same for who takes of their tokens: they are ours until the commit. Of one that somebody else has, nothing. */
export async function takeOwnLanes(
  db: Kysely<Schema>,
  locks: Locks,
  lanes: readonly string[],
): Promise<ReadonlyMap<string, OwnLane>> {
  const ids = endpointsOf(lanes)
  if (ids.length === 0) return NO_LANES
  const ours = toOwnLanes(await locks.free(ofEndpoints(db, ids)).execute(), lanes)
  const others = lanes.filter((lane) => !ours.has(lane))
  const theirs = [...(await readOwnLanes(db, others))]
  return new Map([...ours, ...theirs.map(([lane, own]) => [lane, { ...own, most: 0 }] as const)])
}

/** How many may be under way in the lane. */
export function mostIn(own: OwnLane | undefined, perLane: number): number {
  return Math.min(perLane, own?.most ?? perLane)
}

/** Nothing of the lane is claimed before; of the past where nothing has to wait. */
export function readyMs(own: OwnLane | undefined): number {
  return own === undefined || own.limit === null ? 0 : firstTokenMs(own.limit, own.fullAtUs)
}

/** For these deliveries of the lane. What has still to be fetched or prepared is no attempt, and pays when it is one. */
export async function openPurse(
  db: Kysely<Schema>,
  own: OwnLane | undefined,
  ids: readonly string[],
  nowMs: number,
): Promise<Purse> {
  if (own === undefined || own.limit === null || ids.length === 0) return FREE
  const { limit, endpointId } = own
  const free = await unpreparedOf(db, ids)
  const fullAtUs = fullAtOf(limit, own.fullAtUs, nowMs)
  const tokens = tokensAt(limit, fullAtUs, nowMs)
  let taken = 0
  return {
    affords: (id) => free.has(id) || taken < tokens,
    pay(id) {
      if (!free.has(id)) taken++
      return true
    },
    async close() {
      const left = taken === 0 ? fullAtUs : fullAfter(limit, fullAtUs, { nowMs, count: taken })
      if (left === own.fullAtUs) return
      await db
        .updateTable('endpoints')
        .set({ bucket_full_at_us: left })
        .where('id', '=', endpointId)
        .execute()
    },
  }
}

async function unpreparedOf(
  db: Kysely<Schema>,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('deliveries')
    .select('id')
    .where('id', 'in', ids)
    .where('sends', 'in', ['unprepared', 'unfetched'])
    .execute()
  return new Set(rows.map(({ id }) => id))
}

function endpointsOf(lanes: readonly string[]): string[] {
  return lanes.flatMap((lane) => ownerOfLane(lane) ?? [])
}

function ofEndpoints(db: Kysely<Schema>, ids: readonly string[]) {
  return db
    .selectFrom('endpoints')
    .select(['id', 'lane', 'settings', 'bucket_full_at_us'])
    .where('id', 'in', ids)
}

/** An endpoint that has left its lane bounds nothing there. */
function toOwnLanes(
  rows: readonly { id: string; lane: string; settings: string; bucket_full_at_us: number | null }[],
  lanes: readonly string[],
): ReadonlyMap<string, OwnLane> {
  return new Map(
    rows
      .filter(({ lane }) => lanes.includes(lane))
      .map(({ id, lane, settings, bucket_full_at_us: fullAtUs }) => {
        const { rateLimit: limit, maxInFlight: most } = settingsOf(settings)
        return [lane, { endpointId: id, most, limit, fullAtUs: fullAtUs ?? 0 }]
      }),
  )
}
