// What goes of an executable's old runs: results past their bytes, then whole records past their
// number. Everything is found by index and done in small steps, since other writers wait meanwhile.
import type { ExpressionBuilder, Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import { deleteSlots } from './run-slots.ts'
import type { Schema } from './schema.ts'
import type { RunBounds } from './storage.ts'

/** Rows changed at once: a step is a commit, which costs a sync to disk. */
const STEP_ROWS = 500
/** Results dropped at once, though at least one: freeing them costs time by the byte. */
const STEP_BYTES = 16 * 1024 * 1024

/** Returns how many records went. */
export async function pruneRuns(
  database: Database,
  executableId: number,
  bounds: RunBounds,
): Promise<number> {
  // Results go first: a step that deletes records then has few bytes to free.
  await dropResults(database, executableId, bounds.keepResultBytes)
  await deleteSlots(database, executableId, bounds.slotsSinceMs)
  return deleteRecords(database, executableId, bounds)
}

async function dropResults(
  database: Database,
  executableId: number,
  keepBytes: number,
): Promise<void> {
  const { reader } = database
  const results = reader
    .selectFrom('runs')
    .where('executable_id', '=', executableId)
    .where('ended_at_ms', 'is not', null)
    .where('result_size_bytes', 'is not', null)
    .select(['id', sql<number>`result_size_bytes`.as('size')])
    .select(
      sql<number>`sum(case when result_size_bytes <= ${keepBytes} then result_size_bytes else 0 end)
        over (order by id desc)`.as('newer_and_own'),
    )
  const tooMany = reader
    .selectFrom(results.as('results'))
    .select(['id', 'size'])
    .where((eb) => eb.or([eb('size', '>', keepBytes), eb('newer_and_own', '>', keepBytes)]))
    .limit(STEP_ROWS)

  for (;;) {
    const ids = oneStep(await tooMany.execute())
    if (ids.length === 0) return
    await database.write((db) =>
      db
        .updateTable('runs')
        .set({ result_bytes: null, result_type: null })
        .where('id', 'in', ids)
        .execute(),
    )
  }
}

/** As many from the front as STEP_BYTES allows, but at least one. */
function oneStep(results: readonly { id: string; size: number }[]): string[] {
  const ids: string[] = []
  let bytes = 0
  for (const { id, size } of results) {
    bytes += size
    if (ids.length > 0 && bytes > STEP_BYTES) break
    ids.push(id)
  }
  return ids
}

async function deleteRecords(
  database: Database,
  executableId: number,
  { keep, keepFailed, failedSinceMs }: RunBounds,
): Promise<number> {
  const ended = database.reader
    .selectFrom('runs')
    .select('id')
    .where('executable_id', '=', executableId)
    .where('ended_at_ms', 'is not', null)
    .orderBy('id', 'desc')
    .limit(1)
  const newestToGo = await ended.offset(keep).executeTakeFirst()
  if (newestToGo === undefined) return 0
  const newestFailureToGo = await ended
    .where('id', '<=', newestToGo.id)
    .where('status', '=', 'failed')
    .where('ended_at_ms', '>=', failedSinceMs)
    .offset(keepFailed)
    .executeTakeFirst()

  const deleteSome = (db: Kysely<Schema>) =>
    db
      .deleteFrom('runs')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('runs')
          .select('id')
          .where('executable_id', '=', executableId)
          .where('ended_at_ms', 'is not', null)
          .where('id', '<=', newestToGo.id)
          // A delivery that has not ended tells of its run.
          .where((eb) => eb.not(eb.exists(openDeliveryOf(eb))))
          .where((eb) =>
            eb.or([
              eb('status', '<>', 'failed'),
              eb('ended_at_ms', '<', failedSinceMs),
              ...(newestFailureToGo ? [eb('id', '<=', newestFailureToGo.id)] : []),
            ]),
          )
          .limit(STEP_ROWS),
      )
      .executeTakeFirst()

  let deleted = 0
  for (;;) {
    const step = Number((await database.write(deleteSome)).numDeletedRows)
    deleted += step
    if (step < STEP_ROWS) return deleted
  }
}

function openDeliveryOf(eb: ExpressionBuilder<Schema, 'runs'>) {
  return eb
    .selectFrom('deliveries')
    .select('deliveries.id')
    .whereRef('deliveries.run_id', '=', 'runs.id')
    .where('deliveries.ended_at_ms', 'is', null)
}
