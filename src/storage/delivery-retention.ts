// What goes of ended deliveries: first what they sent and were answered, then their rows; and lanes of targets that
// nothing is sent to any more. All is found by index, and goes in steps of few rows and few bytes, since other
// writers wait meanwhile.
import { sql } from 'kysely'
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { Database } from './database.ts'
import { idOfTime } from './delivery-history.ts'
import { handOnBodies } from './message-bodies.ts'
import type { Schema } from './schema.ts'
import type { DeliveryRetention } from './storage.ts'

/** Payloads dropped at once, in number and in bytes, though at least one. */
const STEP_ROWS = 100
const STEP_BYTES = 8 * 1024 * 1024
/** Lanes looked at at once. */
const STEP_LANES = 200

const NOTHING = { dropped: 0, heirsEndedAtMs: [] }

export function createDeliveryRetention(database: Database): DeliveryRetention {
  const { reader } = database
  return {
    async oldestKept(fromMs) {
      const delivery = await reader
        .selectFrom('deliveries')
        .select('ended_at_ms as atMs')
        .where('ended_at_ms', '>=', fromMs)
        .where('kept_bytes', 'is not', null)
        .orderBy('ended_at_ms')
        .limit(1)
        .executeTakeFirst()
      const unsent = await reader
        .selectFrom('messages')
        .select('created_at_ms as atMs')
        .where('id', '>=', idOfTime(fromMs))
        .where('kept_bytes', 'is not', null)
        .orderBy('id')
        .limit(1)
        .executeTakeFirst()
      const oldest = Math.min(delivery?.atMs ?? Infinity, unsent?.atMs ?? Infinity)
      return oldest === Infinity ? undefined : oldest
    },

    async keptBytes(fromMs, beforeMs) {
      const ofDeliveries = await reader
        .selectFrom('deliveries')
        .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('kept_bytes'), eb.lit(0)).as('bytes'))
        .where('ended_at_ms', '>=', fromMs)
        .where('ended_at_ms', '<', beforeMs)
        .where('kept_bytes', 'is not', null)
        .executeTakeFirstOrThrow()
      const unsent = await reader
        .selectFrom('messages')
        .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('kept_bytes'), eb.lit(0)).as('bytes'))
        .where('id', '>=', idOfTime(fromMs))
        .where('id', '<', idOfTime(beforeMs))
        .where('kept_bytes', 'is not', null)
        .executeTakeFirstOrThrow()
      return ofDeliveries.bytes + unsent.bytes
    },

    dropPayloads: (endedBeforeMs) =>
      database.write(async (db) => {
        const oldest = await db
          .selectFrom('deliveries')
          .select(['id', 'kept_bytes as size'])
          .where('ended_at_ms', '<', endedBeforeMs)
          .where('kept_bytes', 'is not', null)
          // What is about to be sent again is still needed.
          .where('manual', '=', 0)
          .orderBy('ended_at_ms')
          .limit(STEP_ROWS)
          .execute()
        if (oldest.length === 0) return NOTHING
        const rows = await db
          .updateTable('deliveries')
          .set({ kept_bytes: null })
          .where('id', 'in', oneStep(oldest))
          .where('manual', '=', 0)
          .where('kept_bytes', 'is not', null)
          .returning(['id', 'run_id', 'body_bytes'])
          .execute()
        const ids = rows.map((row) => row.id)
        if (ids.length === 0) return NOTHING
        await db.deleteFrom('delivery_payloads').where('delivery_id', 'in', ids).execute()
        await db
          .updateTable('attempts')
          .set({ response_body: Buffer.alloc(0) })
          .where('delivery_id', 'in', ids)
          .execute()
        return { dropped: ids.length, heirsEndedAtMs: await handOnBodies(db, rows) }
      }),

    dropUnsent: (madeBeforeMs) =>
      database.write(async (db) => {
        const oldest = await db
          .selectFrom('messages')
          .select(['id', 'kept_bytes as size'])
          .where('id', '<', idOfTime(madeBeforeMs))
          .where('kept_bytes', 'is not', null)
          .orderBy('id')
          .limit(STEP_ROWS)
          .execute()
        if (oldest.length === 0) return 0
        const row = await db
          .updateTable('messages')
          .set({ body: null, kept_bytes: null })
          .where('id', 'in', oneStep(oldest))
          .executeTakeFirst()
        return Number(row.numUpdatedRows)
      }),

    deleteUnsent: (madeBeforeMs) =>
      database.write(async (db) => {
        const unsent = db
          .selectFrom('messages')
          .select('id')
          .where('deliveries', '=', sql.lit(0))
          .where('id', '<', idOfTime(madeBeforeMs))
          .orderBy('id')
          .limit(STEP_ROWS)
        const row = await db.deleteFrom('messages').where('id', 'in', unsent).executeTakeFirst()
        return Number(row.numDeletedRows)
      }),

    deleteRows: (endedBeforeMs) =>
      database.write(async (db) => {
        const old = db
          .selectFrom('deliveries')
          .select('id')
          .where('ended_at_ms', '<', endedBeforeMs)
          .where('kept_bytes', 'is', null)
          .orderBy('ended_at_ms')
          .limit(STEP_ROWS)
        const rows = await db
          .deleteFrom('deliveries')
          .where('id', 'in', old)
          .returning(['run_id', 'endpoint_id'])
          .execute()
        await deleteMessages(db, messagesOf(rows))
        return rows.length
      }),

    async deleteIdleLanes(work, after, nowMs) {
      const rows = await reader
        .selectFrom('lanes')
        .select('lane')
        .where('work', '=', work)
        .where('lane', '>', after)
        .orderBy('lane')
        .limit(STEP_LANES)
        .execute()
      const last = rows.at(-1)?.lane
      if (last === undefined) return undefined
      await database.write((db) =>
        db
          .deleteFrom('lanes')
          .where('work', '=', work)
          .where('lane', '>', after)
          .where('lane', '<=', last)
          .where('due_at_ms', 'is', null)
          .where((eb) => eb.or([eb('held_until_ms', 'is', null), eb('held_until_ms', '<=', nowMs)]))
          .execute(),
      )
      return rows.length < STEP_LANES ? undefined : last
    },
  }
}

/** A message goes with the last of its deliveries. */
async function deleteMessages(db: Kysely<Schema>, messageIds: readonly string[]): Promise<void> {
  if (messageIds.length === 0) return
  await db
    .deleteFrom('messages')
    .where('id', 'in', messageIds)
    .where((eb) => eb.not(eb.exists(deliveriesOf(eb))))
    .execute()
}

/** Of deliveries, the messages that they carried. */
function messagesOf(rows: readonly { run_id: string; endpoint_id: string | null }[]): string[] {
  return [...new Set(rows.filter((row) => row.endpoint_id !== null).map((row) => row.run_id))]
}

function deliveriesOf(eb: ExpressionBuilder<Schema, 'messages'>) {
  return eb
    .selectFrom('deliveries')
    .select('deliveries.id')
    .whereRef('deliveries.run_id', '=', 'messages.id')
}

/** As many from the front as STEP_BYTES allows, but at least one. */
function oneStep(rows: readonly { id: string; size: number | null }[]): string[] {
  const ids: string[] = []
  let bytes = 0
  for (const { id, size } of rows) {
    bytes += size ?? 0
    if (ids.length > 0 && bytes > STEP_BYTES) break
    ids.push(id)
  }
  return ids
}
