// What sources got. An event, the keys that name it, and what it sets going are written as one.
import type { Kysely, Selectable } from 'kysely'
import type { SourceEvent, Verdict } from '../model.ts'
import type { AtCommit, Database } from './database.ts'
import type { MessageStoreInside } from './messages.ts'
import type { QueuedRunStoreInside } from './queued-runs.ts'
import type { Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { NewSourceEvent, SourceEventStore } from './source-stores.ts'
import type { SourceEventsTable } from './sources-schema.ts'

/** Rows deleted, or bodies dropped, in one step; other writers wait meanwhile. */
const STEP_ROWS = 50

/** All that the model tells of an event. */
const COLUMNS = [
  'id',
  'source_id',
  'received_at_ms',
  'verdict',
  'reason',
  'event_id',
  'duplicate_of',
  'replay_of',
  'run_id',
  'message_id',
  'content_type',
  'size_bytes',
] as const satisfies readonly (keyof SourceEventsTable)[]

const VERDICTS: readonly Verdict[] = ['accepted', 'duplicate', 'challenge', 'refused']

/** Of a run whose sender waited, when the event is to be done again. */
const FAILED = ['failed', 'canceled']
const UNDER_WAY = ['queued', 'running', 'forwarding']

export interface SourceEventStoreDeps {
  database: Database
  secrets: Secrets
  queuedRuns: QueuedRunStoreInside
  messages: MessageStoreInside
}

export function createSourceEventStore(deps: SourceEventStoreDeps): SourceEventStore {
  const { database, secrets, queuedRuns, messages } = deps
  const { reader, locks } = database

  function toRow(event: NewSourceEvent): SourceEventsTable {
    const { id, reason, request, body } = event
    return {
      id,
      source_id: event.sourceId,
      received_at_ms: event.receivedAtMs,
      verdict: event.verdict,
      reason: reason === null ? null : JSON.stringify(reason),
      event_id: event.eventId,
      duplicate_of: event.duplicateOf,
      replay_of: event.replayOf,
      run_id: event.runId,
      message_id: event.messageId,
      waited: event.waited ? 1 : 0,
      content_type: event.contentType,
      size_bytes: event.sizeBytes,
      kept_bytes: body?.length ?? 0,
      request: request === null ? null : secrets.seal(request, requestOf(id)),
      body,
    }
  }

  /** The event that one of the keys names, the one that is furthest where they name several. */
  async function named(
    db: Kysely<Schema>,
    { sourceId, receivedAtMs }: NewSourceEvent,
    keys: readonly string[],
  ) {
    const rows = await db
      .selectFrom('source_keys')
      .leftJoin('source_events', 'source_events.id', 'source_keys.event_id')
      .leftJoin('runs', 'runs.id', 'source_events.run_id')
      .select(['source_keys.event_id as id', 'message_id', 'waited', 'runs.status as status'])
      .where('source_keys.source_id', '=', sourceId)
      .where('source_keys.key', 'in', keys)
      .where('source_keys.expires_at_ms', '>', receivedAtMs)
      .execute()
    const standing = rows.map(({ id, message_id: messageId, waited, status }) => {
      // What ran in the background, or is kept no more, was done with.
      if (waited !== 1 || status === null) return { id, messageId, is: 'done' as const }
      if (FAILED.includes(status)) return { id, messageId, is: 'failed' as const }
      return {
        id,
        messageId,
        is: UNDER_WAY.includes(status) ? ('open' as const) : ('done' as const),
      }
    })
    return (
      standing.find((one) => one.is === 'done') ??
      standing.find((one) => one.is === 'open') ??
      standing[0]
    )
  }

  /** Has the keys name the event from now on. */
  async function nameIt(
    db: Kysely<Schema>,
    { id, sourceId }: NewSourceEvent,
    keys: readonly string[],
    expiresAtMs: number,
  ): Promise<void> {
    if (keys.length === 0) return
    const now = { event_id: id, expires_at_ms: expiresAtMs }
    await db
      .insertInto('source_keys')
      .values(keys.map((key) => ({ source_id: sourceId, key, ...now })))
      .onConflict((conflict) => conflict.columns(['source_id', 'key']).doUpdateSet(now))
      .execute()
  }

  /** Deletes some of the events of a verdict past the newest; tells how many. */
  async function pruneEvents(sourceId: string, verdict: Verdict, keep: number): Promise<number> {
    const past = await reader
      .selectFrom('source_events')
      .select('id')
      .where('source_id', '=', sourceId)
      .where('verdict', '=', verdict)
      .orderBy('id', 'desc')
      .offset(keep)
      .limit(STEP_ROWS)
      .execute()
    if (past.length === 0) return 0
    const ids = past.map(({ id }) => id)
    await database.write((db) => db.deleteFrom('source_events').where('id', 'in', ids).execute())
    return ids.length
  }

  /** Drops the oldest bodies past so many bytes. */
  async function pruneBodies(sourceId: string, bytes: number): Promise<void> {
    const kept = await reader
      .selectFrom('source_events')
      .select(['id', 'kept_bytes'])
      .where('source_id', '=', sourceId)
      .where('kept_bytes', '>', 0)
      .orderBy('id', 'desc')
      .execute()
    let sum = 0
    const past = kept.filter((row) => (sum += row.kept_bytes) > bytes).map(({ id }) => id)
    for (let at = 0; at < past.length; at += STEP_ROWS) {
      const ids = past.slice(at, at + STEP_ROWS)
      const none = { request: null, body: null, kept_bytes: 0 }
      await database.write((db) =>
        db.updateTable('source_events').set(none).where('id', 'in', ids).execute(),
      )
    }
  }

  /** Deletes some of the keys past the newest; tells how many. */
  async function pruneKeys(sourceId: string, keep: number): Promise<number> {
    const past = await reader
      .selectFrom('source_keys')
      .select('key')
      .where('source_id', '=', sourceId)
      .orderBy('expires_at_ms', 'desc')
      .offset(keep)
      .limit(STEP_ROWS)
      .execute()
    if (past.length === 0) return 0
    const keys = past.map(({ key }) => key)
    await database.write((db) =>
      db
        .deleteFrom('source_keys')
        .where('source_id', '=', sourceId)
        .where('key', 'in', keys)
        .execute(),
    )
    return keys.length
  }

  return {
    accept: ({ event, keys, keysExpireAtMs, run, message }) =>
      database.write(async (db: Kysely<Schema>, at: AtCommit) => {
        const { sourceId } = event
        // In one order, so that no two wait for each other.
        const ordered = [...keys].sort()
        for (const key of ordered) await locks.inTurn(db, `source_keys/${sourceId}/${key}`)
        const before = ordered.length === 0 ? undefined : await named(db, event, ordered)
        if (before?.is === 'done') return { outcome: 'duplicate', of: before.id }
        if (before?.is === 'open') return { outcome: 'in_flight' }
        const already = before?.messageId ?? null
        const published =
          message === undefined || already !== null
            ? undefined
            : await messages.publishIn(db, at, message)
        if (typeof published === 'string') return { outcome: published }
        // Where there is no room for it, all is undone.
        if (run !== undefined) await queuedRuns.addIn(db, at, run)
        await nameIt(db, event, ordered, keysExpireAtMs)
        const messageId = published?.message.id ?? already
        const row = toRow({ ...event, messageId })
        await db.insertInto('source_events').values(row).execute()
        return { outcome: 'accepted', event: toEvent(row), published }
      }),

    note: (events) =>
      database.write(async (db) => {
        const ids = [...new Set(events.map(({ sourceId }) => sourceId))]
        const there = await db.selectFrom('sources').select('id').where('id', 'in', ids).execute()
        const known = new Set(there.map(({ id }) => id))
        const rows = events.filter(({ sourceId }) => known.has(sourceId)).map(toRow)
        for (const row of rows) await db.insertInto('source_events').values(row).execute()
      }),

    async get(sourceId, id) {
      const row = await reader
        .selectFrom('source_events')
        .select([...COLUMNS, 'request', 'body'])
        .where('id', '=', id)
        .where('source_id', '=', sourceId)
        .executeTakeFirst()
      if (row === undefined) return undefined
      const request = row.request === null ? null : secrets.open(row.request, requestOf(id))
      return { event: toEvent(row), request, body: row.body }
    },

    async list(sourceId, { verdict }, { limit, before }) {
      let query = reader
        .selectFrom('source_events')
        .select(COLUMNS)
        .where('source_id', '=', sourceId)
      if (verdict !== undefined) query = query.where('verdict', '=', verdict)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toEvent)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async prune(sourceId, { keep, bytes, keys }) {
      for (const verdict of VERDICTS) while ((await pruneEvents(sourceId, verdict, keep)) > 0);
      await pruneBodies(sourceId, bytes)
      if (keys !== undefined) while ((await pruneKeys(sourceId, keys)) > 0);
    },

    sweepKeys: (nowMs, limit) =>
      database.write(async (db) => {
        const expired = db
          .selectFrom('source_keys')
          .select(['source_id', 'key'])
          .where('expires_at_ms', '<=', nowMs)
          .orderBy('expires_at_ms')
          .limit(limit)
        // What another is deleting is left to it.
        const rows = await locks.free(expired).execute()
        for (const row of rows) {
          await db
            .deleteFrom('source_keys')
            .where('source_id', '=', row.source_id)
            .where('key', '=', row.key)
            .execute()
        }
        return rows.length
      }),
  }
}

function toEvent(row: Pick<Selectable<SourceEventsTable>, (typeof COLUMNS)[number]>): SourceEvent {
  return {
    id: row.id,
    sourceId: row.source_id,
    receivedAtMs: row.received_at_ms,
    verdict: row.verdict as Verdict,
    reason: row.reason === null ? null : (JSON.parse(row.reason) as SourceEvent['reason']),
    eventId: row.event_id,
    duplicateOf: row.duplicate_of,
    replayOf: row.replay_of,
    runId: row.run_id,
    messageId: row.message_id,
    contentType: row.content_type,
    sizeBytes: row.size_bytes,
  }
}

function requestOf(id: string): Place {
  return { table: 'source_events', column: 'request', row: id }
}
