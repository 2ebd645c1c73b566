// Deliveries that carry a message: their rows are those of any delivery, what they send is kept once with their
// message, and where they go and what they are signed with is read with their endpoint at each attempt.
import type { ExpressionBuilder, Insertable, Kysely } from 'kysely'
import { bodyOf, eventHeadersOf } from '../body-style.ts'
import { PAUSED } from '../model.ts'
import type { EndpointSettings, RequestSpec, SigningSecret } from '../model.ts'
import type { AtCommit } from './database.ts'
import { DELIVERY_COLUMNS } from './delivery-rows.ts'
import type { DeliveryRow } from './delivery-rows.ts'
import { readEndpointSecrets, settingsOf, specOfEndpoint } from './endpoint-rows.ts'
import { styleOf } from './events-schema.ts'
import type { EventSends } from './events-schema.ts'
import { placeIn } from './lane-names.ts'
import { createRowWriter } from './row-writer.ts'
import type { DeliveriesTable, Schema } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { createStatement, createStatementOfIds } from './statement.ts'
import { NOT_LEASED } from './work-queue.ts'

/** A delivery under lease, and what it sends, or why it cannot be sent. */
export interface LoadedDelivery {
  id: string
  row: DeliveryRow
  resendJobId: string | null
  sent:
    | {
        spec: RequestSpec | null
        body: Buffer
        eventHeaders: Readonly<Record<string, string>>
        signingSecrets: readonly SigningSecret[]
        unprepared: EndpointSettings | null
        function: EndpointSettings['target']
        unfetched: boolean
      }
    /** Its endpoint has another lane since it took its place in one. */
    | { movedTo: string }
    | 'executable_deleted'
    | 'endpoint_deleted'
    | 'payload_expunged'
    | 'unreadable'
    /** Its endpoint is disabled. */
    | typeof PAUSED
}

const createWriter = () =>
  createRowWriter<Insertable<DeliveriesTable>>((db, rows) =>
    db.insertInto('deliveries').values(rows).compile(),
  )
export const insertEventDeliveries = createWriter()
/** Those that stand in a line have columns more. */
export const insertSeated = createWriter()

const selectLeasedEvents = createStatementOfIds((db, ids) =>
  db
    .selectFrom('deliveries')
    .leftJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
    .leftJoin('expunged_messages', 'expunged_messages.id', 'deliveries.run_id')
    .select(DELIVERY_COLUMNS.map((column) => `deliveries.${column}` as const))
    .select(['resend_job_id', 'sends', 'endpoints.id as endpoint', 'spec', 'settings'])
    .select(['endpoints.lane as lane_now', 'expunged_messages.at_ms as expunged_at_ms'])
    .select('enabled')
    .where('deliveries.id', 'in', ids)
    .where('endpoint_id', 'is not', null),
)

export async function loadEvents(
  db: Kysely<Schema>,
  ids: readonly string[],
  secrets: Secrets,
): Promise<LoadedDelivery[]> {
  if (ids.length === 0) return []
  const { rows } = await selectLeasedEvents(db, ids)
  const outputs = await readOutputs(
    db,
    rows.flatMap(({ id, sends }) => (isMade(sends) ? [id] : [])),
  )
  const sending = rows.filter(({ sends }) => sends !== 'output')
  const bodies = await readBodies(db, new Set(sending.map((row) => row.run_id)))
  const endpoints = new Set(rows.flatMap(({ endpoint }) => (endpoint === null ? [] : [endpoint])))
  const secretsOf = await readEndpointSecrets(db, endpoints, secrets)
  return rows.map(
    ({
      endpoint,
      lane_now: lane,
      sends,
      spec: sealed,
      settings,
      enabled,
      resend_job_id: resendJobId,
      expunged_at_ms: expungedAtMs,
      ...row
    }) => {
      const content = (): { body: Buffer; eventHeaders: Readonly<Record<string, string>> } => {
        const { run_id: messageId, tenant } = row
        const made = isMade(sends) ? (outputs.get(row.id) ?? missing()) : undefined
        if (made !== undefined && sends === 'output') return { body: made, eventHeaders: {} }
        const envelope = bodies.get(messageId) ?? missing()
        const message = { id: messageId, tenant: tenant ?? '', envelope }
        if (made !== undefined) return { body: made, eventHeaders: eventHeadersOf(message) }
        const style = styleOf(sends)
        if (style === undefined) return { body: envelope, eventHeaders: {} }
        const { body, eventHeaders } = bodyOf(style, message)
        return { body, eventHeaders }
      }
      const toSend = (): LoadedDelivery['sent'] => {
        if (expungedAtMs !== null) return 'payload_expunged'
        if (endpoint === null || lane === null || sealed === null) return 'endpoint_deleted'
        // What somebody asked for is sent all the same.
        if (enabled === 0 && row.manual === 0) return PAUSED
        if (lane !== row.lane) return { movedTo: lane }
        return readable(() => {
          const said = settingsOf(settings ?? '{}')
          const unfetched = sends === 'unfetched'
          return {
            spec: specOfEndpoint(endpoint, sealed, secrets),
            ...content(),
            signingSecrets: secretsOf(endpoint),
            function: said.target,
            unprepared: sends === 'unprepared' || unfetched ? said : null,
            unfetched,
          }
        })
      }
      return { id: row.id, row, resendJobId, sent: toSend() }
    },
  )
}

/** Has one that was just leased wait again, due at once, in the lane that its endpoint now has. */
export async function putBackInto(
  { db, at }: { db: Kysely<Schema>; at: AtCommit },
  { id, executable_id: owner }: Pick<DeliveryRow, 'id' | 'executable_id'>,
  lane: string,
  dueAtMs: number,
): Promise<void> {
  // Its lease goes, and nothing else: a resend that is pending stays so.
  await db
    .updateTable('deliveries')
    .set({ ...NOT_LEASED, ...placeIn(lane), due_at_ms: dueAtMs })
    .where('id', '=', id)
    .execute()
  at.lane({ work: 'deliveries', lane, dueAtMs, owner })
  at.tell({ kind: 'work', work: 'deliveries' })
}

/** Where a delivery belongs by what its endpoint says; its lane where it has none. */
export function placeNow(eb: ExpressionBuilder<Schema, 'deliveries'>) {
  const target = eb
    .selectFrom('endpoints')
    .select('target')
    .whereRef('endpoints.id', '=', 'deliveries.endpoint_id')
    .whereRef('endpoints.lane', '<>', 'endpoints.target')
  return { lane: laneNow(eb), own_target: target }
}

function laneNow(eb: ExpressionBuilder<Schema, 'deliveries'>) {
  const lane = eb
    .selectFrom('endpoints')
    .select('endpoints.lane')
    .whereRef('endpoints.id', '=', 'deliveries.endpoint_id')
  return eb.fn.coalesce(lane, 'deliveries.lane')
}

const moveOne = createStatement((db, id: string) =>
  db
    .updateTable('deliveries')
    .set(placeNow)
    .where('id', '=', id)
    .where('due_at_ms', 'is not', null)
    .where((eb) => eb('deliveries.lane', '<>', laneNow(eb)))
    .returning(['lane', 'due_at_ms', 'executable_id as owner']),
)

/** After an attempt: what waits again does so where its endpoint points now, not where it was sent. */
export async function followEndpoint(db: Kysely<Schema>, at: AtCommit, id: string): Promise<void> {
  const { rows } = await moveOne(db, id)
  for (const { lane, due_at_ms: dueAtMs, owner } of rows) {
    at.lane({ work: 'deliveries', lane, dueAtMs: dueAtMs ?? undefined, owner })
    at.tell({ kind: 'work', work: 'deliveries' })
  }
}

function isMade(sends: EventSends | null): boolean {
  return sends === 'output' || sends === 'event_output'
}

/** What was made of messages for one delivery each. */
async function readOutputs(
  db: Kysely<Schema>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('delivery_payloads')
    .select(['delivery_id', 'body'])
    .where('delivery_id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.delivery_id, row.body]))
}

/** Each once, however many deliveries send it. */
async function readBodies(
  db: Kysely<Schema>,
  messageIds: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Buffer>> {
  if (messageIds.size === 0) return new Map()
  const rows = await db
    .selectFrom('messages')
    .select(['id', 'body'])
    .where('id', 'in', [...messageIds])
    .execute()
  return new Map(rows.flatMap(({ id, body }) => (body === null ? [] : [[id, body] as const])))
}

function missing(): never {
  throw new Error('Its message is gone.')
}

export function readable<T>(read: () => T): T | 'unreadable' {
  try {
    return read()
  } catch {
    return 'unreadable'
  }
}
