// Inbound sources, what they got, and what tells one event from another.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function sources({ integer, bytes, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('sources')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('description', 'text', (column) => column.notNull())
        .addColumn('enabled', integer, (column) => column.notNull())
        .addColumn('verification', bytes, (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('updated_at_ms', integer, (column) => column.notNull())
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('sources_by_tenant')
        .on('sources')
        .columns(['tenant', 'id'])
        .execute()
      // Neither refers to its source: that goes in small steps, and an event may come in between.
      await db.schema
        .createTable('source_events')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('source_id', 'text', (column) => column.notNull())
        .addColumn('received_at_ms', integer, (column) => column.notNull())
        .addColumn('verdict', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('event_id', 'text')
        .addColumn('duplicate_of', 'text')
        .addColumn('replay_of', 'text')
        .addColumn('run_id', 'text')
        .addColumn('message_id', 'text')
        .addColumn('content_type', 'text')
        .addColumn('size_bytes', integer, (column) => column.notNull())
        .addColumn('kept_bytes', integer, (column) => column.notNull())
        .addColumn('request', bytes)
        .addColumn('body', bytes)
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('source_events_by_source')
        .on('source_events')
        .columns(['source_id', 'id'])
        .execute()
      await db.schema
        .createIndex('source_events_by_verdict')
        .on('source_events')
        .columns(['source_id', 'verdict', 'id'])
        .execute()
      await db.schema
        .createTable('source_keys')
        .addColumn('source_id', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('event_id', 'text', (column) => column.notNull())
        .addColumn('expires_at_ms', integer, (column) => column.notNull())
        .addColumn('run_id', 'text')
        .addColumn('message_id', 'text')
        .addPrimaryKeyConstraint('source_keys_key', ['source_id', 'key'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('source_keys_by_expiry')
        .on('source_keys')
        .columns(['expires_at_ms'])
        .execute()
      await db.schema
        .createIndex('source_keys_by_run')
        .on('source_keys')
        .columns(['run_id'])
        .where(sql.ref('run_id'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('source_keys_by_age')
        .on('source_keys')
        .columns(['source_id', 'expires_at_ms'])
        .execute()
    },
  }
}
