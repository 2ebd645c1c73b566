// Jobs that send many deliveries again. A job is work as any other (work-queue.ts): whoever leases it does a step,
// which marks the next few deliveries and moves the cursor in one transaction.
import type { Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import type { DeliveryFilter, ResendJob, ResendJobKind, ResendJobState } from '../model.ts'
import { bringForwardAll } from './clock-set-back.ts'
import type { AtCommit, Database } from './database.ts'
import { pageOfIds } from './delivery-history.ts'
import { chainAsItWas, makeManual } from './delivery-resends.ts'
import { sendMissing } from './replays.ts'
import type { ResendJobsTable, Schema } from './schema.ts'
import type { ResendJobStore } from './storage.ts'
import { NOT_LEASED, createWorkQueue } from './work-queue.ts'

export function createResendJobStore(database: Database): ResendJobStore {
  const { reader, locks } = database
  const queue = createWorkQueue('resend_jobs', locks)

  return {
    add: (job, max) =>
      database.write(async (db, at) => {
        const lane = laneOf(job)
        const running = await db
          .selectFrom('resend_jobs')
          .select('id')
          .where('lane', '=', lane)
          .where((eb) =>
            eb.or([eb('due_at_ms', 'is not', null), eb('leased_until_ms', 'is not', null)]),
          )
          .limit(max)
          .execute()
        if (running.length >= max) return false
        await db.insertInto('resend_jobs').values(toRow(job, lane)).execute()
        queue.expect(at, lane, job.createdAtMs)
        at.tell({ kind: 'work', work: 'resend_jobs' })
        return true
      }),

    claim: (bounds) =>
      database.write(async (db, at) => {
        const ids = await queue.claim(db, at, bounds)
        if (ids.length === 0) return []
        const rows = await db.selectFrom('resend_jobs').selectAll().where('id', 'in', ids).execute()
        return rows.map((row) => ({ ...toJob(row), leaseId: bounds.leaseId }))
      }),

    nextDueMs: () => queue.nextDueMs(reader),
    async renew(held, untilMs) {
      await database.write((db) => queue.renew(db, held, untilMs))
      return []
    },
    release: (held, nowMs) => database.write((db, at) => queue.release(db, at, held, nowMs)),
    releaseAll: (nowMs) => database.write((db, at) => queue.releaseAll(db, at, nowMs)),
    clockSetBack: (times) => bringForwardAll(database, 'resend_jobs', times, sql`1 = 1`),

    step: ({ id, leaseId }, { nowMs, rows, window, fullPauseMs, perLane }) =>
      database.write(async (db, at) => {
        // First: the job is ours until the commit, or somebody else's.
        const row = await db
          .updateTable('resend_jobs')
          .set({ ...NOT_LEASED, due_at_ms: nowMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .returningAll()
          .executeTakeFirst()
        if (row === undefined) return 0
        queue.refresh(at, row.lane, perLane)
        const job = toJob(row)
        if (job.kind === 'replay') return replay(db, at, job, { nowMs, rows })
        const room = Math.min(rows, window - (await pending(db, id, window)))
        if (room <= 0) {
          await setJob(db, id, { due_at_ms: nowMs + fullPauseMs })
          return 0
        }
        const after = job.cursor ?? undefined
        // What was made later than the job has a greater id.
        const page = { limit: room, after, before: id, newest: false }
        const ids = (await pageOfIds(db, job.filter, page).execute()).map((found) => found.id)
        const passedOver = job.filter.passedOver ?? []
        const resent = await makeManual(db, at, ids, { nowMs, jobId: id, passedOver })
        const over = ids.length < room
        await setJob(db, id, {
          cursor: ids.at(-1) ?? job.cursor,
          matched: job.matched + ids.length,
          resent: job.resent + resent,
          skipped: job.skipped + ids.length - resent,
          ...(over
            ? { state: 'finished', due_at_ms: null, ended_at_ms: nowMs }
            : { due_at_ms: nowMs + pauseMs(job, ids.length) }),
        })
        return resent
      }),

    async get(id) {
      const row = await reader
        .selectFrom('resend_jobs')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : toJob(row)
    },

    async list({ executableId, tenant }, { limit, before }) {
      let query = reader
        .selectFrom('resend_jobs')
        .selectAll()
        .orderBy('id', 'desc')
        .limit(limit + 1)
      if (executableId !== undefined) query = query.where('executable_id', '=', executableId)
      if (tenant !== undefined) query = query.where('tenant', '=', tenant)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query.execute()
      const items = rows.slice(0, limit).map(toJob)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    cancel: (id, nowMs) =>
      database.write(async (db, at) => {
        const row = await db
          .updateTable('resend_jobs')
          .set({ ...NOT_LEASED, due_at_ms: null, state: 'canceled', ended_at_ms: nowMs })
          .where('id', '=', id)
          .where('state', '=', 'running')
          .returning('lane')
          .executeTakeFirst()
        if (row === undefined) return false
        // Others of its lane need not wait for the end of its lease.
        queue.expect(at, row.lane, nowMs)
        at.tell({ kind: 'work', work: 'resend_jobs' })
        // At most as many as a step lets be pending.
        await db
          .updateTable('deliveries')
          .set(chainAsItWas)
          .where('resend_job_id', '=', id)
          .where('lease_id', 'is', null)
          .execute()
        return true
      }),

    prune: (endedBeforeMs, limit) =>
      database.write(async (db) => {
        const old = db
          .selectFrom('resend_jobs')
          .select('id')
          .where('ended_at_ms', '<', endedBeforeMs)
          .orderBy('ended_at_ms')
          .limit(limit)
        const row = await db.deleteFrom('resend_jobs').where('id', 'in', old).executeTakeFirst()
        return Number(row.numDeletedRows)
      }),
  }
}

/** How many deliveries were made. */
async function replay(
  db: Kysely<Schema>,
  at: AtCommit,
  job: ResendJob,
  bounds: { nowMs: number; rows: number },
): Promise<number> {
  const { nowMs } = bounds
  const step = await sendMissing(db, at, job, bounds)
  if (step === 'no_endpoint') {
    await setJob(db, job.id, { state: 'canceled', due_at_ms: null, ended_at_ms: nowMs })
    return 0
  }
  const { made, gone, cursor, over } = step
  await setJob(db, job.id, {
    cursor: cursor ?? job.cursor,
    matched: job.matched + made + gone,
    resent: job.resent + made,
    skipped: job.skipped + gone,
    ...(over
      ? { state: 'finished', due_at_ms: null, ended_at_ms: nowMs }
      : { due_at_ms: nowMs + pauseMs(job, made) }),
  })
  return made
}

function pauseMs({ ratePerSecond }: ResendJob, sent: number): number {
  return ratePerSecond === null ? 0 : Math.ceil((sent * 1000) / ratePerSecond)
}

/** Deliveries of the job whose attempt has not ended, counted up to `most`. */
async function pending(db: Kysely<Schema>, id: string, most: number): Promise<number> {
  const rows = await db
    .selectFrom('deliveries')
    .select('id')
    .where('resend_job_id', '=', id)
    .limit(most)
    .execute()
  return rows.length
}

async function setJob(
  db: Kysely<Schema>,
  id: string,
  columns: Partial<Selectable<ResendJobsTable>>,
): Promise<void> {
  await db.updateTable('resend_jobs').set(columns).where('id', '=', id).execute()
}

function laneOf({ executableId, tenant }: ResendJob): string {
  if (executableId !== null) return String(executableId)
  return tenant === null ? 'all' : `tenant/${tenant}`
}

function toRow(job: ResendJob, lane: string) {
  return {
    ...NOT_LEASED,
    id: job.id,
    lane,
    due_at_ms: job.createdAtMs,
    executable_id: job.executableId,
    tenant: job.tenant,
    state: job.state,
    kind: job.kind,
    filter: JSON.stringify(job.filter),
    rate_per_second: job.ratePerSecond,
    cursor: job.cursor,
    matched: job.matched,
    resent: job.resent,
    skipped: job.skipped,
    succeeded: job.succeeded,
    failed: job.failed,
    created_at_ms: job.createdAtMs,
    ended_at_ms: job.endedAtMs,
  }
}

function toJob(row: Selectable<ResendJobsTable>): ResendJob {
  return {
    id: row.id,
    executableId: row.executable_id,
    tenant: row.tenant,
    kind: row.kind as ResendJobKind,
    state: row.state as ResendJobState,
    filter: JSON.parse(row.filter) as DeliveryFilter,
    ratePerSecond: row.rate_per_second,
    cursor: row.cursor,
    matched: row.matched,
    resent: row.resent,
    skipped: row.skipped,
    succeeded: row.succeeded,
    failed: row.failed,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
  }
}
