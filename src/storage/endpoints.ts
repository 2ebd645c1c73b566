// Endpoints: where a tenant's events go.
import type { Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { DisabledReason } from '../model.ts'
import type { Database } from './database.ts'
import {
  deleteEndpointCounters,
  pruneEndpointHours,
  readEndpointStats,
} from './endpoint-counters.ts'
import { pauseAll, resumeAll } from './endpoint-health.ts'
import { checkListeners, insertPatterns, replacePatterns } from './endpoint-patterns.ts'
import {
  fieldsToRow,
  readEndpointSecrets,
  rowToEndpoint,
  secretToRow,
  settingsOf,
} from './endpoint-rows.ts'
import type { EndpointFields, EndpointStore } from './event-stores.ts'
import { laneOf, placeIn } from './lane-names.ts'
import { letGoAll, letGoSome } from './ordered-deliveries.ts'
import type { Schema } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { tooManySecrets } from './signing-secrets.ts'
import { fullUnder } from './token-bucket.ts'

/** Rows changed at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 100

export function createEndpointStore(deps: { database: Database; secrets: Secrets }): EndpointStore {
  const { database, secrets } = deps
  const { reader, locks } = database

  /**
   * Has deliveries that wait take their place in the lane that the endpoint now has. What is under way
   * meanwhile follows when it is done, or is claimed again.
   */
  async function move(id: string, lane: string): Promise<void> {
    const elsewhere = (db: Kysely<Schema>) =>
      db
        .selectFrom('deliveries')
        .select('id')
        .where('endpoint_id', '=', id)
        .where('state', 'in', ['scheduled', 'waiting'])
        .where('lease_id', 'is', null)
        .where('lane', '<>', lane)
        .limit(STEP_ROWS)
    const step = (): Promise<number> =>
      database.write(async (db, at) => {
        // Nobody else moves them before the commit; one who changed the endpoint since moves them from here on.
        const { numUpdatedRows } = await db
          .updateTable('endpoints')
          .set({ id })
          .where('id', '=', id)
          .where('lane', '=', lane)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return 0
        const rows = await db
          .updateTable('deliveries')
          .set(placeIn(lane))
          .where('id', 'in', elsewhere(db))
          .where('lease_id', 'is', null)
          .returning(['due_at_ms', 'executable_id as owner'])
          .execute()
        for (const { due_at_ms: dueAtMs, owner } of rows) {
          if (dueAtMs !== null) at.lane({ work: 'deliveries', lane, dueAtMs, owner })
        }
        if (rows.length > 0) at.tell({ kind: 'work', work: 'deliveries' })
        return rows.length
      })
    while ((await step()) > 0);
  }

  return {
    add: ({ id, tenant, createdAtMs, secret, ...fields }, max) =>
      database.write(async (db) => {
        await locks.inTurn(db, `endpoints/${tenant}`)
        const { count } = await db
          .selectFrom('endpoints')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .where('tenant', '=', tenant)
          .executeTakeFirstOrThrow()
        if (count >= max) return false
        const times = { created_at_ms: createdAtMs, updated_at_ms: createdAtMs }
        await db
          .insertInto('endpoints')
          .values({
            ...{ id, tenant, ...times },
            ...fieldsToRow(id, fields, secrets),
            ...disabledBy(fields, { disabled_reason: null, disabled_at_ms: null }, createdAtMs),
          })
          .execute()
        await insertPatterns(db, { id, tenant }, fields.eventTypes)
        await checkListeners(db, tenant, fields.eventTypes)
        await db
          .insertInto('endpoint_secrets')
          .values(secretToRow(id, secret, secrets))
          .execute()
        return true
      }),

    async get(id) {
      const row = await reader
        .selectFrom('endpoints')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      if (row === undefined) return undefined
      const secretsOf = await readEndpointSecrets(reader, new Set([id]), secrets)
      return rowToEndpoint(row, secretsOf(id), secrets)
    },

    async list(tenant, { limit, before }) {
      let query = reader.selectFrom('endpoints').selectAll().where('tenant', '=', tenant)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const page = rows.slice(0, limit)
      const ids = new Set(page.map(({ id }) => id))
      const secretsOf = await readEndpointSecrets(reader, ids, secrets)
      const items = page.map((row) => rowToEndpoint(row, secretsOf(row.id), secrets))
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async update(id, fields, { changedAtMs, nowMs }) {
      const lane = laneOf(id, fields)
      const changed = await database.write(async (db, at) => {
        // Nobody takes of its tokens before the commit.
        const before = await db
          .updateTable('endpoints')
          .set({ id })
          .where('id', '=', id)
          .where('updated_at_ms', '=', changedAtMs)
          .returning([
            'tenant',
            'settings',
            'bucket_full_at_us',
            'disabled_reason',
            'disabled_at_ms',
          ])
          .executeTakeFirst()
        if (before === undefined) return false
        await db
          .updateTable('endpoints')
          // Later than before whatever the clock says: whoever read it before sees that it changed.
          .set({
            ...fieldsToRow(id, fields, secrets),
            bucket_full_at_us: bucketUnder(fields, before, nowMs),
            ...disabledBy(fields, before, nowMs),
            updated_at_ms: Math.max(nowMs, changedAtMs + 1),
          })
          .where('id', '=', id)
          .execute()
        await replacePatterns(db, { id, tenant: before.tenant }, fields.eventTypes)
        await checkListeners(db, before.tenant, fields.eventTypes)
        // What waits there may have waited for less than it has to now.
        at.lane({ work: 'deliveries', lane, dueAtMs: nowMs })
        at.tell({ kind: 'work', work: 'deliveries' })
        return true
      })
      if (changed) await move(id, lane)
      if (changed && !fields.enabled) await pauseAll(database, id)
      const policy = fields.settings.ordered?.onExhaustion ?? 'skip'
      if (changed && policy === 'skip') await letGoAll(database, id, { nowMs })
      return changed
    },

    rotate: (id, made, { nowMs, previousUntilMs, previousMax }) =>
      database.write(async (db) => {
        // What is read after this stays so until the commit: rotations go one after another.
        const locked = await db
          .updateTable('endpoints')
          .set({ id })
          .where('id', '=', id)
          .executeTakeFirst()
        if (locked.numUpdatedRows === 0n) {
          throw new AppError('NOT_FOUND', 'There is no such endpoint.')
        }
        await db
          .updateTable('endpoint_secrets')
          .set({ expires_at_ms: previousUntilMs })
          .where('endpoint_id', '=', id)
          .where((eb) =>
            eb.or([eb('expires_at_ms', 'is', null), eb('expires_at_ms', '>', previousUntilMs)]),
          )
          .execute()
        await db
          .deleteFrom('endpoint_secrets')
          .where('endpoint_id', '=', id)
          .where('expires_at_ms', '<=', nowMs)
          .execute()
        const { alive } = await db
          .selectFrom('endpoint_secrets')
          .select((eb) => eb.fn.countAll<number>().as('alive'))
          .where('endpoint_id', '=', id)
          .executeTakeFirstOrThrow()
        if (alive > previousMax) throw tooManySecrets(previousMax)
        await db
          .insertInto('endpoint_secrets')
          .values(secretToRow(id, made, secrets))
          .execute()
      }),

    pause: (id) => pauseAll(database, id),
    async resume(id, nowMs) {
      const resumed = await resumeAll(database, id, nowMs)
      await letGoAll(database, id, { nowMs, held: ['parks'] })
      return resumed
    },

    async countPaused(id, most) {
      const rows = await reader
        .selectFrom('deliveries')
        .select('id')
        .where('endpoint_id', '=', id)
        .where('state', '=', 'paused')
        .limit(most)
        .execute()
      return rows.length
    },

    stats: (id, fromMs) => readEndpointStats(reader, id, fromMs),
    pruneHours: (beforeMs) => database.write((db) => pruneEndpointHours(db, beforeMs)),

    async remove(id, nowMs) {
      await letGoAll(database, id, { nowMs })
      return database.write(async (db, at) => {
        // Those too that failed since; nothing is held up for an endpoint that is gone.
        let after: string | undefined = ''
        while (after !== undefined) {
          after = await letGoSome(db, at, locks, id, { after, nowMs })
        }
        const row = await db.deleteFrom('endpoints').where('id', '=', id).executeTakeFirst()
        await deleteEndpointCounters(db, id)
        return row.numDeletedRows > 0n
      })
    },
  }
}

/** What its owner enables begins anew; what is disabled already stays so for the reason that it has. */
function disabledBy(
  { enabled }: EndpointFields,
  before: { disabled_reason: DisabledReason | null; disabled_at_ms: number | null },
  nowMs: number,
) {
  if (enabled) return { disabled_reason: null, disabled_at_ms: null, failing_since_ms: null }
  const { disabled_reason, disabled_at_ms } = before
  if (disabled_reason !== null) return { disabled_reason, disabled_at_ms }
  return { disabled_reason: 'owner' as const, disabled_at_ms: nowMs }
}

/** When the bucket of an endpoint is full, whose limit is another from now on. */
function bucketUnder(
  { settings: { rateLimit } }: EndpointFields,
  before: { settings: string; bucket_full_at_us: number | null },
  nowMs: number,
): number | null {
  const { rateLimit: limit } = settingsOf(before.settings)
  const { bucket_full_at_us: fullAtUs } = before
  if (rateLimit === null || limit === null || fullAtUs === null) return null
  return fullUnder(rateLimit, { limit, fullAtUs }, nowMs)
}
