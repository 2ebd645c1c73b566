// Messages whose payload was expunged, or goes at an age of its own; and jobs that send what an endpoint was never sent.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function around({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      // Apart: in rows of messages their bodies stand before whatever is added.
      await db.schema
        .createTable('expunged_messages')
        .addColumn('id', 'text', (column) =>
          column.primaryKey().notNull().references('messages.id').onDelete('cascade'),
        )
        .addColumn('at_ms', integer, (column) => column.notNull())
        .addColumn('finished', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .alterTable('resend_jobs')
        .addColumn('kind', 'text', (column) => column.notNull().defaultTo('resend'))
        .execute()
      await db.schema
        .createIndex('messages_expunging')
        .on('expunged_messages')
        .columns(['id'])
        .where(sql.ref('finished'), '=', sql.lit(0))
        .execute()
      // What ended and goes with its message, by the message's age.
      await db.schema
        .createIndex('deliveries_of_messages')
        .on('deliveries')
        .columns(['run_id'])
        .where(sql.ref('endpoint_id'), 'is not', null)
        .where(sql.ref('ended_at_ms'), 'is not', null)
        .where(sql.ref('kept_bytes'), 'is not', null)
        .execute()
    },
  }
}
