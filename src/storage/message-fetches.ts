// Payloads that are fetched before they are sent: by what, until they have been, and what came. The first that is
// stored is what everybody sends, whichever process fetched it.
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { RequestSpec } from '../model.ts'
import type { Database } from './database.ts'
import type { FetchStore } from './event-stores.ts'
import type { Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'

export function sealFetch(secrets: Secrets, messageId: string, spec: RequestSpec): Buffer {
  return secrets.seal(JSON.stringify(spec), fetchPlace(messageId))
}

/** True for one whose payload is still to be fetched. */
export async function isUnfetched(db: Kysely<Schema>, messageId: string): Promise<boolean> {
  const row = await db
    .selectFrom('message_extras')
    .select('id')
    .where('id', '=', messageId)
    .where('fetch', 'is not', null)
    .executeTakeFirst()
  return row !== undefined
}

export function createFetchStore({
  database,
  secrets,
}: {
  database: Database
  secrets: Secrets
}): FetchStore {
  return {
    async toFetch(id) {
      const row = await database.reader
        .selectFrom('message_extras')
        .select('fetch')
        .where('id', '=', id)
        .executeTakeFirst()
      const sealed = row?.fetch ?? null
      if (sealed === null) return { body: await keptBody(database.reader, id) }
      return { spec: JSON.parse(secrets.open(sealed, fetchPlace(id))) as RequestSpec }
    },

    keepFetched: (id, body, nowMs) =>
      database.write(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('message_extras')
          .set({ fetch: null, fetched_at_ms: nowMs })
          .where('id', '=', id)
          .where('fetch', 'is not', null)
          // Nothing comes back of what was expunged meanwhile.
          .where(
            'id',
            'not in',
            db.selectFrom('expunged_messages').select('id').where('id', '=', id),
          )
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return keptBody(db, id)
        await db
          .updateTable('messages')
          .set({ body, size_bytes: body.length })
          .where('id', '=', id)
          .execute()
        // It counts with the delivery that the published one counted with.
        await db
          .updateTable('deliveries')
          .set({
            kept_bytes: sql<number>`kept_bytes - body_bytes + ${body.length}`,
            body_bytes: body.length,
          })
          .where('run_id', '=', id)
          .where('body_bytes', 'is not', null)
          .where('kept_bytes', 'is not', null)
          .execute()
        return body
      }),
  }
}

/** Undefined where it was expunged, or is kept no more. */
async function keptBody(db: Kysely<Schema>, id: string): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('messages')
    .leftJoin('expunged_messages', 'expunged_messages.id', 'messages.id')
    .select(['body', 'at_ms'])
    .where('messages.id', '=', id)
    .executeTakeFirst()
  return row === undefined || row.at_ms !== null ? undefined : (row.body ?? undefined)
}

function fetchPlace(row: string): Place {
  return { table: 'message_extras', column: 'fetch', row }
}
