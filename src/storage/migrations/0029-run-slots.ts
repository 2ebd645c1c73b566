// Calls and errors of executables by slots of time.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function runSlots({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('run_slots')
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('from_ms', integer, (column) => column.notNull())
        .addColumn('calls', integer, (column) => column.notNull())
        .addColumn('errors', integer, (column) => column.notNull())
        .addPrimaryKeyConstraint('run_slots_key', ['executable_id', 'from_ms'])
        .modifyEnd(tableEnd)
        .execute()
    },
  }
}
