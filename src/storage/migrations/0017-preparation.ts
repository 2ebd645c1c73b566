// What an endpoint is sent, and what has to be done before: its settings, and of each delivery which bytes it sends.
// And whose a job is that sends deliveries again.
import type { Kysely, Migration } from 'kysely'
import type { Schema } from '../schema.ts'

export function preparation(): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('endpoints')
        .addColumn('settings', 'text', (column) => column.notNull().defaultTo('{}'))
        .execute()
      await db.schema.alterTable('deliveries').addColumn('sends', 'text').execute()
      await db.schema.alterTable('resend_jobs').addColumn('tenant', 'text').execute()
      await db.schema
        .createIndex('resend_jobs_by_tenant')
        .on('resend_jobs')
        .columns(['tenant', 'id'])
        .where('tenant', 'is not', null)
        .execute()
    },
  }
}
