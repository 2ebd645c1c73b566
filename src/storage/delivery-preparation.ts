// Deliveries of messages that something has to be done with before they are sent: what was made of them is kept, each
// as its lease allows.
import type { Kysely } from 'kysely'
import type { Database } from './database.ts'
import { chainAsItWas, NOT_MANUAL } from './delivery-resends.ts'
import type { KeptOutput, PreparedStore } from './event-stores.ts'
import { sentAsIs } from './events-schema.ts'
import { LINE_COLUMNS, leaveLine } from './ordered-deliveries.ts'
import type { Schema } from './schema.ts'
import { NOT_LEASED } from './work-queue.ts'
import type { WorkQueue } from './work-queue.ts'

/** Where its request spec is that of its endpoint. */
const NO_SPEC = Buffer.alloc(0)

export function createPreparedStore(database: Database, queue: WorkQueue): PreparedStore {
  return {
    prepared: ({ id, leaseId }, { body, contentType, isEventData }) =>
      database.write(async (db) => {
        await db
          .updateTable('deliveries')
          .set((eb) => ({
            sends: isEventData === true ? 'event_output' : 'output',
            content_type: contentType,
            size_bytes: body.length,
            kept_bytes: eb('kept_bytes', '+', body.length),
          }))
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          // A commit whose outcome nobody was told may have done it already.
          .where('sends', 'in', ['unprepared', 'unfetched'])
          .execute()
        const kept = await keptUnder(db, { id, leaseId })
        if (kept !== 'lease_lost') await keepOutput(db, id, body)
        return kept
      }),

    preparedAsIs: ({ id, leaseId }, style, sizeBytes) =>
      database.write(async (db) => {
        await db
          .updateTable('deliveries')
          .set({ ...sentAsIs(style), size_bytes: sizeBytes })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .execute()
        return keptUnder(db, { id, leaseId })
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

/** Whether the lease is still held, and the endpoint gets what was leased for it, from where it was. */
async function keptUnder(
  db: Kysely<Schema>,
  { id, leaseId }: { id: string; leaseId: string },
): Promise<KeptOutput> {
  const row = await db
    .selectFrom('deliveries')
    .leftJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
    .select(['deliveries.lane as lane', 'manual', 'endpoints.lane as lane_now', 'enabled'])
    .where('deliveries.id', '=', id)
    .where('lease_id', '=', leaseId)
    .executeTakeFirst()
  if (row === undefined) return 'lease_lost'
  const isSent = row.enabled === 1 || row.manual === 1
  return isSent && row.lane === row.lane_now ? 'kept' : 'endpoint_changed'
}

async function keepOutput(db: Kysely<Schema>, id: string, body: Buffer): Promise<void> {
  await db
    .insertInto('delivery_payloads')
    .values({ delivery_id: id, spec: NO_SPEC, body })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
