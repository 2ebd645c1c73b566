// Whether endpoints take what they are sent. One that takes nothing for as long as may be, or says that it is gone, is
// sent nothing more: what is open of its deliveries waits as paused. Since when it fails is written when that begins,
// and with its counters (endpoint-counters.ts) when it ends.
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { OperationalType } from '../event-pattern.ts'
import type { Attempt, DeliveryState, DisabledReason, EventOfDelivery } from '../model.ts'
import type { AtCommit, Database } from './database.ts'
import { publishOperational } from './operational-events.ts'
import type { Schema } from './schema.ts'
import { createStatement } from './statement.ts'
import type { AfterAttempt, LeasedDelivery, Unchanged } from './storage.ts'

/** Rows changed at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 100

/** What is settled: an attempt to deliver an event, and what comes of it. */
interface Settled {
  attempt: Attempt
  after: AfterAttempt | Unchanged
}

type Event = Pick<LeasedDelivery, 'id' | 'state' | 'tries'> & {
  event: EventOfDelivery
}

const GONE = 410
/** Classes of attempts that came to no request. */
const STEPS_BEFORE: readonly string[] = ['fetch', 'filter', 'transform']

const noteFailing = createStatement((db, endpointId: string, nowMs: number) =>
  db
    .updateTable('endpoints')
    .set((eb) => ({ failing_since_ms: eb.fn.coalesce('failing_since_ms', eb.val(nowMs)) }))
    .where('id', '=', endpointId)
    .where('enabled', '=', 1)
    .returning('failing_since_ms'),
)

/** What an attempt means for the endpoint, and what the tenant is told of it. */
export async function settleEvent(
  unit: { db: Kysely<Schema>; at: AtCommit },
  delivery: Event,
  { attempt, after }: Settled,
  { nowMs, disabledAfterMs = 0 }: { nowMs: number; disabledAfterMs?: number },
): Promise<void> {
  const { db, at } = unit
  const { tenant, endpointId, type: causedBy } = delivery.event
  const tell = (type: OperationalType, about: Record<string, unknown>): Promise<void> =>
    publishOperational(db, at, { tenant, type, causedBy, about, nowMs })
  if (after.state === 'succeeded') {
    // That it is well is written with its counters.
    if (hadFailed(delivery.state)) await tell('delivery.recovered', toldOf(delivery, attempt))
    return
  }
  if (after.state === 'exhausted') await tell('delivery.exhausted', toldOf(delivery, attempt))
  // What fails before the target is asked tells nothing of it.
  if (!attempt.manual && !STEPS_BEFORE.includes(attempt.errorClass ?? '')) {
    const sinceMs = await failingSince(db, endpointId, nowMs)
    const gone = attempt.status === GONE
    const tooLong = sinceMs !== null && disabledAfterMs > 0 && nowMs - sinceMs >= disabledAfterMs
    if (sinceMs !== null && (gone || tooLong)) {
      const reason = gone ? 'gone' : 'failing'
      await disable(db, endpointId, reason, nowMs)
      const failing_since = new Date(sinceMs).toISOString()
      await tell('endpoint.disabled', { endpoint_id: endpointId, reason, failing_since })
    }
  }
  if (after.state === 'waiting') await pauseOne(db, delivery.id)
}

/** Null where it is disabled, or gone. */
async function failingSince(
  db: Kysely<Schema>,
  endpointId: string,
  nowMs: number,
): Promise<number | null> {
  const { rows } = await noteFailing(db, endpointId, nowMs)
  return rows[0]?.failing_since_ms ?? null
}

function hadFailed(state: DeliveryState): boolean {
  return state === 'exhausted' || state === 'discarded'
}

function toldOf({ id, tries, event }: Event, attempt: Attempt): Record<string, unknown> {
  return {
    delivery_id: id,
    endpoint_id: event.endpointId,
    message_id: event.messageId,
    event_type: event.type,
    tries: attempt.manual ? tries : tries + 1,
    last_status: attempt.status,
    last_error_class: attempt.errorClass,
  }
}

async function disable(
  db: Kysely<Schema>,
  endpointId: string,
  reason: DisabledReason,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('endpoints')
    .set((eb) => ({
      enabled: 0,
      disabled_reason: reason,
      disabled_at_ms: nowMs,
      // Whoever read it before sees that it changed.
      updated_at_ms: eb('updated_at_ms', '+', 1),
    }))
    .where('id', '=', endpointId)
    .execute()
}

/** Has what waits of a disabled endpoint's deliveries wait as paused, in small steps; of an enabled one nothing. */
export async function pauseAll(database: Database, endpointId: string): Promise<void> {
  if ((await isDisabled(database.reader, endpointId)).rows.length === 0) return
  const step = (): Promise<number> =>
    database.write(async (db) => {
      const { rows } = await isDisabled(db, endpointId)
      if (rows.length === 0) return 0
      const open = db
        .selectFrom('deliveries')
        .select('id')
        .where('endpoint_id', '=', endpointId)
        .where('state', 'in', ['scheduled', 'waiting'])
        .where('lease_id', 'is', null)
        .where('manual', '=', 0)
        .limit(STEP_ROWS)
      const paused = await db
        .updateTable('deliveries')
        .set(asPaused)
        .where('id', 'in', open)
        .where('lease_id', 'is', null)
        .executeTakeFirst()
      return Number(paused.numUpdatedRows)
    })
  while ((await step()) > 0);
}

/** When it would have been due stays known: it is sent no earlier once it is resumed. */
function asPaused(eb: ExpressionBuilder<Schema, 'deliveries'>) {
  return {
    state: 'paused',
    order_due_at_ms: eb.fn.coalesce('due_at_ms', 'order_due_at_ms'),
    due_at_ms: null,
  }
}

const isDisabled = createStatement((db, endpointId: string) =>
  db.selectFrom('endpoints').select('id').where('id', '=', endpointId).where('enabled', '=', 0),
)

/** One that an attempt left waiting, where its endpoint was disabled meanwhile. */
export const pauseOne = createStatement((db, id: string) =>
  db
    .updateTable('deliveries')
    .set(asPaused)
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .where('manual', '=', 0)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('endpoints')
          .select('endpoints.id')
          .whereRef('endpoints.id', '=', 'deliveries.endpoint_id')
          .where('enabled', '=', 0),
      ),
    ),
)

/** Has paused deliveries of an enabled endpoint go on, the oldest first; tells how many. */
export async function resumeAll(
  database: Database,
  endpointId: string,
  nowMs: number,
): Promise<number> {
  const step = (): Promise<number> =>
    database.write(async (db, at) => {
      const { rows: disabled } = await isDisabled(db, endpointId)
      if (disabled.length > 0) return 0
      const paused = db
        .selectFrom('deliveries')
        .select('id')
        .where('endpoint_id', '=', endpointId)
        .where('state', '=', 'paused')
        .where('manual', '=', 0)
        .orderBy('id')
        .limit(STEP_ROWS)
      const rows = await db
        .updateTable('deliveries')
        .set((eb) => ({
          state: eb.case().when('tries', '=', 0).then('scheduled').else('waiting').end(),
          // Those that wait in a line go on when their turn comes.
          due_at_ms: eb
            .case()
            .when('order_seat', 'is not', null)
            .then(eb.cast<number | null>(eb.val(null), 'bigint'))
            .when('order_due_at_ms', '>', nowMs)
            .then(eb.ref('order_due_at_ms'))
            .else(eb.cast<number>(eb.val(nowMs), 'bigint'))
            .end(),
        }))
        .where('id', 'in', paused)
        .where('state', '=', 'paused')
        .returning(['lane', 'due_at_ms', 'executable_id as owner', 'order_key'])
        .execute()
      for (const { lane, owner, due_at_ms: dueAtMs, order_key: key } of rows) {
        if (dueAtMs !== null) at.lane({ work: 'deliveries', lane, dueAtMs, owner })
        if (key !== null) at.line({ endpointId, key, nowMs })
      }
      if (rows.length > 0) at.tell({ kind: 'work', work: 'deliveries' })
      return rows.length
    })
  let resumed = 0
  for (let done = await step(); done > 0; done = await step()) resumed += done
  return resumed
}
