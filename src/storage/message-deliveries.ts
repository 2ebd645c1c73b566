// The deliveries of a message: one for each endpoint that it goes to, made when it is published, or later for one that was
// not there yet.
import type { Insertable, Kysely, Selectable } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { bodyOf } from '../body-style.ts'
import { needsPreparation } from '../endpoint-settings.ts'
import { payloadOf, toEnvelope } from '../event-envelope.ts'
import type { BodyStyle } from '../body-style.ts'
import type { EndpointSettings } from '../model.ts'
import { lineOf } from '../ordered-line.ts'
import type { AtCommit } from './database.ts'
import { endpointsWanting } from './endpoint-patterns.ts'
import { settingsOf } from './endpoint-rows.ts'
import { insertEventDeliveries, insertSeated } from './event-deliveries.ts'
import { sentAsIs } from './events-schema.ts'
import type { EndpointsTable } from './events-schema.ts'
import { placeIn } from './lane-names.ts'
import { seatInLine } from './ordered-deliveries.ts'
import type { DeliveriesTable, Schema } from './schema.ts'
import { shareOfTenant } from './tenant-share.ts'

type ReceiverRow = Pick<Selectable<EndpointsTable>, 'id' | 'lane' | 'retry' | 'settings'>

/** An endpoint, as far as its deliveries are made of it. */
export interface Receiver extends Omit<ReceiverRow, 'settings'> {
  delayMs: number
  bodyStyle: EndpointSettings['bodyStyle']
  /** Something has to be done before anything is sent. */
  unprepared: boolean
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
  const { delayMs, bodyStyle, signatureStyle, ordered } = settings
  const unprepared = needsPreparation(settings)
  return { ...row, delayMs, bodyStyle, unprepared, signatureStyle, ordered }
}

/** One for each receiver, due at once or when its message is, and as much later as the receiver says. */
export async function addDeliveries(
  db: Kysely<Schema>,
  at: AtCommit,
  message: Deliverable,
  receivers: readonly Receiver[],
): Promise<void> {
  if (receivers.length === 0) return
  const { id, tenant, type, countedBytes, createdAtMs, dueAtMs } = message
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
    ...sentTo(receiver, message),
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

/** What it is, is known where nothing has to be made or fetched before; else it is told when that has been done. */
function sentTo({ bodyStyle, unprepared }: Receiver, message: Deliverable) {
  const { contentType: content_type, sizeBytes: size_bytes } = message
  if (message.awaitsFetch) return { sends: 'unfetched' as const, content_type, size_bytes }
  if (unprepared) return { sends: 'unprepared' as const, content_type, size_bytes }
  return { ...sentAsIs(bodyStyle), size_bytes: sentBytes(bodyStyle, message) }
}

/** Told by a message of no payload: times are as long as each other. */
function sentBytes(style: BodyStyle, { id, tenant, type, sizeBytes }: Deliverable): number {
  if (style === 'envelope') return sizeBytes
  const envelope = toEnvelope(type, 0, '')
  return sizeBytes - envelope.length + bodyOf(style, { id, tenant, envelope }).body.length
}
