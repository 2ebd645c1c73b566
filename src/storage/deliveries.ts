// Deliveries: one table is record and queue (work-queue.ts), whose lanes are targets, or
// endpoints' own.
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { PAUSED } from '../model.ts'
import type { Attempt, RequestSpec } from '../model.ts'
import { bringForwardAll } from './clock-set-back.ts'
import type { AtCommit, Database } from './database.ts'
import { pageOfIds } from './delivery-history.ts'
import {
  NOT_MANUAL,
  chainAsItWas,
  countResent,
  makeManual,
  takeBackResend,
  whyNotManual,
} from './delivery-resends.ts'
import { createPreparedStore } from './delivery-preparation.ts'
import {
  DELIVERY_COLUMNS,
  answerBytes,
  attemptToRow,
  deliveryToRow,
  rowToAttempt,
  rowToDelivery,
} from './delivery-rows.ts'
import {
  insertAttempts,
  insertDeliveries,
  insertPayloads,
  selectLeased,
  selectSizes,
  settleRow,
} from './delivery-statements.ts'
import { changeOf } from './endpoint-counters.ts'
import { settleEvent } from './endpoint-health.ts'
import { followEndpoint, loadEvents, putBackInto, readable } from './event-deliveries.ts'
import type { LoadedDelivery } from './event-deliveries.ts'
import { LINE_COLUMNS, leaveLine, letGo, lineAfter } from './ordered-deliveries.ts'
import type { Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import { readSigningSecrets } from './signing-secrets.ts'
import type {
  ClaimBounds,
  DeliveryStore,
  LeasedDelivery,
  MadeDelivery,
  TargetNews,
} from './storage.ts'
import { NOT_LEASED, createWorkQueue, inOrder } from './work-queue.ts'

/** Rows changed at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 100

export function createDeliveryStore(deps: { database: Database; secrets: Secrets }): DeliveryStore {
  const { database, secrets } = deps
  const { reader, locks } = database
  const queue = createWorkQueue('deliveries', locks)

  /** What is to be sent of deliveries that were just leased. */
  async function load(
    db: Kysely<Schema>,
    at: AtCommit,
    claimed: readonly string[],
    bounds: ClaimBounds,
  ): Promise<LeasedDelivery[]> {
    if (claimed.length === 0) return []
    const sizes = await selectSizes(db, claimed)
    const ids = await queue.fitting(db, at, inOrder(claimed, sizes.rows), bounds)
    const ofRuns = await loadRuns(db, ids)
    const known = new Set(ofRuns.map(({ id }) => id))
    const others = ids.filter((id) => !known.has(id))
    const ofEvents = await loadEvents(db, others, secrets)
    const leased: LeasedDelivery[] = []
    for (const { id, row, resendJobId, sent } of inOrder(ids, [...ofRuns, ...ofEvents])) {
      // Each ends alone: an error here would hold up all others for ever.
      if (sent === PAUSED) await pauseNow(db, id)
      else if (sent === 'unreadable') {
        await endNow({ db, at }, id, 'discarded', sent, bounds)
        const { endpoint_id: endpointId } = row
        // What is sent again, and cannot be read, had ended, and was counted then.
        if (endpointId !== null && row.ended_at_ms === null)
          at.endpoint({ endpointId, nowMs: bounds.nowMs, ended: 'discarded' })
      } else if (typeof sent === 'string') await endNow({ db, at }, id, 'canceled', sent, bounds)
      else if ('movedTo' in sent) {
        // Sent from here, its outcome would be told of the target of before.
        await putBackInto({ db, at }, row, sent.movedTo, bounds.nowMs)
      } else {
        const { lane, executable_id: owner } = row
        const { leaseId } = bounds
        leased.push({ ...rowToDelivery(row), lane, leaseId, owner, resendJobId, ...sent })
      }
    }
    return leased
  }

  /** In steps, since other writers wait. */
  async function endAll(
    of: { executableId: number } | { endpointId: string } | { messageId: string },
    ended: ReturnType<typeof canceled>,
  ): Promise<void> {
    const open = (db: Kysely<Schema>) =>
      db
        .selectFrom('deliveries')
        .select('id')
        .where((eb) => {
          if ('endpointId' in of) return eb('endpoint_id', '=', of.endpointId)
          if ('executableId' in of) return eb('executable_id', '=', of.executableId)
          const { messageId } = of
          return eb.and([eb('run_id', '=', messageId), eb('endpoint_id', 'is not', null)])
        })
        .where('state', 'in', ['scheduled', 'waiting', PAUSED])
        .limit(STEP_ROWS)
    const step = (): Promise<number> =>
      database.write(async (db, at) => {
        const rows = await db
          .updateTable('deliveries')
          .set(ended)
          .where('id', 'in', open(db))
          .returning(['lane', ...LINE_COLUMNS])
          .execute()
        for (const row of rows) {
          leaveLine(at, row, 'over', ended.ended_at_ms)
          const { endpoint_id: endpointId } = row
          if (endpointId !== null && ended.state === 'discarded')
            at.endpoint({ endpointId, nowMs: ended.ended_at_ms, ended: 'discarded' })
          queue.expect(at, row.lane, ended.ended_at_ms)
        }
        return rows.length
      })
    while ((await step()) > 0);
  }

  async function loadRuns(db: Kysely<Schema>, ids: readonly string[]): Promise<LoadedDelivery[]> {
    const { rows } = await selectLeased(db, ids)
    const signed = rows.filter((row) => row.signed === 1).map((row) => row.executable_id)
    const secretsOf = await readSigningSecrets(db, signed, secrets)
    return rows.map(({ spec: sealed, body, alive, resend_job_id: resendJobId, ...row }) => {
      const read = readable(() => ({
        spec: readSpec(row.id, sealed),
        body,
        eventHeaders: {},
        signingSecrets: row.signed === 1 ? secretsOf(row.executable_id) : [],
        unprepared: null,
        function: null,
        unfetched: false,
      }))
      return { id: row.id, row, resendJobId, sent: alive === null ? 'executable_deleted' : read }
    })
  }

  async function endNow(
    { db, at }: { db: Kysely<Schema>; at: AtCommit },
    id: string,
    state: 'discarded' | 'canceled',
    reason: string,
    { nowMs }: ClaimBounds,
  ): Promise<void> {
    // One that had ended stays as it was.
    const one = db.updateTable('deliveries').where('id', '=', id)
    await one.set(chainAsItWas).where('ended_at_ms', 'is not', null).execute()
    const ended = await one
      .set({ ...NOT_LEASED, ...NOT_MANUAL, state, reason, ended_at_ms: nowMs })
      .where('ended_at_ms', 'is', null)
      .returning(LINE_COLUMNS)
      .executeTakeFirst()
    if (ended !== undefined) leaveLine(at, ended, state === 'canceled' ? 'over' : 'failed', nowMs)
  }

  /** One that an endpoint is to get that is disabled. */
  async function pauseNow(db: Kysely<Schema>, id: string): Promise<void> {
    await db
      .updateTable('deliveries')
      .set({ ...NOT_LEASED, state: PAUSED, due_at_ms: null })
      .where('id', '=', id)
      .execute()
  }

  function readSpec(id: string, sealed: Buffer): RequestSpec {
    return JSON.parse(secrets.open(sealed, specOf(id))) as RequestSpec
  }

  return {
    ...createPreparedStore(database, queue),
    create: (delivery) => database.write((db, at) => insertDelivery({ db, at, secrets }, delivery)),

    claim: (bounds) =>
      database.write(async (db, at) => load(db, at, await queue.claim(db, at, bounds), bounds)),

    nextDueMs: (owners) => queue.nextDueMs(reader, owners),
    async heldUntil(id) {
      const row = await reader
        .selectFrom('deliveries')
        .innerJoin('lanes', 'lanes.lane', 'deliveries.lane')
        .select('held_until_ms')
        .where('deliveries.id', '=', id)
        .where('work', '=', 'deliveries')
        .executeTakeFirst()
      return row?.held_until_ms ?? null
    },

    settle: (leased, attempt, after, bounds) =>
      database.write(async (db, at) => {
        const { nowMs, perLane, news } = bounds
        const { id, lane, leaseId, resendJobId, event } = leased
        const { numAffectedRows } = await settleRow(db, { id, leaseId }, attempt, after, nowMs)
        if (numAffectedRows === 0n) return false
        await insertAttempt(db, id, attempt)
        lineAfter(at, leased, after, nowMs)
        if (resendJobId !== null) await countResent(db, resendJobId, after.state === 'succeeded')
        if (event !== null) at.endpoint(changeOf(event.endpointId, attempt, after, nowMs))
        const told = toLaneNews({ news, nowMs })
        const waits = after.state === 'waiting' || after.state === 'unchanged'
        if (event !== null) {
          await settleEvent({ db, at }, { ...leased, event }, { attempt, after }, bounds)
        }
        if (waits && event !== null) await followEndpoint(db, at, id)
        if (waits || 'slow' in told) queue.refresh(at, lane, perLane, told)
        else queue.makeRoom(at, lane, perLane, told)
        return true
      }),

    async renew(leases, untilMs) {
      await database.write((db) => queue.renew(db, leases, untilMs))
      return []
    },
    release: (held, nowMs) =>
      database.write(async (db, at) => {
        await queue.release(db, at, held, nowMs)
        at.tell({ kind: 'work', work: 'deliveries' })
      }),
    releaseAll: (nowMs) => database.write((db, at) => queue.releaseAll(db, at, nowMs)),
    clockSetBack: (times) =>
      // What was put off to a time of the clock is sent when the clock says so.
      bringForwardAll(
        database,
        'deliveries',
        times,
        sql`(state <> 'scheduled' or due_at_ms <= ${times.fromMs})`,
      ),

    async get(id) {
      const row = await reader
        .selectFrom('deliveries')
        .select(DELIVERY_COLUMNS)
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : rowToDelivery(row)
    },

    async attempts(id, limit) {
      const all = reader.selectFrom('attempts').where('delivery_id', '=', id)
      const rows = await all.selectAll().orderBy('id', 'desc').limit(limit).execute()
      const items = rows.map(rowToAttempt).reverse()
      if (items.length < limit) return { items, omitted: 0 }
      const { count } = await all
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return { items, omitted: count - items.length }
    },

    async list(filter, { limit, before }) {
      const rows = await reader
        .selectFrom('deliveries')
        .select(DELIVERY_COLUMNS)
        .where('id', 'in', pageOfIds(reader, filter, { limit: limit + 1, before, newest: true }))
        .orderBy('id', 'desc')
        .execute()
      const items = rows.slice(0, limit).map(rowToDelivery)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    cancel: (id, reason, nowMs) =>
      database.write(async (db, at) => {
        const resent = await takeBackResend(db, id)
        const ended = resent
          ? undefined
          : await db
              .updateTable('deliveries')
              .set(canceled(reason, nowMs))
              .where('id', '=', id)
              .where('ended_at_ms', 'is', null)
              .returning(['lane', ...LINE_COLUMNS])
              .executeTakeFirst()
        const row = resent ?? ended
        if (row === undefined) return letGo(db, at, id, nowMs)
        if (ended !== undefined) leaveLine(at, ended, 'over', nowMs)
        // There may be room for another; the next claim looks.
        queue.expect(at, row.lane, nowMs)
        return true
      }),

    cancelAll: (of, reason, nowMs) => endAll(of, canceled(reason, nowMs)),
    discardMessage: (messageId, reason, nowMs) =>
      endAll({ messageId }, { ...canceled(reason, nowMs), state: 'discarded' }),

    resend: (id, nowMs) =>
      database.write(async (db, at) =>
        (await makeManual(db, at, [id], { nowMs, jobId: null })) === 1
          ? undefined
          : whyNotManual(db, id),
      ),
  }
}

/** For units that make a delivery beside something else. One that was made already stays as it is. */
export async function insertDelivery(
  { db, at, secrets }: { db: Kysely<Schema>; at: AtCommit; secrets: Secrets },
  { first, ...delivery }: MadeDelivery,
): Promise<void> {
  const spec = secrets.seal(JSON.stringify(delivery.spec), specOf(delivery.id))
  const answers = first === undefined ? 0 : answerBytes(first.attempt)
  const kept_bytes = spec.length + delivery.body.length + answers
  const made = await insertDeliveries(db, [{ ...deliveryToRow(delivery), kept_bytes }])
  if (made === 0) return
  await insertPayloads(db, [{ delivery_id: delivery.id, spec, body: delivery.body }])
  const { dueAtMs, target: lane, executableId: owner } = delivery
  if (first !== undefined) {
    await insertAttempt(db, delivery.id, first.attempt)
    // That it is well, only a lane's own attempts can tell.
    if (typeof first.news === 'object') at.lane({ work: 'deliveries', lane, ...toLaneNews(first) })
  }
  if (dueAtMs === null) return
  at.lane({ work: 'deliveries', lane, dueAtMs, owner })
  at.tell({ kind: 'work', work: 'deliveries' })
}

async function insertAttempt(
  db: Kysely<Schema>,
  deliveryId: string,
  attempt: Attempt,
): Promise<void> {
  await insertAttempts(db, [attemptToRow(deliveryId, attempt)])
}

function toLaneNews({ news, nowMs }: { news: TargetNews; nowMs: number }) {
  if (news === 'none') return {}
  return news === 'well' ? { wellAtMs: nowMs } : { slow: { ...news, nowMs } }
}

function canceled(reason: string, nowMs: number) {
  return {
    ...NOT_LEASED,
    ...NOT_MANUAL,
    state: 'canceled',
    reason,
    due_at_ms: null,
    ended_at_ms: nowMs,
  }
}

function specOf(id: string): Place {
  return { table: 'delivery_payloads', column: 'spec', row: id }
}
