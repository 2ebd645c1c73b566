// In which line a delivery to an ordered endpoint stands, and where in it (decision 0027).
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function ordered({ integer }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      const added = [
        ['order_key', 'text'],
        ['order_place', 'text'],
        ['order_seat', integer],
        ['order_due_at_ms', integer],
      ] as const
      for (const [name, type] of added) {
        await db.schema.alterTable('deliveries').addColumn(name, type).execute()
      }
      await db.schema
        .createIndex('deliveries_in_line')
        .on('deliveries')
        .columns(['endpoint_id', 'order_key', 'order_seat', 'id'])
        .where(sql.ref('order_seat'), 'is not', null)
        .execute()
      // What was never to be broken, the database refuses: two of one line at once.
      await db.schema
        .createIndex('deliveries_in_turn')
        .unique()
        .on('deliveries')
        .columns(['endpoint_id', 'order_key'])
        .where(sql.ref('order_place'), 'is not', null)
        .execute()
      // One that holds up its line stays for as long as it does.
      await db.schema.dropIndex('deliveries_bare').execute()
      await db.schema
        .createIndex('deliveries_bare')
        .on('deliveries')
        .columns(['ended_at_ms'])
        .where(sql.ref('ended_at_ms'), 'is not', null)
        .where(sql.ref('kept_bytes'), 'is', null)
        .where(sql.ref('order_place'), 'is', null)
        .execute()
    },
  }
}
