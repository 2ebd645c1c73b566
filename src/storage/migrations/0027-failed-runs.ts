// Runs that failed are found among those of all executables.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { Schema } from '../schema.ts'

export function failedRuns(): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createIndex('runs_with_error')
        .on('runs')
        .columns(['id'])
        .where(sql.ref('error_code'), 'is not', null)
        .execute()
    },
  }
}
