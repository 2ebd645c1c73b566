// The deliveries of a message: one for each endpoint that it goes to, made when it is published, or later for one that was
// not there yet.
import type { Insertable, Kysely, Selectable } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { needsPreparation } from '../endpoint-settings.ts'
import { payloadOf, toEnvelope } from '../event-envelope.ts'
import type { EndpointSettings } from '../model.ts'
import { lineOf } from '../ordered-line.ts'
import type { AtCommit } from './database.ts'
import { endpointsWanting } from './endpoint-patterns.ts'
import { settingsOf } from './endpoint-rows.ts'
import { insertEventDeliveries, insertSeated } from './event-deliveries.ts'
import type { EndpointsTable, EventSends } from './events-schema.ts'
import { placeIn } from './lane-names.ts'
import { seatInLine } from './ordered-deliveries.ts'
import type { DeliveriesTable, Schema } from './schema.ts'
import { shareOfTenant } from './tenant-share.ts'

type ReceiverRow = Pick<Selectable<EndpointsTable>, 'id' | 'lane' | 'retry' | 'settings'>

/** An endpoint, as far as its deliveries are made of it. */
export interface Receiver extends Omit<ReceiverRow, 'settings'> {
  delayMs: number
  sends: EventSends
  signatureStyle: EndpointSettings['signatureStyle']
  ordered: EndpointSettings['ordered']
}

/** What deliveries are made of. */
export interface Deliverable {
  id: string
  tenant: string
  type: string
  contentType: string
  hops: number
  /** Of its body. */
  sizeBytes: number
  /** Of its body, what is to count with one of the deliveries; 0: it counts with another already. */
  countedBytes: number
  /** Its payload is fetched before any of them is sent. */
  awaitsFetch: boolean
  /** Of the deliveries. */
  createdAtMs: number
  dueAtMs: number
}

/** Who wants it now. */
export async function receiversOf(
  db: Kysely<Schema>,
  message: { tenant: string; type: string },
): Promise<readonly Receiver[]> {
  const rows = await endpointsWanting(db, message)
  return rows.map(toReceiver)
}

export function toReceiver({ settings: json, ...row }: ReceiverRow): Receiver {
  const settings = settingsOf(json)
  const { delayMs, signatureStyle, ordered } = settings
  return { ...row, delayMs, sends: sentWith(settings), signatureStyle, ordered }
}

/** One for each receiver, due at once or when its message is, and as much later as the receiver says. */
export async function addDeliveries(
  db: Kysely<Schema>,
  at: AtCommit,
  message: Deliverable,
  receivers: readonly Receiver[],
): Promise<void> {
  if (receivers.length === 0) return
  const { id, tenant, type, sizeBytes, countedBytes, createdAtMs, dueAtMs } = message
  const owner = shareOfTenant(tenant)
  const rows = receivers.map((receiver, n) => ({
    id: uuidv7({ msecs: createdAtMs }),
    run_id: id,
    executable_id: owner,
    tenant,
    endpoint_id: receiver.id,
    event_type: type,
    ...placeIn(receiver.lane),
    state: 'scheduled',
    reason: null,
    due_at_ms: dueAtMs + receiver.delayMs,
    tries: 0,
    retry: receiver.retry,
    hops: message.hops,
    signed: 1,
    content_type: message.contentType,
    sends: message.awaitsFetch ? 'unfetched' : receiver.sends,
    size_bytes: receiver.sends === 'payload' ? payloadBytes(message) : sizeBytes,
    created_at_ms: createdAtMs,
    // The body is kept once, and counts once.
    kept_bytes: n === 0 ? countedBytes : 0,
    body_bytes: n === 0 && countedBytes > 0 ? countedBytes : null,
  })) satisfies Insertable<DeliveriesTable>[]
  const plain = rows.filter((_, n) => receivers[n]?.ordered === null)
  await insertEventDeliveries(db, plain)
  for (const { lane, due_at_ms: first } of firstOfLanes(plain)) {
    at.lane({ work: 'deliveries', lane, dueAtMs: first, owner })
  }
  if (plain.length > 0) at.tell({ kind: 'work', work: 'deliveries' })
  if (plain.length < rows.length) await joinLines(db, at, message, receivers, rows)
}

/** Deliveries to ordered endpoints wait in their lines, each until its turn comes. */
async function joinLines(
  db: Kysely<Schema>,
  at: AtCommit,
  { id, dueAtMs }: Deliverable,
  receivers: readonly Receiver[],
  rows: readonly (Insertable<DeliveriesTable> & { due_at_ms: number })[],
): Promise<void> {
  const keyed = receivers.some(({ ordered }) => ordered !== null && ordered.key !== null)
  const payload = keyed ? await payloadOfMessage(db, id) : null
  const seated: Insertable<DeliveriesTable>[] = []
  for (const [n, { id: endpointId, ordered }] of receivers.entries()) {
    const row = rows[n]
    if (ordered === null || row === undefined) continue
    const seat = await seatInLine(db, endpointId, lineOf(ordered, payload), row.due_at_ms)
    seated.push({ ...row, ...seat })
    at.line({ endpointId, key: seat.order_key, nowMs: dueAtMs })
  }
  await insertSeated(db, seated)
}

/** As it was published. */
async function payloadOfMessage(db: Kysely<Schema>, id: string): Promise<unknown> {
  const { body } = await db
    .selectFrom('messages')
    .select('body')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return body === null ? null : JSON.parse(payloadOf(body).toString())
}

/** Of each lane one that is due as early as any. */
function firstOfLanes<T extends { lane: string; due_at_ms: number }>(rows: readonly T[]) {
  const firsts = new Map<string, T>()
  for (const row of rows) {
    const known = firsts.get(row.lane)
    if (known === undefined || row.due_at_ms < known.due_at_ms) firsts.set(row.lane, row)
  }
  return firsts.values()
}

function sentWith(settings: EndpointSettings): EventSends {
  if (needsPreparation(settings)) return 'unprepared'
  return settings.bodyStyle === 'raw' ? 'payload' : 'envelope'
}

/** Without what stands around it. */
function payloadBytes({ type, sizeBytes }: Deliverable): number {
  // Times are as long as each other.
  return sizeBytes - toEnvelope(type, 0, '').length
}
