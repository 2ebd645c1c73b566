// The rows of `lanes`, which say when a lane of work has something to claim. Units ask for changes, and these
// are written once for all units of a commit, last and in one order: so a lane that many units touch is looked
// at once, and writers that work at the same time (PostgreSQL) wait for each other for no longer than a commit
// takes, and never in a circle.
import type { Kysely } from 'kysely'
import type { LanesTable, Schema, WorkColumns } from './schema.ts'
import type { WorkName } from './storage.ts'

export interface LaneChange {
  work: WorkName
  lane: string
  /** There is something to claim at that time, or earlier. */
  dueAtMs?: number
  /** Looked at anew; work under way in a lane is at most so much. */
  perLane?: number
}

/** Rows of one statement. */
const STATEMENT_ROWS = 100

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
  for (let at = 0; at < merged.length; at += STATEMENT_ROWS) {
    await hold(db, merged.slice(at, at + STATEMENT_ROWS))
  }
  for (const { work, lane, perLane } of merged) {
    if (perLane !== undefined) await refresh(db, work, lane, perLane)
  }
}

/** One for each lane, in the order of their names. */
function merge(changes: readonly LaneChange[]): LaneChange[] {
  const merged = new Map<string, LaneChange>()
  for (const change of changes) {
    const key = `${change.work}/${change.lane}`
    const known = merged.get(key)
    const dueAtMs = Math.min(change.dueAtMs ?? Infinity, known?.dueAtMs ?? Infinity)
    merged.set(key, { ...known, ...change, dueAtMs })
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change)
}

/** Brings times forward. Rows are ours until the commit, those too that it leaves as they are. */
async function hold(db: Kysely<Schema>, changes: readonly LaneChange[]): Promise<void> {
  await db
    .insertInto('lanes')
    .values(
      changes.map(({ work, lane, dueAtMs = Infinity }) => ({
        work,
        lane,
        due_at_ms: dueAtMs === Infinity ? null : dueAtMs,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['work', 'lane'])
        .doUpdateSet((eb) => ({ due_at_ms: eb.ref('excluded.due_at_ms') }))
        .where((eb) =>
          eb.or([
            eb('lanes.due_at_ms', 'is', null),
            eb('lanes.due_at_ms', '>', eb.ref('excluded.due_at_ms')),
          ]),
        ),
    )
    .execute()
}

/** Sets when the lane has something to claim; a full one has not until a lease ends. */
async function refresh(
  db: Kysely<Schema>,
  work: WorkName,
  lane: string,
  perLane: number,
): Promise<void> {
  const leased = await leaseEnds(db, work, lane, perLane)
  const due = leased.length < perLane ? await firstDue(db, work, lane) : undefined
  const times = [leased[0], due].filter((time) => time !== undefined)
  await db
    .updateTable('lanes')
    .set({ due_at_ms: times.length === 0 ? null : Math.min(...times) })
    .where('work', '=', work)
    .where('lane', '=', lane)
    .execute()
}

/** Ends of leases of a lane, the first `limit` of them. */
export async function leaseEnds(
  db: Kysely<Schema>,
  work: WorkName,
  lane: string,
  limit: number,
): Promise<number[]> {
  const rows = await ofWork(db)
    .selectFrom(work as 'work')
    .select('leased_until_ms')
    .where('lane', '=', lane)
    .where('leased_until_ms', 'is not', null)
    .orderBy('leased_until_ms')
    .limit(limit)
    .execute()
  return rows.map((row) => row.leased_until_ms ?? 0)
}

async function firstDue(
  db: Kysely<Schema>,
  work: WorkName,
  lane: string,
): Promise<number | undefined> {
  const row = await ofWork(db)
    .selectFrom(work as 'work')
    .select('due_at_ms')
    .where('lane', '=', lane)
    .where('due_at_ms', 'is not', null)
    .orderBy('due_at_ms')
    .limit(1)
    .executeTakeFirst()
  return row?.due_at_ms ?? undefined
}
