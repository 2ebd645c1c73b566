// The rows of `lanes`, which say when a lane of work has something to claim. Units ask for changes, and these
// are written once for all units of a commit, last and in one order: so a lane that many units touch is looked
// at once, and writers that work at the same time (PostgreSQL) wait for each other for no longer than a commit
// takes, and never in a circle.
import type { Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import { createRowWriter } from './row-writer.ts'
import type { LanesTable, Schema, WorkColumns } from './schema.ts'
import { createStatement } from './statement.ts'
import type { WorkName } from './storage.ts'

export interface LaneChange {
  work: WorkName
  lane: string
  /** There is something to claim at that time, or earlier. */
  dueAtMs?: number
  /** Looked at anew; work under way in a lane is at most so much. */
  perLane?: number
}

type LaneRow = Pick<Selectable<LanesTable>, 'work' | 'lane' | 'due_at_ms'>

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
  await hold(db, merged.map(toRow))
  for (const { work, lane, perLane } of merged) {
    if (perLane !== undefined) await refresh[work](db, lane, perLane)
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
const hold = createRowWriter<LaneRow>((db, rows) =>
  db
    .insertInto('lanes')
    .values(rows)
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
    .compile(),
)

function toRow({ work, lane, dueAtMs = Infinity }: LaneChange): LaneRow {
  return { work, lane, due_at_ms: dueAtMs === Infinity ? null : dueAtMs }
}

/** Sets when the lane has something to claim; a full one has not until a lease ends. */
const refresh = byWork((work) => {
  const table = sql.table(work)
  return createStatement((db, lane: string, perLane: number) => ({
    compile: () =>
      sql<never>`
        update lanes set due_at_ms = (
          select min(at_ms) from (
            select min(leased_until_ms) as at_ms from ${table}
            where lane = ${lane} and leased_until_ms is not null
            union all
            select min(due_at_ms) as at_ms from ${table}
            where lane = ${lane} and due_at_ms is not null and (
              select count(*) from (
                select 1 from ${table}
                where lane = ${lane} and leased_until_ms is not null limit ${perLane}
              ) as leased
            ) < ${perLane}
          ) as times
        )
        where work = ${work} and lane = ${lane}`.compile(db),
  }))
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
