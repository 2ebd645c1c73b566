// What an attempt records of both sides, how a lane is held back, and whose work is next in it.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function attempts({ integer }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      // Null in rows of before.
      for (const name of ['request_method', 'request_url', 'request_headers', 'peer'] as const) {
        await db.schema.alterTable('attempts').addColumn(name, 'text').execute()
      }
      for (const name of ['dns_us', 'connect_us', 'tls_us', 'first_byte_us'] as const) {
        await db.schema.alterTable('attempts').addColumn(name, integer).execute()
      }
      await db.schema
        .alterTable('attempts')
        .addColumn('response_cut', integer, (column) => column.notNull().defaultTo(0))
        .execute()

      await db.schema.alterTable('lanes').addColumn('held_until_ms', integer).execute()
      await db.schema
        .alterTable('lanes')
        .addColumn('held_count', integer, (column) => column.notNull().defaultTo(0))
        .execute()
      await db.schema.alterTable('lanes').addColumn('owner', integer).execute()
      await db.schema.dropIndex('lanes_due').execute()
      await db.schema
        .createIndex('lanes_due')
        .on('lanes')
        .columns(['work', 'due_at_ms', 'owner'])
        .where(sql.ref('due_at_ms'), 'is not', null)
        .execute()

      await db.schema
        .alterTable('queued_runs')
        .addColumn('put_back', integer, (column) => column.notNull().defaultTo(0))
        .execute()
    },
  }
}
