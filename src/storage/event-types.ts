// Event types: what a tenant may publish.
import type { Selectable } from 'kysely'
import type { EventType } from '../model.ts'
import type { Database } from './database.ts'
import type { EventTypeStore } from './event-stores.ts'
import type { EventTypesTable } from './events-schema.ts'

export function createEventTypeStore(database: Database): EventTypeStore {
  const { reader, locks } = database
  return {
    add: ({ tenant, name, description, createdAtMs }, max) =>
      database.write(async (db) => {
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
          .values({ tenant, name, description, created_at_ms: createdAtMs })
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

function toEventType(row: Selectable<EventTypesTable>): EventType {
  const { tenant, name, description, created_at_ms: createdAtMs } = row
  return { tenant, name, description, createdAtMs }
}
