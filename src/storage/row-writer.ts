// Writes many rows of one table with one statement, which is built once for each count of rows.
import type { CompiledQuery, Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import { onceADialect } from './statement.ts'

/** Rows of one statement: two dozen columns each stay well below any engine's count of parameters. */
const STATEMENT_ROWS = 100

/** Every row has the same columns in the same order. Tells how many were written. */
export type RowWriter<Row> = (db: Kysely<Schema>, rows: readonly Row[]) => Promise<number>

export function createRowWriter<Row extends object>(
  build: (db: Kysely<Schema>, rows: Row[]) => CompiledQuery,
): RowWriter<Row> {
  const builtOf = onceADialect(() => new Map<number, CompiledQuery>())
  return async (db, rows) => {
    const built = builtOf(db)
    let written = 0
    for (let at = 0; at < rows.length; at += STATEMENT_ROWS) {
      const some = rows.slice(at, at + STATEMENT_ROWS)
      const query = built.get(some.length) ?? build(db, some)
      built.set(some.length, query)
      const { numAffectedRows } = await db.executeQuery({
        ...query,
        parameters: some.flatMap((row) => Object.values(row) as unknown[]),
      })
      written += Number(numAffectedRows ?? 0)
    }
    return written
  }
}
