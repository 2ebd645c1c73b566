// Work that waits in a table. It is claimed under a lease, lane by lane (a lane is a target, or an
// executable), so that however much waits in one lane, the others have their turn; and it is found by
// index: a row of `lanes` says when its lane has something to claim.
//
// Of a row of work, exactly one is set: `due_at_ms` while it waits, `lease_id` and `leased_until_ms` while
// somebody works on it, or neither once it has ended.
import type { Kysely, Selectable } from 'kysely'
import type { AtCommit, Locks } from './database.ts'
import { leaseEnds, ofWork } from './lanes.ts'
import type { LaneChange } from './lanes.ts'
import { mostIn, openPurse, takeOwnLanes } from './own-lanes.ts'
import type { OwnLane } from './own-lanes.ts'
import type { LanesTable, Schema } from './schema.ts'
import { createStatement, createStatementOfIds } from './statement.ts'
import type { ClaimBounds, OwnersShare, WorkName } from './storage.ts'

export const NOT_LEASED = { lease_id: null, leased_until_ms: null }

type Lane = Pick<Selectable<LanesTable>, 'lane' | 'held_until_ms' | 'held_count'>

/** Rows by their ids' order, in which the database need not give them. */
export function inOrder<T extends { id: string }>(ids: readonly string[], rows: readonly T[]): T[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

export type WorkQueue = ReturnType<typeof createWorkQueue>

export function createWorkQueue(table: WorkName, locks: Locks) {
  // The tables have the same columns; the types need to know of one.
  const work = table as 'work'

  // What another unit is writing just now after all, is left to it.
  const expired = createStatement((db, lane: string, nowMs: number) =>
    locks.free(
      ofWork(db)
        .selectFrom(work)
        .select('id')
        .where('lane', '=', lane)
        .where('leased_until_ms', '<=', nowMs),
    ),
  )
  const due = createStatement((db, lane: string, nowMs: number, limit: number) =>
    locks.free(
      ofWork(db)
        .selectFrom(work)
        .select(['id', 'executable_id'])
        .where('lane', '=', lane)
        .where('due_at_ms', '<=', nowMs)
        .orderBy('due_at_ms')
        .limit(limit),
    ),
  )
  const lease = createStatementOfIds((db, ids, leaseId: string, leasedUntilMs: number) =>
    ofWork(db)
      .updateTable(work)
      .set({
        due_at_ms: null,
        lease_id: leaseId,
        leased_until_ms: leasedUntilMs,
      })
      .where('id', 'in', ids),
  )
  /** Lanes whose work is due at some time, the earliest first; but for those whose next is work of these owners. */
  const lanesBut = (db: Kysely<Schema>, owners: readonly number[]) => {
    const lanes = db
      .selectFrom('lanes')
      .select(['lane', 'due_at_ms', 'held_until_ms', 'held_count'])
      .where('work', '=', table)
      .where('due_at_ms', 'is not', null)
      .orderBy('due_at_ms')
    if (owners.length === 0) return lanes
    return lanes.where((eb) => eb.or([eb('owner', 'is', null), eb('owner', 'not in', owners)]))
  }
  const dueLanes = createStatement((db, nowMs: number, limit: number) =>
    lanesBut(db, []).where('due_at_ms', '<=', nowMs).limit(limit),
  )
  const firstLane = createStatement((db) => lanesBut(db, []).limit(1))

  /** What is leased past its time waits again: whether it was done is not known. */
  async function takeBackExpired(db: Kysely<Schema>, lane: string, nowMs: number): Promise<void> {
    const { rows } = await expired(db, lane, nowMs)
    if (rows.length === 0) return
    const ids = rows.map((row) => row.id)
    await ofWork(db)
      .updateTable(work)
      .set({ ...NOT_LEASED, due_at_ms: nowMs })
      .where('id', 'in', ids)
      .execute()
  }

  /** How much more may be leased of a lane: of one that was held, one at a time. */
  async function freeIn(db: Kysely<Schema>, lane: Lane, { nowMs, perLane }: ClaimBounds) {
    const { lane: name, held_until_ms: heldUntilMs, held_count: heldCount } = lane
    const most = heldCount > 0 ? 1 : perLane
    let ends = await leaseEnds(db, table, name, most)
    if ((ends[0] ?? Infinity) <= nowMs) {
      await takeBackExpired(db, name, nowMs)
      ends = await leaseEnds(db, table, name, most)
    }
    return heldUntilMs !== null && heldUntilMs > nowMs ? 0 : most - ends.length
  }

  /** Leases up to `limit` of a lane's due work, the earliest first, as far as its owners have room and it has tokens. */
  async function leaseDue(
    db: Kysely<Schema>,
    { lane, own }: { lane: string; own: OwnLane | undefined },
    { nowMs, leaseId, leasedUntilMs }: ClaimBounds,
    limit: number,
    hasRoom: (owner: number | null) => boolean,
  ): Promise<string[]> {
    const { rows } = await due(db, lane, nowMs, limit)
    const all = rows.map((row) => row.id)
    const purse = await openPurse(db, own, all, nowMs)
    const ids = rows
      .filter(
        ({ id, executable_id: owner }) => purse.affords(id) && hasRoom(owner) && purse.pay(id),
      )
      .map((row) => row.id)
    await purse.close()
    if (ids.length === 0) return []
    await lease(db, ids, leaseId, leasedUntilMs)
    return ids
  }

  /** There is more to claim in the lane, at that time or earlier. */
  function expect(at: AtCommit, lane: string, dueAtMs: number): void {
    at.lane({ work: table, lane, dueAtMs })
  }

  /** What changed in the lane may change when it has something to claim, and whether it is held. */
  function refresh(
    at: AtCommit,
    lane: string,
    perLane: number,
    news?: Pick<LaneChange, 'slow' | 'wellAtMs'>,
  ): void {
    at.lane({ work: table, lane, perLane, ...news })
  }

  /** Work of the lane ended, and left nothing behind that waits. */
  function makeRoom(
    at: AtCommit,
    lane: string,
    perLane: number,
    news?: Pick<LaneChange, 'slow' | 'wellAtMs'>,
  ): void {
    at.lane({ work: table, lane, roomOf: perLane, ...news })
  }

  /** Lets go of what was leased just now. */
  async function giveBack(
    db: Kysely<Schema>,
    at: AtCommit,
    ids: readonly string[],
    { nowMs }: { nowMs: number },
  ): Promise<void> {
    if (ids.length === 0) return
    const rows = await ofWork(db)
      .updateTable(work)
      .set({ ...NOT_LEASED, due_at_ms: nowMs })
      .where('id', 'in', ids)
      .returning('lane')
      .execute()
    for (const { lane } of rows) expect(at, lane, nowMs)
  }

  return {
    expect,
    refresh,
    makeRoom,

    /** Of what was leased just now as much as the bounds have bytes for, but at least one; the rest goes back. */
    async fitting(
      db: Kysely<Schema>,
      at: AtCommit,
      sizes: readonly { id: string; size: number }[],
      bounds: ClaimBounds,
    ): Promise<string[]> {
      let bytes = 0
      const kept: string[] = []
      for (const { id, size } of sizes) {
        bytes += size
        if (kept.length > 0 && bytes > bounds.bytes) break
        kept.push(id)
      }
      await giveBack(
        db,
        at,
        sizes.slice(kept.length).map(({ id }) => id),
        bounds,
      )
      return kept
    },

    /** Ids of what is leased from now on, lane after lane. */
    async claim(db: Kysely<Schema>, at: AtCommit, bounds: ClaimBounds): Promise<string[]> {
      const { nowMs, limit, perLane } = bounds
      const full = ownersWithout(bounds.owners)
      const rows =
        full.length === 0
          ? (await dueLanes(db, nowMs, limit)).rows
          : await lanesBut(db, full).where('due_at_ms', '<=', nowMs).limit(limit).execute()
      // One claims in a lane at a time, so that no two can fill it past `perLane`.
      const names = rows.map(({ lane }) => `${table}/${lane}`)
      const taken = new Set(await locks.take(db, names))
      const lanes = rows.filter(({ lane }) => taken.has(`${table}/${lane}`))
      const owned = await takeOwnLanes(
        db,
        locks,
        lanes.map(({ lane }) => lane),
      )
      // The first get no more than their share; what they leave is claimed the next time.
      const share = Math.max(1, Math.floor(limit / Math.max(1, lanes.length)))
      const hasRoom = createOwnersRoom(bounds.owners)
      const claimed: string[] = []
      for (const row of lanes) {
        const { lane } = row
        const own = owned.get(lane)
        const free = await freeIn(db, row, { ...bounds, perLane: mostIn(own, perLane) })
        const room = Math.min(share, free, limit - claimed.length)
        if (room > 0) claimed.push(...(await leaseDue(db, { lane, own }, bounds, room, hasRoom)))
        refresh(at, lane, perLane)
      }
      return claimed
    },

    /** When there may be something to claim; undefined while nothing waits. */
    async nextDueMs(db: Kysely<Schema>, owners?: OwnersShare): Promise<number | undefined> {
      const full = ownersWithout(owners)
      const rows =
        full.length === 0 ? (await firstLane(db)).rows : await lanesBut(db, full).limit(1).execute()
      return rows[0]?.due_at_ms ?? undefined
    },

    /** Holds leases for longer, those that are still held. */
    async renew(
      db: Kysely<Schema>,
      held: readonly { id: string; leaseId: string }[],
      leasedUntilMs: number,
    ): Promise<void> {
      const ids = held.map(({ id }) => id)
      const query = ofWork(db).selectFrom(work).select('id').where('id', 'in', ids)
      // What its outcome is being written of needs no lease any more.
      const free = new Set((await locks.free(query).execute()).map((row) => row.id))
      for (const { id, leaseId } of held) {
        if (!free.has(id)) continue
        await ofWork(db)
          .updateTable(work)
          .set({ leased_until_ms: leasedUntilMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .execute()
      }
    },

    /** Makes those due that are still held. */
    async release(
      db: Kysely<Schema>,
      at: AtCommit,
      held: readonly { id: string; leaseId: string }[],
      nowMs: number,
    ): Promise<void> {
      for (const { id, leaseId } of held) {
        const row = await ofWork(db)
          .updateTable(work)
          .set({ ...NOT_LEASED, due_at_ms: nowMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .returning('lane')
          .executeTakeFirst()
        if (row !== undefined) expect(at, row.lane, nowMs)
      }
    },

    /** Makes everything that is leased due: at the start of a server that is the only one. */
    async releaseAll(db: Kysely<Schema>, at: AtCommit, nowMs: number): Promise<void> {
      const lanes = await ofWork(db)
        .selectFrom(work)
        .select('lane')
        .distinct()
        .where('leased_until_ms', 'is not', null)
        .execute()
      await ofWork(db)
        .updateTable(work)
        .set({ ...NOT_LEASED, due_at_ms: nowMs })
        .where('leased_until_ms', 'is not', null)
        .execute()
      for (const { lane } of lanes) expect(at, lane, nowMs)
    },
  }
}

/** Owners who have their share under way. */
function ownersWithout(share: OwnersShare | undefined): number[] {
  if (share === undefined) return []
  return [...share.underWay].filter(([, count]) => count >= share.most).map(([owner]) => owner)
}

/** Asked for each item: true, and there is room for one less, where its owner has room; nobody's always has. */
function createOwnersRoom(share: OwnersShare | undefined): (owner: number | null) => boolean {
  if (share === undefined) return () => true
  const underWay = new Map(share.underWay)
  return (owner) => {
    if (owner === null) return true
    const count = underWay.get(owner) ?? 0
    if (count >= share.most) return false
    underWay.set(owner, count + 1)
    return true
  }
}
