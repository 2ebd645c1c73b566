// Changes of one executable and what belongs to it, one after another where several are made at once.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * Keeps others waiting by an update that changes nothing: what is read after it stays so until the commit. False
 * where there is no such executable.
 */
export async function lockExecutable(db: Kysely<Schema>, id: number): Promise<boolean> {
  const row = await db
    .updateTable('executables')
    .set({ id })
    .where('id', '=', id)
    .executeTakeFirst()
  return row.numUpdatedRows > 0n
}
