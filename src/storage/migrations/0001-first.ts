// The first schema; src/storage/schema.ts says what the columns mean.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function first({ integer, bytes, identity, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('meta')
        .addColumn('key', 'text', (column) => column.primaryKey().notNull())
        .addColumn('value', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()

      await db.schema
        .createTable('executables')
        .addColumn('id', integer, identity)
        .addColumn('description', 'text', (column) => column.notNull())
        .addColumn('admin_key_hash', 'text', (column) => column.notNull())
        .addColumn('usage_key_hash', 'text')
        .addColumn('storage_key', 'text', (column) => column.notNull())
        .addColumn('state', bytes)
        .addColumn('variables', bytes)
        .addColumn('callback', bytes)
        .addColumn('embedded_callback', integer, (column) => column.notNull())
        .addColumn('types', 'text', (column) => column.notNull())
        .addColumn('active_version', integer, (column) => column.notNull())
        .addColumn('newest_version', integer, (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()

      await db.schema
        .createTable('versions')
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('number', integer, (column) => column.notNull())
        .addColumn('sha256', 'text', (column) => column.notNull())
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('interface', 'text', (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('wasm', bytes, (column) => column.notNull())
        .addPrimaryKeyConstraint('versions_key', ['executable_id', 'number'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema.createIndex('versions_sha256').on('versions').column('sha256').execute()

      await db.schema
        .createTable('runs')
        .addColumn('sequence', integer, identity)
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('version', integer, (column) => column.notNull())
        .addColumn('function_name', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('error_code', 'text')
        .addColumn('error_message', 'text')
        .addColumn('usage_key_hash', 'text')
        .addColumn('forwarded_to', 'text')
        .addColumn('fetch_us', integer)
        .addColumn('queue_us', integer)
        .addColumn('instantiate_us', integer)
        .addColumn('run_us', integer)
        .addColumn('forward_us', integer)
        .addColumn('input_bytes', integer, (column) => column.notNull())
        .addColumn('output_bytes', integer, (column) => column.notNull())
        .addColumn('memory_bytes', integer, (column) => column.notNull())
        .addColumn('log_truncated', integer, (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('ended_at_ms', integer)
        .addColumn('log', 'text', (column) => column.notNull())
        .addColumn('result_type', 'text')
        .addColumn('result_bytes', bytes)
        .modifyEnd(tableEnd)
        .execute()
      // Lists and the choice of what to prune are answered from this index alone.
      await db.schema
        .createIndex('runs_by_executable')
        .on('runs')
        .columns(['executable_id', 'id', 'status', 'ended_at_ms'])
        .execute()

      await db.schema
        .createTable('ephemeral')
        .addColumn('key', 'text', (column) => column.primaryKey().notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('expires_at_ms', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('ephemeral_expiry')
        .on('ephemeral')
        .column('expires_at_ms')
        .execute()

      await db.schema
        .createTable('ephemeral_totals')
        .addColumn('entries', integer, (column) => column.notNull())
        .addColumn('bytes', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.insertInto('ephemeral_totals').values({ entries: 0, bytes: 0 }).execute()
    },
  }
}
