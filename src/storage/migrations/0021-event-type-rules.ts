// What a tenant says of its event types: a schema of their payloads, and how what is sent is fetched (decision 0025).
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function eventTypeRules({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      for (const name of ['schema', 'example']) {
        await db.schema.alterTable('event_types').addColumn(name, 'text').execute()
      }
      for (const [name, value] of [
        ['enforcement', 'off'],
        ['revision', ''],
      ] as const) {
        await db.schema
          .alterTable('event_types')
          .addColumn(name, 'text', (column) => column.notNull().defaultTo(value))
          .execute()
      }
      await db.schema.alterTable('event_types').addColumn('fetch', bytes).execute()
      await db.schema
        .createTable('message_extras')
        .addColumn('id', 'text', (column) =>
          column.primaryKey().notNull().references('messages.id').onDelete('cascade'),
        )
        .addColumn('warnings', 'text', (column) => column.notNull())
        .addColumn('fetch', bytes)
        .addColumn('fetched_at_ms', integer)
        .modifyEnd(tableEnd)
        .execute()
    },
  }
}
