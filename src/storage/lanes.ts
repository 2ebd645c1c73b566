// The rows of `lanes`, which say when a lane of work has something to claim. Units ask for changes, and these
// are written once for all units of a commit, last and in one order: so a lane that many units touch is looked
// at once, and writers that work at the same time (PostgreSQL) wait for each other for no longer than a commit
// takes, and never in a circle.
//
// A lane can be held: nothing in it is claimed until its time is over, and then one item at a time until it is
// well again. What waits in it keeps its own times.
import type { Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import { targetPauseMs } from '../retry-policy.ts'
import { mostIn, readOwnLanes, readyMs } from './own-lanes.ts'
import { createRowWriter } from './row-writer.ts'
import type { LanesTable, Schema, WorkColumns } from './schema.ts'
import { createStatement, createStatementOfIds } from './statement.ts'
import type { SlowTarget, WorkName } from './storage.ts'

type Slow = SlowTarget & { nowMs: number }

export interface LaneChange {
  work: WorkName
  lane: string
  /** There is something to claim at that time, or earlier. */
  dueAtMs?: number | undefined
  /** The executable whose work that is; undefined: the lane is looked at, whosever it is. */
  owner?: number | undefined
  /** Looked at anew; work under way in a lane is at most so much. */
  perLane?: number
  /** As `perLane`, where nothing happened but that work ended: a lane that had room before needs no look. */
  roomOf?: number
  /** It is to be held, or longer. */
  slow?: Slow | undefined
  /** What was worked on at that time ended well: it needs not be held any more. */
  wellAtMs?: number
}

type LaneRow = Pick<Selectable<LanesTable>, 'work' | 'lane' | 'due_at_ms' | 'owner'>

/** Where nothing ended well. */
const NEVER = -1

/** Every table of work has the columns of `WorkColumns`; the types need to know of one. */
export function ofWork(db: Kysely<Schema>): Kysely<{ work: WorkColumns; lanes: LanesTable }> {
  return db as unknown as Kysely<{ work: WorkColumns; lanes: LanesTable }>
}

/** Writes the changes that units of one commit asked for. */
export async function writeLanes(
  db: Kysely<Schema>,
  changes: readonly LaneChange[],
): Promise<void> {
  const merged = merge(changes)
  await bringForward(db, merged.map(toRow))
  const short = await withoutRoom(db, merged)
  const perLaneOf = (change: LaneChange) =>
    change.perLane ?? (short.has(keyOf(change)) ? change.roomOf : undefined)
  const looked = merged.filter((change) => perLaneOf(change) !== undefined)
  const own = await readOwnLanes(
    db,
    looked.map(({ lane }) => lane),
  )
  for (const change of merged) {
    const { work, lane, slow, wellAtMs = NEVER } = change
    const perLane = perLaneOf(change)
    if (slow !== undefined) await hold(db, change, slow)
    if (perLane === undefined) continue
    const one = own.get(lane)
    await refresh[work](db, lane, mostIn(one, perLane), wellAtMs, readyMs(one))
  }
}

/** One for each lane, in the order of their names. */
function merge(changes: readonly LaneChange[]): LaneChange[] {
  const merged = new Map<string, LaneChange>()
  for (const change of changes) {
    const key = keyOf(change)
    const known = merged.get(key)
    const { dueAtMs, owner } = isEarlier(known, change) ? known : change
    const slow = isSlower(known?.slow, change.slow) ? known?.slow : change.slow
    merged.set(key, { ...known, ...change, dueAtMs, owner, slow })
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change)
}

function keyOf({ work, lane }: Pick<LaneChange, 'work' | 'lane'>): string {
  return `${work}/${lane}`
}

/** Those of which work ended and that may have had no room for more. */
async function withoutRoom(
  db: Kysely<Schema>,
  changes: readonly LaneChange[],
): Promise<ReadonlySet<string>> {
  const short = new Set<string>()
  const asked = changes.filter((change) => change.perLane === undefined && change.roomOf)
  for (const work of new Set(asked.map((change) => change.work))) {
    const lanes = asked.filter((change) => change.work === work).map(({ lane }) => lane)
    const { rows } = await shortOf(db, lanes, work)
    for (const { lane } of rows) short.add(keyOf({ work, lane }))
  }
  return short
}

const shortOf = createStatementOfIds((db, lanes, work: string) =>
  db
    .selectFrom('lanes')
    .select('lane')
    .where('work', '=', work)
    .where('lane', 'in', lanes)
    .where((eb) => eb.or([eb('is_full', '=', 1), eb('held_count', '>', 0)])),
)

function isEarlier(known: LaneChange | undefined, change: LaneChange): known is LaneChange {
  return known?.dueAtMs !== undefined && known.dueAtMs < (change.dueAtMs ?? Infinity)
}

function isSlower(known: Slow | undefined, slow: Slow | undefined): boolean {
  return known !== undefined && known.askedMs >= (slow?.askedMs ?? 0)
}

/**
 * Brings times forward, those of a lane that is held to when that is over at the earliest. Rows are ours until
 * the commit, those too that it leaves as they are.
 */
const bringForward = createRowWriter<LaneRow>((db, rows) =>
  db
    .insertInto('lanes')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['work', 'lane'])
        .doUpdateSet((eb) => ({ due_at_ms: claimableAt, owner: eb.ref('excluded.owner') }))
        .where((eb) =>
          eb.or([eb('lanes.due_at_ms', 'is', null), eb('lanes.due_at_ms', '>', claimableAt)]),
        ),
    )
    .compile(),
)

const claimableAt = sql<number | null>`case
  when lanes.held_until_ms > excluded.due_at_ms then lanes.held_until_ms
  else excluded.due_at_ms
end`

function toRow({ work, lane, dueAtMs, owner }: LaneChange): LaneRow {
  return { work, lane, due_at_ms: dueAtMs ?? null, owner: owner ?? null }
}

/** Holds a lane. What is learned while it is held adds no more than the time that was asked for. */
async function hold(
  db: Kysely<Schema>,
  { work, lane }: LaneChange,
  { nowMs, ...slow }: Slow,
): Promise<void> {
  const { held_until_ms: heldUntilMs, held_count: count } = await db
    .selectFrom('lanes')
    .select(['held_until_ms', 'held_count'])
    .where('work', '=', work)
    .where('lane', '=', lane)
    .executeTakeFirstOrThrow()
  const isHeld = heldUntilMs !== null && heldUntilMs > nowMs
  const pauseMs = isHeld ? Math.min(slow.askedMs, slow.maxMs) : targetPauseMs(slow, count)
  await db
    .updateTable('lanes')
    .set({
      held_until_ms: Math.max(heldUntilMs ?? 0, nowMs + pauseMs),
      held_count: isHeld ? count : count + 1,
    })
    .where('work', '=', work)
    .where('lane', '=', lane)
    .execute()
}

/**
 * Sets when the lane has something to claim: a full one has not until a lease ends, a held one, or one without tokens, not
 * before its time but for leases. One that was held and is well is held no more.
 */
const refresh = byWork((work) => {
  const table = sql.table(work)
  return createStatement(
    (db, lane: string, perLane: number, wellAtMs: number, notBeforeMs: number) => ({
      compile: () => {
        const claimableMs = sql`case
        when lanes.held_until_ms > ${notBeforeMs} then lanes.held_until_ms
        else ${notBeforeMs}
      end`
        return sql<never>`
        update lanes set due_at_ms = (
          select min(at_ms) from (
            select min(leased_until_ms) as at_ms from ${table}
            where lane = ${lane} and leased_until_ms is not null
            union all
            select case
              when min(due_at_ms) < ${claimableMs} then ${claimableMs}
              else min(due_at_ms)
            end as at_ms from ${table}
            where lane = ${lane} and due_at_ms is not null and (
              select count(*) from (
                select 1 from ${table}
                where lane = ${lane} and leased_until_ms is not null limit ${perLane}
              ) as leased
            ) < case when lanes.held_count > 0 then 1 else ${perLane} end
          ) as times
        ), owner = (
          select executable_id from ${table}
          where lane = ${lane} and due_at_ms is not null order by due_at_ms limit 1
        ),
        is_full = case when (
          select count(*) from (
            select 1 from ${table}
            where lane = ${lane} and leased_until_ms is not null limit ${perLane}
          ) as leased
        ) < ${perLane} then 0 else 1 end,
        held_count = case when held_until_ms <= ${wellAtMs} then 0 else held_count end,
        held_until_ms = case when held_until_ms <= ${wellAtMs} then null else held_until_ms end
        where work = ${work} and lane = ${lane}`.compile(db)
      },
    }),
  )
})

const leaseEndsOf = byWork((work) =>
  createStatement((db, lane: string, limit: number) =>
    ofWork(db)
      .selectFrom(work as 'work')
      .select('leased_until_ms')
      .where('lane', '=', lane)
      .where('leased_until_ms', 'is not', null)
      .orderBy('leased_until_ms')
      .limit(limit),
  ),
)

/** Ends of leases of a lane, the first `limit` of them. */
export async function leaseEnds(
  db: Kysely<Schema>,
  work: WorkName,
  lane: string,
  limit: number,
): Promise<number[]> {
  const { rows } = await leaseEndsOf[work](db, lane, limit)
  return rows.map((row) => row.leased_until_ms ?? 0)
}

function byWork<T>(make: (work: WorkName) => T): Record<WorkName, T> {
  return {
    deliveries: make('deliveries'),
    queued_runs: make('queued_runs'),
    resend_jobs: make('resend_jobs'),
  }
}
