// What came of what endpoints were sent, counted.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function endpointCounters({ integer, tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      // Refers to no endpoint: what is settled in the moment in which one is deleted is not to fail for it.
      await db.schema
        .createTable('endpoint_counters')
        .addColumn('endpoint_id', 'text', (column) => column.notNull())
        .addColumn('hour_ms', integer, (column) => column.notNull())
        .addColumn('succeeded', integer, (column) => column.notNull())
        .addColumn('failed_attempts', integer, (column) => column.notNull())
        .addColumn('exhausted', integer, (column) => column.notNull())
        .addColumn('discarded', integer, (column) => column.notNull())
        .addColumn('latency_us', integer, (column) => column.notNull())
        .addColumn('last_success_ms', integer)
        .addColumn('last_failure_ms', integer)
        .addPrimaryKeyConstraint('endpoint_counters_key', ['endpoint_id', 'hour_ms'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('endpoint_counters_by_hour')
        .on('endpoint_counters')
        .columns(['hour_ms'])
        .execute()
    },
  }
}
