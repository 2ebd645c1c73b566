// What sources got. An event, the keys that name it, and what it sets going are written as one.
import type { Kysely, Selectable } from 'kysely'
import type { SourceEvent, Verdict } from '../model.ts'
import { VERDICTS } from '../source-model.ts'
import type { AtCommit, Database } from './database.ts'
import type { MessageStoreInside } from './messages.ts'
import type { QueuedRunStoreInside } from './queued-runs.ts'
import type { Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { NewSourceEvent, SourceEventStore, Standing } from './source-stores.ts'
import type { SourceEventsTable, SourceKeysTable } from './sources-schema.ts'

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
      content_type: event.contentType,
      size_bytes: event.sizeBytes,
      kept_bytes: body?.length ?? 0,
      request: request === null ? null : secrets.seal(request, requestOf(id)),
      body,
    }
  }

  async function standingOf(
    db: Kysely<Schema>,
    sourceId: string,
    keys: readonly string[],
    nowMs: number,
  ): Promise<Standing | undefined> {
    if (keys.length === 0) return undefined
    const rows = await db
      .selectFrom('source_keys')
      .leftJoin('queued_runs', 'queued_runs.id', 'source_keys.run_id')
      .select(['event_id as of', 'message_id as messageId', 'run_id as runId'])
      .select('queued_runs.id as queuedId')
      .where('source_id', '=', sourceId)
      .where('key', 'in', keys)
      .where('expires_at_ms', '>', nowMs)
      .execute()
    const done = rows.find(({ runId }) => runId === null)
    if (done !== undefined) return { is: 'done', of: done.of }
    const open = rows.find(({ queuedId }) => queuedId !== null)
    if (open !== undefined) return { is: 'open', of: open.of }
    const [first] = rows
    // Its run has ended, and not well: that would have been noted here with its end.
    return first && { is: 'failed', messageId: first.messageId }
  }

  /** Has the keys name the event from now on. */
  async function nameIt(
    db: Kysely<Schema>,
    row: Omit<Selectable<SourceKeysTable>, 'key'>,
    keys: readonly string[],
  ): Promise<void> {
    if (keys.length === 0) return
    await db
      .insertInto('source_keys')
      .values(keys.map((key) => ({ ...row, key })))
      .onConflict((conflict) => {
        const { event_id, expires_at_ms, run_id, message_id } = row
        const now = { event_id, expires_at_ms, run_id, message_id }
        return conflict.columns(['source_id', 'key']).doUpdateSet(now)
      })
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

  /** Drops the oldest bodies past so many bytes: of what was accepted, or of all else. */
  async function pruneBodies(sourceId: string, isAccepted: boolean, bytes: number): Promise<void> {
    const kept = await reader
      .selectFrom('source_events')
      .select(['id', 'kept_bytes'])
      .where('source_id', '=', sourceId)
      .where('verdict', isAccepted ? '=' : '<>', 'accepted')
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

  /** Deletes the oldest keys past so many. */
  async function pruneKeys(sourceId: string, keep: number): Promise<void> {
    // Counted once: that looks at each of them.
    const newest = await reader
      .selectFrom('source_keys')
      .select('expires_at_ms')
      .where('source_id', '=', sourceId)
      .orderBy('expires_at_ms', 'desc')
      .offset(keep)
      .limit(1)
      .executeTakeFirst()
    if (newest === undefined) return
    for (let more = true; more;) {
      const past = await reader
        .selectFrom('source_keys')
        .select('key')
        .where('source_id', '=', sourceId)
        .where('expires_at_ms', '<=', newest.expires_at_ms)
        .limit(STEP_ROWS)
        .execute()
      const keys = past.map(({ key }) => key)
      more = keys.length === STEP_ROWS
      if (keys.length === 0) return
      await database.write((db) =>
        db
          .deleteFrom('source_keys')
          .where('source_id', '=', sourceId)
          .where('key', 'in', keys)
          .execute(),
      )
    }
  }

  return {
    standing: (sourceId, keys, nowMs) => standingOf(reader, sourceId, keys, nowMs),

    accept: ({ event, keys, keysExpireAtMs, waited, replay, run, message }) =>
      database.write(async (db: Kysely<Schema>, at: AtCommit) => {
        const { id, sourceId, receivedAtMs } = event
        const source = await db
          .selectFrom('sources')
          .select('enabled')
          .where('id', '=', sourceId)
          .executeTakeFirst()
        if (source === undefined || (source.enabled !== 1 && !replay)) return { outcome: 'gone' }
        // Nobody waits for another here: units of many events share a transaction, in whatever order.
        const names = keys.map((key) => `source_keys/${sourceId}/${key}`)
        if ((await locks.take(db, names)).length < names.length) return { outcome: 'contended' }
        const before = await standingOf(db, sourceId, keys, receivedAtMs)
        if (before?.is === 'done' && !replay) return { outcome: 'duplicate', of: before.of }
        if (before?.is === 'open') return { outcome: 'in_flight' }
        const already = before?.is === 'failed' ? before.messageId : null
        const published =
          message === undefined || already !== null
            ? undefined
            : await messages.publishIn(db, at, message)
        if (typeof published === 'string') return { outcome: published }
        // Where there is no room for it, all is undone.
        if (run !== undefined) await queuedRuns.addIn(db, at, run)
        const messageId = published?.message.id ?? already
        if (before?.is !== 'done') {
          const keyed = {
            source_id: sourceId,
            event_id: id,
            expires_at_ms: keysExpireAtMs,
            run_id: waited ? (run?.record.id ?? null) : null,
            message_id: messageId,
          }
          await nameIt(db, keyed, keys)
        }
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
        .select([...COLUMNS, 'kept_bytes'])
        .where('id', '=', id)
        .where('source_id', '=', sourceId)
        .executeTakeFirst()
      return row && { event: toEvent(row), keptBytes: row.kept_bytes }
    },

    async content(id) {
      const row = await reader
        .selectFrom('source_events')
        .select(['request', 'body'])
        .where('id', '=', id)
        .executeTakeFirst()
      const { request = null, body = null } = row ?? {}
      return { request: request === null ? null : secrets.open(request, requestOf(id)), body }
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
      for (const isAccepted of [true, false]) await pruneBodies(sourceId, isAccepted, bytes)
      if (keys !== undefined) await pruneKeys(sourceId, keys)
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
