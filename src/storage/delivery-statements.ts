// The statements that every delivery goes through, built once.
import type { ExpressionBuilder, Insertable, Kysely, QueryResult } from 'kysely'
import type { UpdateObject } from 'kysely'
import type { Attempt } from '../model.ts'
import { NOT_MANUAL, chainAsItWas } from './delivery-resends.ts'
import { DELIVERY_COLUMNS, answerBytes } from './delivery-rows.ts'
import { createRowWriter } from './row-writer.ts'
import type { AttemptsTable, DeliveriesTable, DeliveryPayloadsTable, Schema } from './schema.ts'
import { createStatement, createStatementOfIds } from './statement.ts'
import type { AfterAttempt, Unchanged } from './storage.ts'
import { NOT_LEASED } from './work-queue.ts'

/** One that is there already stays as it is. */
export const insertDeliveries = createRowWriter<Insertable<DeliveriesTable>>((db, rows) =>
  db
    .insertInto('deliveries')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .compile(),
)

export const insertPayloads = createRowWriter<Insertable<DeliveryPayloadsTable>>((db, rows) =>
  db.insertInto('delivery_payloads').values(rows).compile(),
)

export const insertAttempts = createRowWriter<Insertable<AttemptsTable>>((db, rows) =>
  db.insertInto('attempts').values(rows).compile(),
)

export const selectSizes = createStatementOfIds((db, ids) =>
  db.selectFrom('deliveries').select(['id', 'size_bytes as size']).where('id', 'in', ids),
)

/** What is to be sent, and whether the executable still is. */
export const selectLeased = createStatementOfIds((db, ids) =>
  db
    .selectFrom('deliveries')
    .innerJoin('delivery_payloads', 'delivery_payloads.delivery_id', 'deliveries.id')
    .leftJoin('executables', 'executables.id', 'deliveries.executable_id')
    .select(DELIVERY_COLUMNS.map((column) => `deliveries.${column}` as const))
    .select(['resend_job_id', 'spec', 'body', 'executables.id as alive'])
    .where('deliveries.id', 'in', ids)
    .where('endpoint_id', 'is', null),
)

/** Writes what an attempt has come to, where the lease is still held. */
export function settleRow(
  db: Kysely<Schema>,
  { id, leaseId }: { id: string; leaseId: string },
  attempt: Attempt,
  after: AfterAttempt | Unchanged,
  nowMs: number,
): Promise<QueryResult<unknown>> {
  const { manual, status, errorClass } = attempt
  const made = [id, leaseId, manual ? 0 : 1, status, errorClass, answerBytes(attempt)] as const
  if (after.state === 'unchanged') return settleUnchanged(db, ...made)
  if (after.state === 'waiting') return settleWaiting(db, ...made, after.dueAtMs)
  return settleEnded(db, ...made, after.state, after.reason, nowMs)
}

const settleUnchanged = createSettling(chainAsItWas)
const settleWaiting = createSettling((_eb, dueAtMs: number) => ({
  ...NOT_LEASED,
  state: 'waiting',
  due_at_ms: dueAtMs,
}))
const settleEnded = createSettling(
  (_eb, state: string, reason: string | null, endedAtMs: number) => ({
    ...NOT_LEASED,
    ...NOT_MANUAL,
    state,
    reason,
    ended_at_ms: endedAtMs,
  }),
)

function createSettling<A extends readonly unknown[]>(
  columns: (
    eb: ExpressionBuilder<Schema, 'deliveries'>,
    ...args: A
  ) => UpdateObject<Schema, 'deliveries'>,
) {
  const made = 6
  return createStatement(
    (
      db,
      id: string,
      leaseId: string,
      tries: number,
      status: number | null,
      errorClass: string | null,
      bytes: number,
      ...args: A
    ) =>
      db
        .updateTable('deliveries')
        .set((eb) => ({
          ...columns(eb, ...args),
          tries: eb('tries', '+', tries),
          last_status: status,
          last_error_class: errorClass,
          kept_bytes: eb('kept_bytes', '+', bytes),
        }))
        .where('id', '=', id)
        .where('lease_id', '=', leaseId),
    made + columns.length - 1,
  )
}
