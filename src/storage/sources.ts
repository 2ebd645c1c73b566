// Sources: a tenant's addresses that others call. How they know their senders is sealed here and nowhere else.
import type { Selectable } from 'kysely'
import type { Challenge, Source, Verification } from '../model.ts'
import type { Database } from './database.ts'
import type { Place, Secrets } from './secrets.ts'
import type { SourceFields, SourceStore } from './source-stores.ts'
import type { SourcesTable } from './sources-schema.ts'

/** Rows deleted at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 50

/** What is secret of a source. */
interface Sealable {
  verification: Verification
  challenge: Challenge | null
}

type Settings = Pick<SourceFields, 'format' | 'eventId' | 'target' | 'publish'>

export function createSourceStore(deps: { database: Database; secrets: Secrets }): SourceStore {
  const { database, secrets } = deps
  const { reader, locks } = database

  function toRow(id: string, fields: SourceFields) {
    const { description, enabled, verification, challenge } = fields
    const { format, eventId, target, publish } = fields
    const sealable: Sealable = { verification, challenge }
    const settings: Settings = { format, eventId, target, publish }
    return {
      description,
      enabled: enabled ? 1 : 0,
      verification: secrets.seal(JSON.stringify(sealable), placeOf(id)),
      settings: JSON.stringify(settings),
    }
  }

  function toSource(row: Selectable<SourcesTable>): Source {
    return {
      id: row.id,
      tenant: row.tenant,
      description: row.description,
      enabled: row.enabled === 1,
      ...(JSON.parse(secrets.open(row.verification, placeOf(row.id))) as Sealable),
      ...(JSON.parse(row.settings) as Settings),
      createdAtMs: row.created_at_ms,
      updatedAtMs: row.updated_at_ms,
    }
  }

  /** What belongs to a source, in small steps. */
  async function removeAll(sourceId: string): Promise<void> {
    const events = () =>
      database.write((db) =>
        db
          .deleteFrom('source_events')
          .where('id', 'in', (eb) =>
            eb
              .selectFrom('source_events')
              .select('id')
              .where('source_id', '=', sourceId)
              .limit(STEP_ROWS),
          )
          .executeTakeFirst(),
      )
    const keys = () =>
      database.write((db) =>
        db
          .deleteFrom('source_keys')
          .where('source_id', '=', sourceId)
          .where('key', 'in', (eb) =>
            eb
              .selectFrom('source_keys')
              .select('key')
              .where('source_id', '=', sourceId)
              .limit(STEP_ROWS),
          )
          .executeTakeFirst(),
      )
    while ((await events()).numDeletedRows > 0n);
    while ((await keys()).numDeletedRows > 0n);
  }

  return {
    add: (source, max) =>
      database.write(async (db) => {
        const { id, tenant, createdAtMs, updatedAtMs } = source
        await locks.inTurn(db, `sources/${tenant}`)
        const { count } = await db
          .selectFrom('sources')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .where('tenant', '=', tenant)
          .executeTakeFirstOrThrow()
        if (count >= max) return false
        const times = { created_at_ms: createdAtMs, updated_at_ms: updatedAtMs }
        await db
          .insertInto('sources')
          .values({ id, tenant, ...times, ...toRow(id, source) })
          .execute()
        return true
      }),

    async get(id) {
      const row = await reader
        .selectFrom('sources')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : toSource(row)
    },

    async list(tenant, { limit, before }) {
      let query = reader.selectFrom('sources').selectAll().where('tenant', '=', tenant)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toSource)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    update: (id, fields, { changedAtMs, nowMs }) =>
      database.write(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('sources')
          // Later than before whatever the clock says: whoever read it before sees that it changed.
          .set({ ...toRow(id, fields), updated_at_ms: Math.max(nowMs, changedAtMs + 1) })
          .where('id', '=', id)
          .where('updated_at_ms', '=', changedAtMs)
          .executeTakeFirst()
        return numUpdatedRows > 0n
      }),

    async remove(id) {
      const found = await database.write((db) =>
        db
          .updateTable('sources')
          // Changed: whoever read it before cannot enable it again.
          .set((eb) => ({ enabled: 0, updated_at_ms: eb('updated_at_ms', '+', 1) }))
          .where('id', '=', id)
          .executeTakeFirst(),
      )
      if (found.numUpdatedRows === 0n) return false
      // A kill in between leaves one that can be deleted again.
      await removeAll(id)
      await database.write((db) => db.deleteFrom('sources').where('id', '=', id).execute())
      // What was being accepted meanwhile.
      await removeAll(id)
      return true
    },
  }
}

function placeOf(id: string): Place {
  return { table: 'sources', column: 'verification', row: id }
}
