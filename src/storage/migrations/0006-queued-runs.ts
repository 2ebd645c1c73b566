// Runs that wait in the database: what they need besides their record, and their place in the queue.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function queuedRuns({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('queued_runs')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('lane', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('due_at_ms', integer)
        .addColumn('lease_id', 'text')
        .addColumn('leased_until_ms', integer)
        .addColumn('request', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      // Apart: a row that changes with every lease should not carry a hundred megabytes along.
      await db.schema
        .createTable('queued_inputs')
        .addColumn('run_id', 'text', (column) =>
          column.primaryKey().notNull().references('queued_runs.id').onDelete('cascade'),
        )
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('bytes', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('queued_runs_by_executable')
        .on('queued_runs')
        .columns(['executable_id'])
        .execute()
      await db.schema
        .createIndex('queued_runs_due')
        .on('queued_runs')
        .columns(['lane', 'due_at_ms'])
        .where('due_at_ms', 'is not', null)
        .execute()
      await db.schema
        .createIndex('queued_runs_leased')
        .on('queued_runs')
        .columns(['lane', 'leased_until_ms'])
        .where('leased_until_ms', 'is not', null)
        .execute()
    },
  }
}
