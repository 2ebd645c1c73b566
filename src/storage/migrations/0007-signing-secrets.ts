// What callbacks are signed with, and which deliveries may be signed.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function signingSecrets({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('signing_secrets')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('secret', bytes, (column) => column.notNull())
        .addColumn('private_key', bytes)
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('expires_at_ms', integer)
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('signing_secrets_by_executable')
        .on('signing_secrets')
        .columns(['executable_id'])
        .execute()
      // Of what was made before, nobody knows who named its target: it stays unsigned.
      await db.schema
        .alterTable('deliveries')
        .addColumn('signed', integer, (column) => column.notNull().defaultTo(0))
        .execute()
    },
  }
}
