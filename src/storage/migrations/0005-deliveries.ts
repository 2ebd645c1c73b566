// Deliveries and their attempts. One table is record and queue (work-queue.ts).
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function deliveries({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('deliveries')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        // Neither run nor executable need exist any more: a delivery outlives both.
        .addColumn('run_id', 'text', (column) => column.notNull())
        .addColumn('executable_id', integer, (column) => column.notNull())
        .addColumn('lane', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('due_at_ms', integer)
        .addColumn('lease_id', 'text')
        .addColumn('leased_until_ms', integer)
        .addColumn('tries', integer, (column) => column.notNull())
        .addColumn('retry', 'text', (column) => column.notNull())
        .addColumn('hops', integer, (column) => column.notNull())
        .addColumn('content_type', 'text', (column) => column.notNull())
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('ended_at_ms', integer)
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('deliveries_by_executable')
        .on('deliveries')
        .columns(['executable_id', 'id'])
        .execute()
      await db.schema
        .createIndex('deliveries_open')
        .on('deliveries')
        .columns(['executable_id'])
        .where(sql.ref('ended_at_ms'), 'is', null)
        .execute()
      await db.schema
        .createIndex('deliveries_by_run')
        .on('deliveries')
        .columns(['run_id'])
        .execute()
      await db.schema
        .createIndex('deliveries_due')
        .on('deliveries')
        .columns(['lane', 'due_at_ms'])
        .where('due_at_ms', 'is not', null)
        .execute()
      await db.schema
        .createIndex('deliveries_leased')
        .on('deliveries')
        .columns(['lane', 'leased_until_ms'])
        .where('leased_until_ms', 'is not', null)
        .execute()
      await db.schema
        .createIndex('deliveries_ended')
        .on('deliveries')
        .columns(['ended_at_ms'])
        .where('ended_at_ms', 'is not', null)
        .execute()

      // Apart, since what is listed and claimed should not carry what is sent.
      await db.schema
        .createTable('delivery_payloads')
        .addColumn('delivery_id', 'text', (column) =>
          column.primaryKey().notNull().references('deliveries.id').onDelete('cascade'),
        )
        .addColumn('spec', bytes, (column) => column.notNull())
        .addColumn('body', bytes, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()

      // The one place to look for work: when each lane has something to claim.
      await db.schema
        .createTable('lanes')
        .addColumn('work', 'text', (column) => column.notNull())
        .addColumn('lane', 'text', (column) => column.notNull())
        .addColumn('due_at_ms', integer)
        .addPrimaryKeyConstraint('lanes_key', ['work', 'lane'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('lanes_due')
        .on('lanes')
        .columns(['work', 'due_at_ms'])
        .where('due_at_ms', 'is not', null)
        .execute()

      await db.schema
        .createTable('attempts')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('delivery_id', 'text', (column) =>
          column.notNull().references('deliveries.id').onDelete('cascade'),
        )
        .addColumn('began_at_ms', integer, (column) => column.notNull())
        .addColumn('duration_us', integer, (column) => column.notNull())
        .addColumn('status', integer)
        .addColumn('error_class', 'text')
        .addColumn('error_message', 'text')
        .addColumn('response_headers', 'text', (column) => column.notNull())
        .addColumn('response_body', bytes, (column) => column.notNull())
        .addColumn('manual', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('attempts_by_delivery')
        .on('attempts')
        .columns(['delivery_id', 'id'])
        .execute()
    },
  }
}
