// What several processes on one database need: to see that executables, or what functions keep, changed.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function severalProcesses({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('function_versions')
        .addColumn('executable_id', integer, (column) =>
          column.primaryKey().notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('version', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()

      await db.schema
        .createTable('changes')
        .addColumn('count', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.insertInto('changes').values({ count: 0 }).execute()
    },
  }
}
