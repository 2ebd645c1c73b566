// Messages: what was published. A message and its deliveries are written as one, its body once for all of them.
import type { Insertable, Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Message } from '../model.ts'
import type { AtCommit, Database } from './database.ts'
import type { MessageStore, NewMessage, Published, PublishRefusal } from './event-stores.ts'
import type { MessageExtrasTable, MessagesTable } from './events-schema.ts'
import { addDeliveries, receiversOf } from './message-deliveries.ts'
import type { Receiver } from './message-deliveries.ts'
import { createFetchStore, sealFetch } from './message-fetches.ts'
import type { Schema } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { createStatement } from './statement.ts'

/** All that the model tells of a message. */
const COLUMNS = [
  'id',
  'tenant',
  'event_type',
  'caller_id',
  'size_bytes',
  'deliveries',
  'deliver_at_ms',
  'created_at_ms',
] as const satisfies readonly (keyof MessagesTable)[]
/** Of those few that have any. */
const EXTRAS = [
  'warnings',
  'fetched_at_ms',
] as const satisfies readonly (keyof MessageExtrasTable)[]

/** Deliveries made in one unit, about: other writers wait meanwhile. */
const UNIT_DELIVERIES = 1_000

const selectType = createStatement((db, tenant: string, name: string) =>
  db
    .selectFrom('event_types')
    .select('revision')
    .where('tenant', '=', tenant)
    .where('name', '=', name),
)

/** What other repositories do within a unit of their own. */
export interface MessageStoreInside {
  /** Where it is refused, nothing is stored. */
  publishIn(
    db: Kysely<Schema>,
    at: AtCommit,
    message: NewMessage,
  ): Promise<Published | PublishRefusal>
}

export function createMessageStore(deps: {
  database: Database
  secrets: Secrets
}): MessageStore & MessageStoreInside {
  const { database, secrets } = deps
  const { reader } = database

  /** Of the message alone: what its type says of it. */
  async function addExtras(db: Kysely<Schema>, { id, warnings, fetch }: NewMessage): Promise<void> {
    if (warnings.length === 0 && fetch === null) return
    const row: Insertable<MessageExtrasTable> = {
      id,
      warnings: JSON.stringify(warnings),
      fetch: fetch === null ? null : sealFetch(secrets, id, fetch),
      fetched_at_ms: fetch === null ? null : 0,
    }
    await db.insertInto('message_extras').values(row).execute()
  }

  /** Where it is refused, nothing is stored. */
  async function publishOne(
    db: Kysely<Schema>,
    at: AtCommit,
    message: NewMessage,
  ): Promise<Published | PublishRefusal> {
    // What was accepted once stays so, though its type may be gone.
    const before = await findByCaller(db, message)
    if (before !== undefined) return before
    const { rows } = await selectType(db, message.tenant, message.type)
    const [type] = rows
    if (type === undefined) return 'unknown_type'
    if (type.revision !== message.typeRevision) return 'type_changed'
    const receivers = await receiversOf(db, message)
    // What will be fetched may have them.
    const hasFields = message.hasTokenFields || message.fetch !== null
    if (!hasFields && receivers.some((one) => one.signatureStyle === 'token'))
      return 'token_fields_missing'
    const made = await publishTo(db, at, message, receivers)
    // Somebody else has published it at the same time (PostgreSQL), and has committed.
    if (!made) return (await findByCaller(db, message)) ?? 'unknown_type'
    await addExtras(db, message)
    const { fingerprint } = message
    return { message: madeOf(message, receivers.length), repeated: false, fingerprint }
  }

  return {
    ...createFetchStore(deps),
    publishIn: publishOne,
    publish: (message) => database.write((db, at) => publishOne(db, at, message)),

    publishSome: (messages) =>
      database.write(async (db, at) => {
        const outcomes: (Published | PublishRefusal)[] = []
        let made = 0
        for (const message of messages) {
          const outcome = await publishOne(db, at, message)
          outcomes.push(outcome)
          if (outcome === 'type_changed') break
          if (typeof outcome === 'object' && !outcome.repeated) made += outcome.message.deliveries
          if (made >= UNIT_DELIVERIES) break
        }
        return outcomes
      }),

    findByCaller: (tenant, callerId) => findByCaller(reader, { tenant, callerId }),

    async get(id) {
      const row = await selectMessages(reader)
        .select('body')
        .where('messages.id', '=', id)
        .executeTakeFirst()
      if (row === undefined) return undefined
      return { message: toMessage(row), body: row.expunged_at_ms === null ? row.body : null }
    },

    expunge: (tenant, id, nowMs) =>
      database.write(async (db) => {
        const message = await db
          .selectFrom('messages')
          .select('id')
          .where('id', '=', id)
          .where('tenant', '=', tenant)
          .executeTakeFirst()
        if (message === undefined) return false
        await db
          .insertInto('expunged_messages')
          .values({ id, at_ms: nowMs, finished: 0 })
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        return true
      }),

    endExpunging: (id) =>
      database.write(async (db) => {
        const gone = { body: null, kept_bytes: null }
        await db.updateTable('messages').set(gone).where('id', '=', id).execute()
        // Both may hold what was in the payload.
        const said = { fetch: null, warnings: '[]' }
        await db.updateTable('message_extras').set(said).where('id', '=', id).execute()
        await db
          .updateTable('expunged_messages')
          .set({ finished: 1 })
          .where('id', '=', id)
          .execute()
      }),

    async expunging(limit) {
      const rows = await reader
        .selectFrom('expunged_messages')
        .select('id')
        .where('finished', '=', sql.lit(0))
        .limit(limit)
        .execute()
      return rows.map((row) => row.id)
    },

    async list(tenant, { type }, { limit, before }) {
      let query = selectMessages(reader).where('tenant', '=', tenant)
      if (type !== undefined) query = query.where('event_type', '=', type)
      if (before !== undefined) query = query.where('messages.id', '<', before)
      const rows = await query
        .orderBy('messages.id', 'desc')
        .limit(limit + 1)
        .execute()
      const items = rows.slice(0, limit).map(toMessage)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
  }
}

function selectMessages(db: Kysely<Schema>) {
  return db
    .selectFrom('messages')
    .leftJoin('expunged_messages', 'expunged_messages.id', 'messages.id')
    .leftJoin('message_extras', 'message_extras.id', 'messages.id')
    .select(COLUMNS.map((column) => `messages.${column}` as const))
    .select('expunged_messages.at_ms as expunged_at_ms')
    .select(EXTRAS)
}

/** A message with its deliveries; false where its tenant has one of its publisher's name for it. */
export async function publishTo(
  db: Kysely<Schema>,
  at: AtCommit,
  message: NewMessage,
  receivers: readonly Receiver[],
): Promise<boolean> {
  if (!(await insertMessage(db, message, receivers.length))) return false
  const sizeBytes = message.body.length
  const bytes = { sizeBytes, countedBytes: sizeBytes }
  const awaitsFetch = message.fetch !== null
  await addDeliveries(db, at, { ...message, ...bytes, awaitsFetch }, receivers)
  return true
}

async function findByCaller(
  db: Kysely<Schema>,
  { tenant, callerId }: Pick<NewMessage, 'tenant' | 'callerId'>,
): Promise<Published | undefined> {
  if (callerId === null) return undefined
  const row = await selectMessages(db)
    .select('fingerprint')
    .where('tenant', '=', tenant)
    .where('caller_id', '=', callerId)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { message: toMessage(row), repeated: true, fingerprint: row.fingerprint }
}

/** False where its tenant has one of its publisher's name for it. */
async function insertMessage(
  db: Kysely<Schema>,
  message: NewMessage,
  deliveries: number,
): Promise<boolean> {
  const row: Insertable<MessagesTable> = {
    id: message.id,
    tenant: message.tenant,
    event_type: message.type,
    caller_id: message.callerId,
    fingerprint: message.fingerprint,
    body: message.body,
    size_bytes: message.body.length,
    deliveries,
    deliver_at_ms: message.deliverAtMs,
    created_at_ms: message.createdAtMs,
    kept_bytes: deliveries === 0 ? message.body.length : null,
  }
  const made = await db
    .insertInto('messages')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return (made.numInsertedOrUpdatedRows ?? 0n) > 0n
}

type MessageRow = Pick<Selectable<MessagesTable>, (typeof COLUMNS)[number]> &
  Nullable<Pick<MessageExtrasTable, (typeof EXTRAS)[number]>> & { expunged_at_ms: number | null }
type Nullable<T> = { [K in keyof T]: T[K] | null }

function madeOf(message: NewMessage, deliveries: number): Message {
  const { id, tenant, type, callerId, deliverAtMs, warnings, createdAtMs } = message
  return {
    ...{ id, tenant, type, callerId, deliverAtMs, warnings, createdAtMs, deliveries },
    sizeBytes: message.body.length,
    fetched: message.fetch === null ? 'never' : 'waiting',
    expungedAtMs: null,
  }
}

function toMessage(row: MessageRow): Message {
  const fetchedAtMs = row.fetched_at_ms
  return {
    id: row.id,
    tenant: row.tenant,
    type: row.event_type,
    callerId: row.caller_id,
    sizeBytes: row.size_bytes,
    deliveries: row.deliveries,
    deliverAtMs: row.deliver_at_ms,
    expungedAtMs: row.expunged_at_ms,
    warnings: row.warnings === null ? [] : (JSON.parse(row.warnings) as string[]),
    fetched: fetchedAtMs === null ? 'never' : fetchedAtMs === 0 ? 'waiting' : fetchedAtMs,
    createdAtMs: row.created_at_ms,
  }
}
