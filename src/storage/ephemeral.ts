// The ephemeral storage: text under a key until it expires, within bounds on all of it together.
// The totals stand in a row of their own, so that a put does not count the whole table.
import type { Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { Database } from './database.ts'
import type { EphemeralTotalsTable, Schema } from './schema.ts'
import type { EphemeralStore } from './storage.ts'

type Entry = Parameters<EphemeralStore['put']>[0]
type Bounds = Parameters<EphemeralStore['put']>[1]

/** Expired entries that a put which finds no room deletes at once, while other writers wait. */
const EXPIRED_ROWS = 1_000

export function createEphemeralStore(deps: { database: Database }): EphemeralStore {
  const { database } = deps

  return {
    async put(entry, bounds) {
      for (;;) {
        const outcome = await database.write((db) => tryPut(db, entry, bounds))
        if (outcome === 'full') {
          throw new AppError(
            'EPHEMERAL_STORAGE_FULL',
            'The ephemeral storage is full; delete entries, or try again when some have expired.',
          )
        }
        if (outcome !== 'again') return outcome === 'stored'
      }
    },

    async get(key, nowMs) {
      const row = await database.reader
        .selectFrom('ephemeral')
        .select('value')
        .where('key', '=', key)
        .where('expires_at_ms', '>', nowMs)
        .executeTakeFirst()
      return row?.value
    },

    delete: (key, nowMs) =>
      database.write(async (db) => {
        await lockTotals(db)
        const row = await db
          .deleteFrom('ephemeral')
          .where('key', '=', key)
          .returning(['size_bytes', 'expires_at_ms'])
          .executeTakeFirst()
        if (row === undefined) return false
        await subtract(db, [row])
        return row.expires_at_ms > nowMs
      }),

    sweep: (nowMs, limit) =>
      database.write(async (db) => {
        await lockTotals(db)
        return expire(db, nowMs, limit)
      }),
  }
}

/** `again`: there was no room, but something had expired and is deleted now. */
async function tryPut(
  db: Kysely<Schema>,
  { key, value, expiresAtMs }: Entry,
  { nowMs, maxBytes, maxEntries, mustExist }: Bounds,
): Promise<'stored' | 'missing' | 'full' | 'again'> {
  const totals = await lockTotals(db)
  const old = await db
    .selectFrom('ephemeral')
    .select(['size_bytes', 'expires_at_ms'])
    .where('key', '=', key)
    .executeTakeFirst()
  if (mustExist && (old === undefined || old.expires_at_ms <= nowMs)) return 'missing'

  const row = { value, size_bytes: Buffer.byteLength(value), expires_at_ms: expiresAtMs }
  const entries = totals.entries + (old === undefined ? 1 : 0)
  const bytes = totals.bytes - (old?.size_bytes ?? 0) + row.size_bytes
  if (entries > maxEntries || bytes > maxBytes) {
    return (await expire(db, nowMs, EXPIRED_ROWS)) > 0 ? 'again' : 'full'
  }
  await db
    .insertInto('ephemeral')
    .values({ key, ...row })
    .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
    .execute()
  await db.updateTable('ephemeral_totals').set({ entries, bytes }).execute()
  return 'stored'
}

/**
 * Reads the totals by an update that changes nothing: with several writers at once (PostgreSQL) it
 * makes the next one wait, so that two puts cannot both take the last room. It comes before all else, so
 * that no two wait for each other.
 */
function lockTotals(db: Kysely<Schema>): Promise<EphemeralTotalsTable> {
  return db
    .updateTable('ephemeral_totals')
    .set((eb) => ({ entries: eb.ref('entries') }))
    .returning(['entries', 'bytes'])
    .executeTakeFirstOrThrow()
}

async function expire(db: Kysely<Schema>, nowMs: number, limit: number): Promise<number> {
  const rows = await db
    .deleteFrom('ephemeral')
    .where('key', 'in', (eb) =>
      eb
        .selectFrom('ephemeral')
        .select('key')
        .where('expires_at_ms', '<=', nowMs)
        .orderBy('expires_at_ms')
        .limit(limit),
    )
    .returning('size_bytes')
    .execute()
  await subtract(db, rows)
  return rows.length
}

async function subtract(db: Kysely<Schema>, gone: { size_bytes: number }[]): Promise<void> {
  if (gone.length === 0) return
  const bytes = gone.reduce((sum, row) => sum + row.size_bytes, 0)
  await db
    .updateTable('ephemeral_totals')
    .set((eb) => ({ entries: eb('entries', '-', gone.length), bytes: eb('bytes', '-', bytes) }))
    .execute()
}
