// Lanes that endpoints have to themselves, and what is left of their rate (decision 0023); key pairs of endpoints; and
// deliveries by the type of their event.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function ownLanes({ integer, bytes }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('endpoints')
        .addColumn('lane', 'text', (column) => column.notNull().defaultTo(''))
        .execute()
      await db
        .updateTable('endpoints')
        .set((eb) => ({ lane: eb.ref('target') }))
        .execute()
      await db.schema.alterTable('endpoints').addColumn('bucket_full_at_us', integer).execute()
      await db.schema
        .createIndex('endpoints_by_bucket')
        .on('endpoints')
        .columns(['bucket_full_at_us'])
        .where('bucket_full_at_us', 'is not', null)
        .execute()
      await db.schema.alterTable('endpoint_secrets').addColumn('private_key', bytes).execute()
      await db.schema.alterTable('deliveries').addColumn('own_target', 'text').execute()
      const listed = {
        deliveries_by_own_target: ['own_target', 'state', 'id'],
        deliveries_by_event_type: ['event_type', 'tenant', 'state', 'id'],
      } as const
      for (const [name, columns] of Object.entries(listed)) {
        await db.schema
          .createIndex(name)
          .on('deliveries')
          .columns([...columns])
          .where(columns[0], 'is not', null)
          .execute()
      }
    },
  }
}
