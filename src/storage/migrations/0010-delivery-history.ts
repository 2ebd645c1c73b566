// What finding, repeating and clearing away deliveries needs. `state` no longer tells of a lease, which is
// told by `lease_id` alone: the indexes by state are then left alone by every claim.
import type { Kysely, Migration } from 'kysely'
import { sql } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function deliveryHistory(types: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await addColumns(db, types)
      await fillColumns(db)
      await createIndexes(db)
      await createJobs(db, types)
    },
  }
}

async function addColumns(db: Kysely<Schema>, { integer }: EngineTypes): Promise<void> {
  const added = [
    ['last_status', integer],
    ['last_error_class', 'text'],
    ['kept_bytes', integer],
    ['chain_due_at_ms', integer],
    ['resend_job_id', 'text'],
  ] as const
  for (const [name, type] of added) {
    await db.schema.alterTable('deliveries').addColumn(name, type).execute()
  }
  await db.schema
    .alterTable('deliveries')
    .addColumn('manual', integer, (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema.alterTable('queued_runs').dropColumn('state').execute()
}

async function fillColumns(db: Kysely<Schema>): Promise<void> {
  const newest = (column: 'status' | 'error_class') =>
    sql<never>`(select ${sql.ref(column)} from attempts where delivery_id = deliveries.id
      order by attempts.id desc limit 1)`
  await db
    .updateTable('deliveries')
    .set((eb) => ({
      kept_bytes: eb.ref('size_bytes'),
      last_status: newest('status'),
      last_error_class: newest('error_class'),
    }))
    .execute()
  await db
    .updateTable('deliveries')
    .set({ state: 'waiting' })
    .where('state', '=', 'leased')
    .execute()
}

/** Each ends with the id: a page is a range of one, or of a few that differ in their state. */
async function createIndexes(db: Kysely<Schema>): Promise<void> {
  for (const replaced of [
    'deliveries_by_executable',
    'deliveries_open',
    'deliveries_by_run',
    'deliveries_ended',
  ]) {
    await db.schema.dropIndex(replaced).execute()
  }
  const listed = {
    deliveries_by_run: ['run_id', 'id'],
    deliveries_by_state: ['state', 'id'],
    deliveries_by_target: ['lane', 'state', 'id'],
    deliveries_by_executable: ['executable_id', 'state', 'id'],
    deliveries_by_both: ['executable_id', 'lane', 'state', 'id'],
  } as const
  for (const [name, columns] of Object.entries(listed)) {
    await db.schema
      .createIndex(name)
      .on('deliveries')
      .columns([...columns])
      .execute()
  }
  // What goes first, and what goes last. An ended delivery is in one of them.
  await db.schema
    .createIndex('deliveries_kept')
    .on('deliveries')
    .columns(['ended_at_ms', 'kept_bytes'])
    .where(sql.ref('ended_at_ms'), 'is not', null)
    .where(sql.ref('kept_bytes'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('deliveries_bare')
    .on('deliveries')
    .columns(['ended_at_ms'])
    .where(sql.ref('ended_at_ms'), 'is not', null)
    .where(sql.ref('kept_bytes'), 'is', null)
    .execute()
  await db.schema
    .createIndex('deliveries_resending')
    .on('deliveries')
    .columns(['resend_job_id'])
    .where(sql.ref('resend_job_id'), 'is not', null)
    .execute()
}

async function createJobs(db: Kysely<Schema>, { integer, tableEnd }: EngineTypes): Promise<void> {
  await db.schema
    .createTable('resend_jobs')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('lane', 'text', (column) => column.notNull())
    .addColumn('due_at_ms', integer)
    .addColumn('lease_id', 'text')
    .addColumn('leased_until_ms', integer)
    // It need not exist any more: a job tells of itself when its executable is gone.
    .addColumn('executable_id', integer)
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('filter', 'text', (column) => column.notNull())
    .addColumn('rate_per_second', integer)
    .addColumn('cursor', 'text')
    .addColumn('matched', integer, (column) => column.notNull())
    .addColumn('resent', integer, (column) => column.notNull())
    .addColumn('skipped', integer, (column) => column.notNull())
    .addColumn('succeeded', integer, (column) => column.notNull())
    .addColumn('failed', integer, (column) => column.notNull())
    .addColumn('created_at_ms', integer, (column) => column.notNull())
    .addColumn('ended_at_ms', integer)
    .modifyEnd(tableEnd)
    .execute()
  await db.schema
    .createIndex('resend_jobs_by_executable')
    .on('resend_jobs')
    .columns(['executable_id', 'id'])
    .execute()
  await db.schema
    .createIndex('resend_jobs_due')
    .on('resend_jobs')
    .columns(['lane', 'due_at_ms'])
    .where('due_at_ms', 'is not', null)
    .execute()
  await db.schema
    .createIndex('resend_jobs_leased')
    .on('resend_jobs')
    .columns(['lane', 'leased_until_ms'])
    .where('leased_until_ms', 'is not', null)
    .execute()
  await db.schema
    .createIndex('resend_jobs_ended')
    .on('resend_jobs')
    .columns(['ended_at_ms'])
    .where(sql.ref('ended_at_ms'), 'is not', null)
    .execute()
}
