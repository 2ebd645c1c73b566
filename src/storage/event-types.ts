// Event types: what a tenant may publish.
import type { Selectable } from 'kysely'
import type { Enforcement, EventType, RequestSpec } from '../model.ts'
import type { Database } from './database.ts'
import type { EventTypeStore } from './event-stores.ts'
import type { EventTypesTable } from './events-schema.ts'
import type { Place, Secrets } from './secrets.ts'

export function createEventTypeStore(deps: {
  database: Database
  secrets: Secrets
}): EventTypeStore {
  const { database, secrets } = deps
  const { reader, locks } = database

  function toRow(type: EventType) {
    const { tenant, name, description, schema, example, enforcement, revision } = type
    const fetch = type.fetch === null ? null : JSON.stringify(type.fetch)
    return {
      ...{ tenant, name, description, schema, example, enforcement, revision },
      fetch: fetch === null ? null : secrets.seal(fetch, fetchPlace(type)),
      created_at_ms: type.createdAtMs,
    }
  }

  function toEventType(row: Selectable<EventTypesTable>): EventType {
    const { tenant, name, description, schema, example, revision } = row
    const sealed = row.fetch
    return {
      ...{ tenant, name, description, schema, example, revision },
      enforcement: row.enforcement as Enforcement,
      fetch:
        sealed === null ? null : (JSON.parse(secrets.open(sealed, fetchPlace(row))) as RequestSpec),
      createdAtMs: row.created_at_ms,
    }
  }

  return {
    add: (type, max) =>
      database.write(async (db) => {
        const { tenant, name } = type
        await locks.inTurn(db, `event_types/${tenant}`)
        const { count } = await db
          .selectFrom('event_types')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .where('tenant', '=', tenant)
          .executeTakeFirstOrThrow()
        const existing = await db
          .selectFrom('event_types')
          .select('name')
          .where('tenant', '=', tenant)
          .where('name', '=', name)
          .executeTakeFirst()
        if (existing !== undefined) return 'exists'
        if (count >= max) return 'full'
        const made = await db
          .insertInto('event_types')
          .values(toRow(type))
          .onConflict((conflict) => conflict.columns(['tenant', 'name']).doNothing())
          .executeTakeFirst()
        return (made.numInsertedOrUpdatedRows ?? 0n) > 0n ? 'added' : 'exists'
      }),

    async get(tenant, name) {
      const row = await reader
        .selectFrom('event_types')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .executeTakeFirst()
      return row === undefined ? undefined : toEventType(row)
    },

    update: (type, revision) =>
      database.write(async (db) => {
        const row = await db
          .updateTable('event_types')
          .set(toRow(type))
          .where('tenant', '=', type.tenant)
          .where('name', '=', type.name)
          .where('revision', '=', revision)
          .executeTakeFirst()
        return row.numUpdatedRows > 0n
      }),

    async list(tenant, { limit, after }) {
      let query = reader.selectFrom('event_types').selectAll().where('tenant', '=', tenant)
      if (after !== undefined) query = query.where('name', '>', after)
      const rows = await query
        .orderBy('name')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toEventType)
      return { items, next: rows.length > limit ? (items.at(-1)?.name ?? null) : null }
    },

    remove: (tenant, name) =>
      database.write(async (db) => {
        const row = await db
          .deleteFrom('event_types')
          .where('tenant', '=', tenant)
          .where('name', '=', name)
          .executeTakeFirst()
        return row.numDeletedRows > 0n
      }),
  }
}

function fetchPlace({ tenant, name }: Pick<EventType, 'tenant' | 'name'>): Place {
  return { table: 'event_types', column: 'fetch', row: `${tenant}/${name}` }
}
