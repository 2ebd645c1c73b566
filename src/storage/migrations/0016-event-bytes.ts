// With which delivery the body of a message counts, so that it counts once and for as long as it is kept; that of one
// which nobody is sent counts by itself.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function eventBytes({ integer }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema.alterTable('messages').addColumn('kept_bytes', integer).execute()
      await db.schema.alterTable('deliveries').addColumn('body_bytes', integer).execute()
      await db
        .updateTable('messages')
        .set((eb) => ({ kept_bytes: eb.ref('size_bytes') }))
        .where('deliveries', '=', 0)
        .where('body', 'is not', null)
        .execute()
      // Each had its share of the body, beside what it was answered.
      const answers = sql<number>`(select coalesce(sum(length(response_body)), 0) from attempts
        where delivery_id = deliveries.id)`
      await db
        .updateTable('deliveries')
        .set((eb) => ({ body_bytes: eb('kept_bytes', '-', answers) }))
        .where('endpoint_id', 'is not', null)
        .where('kept_bytes', 'is not', null)
        .execute()
      await db.schema
        .createIndex('messages_kept')
        .on('messages')
        .columns(['id', 'kept_bytes'])
        .where(sql.ref('kept_bytes'), 'is not', null)
        .execute()
    },
  }
}
