// Work that waits in a table. It is claimed under a lease, lane by lane (a lane is a target, or an
// executable), so that however much waits in one lane, the others have their turn; and it is found by
// index: a row of `lanes` says when its lane has something to claim.
//
// Of a row of work, exactly one is set: `due_at_ms` while it waits, `lease_id` and `leased_until_ms` while
// somebody works on it, or neither once it has ended.
import type { Kysely } from 'kysely'
import type { LanesTable, Schema, WorkColumns } from './schema.ts'
import type { ClaimBounds, WorkName } from './storage.ts'

export const NOT_LEASED = { lease_id: null, leased_until_ms: null }

export type WorkQueue = ReturnType<typeof createWorkQueue>

export function createWorkQueue(table: WorkName) {
  // Every table of work has these columns; the types need to know of one.
  const work = table as 'work'
  const typed = (db: Kysely<Schema>) =>
    db as unknown as Kysely<{ work: WorkColumns; lanes: LanesTable }>

  /** What is leased past its time waits again: whether it was done is not known. */
  async function takeBackExpired(db: Kysely<Schema>, lane: string, nowMs: number): Promise<void> {
    await typed(db)
      .updateTable(work)
      .set({ ...NOT_LEASED, state: 'waiting', due_at_ms: nowMs })
      .where('lane', '=', lane)
      .where('leased_until_ms', '<=', nowMs)
      .execute()
  }

  /** Leases up to `limit` of a lane's due work, the earliest first. */
  async function leaseDue(
    db: Kysely<Schema>,
    lane: string,
    { nowMs, leaseId, leasedUntilMs, limit }: Omit<ClaimBounds, 'perLane'>,
  ): Promise<string[]> {
    const due = await typed(db)
      .selectFrom(work)
      .select('id')
      .where('lane', '=', lane)
      .where('due_at_ms', '<=', nowMs)
      .orderBy('due_at_ms')
      .limit(limit)
      .execute()
    if (due.length === 0) return []
    const ids = due.map((row) => row.id)
    await typed(db)
      .updateTable(work)
      .set({
        state: 'leased',
        due_at_ms: null,
        lease_id: leaseId,
        leased_until_ms: leasedUntilMs,
      })
      .where('id', 'in', ids)
      .execute()
    return ids
  }

  /** Ends of leases of a lane, the first `limit` of them. */
  async function leases(db: Kysely<Schema>, lane: string, limit: number): Promise<number[]> {
    const rows = await typed(db)
      .selectFrom(work)
      .select('leased_until_ms')
      .where('lane', '=', lane)
      .where('leased_until_ms', 'is not', null)
      .orderBy('leased_until_ms')
      .limit(limit)
      .execute()
    return rows.map((row) => row.leased_until_ms ?? 0)
  }

  async function firstDue(db: Kysely<Schema>, lane: string): Promise<number | undefined> {
    const row = await typed(db)
      .selectFrom(work)
      .select('due_at_ms')
      .where('lane', '=', lane)
      .where('due_at_ms', 'is not', null)
      .orderBy('due_at_ms')
      .limit(1)
      .executeTakeFirst()
    return row?.due_at_ms ?? undefined
  }

  /** Sets when the lane has something to claim; a full one has not until a lease ends. */
  async function refresh(db: Kysely<Schema>, lane: string, perLane: number): Promise<void> {
    const leased = await leases(db, lane, perLane)
    const due = leased.length < perLane ? await firstDue(db, lane) : undefined
    const times = [leased[0], due].filter((time) => time !== undefined)
    await typed(db)
      .updateTable('lanes')
      .set({ due_at_ms: times.length === 0 ? null : Math.min(...times) })
      .where('work', '=', table)
      .where('lane', '=', lane)
      .execute()
  }

  /** There is more to claim in the lane, at that time or earlier. */
  async function expect(db: Kysely<Schema>, lane: string, dueAtMs: number): Promise<void> {
    await typed(db)
      .insertInto('lanes')
      .values({ work: table, lane, due_at_ms: dueAtMs })
      .onConflict((conflict) =>
        conflict
          .columns(['work', 'lane'])
          .doUpdateSet({ due_at_ms: dueAtMs })
          .where((eb) =>
            eb.or([eb('lanes.due_at_ms', 'is', null), eb('lanes.due_at_ms', '>', dueAtMs)]),
          ),
      )
      .execute()
  }

  /** Lets go of what was leased just now. */
  async function giveBack(
    db: Kysely<Schema>,
    ids: readonly string[],
    { nowMs }: { nowMs: number },
  ): Promise<void> {
    if (ids.length === 0) return
    const rows = await typed(db)
      .updateTable(work)
      .set({ ...NOT_LEASED, state: 'waiting', due_at_ms: nowMs })
      .where('id', 'in', ids)
      .returning('lane')
      .execute()
    for (const lane of new Set(rows.map((row) => row.lane))) await expect(db, lane, nowMs)
  }

  return {
    expect,
    refresh,

    /** Of what was leased just now as much as the bounds have bytes for, but at least one; the rest goes back. */
    async fitting(
      db: Kysely<Schema>,
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
        sizes.slice(kept.length).map(({ id }) => id),
        bounds,
      )
      return kept
    },

    /** Ids of what is leased from now on, lane after lane. */
    async claim(db: Kysely<Schema>, bounds: ClaimBounds): Promise<string[]> {
      const { nowMs, limit, perLane } = bounds
      const lanes = await typed(db)
        .selectFrom('lanes')
        .select('lane')
        .where('work', '=', table)
        .where('due_at_ms', '<=', nowMs)
        .orderBy('due_at_ms')
        .limit(limit)
        .execute()
      // The first get no more than their share; what they leave is claimed the next time.
      const share = Math.max(1, Math.floor(limit / Math.max(1, lanes.length)))
      const claimed: string[] = []
      for (const { lane } of lanes) {
        await takeBackExpired(db, lane, nowMs)
        const free = perLane - (await leases(db, lane, perLane)).length
        const room = Math.min(share, free, limit - claimed.length)
        if (room > 0) claimed.push(...(await leaseDue(db, lane, { ...bounds, limit: room })))
        await refresh(db, lane, perLane)
      }
      return claimed
    },

    /** When there may be something to claim; undefined while nothing waits. */
    async nextDueMs(db: Kysely<Schema>): Promise<number | undefined> {
      const row = await typed(db)
        .selectFrom('lanes')
        .select('due_at_ms')
        .where('work', '=', table)
        .where('due_at_ms', 'is not', null)
        .orderBy('due_at_ms')
        .limit(1)
        .executeTakeFirst()
      return row?.due_at_ms ?? undefined
    },

    /** Holds leases for longer, those that are still held. */
    async renew(
      db: Kysely<Schema>,
      held: readonly { id: string; leaseId: string }[],
      leasedUntilMs: number,
    ): Promise<void> {
      for (const { id, leaseId } of held) {
        await typed(db)
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
      held: readonly { id: string; leaseId: string }[],
      nowMs: number,
    ): Promise<void> {
      for (const { id, leaseId } of held) {
        const row = await typed(db)
          .updateTable(work)
          .set({ ...NOT_LEASED, state: 'waiting', due_at_ms: nowMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .returning('lane')
          .executeTakeFirst()
        if (row !== undefined) await expect(db, row.lane, nowMs)
      }
    },

    /** Makes everything that is leased due: at the start of a server that is the only one. */
    async releaseAll(db: Kysely<Schema>, nowMs: number): Promise<void> {
      const lanes = await typed(db)
        .selectFrom(work)
        .select('lane')
        .distinct()
        .where('leased_until_ms', 'is not', null)
        .execute()
      await typed(db)
        .updateTable(work)
        .set({ ...NOT_LEASED, state: 'waiting', due_at_ms: nowMs })
        .where('leased_until_ms', 'is not', null)
        .execute()
      for (const { lane } of lanes) await expect(db, lane, nowMs)
    },
  }
}
