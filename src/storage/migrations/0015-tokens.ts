// Tokens of tenants (decision 0020).
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function tokens({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('tokens')
        .addColumn('id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('prefix', 'text', (column) => column.notNull())
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('rights', 'text', (column) => column.notNull())
        .addColumn('description', 'text', (column) => column.notNull())
        .addColumn('created_at_ms', integer, (column) => column.notNull())
        .addColumn('expires_at_ms', integer)
        .addColumn('revoked_at_ms', integer)
        .addColumn('dead_from_ms', integer)
        .addColumn('last_used_at_ms', integer)
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('tokens_by_hash')
        .unique()
        .on('tokens')
        .columns(['hash'])
        .execute()
      await db.schema
        .createIndex('tokens_by_tenant')
        .on('tokens')
        .columns(['tenant', 'id'])
        .execute()
      await db.schema
        .createIndex('tokens_by_death')
        .on('tokens')
        .columns(['dead_from_ms'])
        .where(sql.ref('dead_from_ms'), 'is not', null)
        .execute()
    },
  }
}
