// Deliveries of messages that something has to be done with before they are sent: what was made of them is kept, each
// as its lease allows.
import type { Database } from './database.ts'
import { chainAsItWas, NOT_MANUAL } from './delivery-resends.ts'
import { insertPayloads } from './delivery-statements.ts'
import type { PreparedStore } from './event-stores.ts'
import { LINE_COLUMNS, leaveLine } from './ordered-deliveries.ts'
import { NOT_LEASED } from './work-queue.ts'
import type { WorkQueue } from './work-queue.ts'

/** Where its request spec is that of its endpoint. */
const NO_SPEC = Buffer.alloc(0)

export function createPreparedStore(database: Database, queue: WorkQueue): PreparedStore {
  return {
    prepared: ({ id, leaseId }, { body, contentType }) =>
      database.write(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('deliveries')
          .set((eb) => ({
            sends: 'output',
            content_type: contentType,
            size_bytes: body.length,
            kept_bytes: eb('kept_bytes', '+', body.length),
          }))
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return false
        await insertPayloads(db, [{ delivery_id: id, spec: NO_SPEC, body }])
        return true
      }),

    preparedAsIs: ({ id, leaseId }, sends, sizeBytes) =>
      database.write(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('deliveries')
          .set({ sends, size_bytes: sizeBytes })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .executeTakeFirst()
        return numUpdatedRows > 0n
      }),

    discard: ({ id, leaseId, lane }, reason, { nowMs, perLane }) =>
      database.write(async (db, at) => {
        const one = db
          .updateTable('deliveries')
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
        // One that had ended, and was to be sent again, stays as it was.
        const asBefore = await one
          .set(chainAsItWas)
          .where('ended_at_ms', 'is not', null)
          .executeTakeFirst()
        const end = { state: 'discarded', reason, due_at_ms: null, ended_at_ms: nowMs }
        const over = await one
          .set({ ...NOT_LEASED, ...NOT_MANUAL, ...end })
          .where('ended_at_ms', 'is', null)
          .returning(LINE_COLUMNS)
          .executeTakeFirst()
        // What its endpoint does not want is no failure: its line goes on.
        const how = reason === 'filtered' ? 'over' : 'failed'
        if (over !== undefined) leaveLine(at, over, how, nowMs)
        const endpointId = over?.endpoint_id ?? null
        if (endpointId !== null) at.endpoint({ endpointId, nowMs, ended: 'discarded' })
        if (asBefore.numUpdatedRows > 0n || over !== undefined) queue.refresh(at, lane, perLane)
      }),

    putBack: ({ id, leaseId, lane }, dueAtMs, perLane) =>
      database.write(async (db, at) => {
        await db
          .updateTable('deliveries')
          .set({ ...NOT_LEASED, due_at_ms: dueAtMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .execute()
        queue.refresh(at, lane, perLane)
      }),
  }
}
