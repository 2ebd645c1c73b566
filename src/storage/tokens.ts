// Tokens of tenants: rows that are found by the hash of what their holders send.
import type { Selectable } from 'kysely'
import type { Token, TokenRight } from '../model.ts'
import type { Database } from './database.ts'
import type { TokensTable } from './schema.ts'
import type { TokenStore } from './token-store.ts'

/** Rows deleted at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 100

export function createTokenStore(database: Database): TokenStore {
  const { reader } = database
  return {
    add: ({ id, hash, tenant, rights, description, prefix, ...times }, { max, nowMs }) =>
      database.write(async (db) => {
        const { all } = await db
          .selectFrom('tokens')
          .select((eb) => eb.fn.countAll<number>().as('all'))
          .executeTakeFirstOrThrow()
        const { dead } = await db
          .selectFrom('tokens')
          .select((eb) => eb.fn.countAll<number>().as('dead'))
          .where('dead_from_ms', '<=', nowMs)
          .executeTakeFirstOrThrow()
        if (all - dead >= max) return false
        const oldest = db
          .selectFrom('tokens')
          .select('id')
          .where('dead_from_ms', '<=', nowMs)
          .orderBy('dead_from_ms')
          // More than one where `max` was lowered.
          .limit(Math.min(all - max + 1, STEP_ROWS))
        if (all >= max) await db.deleteFrom('tokens').where('id', 'in', oldest).execute()
        await db
          .insertInto('tokens')
          .values({
            id,
            hash,
            tenant,
            rights: JSON.stringify(rights),
            description,
            prefix,
            created_at_ms: times.createdAtMs,
            expires_at_ms: times.expiresAtMs,
            revoked_at_ms: null,
            dead_from_ms: times.expiresAtMs,
            last_used_at_ms: null,
          })
          .execute()
        return true
      }),

    async get(id) {
      const row = await reader
        .selectFrom('tokens')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : toToken(row)
    },

    async findByHash(hash) {
      const row = await reader
        .selectFrom('tokens')
        .selectAll()
        .where('hash', '=', hash)
        .executeTakeFirst()
      return row === undefined ? undefined : toToken(row)
    },

    async list({ tenant }, { limit, before }) {
      let query = reader.selectFrom('tokens').selectAll()
      if (tenant !== undefined) query = query.where('tenant', '=', tenant)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toToken)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    revoke: (id, nowMs) =>
      database.write(async (db, at) => {
        at.tell({ kind: 'tokens' })
        const row = await db
          .updateTable('tokens')
          .set((eb) => ({
            revoked_at_ms: eb.fn.coalesce('revoked_at_ms', eb.val(nowMs)),
            dead_from_ms: eb
              .case()
              .when('dead_from_ms', '<', nowMs)
              .then(eb.ref('dead_from_ms'))
              .else(nowMs)
              .end(),
          }))
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirst()
        return row === undefined ? undefined : toToken(row)
      }),

    used: (id, nowMs, everyMs) =>
      database.write(async (db) => {
        await db
          .updateTable('tokens')
          .set({ last_used_at_ms: nowMs })
          .where('id', '=', id)
          .where((eb) =>
            eb.or([
              eb('last_used_at_ms', 'is', null),
              eb('last_used_at_ms', '<=', nowMs - everyMs),
              // The clock was set back.
              eb('last_used_at_ms', '>', nowMs),
            ]),
          )
          .execute()
      }),
  }
}

function toToken(row: Selectable<TokensTable>): Token {
  return {
    id: row.id,
    tenant: row.tenant,
    rights: JSON.parse(row.rights) as TokenRight[],
    description: row.description,
    prefix: row.prefix,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  }
}
