// Runs that wait in the database: a record that is queued, and beside it what running it needs. The lanes
// of this queue (work-queue.ts) are executables.
import type { Insertable, Kysely } from 'kysely'
import { sql } from 'kysely'
import { AppError } from '../errors.ts'
import type { Callback, Input, QueuedRequest, RequestSpec, RunRecord, RunRetry } from '../model.ts'
import { bringForwardAll } from './clock-set-back.ts'
import type { AtCommit, Database } from './database.ts'
import { insertDelivery } from './deliveries.ts'
import { freeKey, keepAnswer, takeKey } from './idempotency.ts'
import { createRoom } from './queue-room.ts'
import { createRowWriter } from './row-writer.ts'
import { saveRecord, toRecord } from './runs.ts'
import type { QueuedInputsTable, QueuedRunsTable, Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import { createStatement, createStatementOfIds } from './statement.ts'
import type { AddOptions, ClaimBounds, KeyedRun, LeasedRun, QueuedRunStore } from './storage.ts'
import { NOT_LEASED, createWorkQueue, inOrder } from './work-queue.ts'

const insertRuns = createRowWriter<Insertable<QueuedRunsTable>>((db, rows) =>
  db.insertInto('queued_runs').values(rows).compile(),
)
const insertInputs = createRowWriter<Insertable<QueuedInputsTable>>((db, rows) =>
  db.insertInto('queued_inputs').values(rows).compile(),
)
const remove = createStatement((db, id: string, leaseId: string) =>
  db.deleteFrom('queued_runs').where('id', '=', id).where('lease_id', '=', leaseId),
)
const sizesOf = createStatementOfIds((db, ids) =>
  db
    .selectFrom('queued_inputs')
    .select(['run_id as id', 'size_bytes as size'])
    .where('run_id', 'in', ids),
)
const whole = createStatementOfIds((db, ids) =>
  db
    .selectFrom('queued_runs')
    .innerJoin('runs', 'runs.id', 'queued_runs.id')
    .innerJoin('queued_inputs', 'queued_inputs.run_id', 'queued_runs.id')
    .selectAll('runs')
    .select(['request', 'cancel_requested', 'put_back', 'bytes'])
    .where('queued_runs.id', 'in', ids),
)

/** What other repositories do within a unit of their own. */
export interface QueuedRunStoreInside {
  /** Adds one that is to have no key. @throws AppError DURABLE_RUNS_FULL */
  addIn(
    db: Kysely<Schema>,
    at: AtCommit,
    added: { record: RunRecord; request: QueuedRequest; options: AddOptions },
  ): Promise<void>
}

export function createQueuedRunStore(deps: {
  database: Database
  secrets: Secrets
}): QueuedRunStore & QueuedRunStoreInside {
  const { database, secrets } = deps
  const { reader, locks } = database
  const queue = createWorkQueue('queued_runs', locks)
  const room = createRoom()

  async function load(
    db: Kysely<Schema>,
    at: AtCommit,
    claimed: readonly string[],
    bounds: ClaimBounds,
  ): Promise<LeasedRun[]> {
    if (claimed.length === 0) return []
    const sizes = await sizesOf(db, claimed)
    const ids = await queue.fitting(db, at, inOrder(claimed, sizes.rows), bounds)
    const { rows } = await whole(db, ids)
    const leased: LeasedRun[] = []
    for (const { request, cancel_requested: asked, put_back: putBack, bytes, ...row } of inOrder(
      ids,
      rows,
    )) {
      const { id } = row
      const read = readRequest(id, request, bytes)
      if (read !== undefined) {
        const { leaseId } = bounds
        const record = toRecord(row)
        const failedTries = read.retry === undefined ? 0 : await countTries(db, id)
        const known = { record, cancelRequested: asked === 1, putBack, failedTries }
        leased.push({ id, leaseId, ...known, ...read })
        continue
      }
      // It alone ends: an error here would hold up all others for ever.
      await db.deleteFrom('queued_runs').where('id', '=', id).execute()
      await db
        .updateTable('runs')
        .set({
          status: 'failed',
          error_code: 'INTERNAL',
          error_message: 'What the run needs cannot be read any more.',
          ended_at_ms: bounds.nowMs,
        })
        .where('id', '=', id)
        .execute()
      await freeKey({ db, at }, id)
    }
    return leased
  }

  function readRequest(id: string, sealed: Buffer, inputs: Buffer): QueuedRequest | undefined {
    try {
      return fromStored(secrets.open(sealed, requestOf(id)), inputs)
    } catch {
      return undefined
    }
  }

  async function addOne(
    db: Kysely<Schema>,
    at: AtCommit,
    record: RunRecord,
    request: QueuedRequest,
    { max, lease, key }: AddOptions,
  ): Promise<'added' | 'full' | KeyedRun> {
    const { id, executableId, createdAtMs } = record
    if (lease === undefined && !(await room.take(db, executableId, max))) return 'full'
    if (key !== undefined) {
      const run = { runId: id, waited: request.waited, nowMs: createdAtMs }
      const known = await takeKey({ db, at }, key, run)
      if (known !== undefined) return known
    }
    const lane = String(executableId)
    const { json, inputs } = toStored(request)
    await saveRecord(db, record)
    const row = {
      id,
      executable_id: executableId,
      lane,
      due_at_ms: lease === undefined ? createdAtMs : null,
      lease_id: lease?.leaseId ?? null,
      leased_until_ms: lease?.leasedUntilMs ?? null,
      request: secrets.seal(json, requestOf(id)),
    }
    await insertRuns(db, [row])
    await insertInputs(db, [{ run_id: id, size_bytes: inputs.length, bytes: inputs }])
    // One that is run at once is due again where its process dies.
    queue.expect(at, lane, lease?.leasedUntilMs ?? createdAtMs)
    if (lease === undefined) at.tell({ kind: 'work', work: 'queued_runs' })
    return 'added'
  }

  return {
    add: (record, request, options) =>
      database.write((db, at) => addOne(db, at, record, request, options)),

    async addIn(db, at, { record, request, options }) {
      const added = await addOne(db, at, record, request, options)
      if (added === 'full') {
        throw new AppError('DURABLE_RUNS_FULL', undefined, { detail: { limit: options.max } })
      }
    },

    claim: (bounds) =>
      database.write(async (db, at) => load(db, at, await queue.claim(db, at, bounds), bounds)),
    nextDueMs: (owners) => queue.nextDueMs(reader, owners),
    renew: (held, untilMs) =>
      database.write(async (db) => {
        await queue.renew(db, held, untilMs)
        const ids = held.map(({ id }) => id)
        const rows = await db
          .selectFrom('queued_runs')
          .select('id')
          .where('id', 'in', ids)
          .where('cancel_requested', '=', 1)
          .execute()
        return rows.map((row) => row.id)
      }),
    release: (held, nowMs) =>
      database.write(async (db, at) => {
        await queue.release(db, at, held, nowMs)
        at.tell({ kind: 'work', work: 'queued_runs' })
      }),
    releaseAll: (nowMs) => database.write((db, at) => queue.releaseAll(db, at, nowMs)),
    clockSetBack: (times) => bringForwardAll(database, 'queued_runs', times, sql`1 = 1`),

    end: ({ id, leaseId }, record, { delivery, kept, perLane }) =>
      database.write(async (db, at) => {
        const { numAffectedRows } = await remove(db, id, leaseId)
        if (numAffectedRows === 0n) return false
        await saveRecord(db, record)
        if (delivery !== undefined) await insertDelivery({ db, at, secrets }, delivery)
        if (kept !== undefined) {
          const { answer, bytesMax } = kept
          if (answer === undefined) await freeKey({ db, at }, id)
          else await keepAnswer({ db, at }, id, answer, bytesMax)
        }
        // An event of a source whose sender waited for it is done with where its run succeeded.
        if (kept !== undefined && record.status === 'succeeded') {
          const done = { run_id: null }
          await db.updateTable('source_keys').set(done).where('run_id', '=', id).execute()
        }
        queue.makeRoom(at, String(record.executableId), perLane)
        return true
      }),

    tryLater: ({ id, leaseId, record }, { number, ...failed }, dueAtMs, perLane) =>
      database.write(async (db, at) => {
        const row = await db
          .updateTable('queued_runs')
          .set({ ...NOT_LEASED, due_at_ms: dueAtMs })
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .returning('cancel_requested')
          .executeTakeFirst()
        if (row === undefined) return
        if (row.cancel_requested === 1) {
          // Whoever takes it up ends it.
          const due = { due_at_ms: failed.endedAtMs }
          await db.updateTable('queued_runs').set(due).where('id', '=', id).execute()
        }
        await db
          .insertInto('run_tries')
          .values({
            run_id: id,
            number,
            error_code: failed.errorCode,
            error_message: failed.errorMessage,
            ended_at_ms: failed.endedAtMs,
          })
          .execute()
        queue.refresh(at, String(record.executableId), perLane)
      }),

    async failedTries(id) {
      const rows = await reader
        .selectFrom('run_tries')
        .selectAll()
        .where('run_id', '=', id)
        .orderBy('number')
        .execute()
      return rows.map((row) => ({
        number: row.number,
        errorCode: row.error_code,
        errorMessage: row.error_message,
        endedAtMs: row.ended_at_ms,
      }))
    },

    putBack: ({ id, leaseId, record }, dueAtMs, perLane) =>
      database.write(async (db, at) => {
        await db
          .updateTable('queued_runs')
          .set((eb) => ({ ...NOT_LEASED, due_at_ms: dueAtMs, put_back: eb('put_back', '+', 1) }))
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .execute()
        queue.refresh(at, String(record.executableId), perLane)
      }),

    cancel: (id, nowMs) =>
      database.write(async (db, at) => {
        const gone = await db
          .deleteFrom('queued_runs')
          .where('id', '=', id)
          .where('due_at_ms', 'is not', null)
          .executeTakeFirst()
        if (gone.numDeletedRows > 0n) {
          await db.updateTable('runs').set(canceled(nowMs)).where('id', '=', id).execute()
          const error = new AppError('CANCELED', undefined, { detail: { run_id: id } })
          await keepAnswer({ db, at }, id, { error }, Infinity)
          return 'canceled'
        }
        const asked = await db
          .updateTable('queued_runs')
          .set({ cancel_requested: 1 })
          .where('id', '=', id)
          .executeTakeFirst()
        if (asked.numUpdatedRows === 0n) return 'none'
        at.tell({ kind: 'cancel', runId: id })
        return 'requested'
      }),

    async place(id) {
      const row = await reader
        .selectFrom('queued_runs')
        .select(['due_at_ms', 'lease_id', 'cancel_requested'])
        .where('id', '=', id)
        .executeTakeFirst()
      if (row === undefined) return undefined
      return {
        leased: row.lease_id !== null,
        dueAtMs: row.due_at_ms,
        cancelRequested: row.cancel_requested === 1,
      }
    },
  }
}

function canceled(nowMs: number) {
  const { message } = new AppError('CANCELED')
  return {
    status: 'canceled',
    error_code: 'CANCELED',
    error_message: message,
    ended_at_ms: nowMs,
  }
}

async function countTries(db: Kysely<Schema>, id: string): Promise<number> {
  const { tries } = await db
    .selectFrom('run_tries')
    .select((eb) => eb.fn.countAll<number>().as('tries'))
    .where('run_id', '=', id)
    .executeTakeFirstOrThrow()
  return tries
}

/** Given inputs are told by their length; their bytes stand apart, as they are. */
type StoredInput = { bytes: number } | { fetch: RequestSpec }

interface StoredRequest {
  inputs: StoredInput[]
  callback: Callback | null
  text: boolean
  webhook?: string
  hops: number
  /** Absent from what was stored before there were signatures, or keys. */
  vouched?: boolean
  waited?: boolean
  retry?: RunRetry
}

function toStored({ inputs, callback, retry, webhook, ...request }: QueuedRequest): {
  json: string
  inputs: Buffer
} {
  const given = inputs.flatMap((input) => (input.kind === 'bytes' ? [input.bytes] : []))
  const stored: StoredRequest = {
    inputs: inputs.map((input) =>
      input.kind === 'bytes' ? { bytes: input.bytes.length } : { fetch: input.spec },
    ),
    callback: callback ?? null,
    ...request,
    ...(webhook === undefined ? {} : { webhook }),
    ...(retry === undefined ? {} : { retry }),
  }
  return { json: JSON.stringify(stored), inputs: Buffer.concat(given) }
}

function fromStored(json: string, bytes: Buffer): QueuedRequest {
  const stored = JSON.parse(json) as StoredRequest
  const { inputs, callback, text, webhook, hops, vouched = false, waited = false, retry } = stored
  let at = 0
  const read = inputs.map((input): Input => {
    if ('fetch' in input) return { kind: 'fetch', spec: input.fetch }
    return { kind: 'bytes', bytes: bytes.subarray(at, (at += input.bytes)) }
  })
  const given = { inputs: read, callback: callback ?? undefined }
  const ofSource = webhook === undefined ? {} : { webhook }
  return { ...given, text, ...ofSource, hops, vouched, waited, retry }
}

function requestOf(id: string): Place {
  return { table: 'queued_runs', column: 'request', row: id }
}
