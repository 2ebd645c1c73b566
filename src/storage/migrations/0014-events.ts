// Event types, endpoints and messages, and which of them a delivery carries (decision 0021).
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function events(types: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await createEventTypes(db, types)
      await createEndpoints(db, types)
      await createMessages(db, types)
      await addColumns(db)
    },
  }
}

async function createEventTypes(db: Kysely<Schema>, { integer, tableEnd }: EngineTypes) {
  await db.schema
    .createTable('event_types')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', integer, (column) => column.notNull())
    .addPrimaryKeyConstraint('event_types_key', ['tenant', 'name'])
    .modifyEnd(tableEnd)
    .execute()
}

async function createEndpoints(db: Kysely<Schema>, { integer, bytes, tableEnd }: EngineTypes) {
  await db.schema
    .createTable('endpoints')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('event_types', 'text', (column) => column.notNull())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('spec', bytes, (column) => column.notNull())
    .addColumn('retry', 'text', (column) => column.notNull())
    .addColumn('enabled', integer, (column) => column.notNull())
    .addColumn('created_at_ms', integer, (column) => column.notNull())
    .addColumn('updated_at_ms', integer, (column) => column.notNull())
    .modifyEnd(tableEnd)
    .execute()
  await db.schema
    .createIndex('endpoints_by_tenant')
    .on('endpoints')
    .columns(['tenant', 'id'])
    .execute()
  await db.schema
    .createTable('endpoint_secrets')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('endpoint_id', 'text', (column) =>
      column.notNull().references('endpoints.id').onDelete('cascade'),
    )
    .addColumn('secret', bytes, (column) => column.notNull())
    .addColumn('created_at_ms', integer, (column) => column.notNull())
    .addColumn('expires_at_ms', integer)
    .modifyEnd(tableEnd)
    .execute()
  await db.schema
    .createIndex('endpoint_secrets_by_endpoint')
    .on('endpoint_secrets')
    .columns(['endpoint_id'])
    .execute()
}

async function createMessages(db: Kysely<Schema>, { integer, bytes, tableEnd }: EngineTypes) {
  await db.schema
    .createTable('messages')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    // Neither type nor endpoint need exist any more: a message outlives both.
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('caller_id', 'text')
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('size_bytes', integer, (column) => column.notNull())
    .addColumn('deliveries', integer, (column) => column.notNull())
    .addColumn('deliver_at_ms', integer)
    .addColumn('created_at_ms', integer, (column) => column.notNull())
    // Last: whoever reads the rest need not read past it.
    .addColumn('body', bytes)
    .modifyEnd(tableEnd)
    .execute()
  await db.schema
    .createIndex('messages_by_tenant')
    .on('messages')
    .columns(['tenant', 'id'])
    .execute()
  await db.schema
    .createIndex('messages_by_type')
    .on('messages')
    .columns(['tenant', 'event_type', 'id'])
    .execute()
  await db.schema
    .createIndex('messages_by_caller')
    .unique()
    .on('messages')
    .columns(['tenant', 'caller_id'])
    .where(sql.ref('caller_id'), 'is not', null)
    .execute()
  // What nobody was sent goes by its age; the rest when its deliveries do.
  await db.schema
    .createIndex('messages_unsent')
    .on('messages')
    .columns(['id'])
    .where(sql.ref('deliveries'), '=', sql.lit(0))
    .execute()
}

async function addColumns(db: Kysely<Schema>): Promise<void> {
  for (const name of ['tenant', 'endpoint_id', 'event_type']) {
    await db.schema.alterTable('deliveries').addColumn(name, 'text').execute()
  }
  await db.schema
    .createIndex('deliveries_by_endpoint')
    .on('deliveries')
    .columns(['endpoint_id', 'state', 'id'])
    .where(sql.ref('endpoint_id'), 'is not', null)
    .execute()
}
