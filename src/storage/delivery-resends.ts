// Sending again because somebody asks: the next attempt of a delivery is made a manual one, due now. Whatever
// comes of it but a success leaves the delivery and its automatic chain as they were.
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { AtCommit } from './database.ts'
import { placeNow } from './event-deliveries.ts'
import type { Schema } from './schema.ts'
import type { ResendRefusal } from './storage.ts'
import { NOT_LEASED } from './work-queue.ts'

/** No attempt that somebody asked for is pending. */
export const NOT_MANUAL = { manual: 0, chain_due_at_ms: null, resend_job_id: null }

/** What a manual attempt leaves that did not succeed. */
export function chainAsItWas(eb: ExpressionBuilder<Schema, 'deliveries'>) {
  return { ...NOT_LEASED, ...NOT_MANUAL, due_at_ms: eb.ref('chain_due_at_ms') }
}

/** Of these deliveries those that can be sent again will be; tells how many. */
export async function makeManual(
  db: Kysely<Schema>,
  at: AtCommit,
  ids: readonly string[],
  {
    nowMs,
    jobId,
    passedOver = [],
  }: { nowMs: number; jobId: string | null; passedOver?: readonly string[] },
): Promise<number> {
  if (ids.length === 0) return 0
  const rows = await db
    .updateTable('deliveries')
    .set((eb) => ({
      manual: 1,
      // Ended ones did not follow a change of their endpoint.
      ...placeNow(eb),
      chain_due_at_ms: eb.ref('due_at_ms'),
      due_at_ms: nowMs,
      resend_job_id: jobId,
    }))
    .where('id', 'in', ids)
    .where('manual', '=', 0)
    .where('lease_id', 'is', null)
    .where('kept_bytes', 'is not', null)
    // It would overtake those before it.
    .where('order_seat', 'is', null)
    .where((eb) =>
      eb.or([eb('reason', 'is', null), eb('reason', 'not in', ['unreadable', ...passedOver])]),
    )
    .where((eb) =>
      eb.or([
        eb.exists(
          eb
            .selectFrom('executables')
            .select('executables.id')
            .whereRef('executables.id', '=', 'deliveries.executable_id'),
        ),
        eb.exists(
          eb
            .selectFrom('endpoints')
            .select('endpoints.id')
            .whereRef('endpoints.id', '=', 'deliveries.endpoint_id'),
        ),
      ]),
    )
    .returning(['lane', 'executable_id as owner'])
    .execute()
  for (const { lane, owner } of rows) at.lane({ work: 'deliveries', lane, dueAtMs: nowMs, owner })
  if (rows.length > 0) at.tell({ kind: 'work', work: 'deliveries' })
  return rows.length
}

/** Why one was not made manual. */
export async function whyNotManual(db: Kysely<Schema>, id: string): Promise<ResendRefusal> {
  const row = await db
    .selectFrom('deliveries')
    .select(['manual', 'lease_id', 'kept_bytes', 'reason', 'endpoint_id', 'order_seat'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return 'missing'
  if (row.manual === 1) return 'resending'
  if (row.lease_id !== null) return 'leased'
  if (row.kept_bytes === null || row.reason === 'unreadable') return 'payload_gone'
  if (row.order_seat !== null) return 'in_line'
  return row.endpoint_id === null ? 'executable_deleted' : 'endpoint_deleted'
}

/** The lane of the delivery; undefined where no resend was pending. One under way is not recorded any more. */
export function takeBackResend(
  db: Kysely<Schema>,
  id: string,
): Promise<{ lane: string } | undefined> {
  return db
    .updateTable('deliveries')
    .set(chainAsItWas)
    .where('id', '=', id)
    .where('manual', '=', 1)
    .returning('lane')
    .executeTakeFirst()
}

/** Of an attempt that a job asked for. */
export async function countResent(
  db: Kysely<Schema>,
  jobId: string,
  succeeded: boolean,
): Promise<void> {
  const outcome = succeeded ? 'succeeded' : 'failed'
  await db
    .updateTable('resend_jobs')
    .set((eb) => ({ [outcome]: eb(outcome, '+', 1) }))
    .where('id', '=', jobId)
    .execute()
}
