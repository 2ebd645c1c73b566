// Sending an endpoint what it was never sent: messages of before it was there, or of while it was off. Whether one has a
// delivery is looked up in the transaction that makes one, so that none is made twice, however often it is asked for.
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { matchesEvent } from '../event-pattern.ts'
import type { ResendJob } from '../model.ts'
import type { AtCommit } from './database.ts'
import { idOfTime } from './delivery-history.ts'
import { patternsOf } from './endpoint-rows.ts'
import { isUnfetched } from './message-fetches.ts'
import { addDeliveries, toReceiver } from './message-deliveries.ts'
import type { Receiver } from './message-deliveries.ts'
import type { Schema } from './schema.ts'

/** Of every message. */
const CONTENT_TYPE = 'application/json'
/** A replay is asked for by hand: a circle ends with it. */
const HOPS = 1

/** Of the messages that a step looked at. */
interface Step {
  made: number
  /** Their payload is kept no more. */
  gone: number
  cursor: string | undefined
  /** There are no more. */
  over: boolean
}

/** Of the job's messages the next few. Its endpoint may be gone, or off. */
export async function sendMissing(
  db: Kysely<Schema>,
  at: AtCommit,
  job: ResendJob,
  { nowMs, rows }: { nowMs: number; rows: number },
): Promise<Step | 'no_endpoint'> {
  // First: it is ours until the commit. Two jobs for it take turns, and none sees half of what the other made.
  const endpoint = await db
    .updateTable('endpoints')
    .set((eb) => ({ id: eb.ref('id') }))
    .where('id', '=', job.filter.endpointId ?? '')
    .where('enabled', '=', 1)
    .returning(['id', 'lane', 'retry', 'settings', 'event_types'])
    .executeTakeFirst()
  if (endpoint === undefined) return 'no_endpoint'
  const { event_types: patterns, ...row } = endpoint
  const found = await nextMessages(db, job, rows)
  const wanted = found.filter(({ event_type: type }) =>
    patternsOf(patterns).some((pattern) => matchesEvent(pattern, type)),
  )
  const sent = await sentTo(db, endpoint.id, wanted)
  const missing = wanted.filter(({ id }) => !sent.has(id))
  const kept = missing.filter(({ is_gone: isGone }) => isGone === 0)
  let made = 0
  for (const message of kept) if (await deliver(db, at, message, toReceiver(row), nowMs)) made++
  return {
    made,
    gone: missing.length - made,
    cursor: found.at(-1)?.id,
    over: found.length < rows,
  }
}

type Found = Awaited<ReturnType<typeof nextMessages>>[number]

/** The oldest first, of the time that the job is about, as far as they were made before it. */
function nextMessages(db: Kysely<Schema>, job: ResendJob, limit: number) {
  const { createdFromMs: from, createdBeforeMs: until } = job.filter
  const after = [job.cursor ?? '', from === undefined ? '' : idOfTime(from)].sort().at(-1) ?? ''
  const before = [job.id, until === undefined ? job.id : idOfTime(until)].sort()[0] ?? job.id
  return db
    .selectFrom('messages')
    .leftJoin('expunged_messages', 'expunged_messages.id', 'messages.id')
    .select(['messages.id', 'tenant', 'event_type', 'size_bytes', 'deliver_at_ms'])
    .select(
      sql<number>`case when body is null or at_ms is not null then 1 else 0 end`.as('is_gone'),
    )
    .where('tenant', '=', job.tenant ?? '')
    .where('messages.id', '>', after)
    .where('messages.id', '<', before)
    .orderBy('messages.id')
    .limit(limit)
    .execute()
}

/** Which of these have a delivery to it, whatever became of it. */
async function sentTo(
  db: Kysely<Schema>,
  endpointId: string,
  messages: readonly { id: string }[],
): Promise<ReadonlySet<string>> {
  if (messages.length === 0) return new Set()
  const ids = messages.map(({ id }) => id)
  const rows = await db
    .selectFrom('deliveries')
    .select('run_id')
    .where('run_id', 'in', ids)
    // By the messages' index: the endpoint's would be looked through whole.
    .where(sql<string>`endpoint_id || ''`, '=', endpointId)
    .execute()
  return new Set(rows.map((row) => row.run_id))
}

/** False where its payload has gone just now. */
async function deliver(
  db: Kysely<Schema>,
  at: AtCommit,
  { id, tenant, event_type: type, size_bytes: sizeBytes, deliver_at_ms: deliverAtMs }: Found,
  receiver: Receiver,
  nowMs: number,
): Promise<boolean> {
  const one = db.updateTable('messages').where('id', '=', id)
  const counted = await one
    .set((eb) => ({ deliveries: eb('deliveries', '+', 1) }))
    .where('body', 'is not', null)
    .returning('kept_bytes')
    .executeTakeFirst()
  if (counted === undefined) return false
  const countedBytes = counted.kept_bytes ?? 0
  // From now on the body counts with the delivery.
  if (countedBytes > 0) await one.set({ kept_bytes: null }).execute()
  const times = { createdAtMs: nowMs, dueAtMs: Math.max(nowMs, deliverAtMs ?? 0) }
  const awaitsFetch = await isUnfetched(db, id)
  const bytes = { sizeBytes, countedBytes }
  const sent = { contentType: CONTENT_TYPE, hops: HOPS, awaitsFetch, ...bytes, ...times }
  await addDeliveries(db, at, { id, tenant, type, ...sent }, [receiver])
  return true
}
