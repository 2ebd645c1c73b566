// Lines of deliveries to ordered endpoints (decision 0027). The deliveries of one endpoint and key stand in a line: one has its
// turn and is due as any other, the rest wait with a seat and no due time. Units tell who came and who ended; with
// their commit, once for all of them, those that are over leave, and the next has its turn. All of that happens under a
// lock of the endpoint, so that neither a publish nor an end misses the other (PostgreSQL).
import type { Kysely } from 'kysely'
import type { AtCommit, Database, Locks } from './database.ts'
import { settingsOf } from './endpoint-rows.ts'
import type { Schema } from './schema.ts'
import { createStatement } from './statement.ts'
import type { AfterAttempt, LeasedDelivery, Unchanged } from './storage.ts'

/**
 * `turn`: the others of its line wait until it has ended. Of one that ended and failed: `blocks`: until it arrives after
 * all, or is let go; `parks`: until it is let go.
 */
export type OrderPlace = 'turn' | 'blocks' | 'parks'

const HELD_UP: readonly OrderPlace[] = ['blocks', 'parks']

/** How one that had its turn, or waited for it, has ended. */
export type LineEnd = 'over' | 'failed' | 'let_go'

export interface LineChange {
  endpointId: string
  /** Name of the line. */
  key: string
  nowMs: number
  /** One that ended in the same unit, or somebody lets go of. */
  ended?: { id: string; how: LineEnd }
}

/** Locks are of one of so many groups of endpoints: PostgreSQL has room for a limited number of them. */
const LOCK_GROUPS = 64
/** Lines looked at at once where many may be. */
const STEP_LINES = 100

/** The columns of a delivery that joins the end of its line. */
export async function seatInLine(
  db: Kysely<Schema>,
  endpointId: string,
  key: string,
  dueAtMs: number,
) {
  const { rows } = await lastSeat(db, endpointId, key)
  const seat = (rows[0]?.order_seat ?? 0) + 1
  return { order_key: key, order_seat: seat, order_due_at_ms: dueAtMs, due_at_ms: null }
}

/**
 * Of those whose publish was committed before ours, so that we come after them. Who publishes at the same time may
 * have the same seat, and no one can tell who was first.
 */
const lastSeat = createStatement((db, endpointId: string, key: string) =>
  inLine(db, endpointId, key).select('order_seat').orderBy('order_seat', 'desc').limit(1),
)

/** What an attempt has come to, told to the line where it is an end. */
export function lineAfter(
  at: AtCommit,
  { id, event }: Pick<LeasedDelivery, 'id' | 'event'>,
  { state }: AfterAttempt | Unchanged,
  nowMs: number,
): void {
  if (!event?.line || state === 'waiting' || state === 'unchanged') return
  const how = state === 'succeeded' ? 'over' : 'failed'
  at.line({ endpointId: event.endpointId, key: event.line.key, nowMs, ended: { id, how } })
}

/** Of a row that has ended, what `leaveLine` asks for. */
export const LINE_COLUMNS = ['id', 'endpoint_id', 'order_key'] as const

/** Tells the line, where there is one, that a delivery of it has ended. */
export function leaveLine(
  at: AtCommit,
  row: { id: string; endpoint_id: string | null; order_key: string | null },
  how: LineEnd,
  nowMs: number,
): void {
  const { id, endpoint_id: endpointId, order_key: key } = row
  if (endpointId !== null && key !== null) at.line({ endpointId, key, nowMs, ended: { id, how } })
}

/** Writes what units of one commit told of lines; before the lanes, in which more is due then. */
export async function writeLines(
  db: Kysely<Schema>,
  at: Pick<AtCommit, 'lane' | 'tell'>,
  locks: Pick<Locks, 'inTurn'>,
  changes: readonly LineChange[],
): Promise<void> {
  // All in one order, so that no two commits wait for each other in a circle.
  const groups = new Set(changes.map(({ endpointId }) => lockOf(endpointId)))
  for (const group of [...groups].sort()) await locks.inTurn(db, group)
  const lines = new Map<string, LineChange>()
  for (const change of changes) {
    if (change.ended !== undefined) await end(db, change.endpointId, change.ended)
    const name = `${change.endpointId}/${change.key}`
    lines.set(name, { ...change, nowMs: Math.max(change.nowMs, lines.get(name)?.nowMs ?? 0) })
  }
  for (const [, { endpointId, key, nowMs }] of [...lines].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { rows } = await nextTurn(db, endpointId, key, nowMs)
    for (const { lane, due_at_ms: dueAtMs, owner } of rows) {
      at.lane({ work: 'deliveries', lane, dueAtMs: dueAtMs ?? undefined, owner })
      at.tell({ kind: 'work', work: 'deliveries' })
    }
  }
}

/** Lets go of all that failed and holds up a line of the endpoint, in small steps. */
export async function letGoAll(
  { write, locks }: Pick<Database, 'write' | 'locks'>,
  endpointId: string,
  { nowMs, held }: { nowMs: number; held?: readonly OrderPlace[] },
): Promise<void> {
  let after: string | undefined = ''
  while (after !== undefined) {
    const last: string = after
    after = await write((db, at) =>
      letGoSome(db, at, locks, endpointId, { after: last, nowMs, held }),
    )
  }
}

/** The same within a unit, after the line of that name; tells the last that was looked at. */
export async function letGoSome(
  db: Kysely<Schema>,
  at: AtCommit,
  locks: Locks,
  endpointId: string,
  {
    after,
    nowMs,
    held = HELD_UP,
  }: { after: string; nowMs: number; held?: readonly OrderPlace[] | undefined },
): Promise<string | undefined> {
  // What ends as its policy said before is committed by now, or looks at the policy later.
  await locks.inTurn(db, lockOf(endpointId))
  const rows = await db
    .selectFrom('deliveries')
    .select(LINE_COLUMNS)
    .where('endpoint_id', '=', endpointId)
    .where('order_place', 'is not', null)
    .where('order_place', 'in', held)
    .where('order_key', '>', after)
    .orderBy('order_key')
    .limit(STEP_LINES)
    .execute()
  for (const row of rows) leaveLine(at, row, 'let_go', nowMs)
  return rows.at(-1)?.order_key ?? undefined
}

/** Lets go of one that ended and holds up its line; false where it does not. */
export async function letGo(
  db: Kysely<Schema>,
  at: AtCommit,
  id: string,
  nowMs: number,
): Promise<boolean> {
  const row = await db
    .selectFrom('deliveries')
    .select(LINE_COLUMNS)
    .where('id', '=', id)
    .where('order_place', 'in', HELD_UP)
    .executeTakeFirst()
  if (row === undefined) return false
  leaveLine(at, row, 'let_go', nowMs)
  return true
}

function lockOf(endpointId: string): string {
  const group = Number.parseInt(endpointId.slice(-2), 16) % LOCK_GROUPS
  return `lines/${String(group).padStart(2, '0')}`
}

async function end(
  db: Kysely<Schema>,
  endpointId: string,
  { id, how }: { id: string; how: LineEnd },
): Promise<void> {
  const place = how === 'failed' ? await placeOfFailed(db, endpointId) : null
  if (place !== null) await hold(db, id, place)
  else if (how === 'let_go') await leave(db, id)
  else await leaveUnlessParked(db, id)
}

/** As the endpoint's owner says now. Nothing is held up for an endpoint that is gone. */
async function placeOfFailed(db: Kysely<Schema>, endpointId: string): Promise<OrderPlace | null> {
  const { rows } = await selectSettings(db, endpointId)
  const policy = settingsOf(rows[0]?.settings ?? '{}').ordered?.onExhaustion
  if (policy === 'block') return 'blocks'
  return policy === 'park' ? 'parks' : null
}

const selectSettings = createStatement((db, endpointId: string) =>
  db.selectFrom('endpoints').select('settings').where('id', '=', endpointId),
)

const hold = createStatement((db, id: string, place: OrderPlace) =>
  ofEnded(db, id).set({ order_place: place }).where('order_place', '=', 'turn'),
)

const leave = createStatement((db, id: string) => ofEnded(db, id).set(OUT_OF_LINE))

const leaveUnlessParked = createStatement((db, id: string) =>
  ofEnded(db, id)
    .set(OUT_OF_LINE)
    .where((eb) => eb.or([eb('order_place', 'is', null), eb('order_place', '<>', 'parks')])),
)

/** Unless somebody has it already, or the endpoint is paused. */
const nextTurn = createStatement((db, endpointId: string, key: string, nowMs: number) =>
  db
    .updateTable('deliveries')
    .set((eb) => ({
      order_place: 'turn',
      order_seat: null,
      order_due_at_ms: null,
      due_at_ms: eb
        .case()
        .when('order_due_at_ms', '>', nowMs)
        .then(eb.ref('order_due_at_ms'))
        .else(nowMs)
        .end(),
    }))
    .where(
      'id',
      '=',
      inLine(db, endpointId, key).select('id').orderBy('order_seat').orderBy('id').limit(1),
    )
    .where('order_seat', 'is not', null)
    .where('ended_at_ms', 'is', null)
    .where('state', '<>', 'paused')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('deliveries as front')
            .select('front.id')
            .where('front.endpoint_id', '=', endpointId)
            .where('front.order_key', '=', key)
            .where('front.order_place', 'is not', null),
        ),
      ),
    )
    .returning(['lane', 'due_at_ms', 'executable_id as owner']),
)

const OUT_OF_LINE = { order_place: null, order_seat: null, order_due_at_ms: null }

/** Those that wait for their turn. */
function inLine(db: Kysely<Schema>, endpointId: string, key: string) {
  return db
    .selectFrom('deliveries')
    .where('endpoint_id', '=', endpointId)
    .where('order_key', '=', key)
    .where('order_seat', 'is not', null)
}

function ofEnded(db: Kysely<Schema>, id: string) {
  return db.updateTable('deliveries').where('id', '=', id).where('ended_at_ms', 'is not', null)
}
