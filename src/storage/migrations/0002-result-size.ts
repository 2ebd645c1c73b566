// The size of a kept result, so that finding the oldest to go reads no result.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function resultSize({ integer, computed }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('runs')
        .addColumn('result_size_bytes', integer, (column) =>
          computed(column.generatedAlwaysAs(sql`length(result_bytes)`)),
        )
        .execute()
      await db.schema
        .createIndex('runs_with_result')
        .on('runs')
        .columns(['executable_id', 'id', 'ended_at_ms', 'result_size_bytes'])
        .where('result_size_bytes', 'is not', null)
        .execute()
    },
  }
}
