// The statements that every delivery goes through, built once.
import type { Insertable } from 'kysely'
import { DELIVERY_COLUMNS } from './delivery-rows.ts'
import { createRowWriter } from './row-writer.ts'
import type { AttemptsTable, DeliveriesTable, DeliveryPayloadsTable } from './schema.ts'
import { createStatementOfIds } from './statement.ts'

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
    .select(['resend_job_id', 'spec', 'body', 'executables.id as owner'])
    .where('deliveries.id', 'in', ids),
)
