// Bodies of messages as bytes that are kept. A body is stored once, and counts once: with one of the deliveries that
// send it, for as long as there is one whose payload is kept; that of a message which nobody is sent counts by itself.
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Schema } from './schema.ts'

/** A delivery whose payload is kept no more, and the bytes of its message's body that counted with it. */
export interface Dropped {
  run_id: string
  body_bytes: number | null
}

/** Of what counts more than before: when deliveries ended, and when messages were made. */
export interface Heirs {
  endedAtMs: number[]
  madeAtMs: number[]
}

/**
 * Has another delivery of the same message take over what counted with those that were dropped; where there is none,
 * the body counts by itself, or goes where its message was made before that time.
 */
export async function handOnBodies(
  db: Kysely<Schema>,
  dropped: readonly Dropped[],
  madeBeforeMs: number,
): Promise<Heirs> {
  const bytesOf = new Map<string, number>()
  for (const { run_id: messageId, body_bytes: bytes } of dropped) {
    if (bytes !== null) bytesOf.set(messageId, (bytesOf.get(messageId) ?? 0) + bytes)
  }
  const heirs: Heirs = { endedAtMs: [], madeAtMs: [] }
  for (const [messageId, bytes] of bytesOf) {
    const heir = await handOn(db, messageId, bytes)
    if (heir === undefined)
      heirs.madeAtMs.push(...(await keepAlone(db, messageId, bytes, madeBeforeMs)))
    else if (heir.ended_at_ms !== null) heirs.endedAtMs.push(heir.ended_at_ms)
  }
  return heirs
}

async function handOn(
  db: Kysely<Schema>,
  messageId: string,
  bytes: number,
): Promise<{ ended_at_ms: number | null } | undefined> {
  for (;;) {
    // That which stays for the longest: one that has not ended, or ended last.
    const heir = await db
      .selectFrom('deliveries')
      .select(['id', 'ended_at_ms'])
      .where('run_id', '=', messageId)
      .where('kept_bytes', 'is not', null)
      .orderBy(sql`case when ended_at_ms is null then 0 else 1 end`)
      .orderBy('ended_at_ms', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (heir === undefined) return undefined
    const { numUpdatedRows } = await db
      .updateTable('deliveries')
      .set((eb) => ({
        kept_bytes: eb('kept_bytes', '+', bytes),
        body_bytes: eb(eb.fn.coalesce('body_bytes', eb.lit(0)), '+', bytes),
      }))
      .where('id', '=', heir.id)
      .where('kept_bytes', 'is not', null)
      .executeTakeFirst()
    // Another process may have dropped it meanwhile (PostgreSQL).
    if (numUpdatedRows > 0n) return heir
  }
}

/** When the message was made, where its body stays. */
async function keepAlone(
  db: Kysely<Schema>,
  messageId: string,
  bytes: number,
  madeBeforeMs: number,
): Promise<number[]> {
  const one = db.updateTable('messages').where('id', '=', messageId)
  const kept = await one
    .set({ kept_bytes: bytes })
    .where('created_at_ms', '>=', madeBeforeMs)
    .where('body', 'is not', null)
    .where(
      'id',
      'not in',
      db.selectFrom('expunged_messages').select('id').where('id', '=', messageId),
    )
    .returning('created_at_ms')
    .execute()
  if (kept.length === 0) await one.set({ body: null }).execute()
  return kept.map((row) => row.created_at_ms)
}
