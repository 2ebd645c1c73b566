// Runs that are interrupted, tried again, and found by their caller's Idempotency-Key.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function durableRuns({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('queued_runs')
        .addColumn('cancel_requested', integer, (column) => column.notNull().defaultTo(0))
        .execute()

      await db.schema
        .createTable('run_tries')
        .addColumn('run_id', 'text', (column) =>
          column.notNull().references('runs.id').onDelete('cascade'),
        )
        .addColumn('number', integer, (column) => column.notNull())
        .addColumn('error_code', 'text', (column) => column.notNull())
        .addColumn('error_message', 'text', (column) => column.notNull())
        .addColumn('ended_at_ms', integer, (column) => column.notNull())
        .addPrimaryKeyConstraint('run_tries_key', ['run_id', 'number'])
        .modifyEnd(tableEnd)
        .execute()

      await db.schema
        .createTable('idempotency_keys')
        .addColumn('executable_id', integer, (column) =>
          column.notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('function_name', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('fingerprint', 'text', (column) => column.notNull())
        // The run need not exist any more: the key outlives it.
        .addColumn('run_id', 'text', (column) => column.notNull())
        .addColumn('waited', integer, (column) => column.notNull())
        .addColumn('status', integer)
        .addColumn('content_type', 'text')
        .addColumn('notes', 'text')
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('expires_at_ms', integer, (column) => column.notNull())
        .addPrimaryKeyConstraint('idempotency_keys_key', ['executable_id', 'function_name', 'key'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('idempotency_keys_by_run')
        .on('idempotency_keys')
        .columns(['run_id'])
        .unique()
        .execute()
      await db.schema
        .createIndex('idempotency_keys_expiry')
        .on('idempotency_keys')
        .columns(['expires_at_ms'])
        .execute()
      // The oldest answers of an executable, to make room for a new one.
      await db.schema
        .createIndex('idempotency_keys_with_answer')
        .on('idempotency_keys')
        .columns(['executable_id', 'expires_at_ms'])
        .where(sql.ref('size_bytes'), '>', 0)
        .execute()

      // Apart, since a look at a key should not carry a hundred megabytes along.
      await db.schema
        .createTable('idempotency_answers')
        .addColumn('run_id', 'text', (column) =>
          column.primaryKey().notNull().references('idempotency_keys.run_id').onDelete('cascade'),
        )
        .addColumn('body', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()

      await db.schema
        .createTable('idempotency_totals')
        .addColumn('executable_id', integer, (column) =>
          column.primaryKey().notNull().references('executables.id').onDelete('cascade'),
        )
        .addColumn('entries', integer, (column) => column.notNull())
        .addColumn('bytes', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
    },
  }
}
