// Limits of an executable's own, whether it reuses instances and counts fuel, and what its runs used.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function limitsAndUsage({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('executables')
        .addColumn('limits', 'text', (column) => column.notNull().defaultTo('{}'))
        .execute()
      await db.schema
        .alterTable('executables')
        .addColumn('reuse', integer, (column) => column.notNull().defaultTo(0))
        .execute()
      await db.schema
        .alterTable('executables')
        .addColumn('metered', integer, (column) => column.notNull().defaultTo(0))
        .execute()

      await db.schema.alterTable('runs').addColumn('fuel_used', integer).execute()

      // A table of its own: adding to a counter must not write an executable's state anew.
      await db.schema
        .createTable('usage')
        .addColumn('executable_id', integer, (column) =>
          column.primaryKey().notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('since_ms', integer, (column) => column.notNull())
        .addColumn('succeeded', integer, (column) => column.notNull())
        .addColumn('failed', integer, (column) => column.notNull())
        .addColumn('canceled', integer, (column) => column.notNull())
        .addColumn('metered_runs', integer, (column) => column.notNull())
        .addColumn('fuel', integer, (column) => column.notNull())
        .addColumn('input_bytes', integer, (column) => column.notNull())
        .addColumn('output_bytes', integer, (column) => column.notNull())
        .addColumn('queue_us', integer, (column) => column.notNull())
        .addColumn('run_us', integer, (column) => column.notNull())
        .addColumn('latest_run_us', integer)
        .modifyEnd(tableEnd)
        .execute()
    },
  }
}
