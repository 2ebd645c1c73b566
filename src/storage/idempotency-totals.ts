// What there is of each executable's keys and kept answers. Units tell what they change, and the sums are written
// once for all units of a commit, last and in one order: so writers that work at the same time (PostgreSQL) wait
// for each other for no longer than a commit takes, and never in a circle.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

export interface KeyTotals {
  entries: number
  /** Of answers that are kept. */
  bytes: number
}

/** What is added; less than zero takes away. */
export interface KeyChange extends KeyTotals {
  executableId: number
}

/** As of the last commit, which several that are under way at once may pass. */
export async function readKeyTotals(db: Kysely<Schema>, executableId: number): Promise<KeyTotals> {
  const row = await db
    .selectFrom('idempotency_totals')
    .select(['entries', 'bytes'])
    .where('executable_id', '=', executableId)
    .executeTakeFirst()
  return row ?? { entries: 0, bytes: 0 }
}

/** Writes the changes that units of one commit told. */
export async function writeKeyTotals(
  db: Kysely<Schema>,
  changes: readonly KeyChange[],
): Promise<void> {
  const sums = new Map<number, KeyTotals>()
  for (const { executableId, entries, bytes } of changes) {
    const sum = sums.get(executableId) ?? { entries: 0, bytes: 0 }
    sums.set(executableId, { entries: sum.entries + entries, bytes: sum.bytes + bytes })
  }
  for (const [executableId, { entries, bytes }] of [...sums].sort(([a], [b]) => a - b)) {
    if (entries === 0 && bytes === 0) continue
    await db
      .insertInto('idempotency_totals')
      .values({ executable_id: executableId, entries, bytes })
      .onConflict((conflict) =>
        conflict.column('executable_id').doUpdateSet((eb) => ({
          entries: eb('idempotency_totals.entries', '+', eb.ref('excluded.entries')),
          bytes: eb('idempotency_totals.bytes', '+', eb.ref('excluded.bytes')),
        })),
      )
      .execute()
  }
}
