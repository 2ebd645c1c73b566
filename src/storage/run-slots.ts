// Calls and errors of executables by slots of time: counters that each batch of run records adds to.
import type { Kysely } from 'kysely'
import type { RunSlot } from '../model.ts'
import type { Database } from './database.ts'
import { createRowWriter } from './row-writer.ts'
import type { Schema } from './schema.ts'
import type { RunSlotsTable } from './usage-schema.ts'

const add = createRowWriter<RunSlotsTable>((db, rows) =>
  db
    .insertInto('run_slots')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['executable_id', 'from_ms']).doUpdateSet((eb) => ({
        calls: eb('run_slots.calls', '+', eb.ref('excluded.calls')),
        errors: eb('run_slots.errors', '+', eb.ref('excluded.errors')),
      })),
    )
    .compile(),
)

/** Of executables that exist. */
export function addSlots(db: Kysely<Schema>, slots: readonly RunSlot[]): Promise<unknown> {
  const rows = slots.map(({ executableId, fromMs, calls, errors }) => ({
    executable_id: executableId,
    from_ms: fromMs,
    calls,
    errors,
  }))
  return add(db, rows)
}

export async function readSlots(
  db: Kysely<Schema>,
  executableId: number,
  sinceMs: number,
): Promise<RunSlot[]> {
  const rows = await db
    .selectFrom('run_slots')
    .selectAll()
    .where('executable_id', '=', executableId)
    .where('from_ms', '>=', sinceMs)
    .execute()
  return rows.map(({ from_ms: fromMs, calls, errors }) => ({ executableId, fromMs, calls, errors }))
}

/** No commit where there is nothing to delete. */
export async function deleteSlots(
  { reader, write }: Pick<Database, 'reader' | 'write'>,
  executableId: number,
  beforeMs: number,
): Promise<void> {
  const old = await reader
    .selectFrom('run_slots')
    .select('from_ms')
    .where('executable_id', '=', executableId)
    .where('from_ms', '<', beforeMs)
    .limit(1)
    .executeTakeFirst()
  if (old === undefined) return
  await write((db) =>
    db
      .deleteFrom('run_slots')
      .where('executable_id', '=', executableId)
      .where('from_ms', '<', beforeMs)
      .execute(),
  )
}
