// Request bins, and what was sent to them.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function bins({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('bins')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('expires_at_ms', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema.createIndex('bins_by_tenant').on('bins').columns(['tenant', 'id']).execute()
      await db.schema.createIndex('bins_by_expiry').on('bins').columns(['expires_at_ms']).execute()
      await db.schema
        .createTable('bin_requests')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('bin_id', 'text', (column) =>
          column.notNull().references('bins.id').onDelete('cascade'),
        )
        .addColumn('received_at_ms', integer, (column) => column.notNull())
        .addColumn('method', 'text', (column) => column.notNull())
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('request', bytes, (column) => column.notNull())
        .addColumn('body', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('bin_requests_by_bin')
        .on('bin_requests')
        .columns(['bin_id', 'id'])
        .execute()
    },
  }
}
