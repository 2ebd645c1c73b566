// What goes of ended deliveries: first what they sent and were answered, then their rows; and lanes of targets that
// nothing is sent to any more. All is found by index, and goes in steps of few rows and few bytes, since other
// writers wait meanwhile.
import { sql } from 'kysely'
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { Database } from './database.ts'
import { idOfTime } from './delivery-history.ts'
import { chainAsItWas } from './delivery-resends.ts'
import { handOnBodies } from './message-bodies.ts'
import type { Schema } from './schema.ts'
import type { DeliveryRetention } from './storage.ts'

/** Payloads dropped at once, in number and in bytes, though at least one. */
const STEP_ROWS = 100
const STEP_BYTES = 8 * 1024 * 1024
/** Lanes looked at at once. */
const STEP_LANES = 200

export function createDeliveryRetention(database: Database): DeliveryRetention {
  const { reader } = database
  return {
    async oldestKept(by, fromMs) {
      const oldest =
        by === 'deliveries'
          ? await keptDeliveries(reader, fromMs)
              .select('ended_at_ms as atMs')
              .orderBy('ended_at_ms')
              .limit(1)
              .executeTakeFirst()
          : await keptMessages(reader, fromMs)
              .select('created_at_ms as atMs')
              .orderBy('id')
              .limit(1)
              .executeTakeFirst()
      return oldest?.atMs ?? undefined
    },

    async keptBytes(by, fromMs, beforeMs) {
      const kept =
        by === 'deliveries'
          ? keptDeliveries(reader, fromMs)
              .where('ended_at_ms', '<', beforeMs)
              .select((eb) =>
                eb.fn.coalesce(eb.fn.sum<number>('kept_bytes'), eb.lit(0)).as('bytes'),
              )
          : keptMessages(reader, fromMs)
              .where('id', '<', idOfTime(beforeMs))
              .select((eb) =>
                eb.fn.coalesce(eb.fn.sum<number>('kept_bytes'), eb.lit(0)).as('bytes'),
              )
      return (await kept.executeTakeFirstOrThrow()).bytes
    },

    dropPayloads: (before) =>
      database.write(async (db) => {
        const ended = await endedBefore(db, before.endedMs)
        const oldest = ended.length > 0 ? ended : await ofMessagesBefore(db, before.madeMs)
        const rows = await drop(db, oneStep(oldest))
        const heirs = await handOnBodies(db, rows, before.madeMs)
        const ownMs = rows.flatMap(({ ended_at_ms: ms }) => (ms === null ? [] : [ms]))
        return {
          dropped: rows.length,
          endedAtMs: [...ownMs, ...heirs.endedAtMs],
          madeAtMs: heirs.madeAtMs,
        }
      }),

    dropPayloadsOf: (messageId) =>
      database.write(async (db) => {
        const some = await db
          .selectFrom('deliveries')
          .select('id')
          .where('run_id', '=', messageId)
          .where('endpoint_id', 'is not', null)
          .where('ended_at_ms', 'is not', null)
          .where('kept_bytes', 'is not', null)
          .limit(STEP_ROWS)
          .execute()
        const ids = some.map((row) => row.id)
        if (ids.length === 0) return 0
        await db
          .updateTable('deliveries')
          .set(chainAsItWas)
          .where('id', 'in', ids)
          .where('manual', '=', 1)
          .execute()
        return (await drop(db, ids)).length
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
          // Without it nobody would know that its line waits.
          .where('order_place', 'is', null)
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

function keptDeliveries(db: Kysely<Schema>, endedFromMs: number) {
  return db
    .selectFrom('deliveries')
    .where('ended_at_ms', '>=', endedFromMs)
    .where('kept_bytes', 'is not', null)
}

/** Whose body counts with no delivery. */
function keptMessages(db: Kysely<Schema>, madeFromMs: number) {
  return db
    .selectFrom('messages')
    .where('id', '>=', idOfTime(madeFromMs))
    .where('kept_bytes', 'is not', null)
}

function endedBefore(db: Kysely<Schema>, beforeMs: number) {
  return (
    db
      .selectFrom('deliveries')
      .select(['id', 'kept_bytes as size'])
      .where('ended_at_ms', '<', beforeMs)
      .where('kept_bytes', 'is not', null)
      // What is about to be sent again is still needed.
      .where('manual', '=', 0)
      .orderBy('ended_at_ms')
      .limit(STEP_ROWS)
      .execute()
  )
}

function ofMessagesBefore(db: Kysely<Schema>, madeBeforeMs: number) {
  return db
    .selectFrom('deliveries')
    .select(['id', 'kept_bytes as size'])
    .where('run_id', '<', idOfTime(madeBeforeMs))
    .where('endpoint_id', 'is not', null)
    .where('ended_at_ms', 'is not', null)
    .where('kept_bytes', 'is not', null)
    .where('manual', '=', 0)
    .orderBy('run_id')
    .limit(STEP_ROWS)
    .execute()
}

/** What of these is kept and not about to be sent again. */
async function drop(db: Kysely<Schema>, chosen: readonly string[]) {
  if (chosen.length === 0) return []
  const rows = await db
    .updateTable('deliveries')
    .set({ kept_bytes: null })
    .where('id', 'in', chosen)
    .where('manual', '=', 0)
    .where('kept_bytes', 'is not', null)
    .returning(['id', 'run_id', 'body_bytes', 'ended_at_ms'])
    .execute()
  const ids = rows.map((row) => row.id)
  if (ids.length === 0) return []
  await db.deleteFrom('delivery_payloads').where('delivery_id', 'in', ids).execute()
  await db
    .updateTable('attempts')
    .set({ response_body: Buffer.alloc(0) })
    .where('delivery_id', 'in', ids)
    .execute()
  return rows
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
