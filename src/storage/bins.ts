// Request bins: addresses that take whatever is sent to them. What a request carries besides its body is sealed:
// its sender may have put a key there.
import { sql } from 'kysely'
import type { Selectable } from 'kysely'
import type { Bin, BinRequest } from '../model.ts'
import type { BinStore } from './bin-store.ts'
import type { BinRequestsTable, BinsTable } from './bins-schema.ts'
import type { Database } from './database.ts'
import type { Place, Secrets } from './secrets.ts'

type Carried = Pick<BinRequest, 'path' | 'query' | 'headers'>

export function createBinStore(deps: { database: Database; secrets: Secrets }): BinStore {
  const { database, secrets } = deps
  const { reader, locks } = database

  function toRequest(row: Selectable<BinRequestsTable>): BinRequest {
    return {
      id: row.id,
      binId: row.bin_id,
      receivedAtMs: row.received_at_ms,
      method: row.method,
      sizeBytes: row.size_bytes,
      ...(JSON.parse(secrets.open(row.request, placeOf(row.id))) as Carried),
      body: row.body,
    }
  }

  return {
    add: ({ id, tenant, createdAtMs, expiresAtMs }, max) =>
      database.write(async (db) => {
        await locks.inTurn(db, `bins/${tenant}`)
        const { count } = await db
          .selectFrom('bins')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .where('tenant', '=', tenant)
          .where('expires_at_ms', '>', createdAtMs)
          .executeTakeFirstOrThrow()
        if (count >= max) return false
        const times = { created_at_ms: createdAtMs, expires_at_ms: expiresAtMs }
        await db
          .insertInto('bins')
          .values({ id, tenant, ...times })
          .execute()
        return true
      }),

    async get(id, nowMs) {
      const row = await reader
        .selectFrom('bins')
        .selectAll()
        .where('id', '=', id)
        .where('expires_at_ms', '>', nowMs)
        .executeTakeFirst()
      return row === undefined ? undefined : toBin(row)
    },

    async list(tenant, nowMs, { limit, before }) {
      let query = reader
        .selectFrom('bins')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('expires_at_ms', '>', nowMs)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toBin)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    remove: (id) =>
      database.write(async (db) => {
        await locks.inTurn(db, `bin/${id}`)
        const { numDeletedRows } = await db
          .deleteFrom('bins')
          .where('id', '=', id)
          .executeTakeFirst()
        return numDeletedRows > 0n
      }),

    keep: (request, max) =>
      database.write(async (db) => {
        const { id, binId, receivedAtMs, method, sizeBytes, path, query, headers, body } = request
        // Nobody deletes the bin, or keeps another, before our commit.
        await locks.inTurn(db, `bin/${binId}`)
        const bin = await db
          .selectFrom('bins')
          .select('id')
          .where('id', '=', binId)
          .where('expires_at_ms', '>', receivedAtMs)
          .executeTakeFirst()
        if (bin === undefined) return false
        const carried: Carried = { path, query, headers }
        await db
          .insertInto('bin_requests')
          .values({
            id,
            bin_id: binId,
            received_at_ms: receivedAtMs,
            method,
            size_bytes: sizeBytes,
            request: secrets.seal(JSON.stringify(carried), placeOf(id)),
            body,
          })
          .execute()
        const newest = db
          .selectFrom('bin_requests')
          .select('id')
          .where('bin_id', '=', binId)
          .orderBy('id', 'desc')
          .limit(max)
        await db
          .deleteFrom('bin_requests')
          .where('bin_id', '=', binId)
          .where('id', 'not in', newest)
          .execute()
        return true
      }),

    async requests(binId, { limit, before, bytes = Infinity }) {
      let query = reader
        .selectFrom('bin_requests')
        .select(['id', sql<number>`length(request) + length(body)`.as('bytes')])
        .where('bin_id', '=', binId)
      if (before !== undefined) query = query.where('id', '<', before)
      const found = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const ids = fitting(found.slice(0, limit), bytes).map(({ id }) => id)
      if (ids.length === 0) return { items: [], next: null }
      const rows = await reader
        .selectFrom('bin_requests')
        .selectAll()
        .where('id', 'in', ids)
        .orderBy('id', 'desc')
        .execute()
      return {
        items: rows.map(toRequest),
        next: found.length > ids.length ? (ids.at(-1) ?? null) : null,
      }
    },

    sweep: (nowMs, limit) =>
      database.write(async (db) => {
        const expired = db
          .selectFrom('bins')
          .select('id')
          .where('expires_at_ms', '<=', nowMs)
          .orderBy('expires_at_ms')
          .limit(limit)
        const { numDeletedRows } = await db
          .deleteFrom('bins')
          .where('id', 'in', expired)
          .executeTakeFirst()
        return Number(numDeletedRows)
      }),
  }
}

/** The first of them, so many as have the bytes together, one at least. */
function fitting<T extends { bytes: number }>(rows: T[], bytes: number): T[] {
  let sum = 0
  return rows.filter((row, at) => (sum += row.bytes) <= bytes || at === 0)
}

function toBin(row: Selectable<BinsTable>): Bin {
  return {
    id: row.id,
    tenant: row.tenant,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }
}

function placeOf(id: string): Place {
  return { table: 'bin_requests', column: 'request', row: id }
}
