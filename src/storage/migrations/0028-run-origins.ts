// What had a run begin that nobody called, and where its inputs came from.
import type { Kysely, Migration } from 'kysely'
import type { Schema } from '../schema.ts'

export function runOrigins(): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema.alterTable('runs').addColumn('origins', 'text').execute()
    },
  }
}
