// What waits in a table of work, when the clock that its times are of is set back: it is brought forward by as much, so
// that it is done after the pause that was meant. In small steps, lane by lane and each row once.
import type { RawBuilder, SqlBool } from 'kysely'
import type { Database } from './database.ts'
import { ofWork } from './lanes.ts'
import type { ClockSetBack, WorkName } from './storage.ts'

const STEP_ROWS = 500

/** @param moves tells the rows whose times move along */
export async function bringForwardAll(
  database: Database,
  work: WorkName,
  { fromMs, toMs }: ClockSetBack,
  moves: RawBuilder<SqlBool>,
): Promise<void> {
  const byMs = fromMs - toMs

  /** Moves some of a lane's rows, those after the last that moved; tells the last. */
  const step = (lane: string, after: { dueAtMs: number; id: string }) =>
    database.write(async (db) => {
      const rows = await ofWork(db)
        .selectFrom(work as 'work')
        .select(['id', 'due_at_ms'])
        .where('lane', '=', lane)
        .where('due_at_ms', '>=', after.dueAtMs)
        .where((eb) => eb.or([eb('due_at_ms', '>', after.dueAtMs), eb('id', '>', after.id)]))
        .where(moves)
        .orderBy('due_at_ms')
        .orderBy('id')
        .limit(STEP_ROWS)
        .execute()
      const last = rows.at(-1)
      if (last === undefined) return undefined
      const ids = rows.map((row) => row.id)
      await ofWork(db)
        .updateTable(work as 'work')
        .set((eb) => ({ due_at_ms: eb('due_at_ms', '-', byMs) }))
        .where('id', 'in', ids)
        .execute()
      return { dueAtMs: last.due_at_ms ?? 0, id: last.id }
    })

  await database.write((db) =>
    db
      .updateTable('lanes')
      .set((eb) => ({ held_until_ms: eb('held_until_ms', '-', byMs) }))
      .where('work', '=', work)
      .where('held_until_ms', '>', toMs)
      .execute(),
  )
  if (work === 'deliveries') {
    await database.write((db) =>
      db
        .updateTable('endpoints')
        .set((eb) => ({ bucket_full_at_us: eb('bucket_full_at_us', '-', byMs * 1_000) }))
        .where('bucket_full_at_us', '>', toMs * 1_000)
        .execute(),
    )
  }
  const lanes = await database.reader
    .selectFrom('lanes')
    .select('lane')
    .where('work', '=', work)
    .where('due_at_ms', '>', toMs)
    .execute()
  for (const { lane } of lanes) {
    let after: { dueAtMs: number; id: string } | undefined = { dueAtMs: toMs + 1, id: '' }
    while (after !== undefined) after = await step(lane, after)
  }
  // A lane that is looked at early, for the sake of a row that did not move, is then known better.
  await database.write((db) =>
    db
      .updateTable('lanes')
      .set((eb) => ({ due_at_ms: eb('due_at_ms', '-', byMs) }))
      .where('work', '=', work)
      .where('due_at_ms', '>', toMs)
      .execute(),
  )
}
