// How units under way at the same time keep out of each other's way on PostgreSQL: by its rows' locks, and by
// names, whose locks end with the transaction.
import { sql } from 'kysely'
import type { Locks } from './database.ts'

export const LOCKS: Locks = {
  async take(db, names) {
    if (names.length === 0) return []
    const asked = names.map((name) => sql`(${name}::text)`)
    const { rows } = await sql<{ name: string; taken: boolean }>`
      select name, pg_try_advisory_xact_lock(hashtextextended(name, 0)) as taken
      from (values ${sql.join(asked)}) as asked(name)`.execute(db)
    return rows.filter(({ taken }) => taken).map(({ name }) => name)
  },
  async inTurn(db, name) {
    await sql`select pg_advisory_xact_lock(hashtextextended(${name}::text, 0))`.execute(db)
  },
  free: (query) => query.forUpdate().skipLocked(),
}
