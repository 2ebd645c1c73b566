// Deliveries: one table is record and queue (work-queue.ts), whose lanes are targets.
import type { Kysely, Selectable } from 'kysely'
import type {
  Attempt,
  Delivery,
  DeliveryPayload,
  DeliveryState,
  RequestSpec,
  RetryPolicy,
} from '../model.ts'
import type { AtCommit, Database } from './database.ts'
import type { AttemptsTable, DeliveriesTable, Schema } from './schema.ts'
import type { Place, Secrets } from './secrets.ts'
import type { AfterAttempt, ClaimBounds, DeliveryStore, LeasedDelivery } from './storage.ts'
import { NOT_LEASED, createWorkQueue } from './work-queue.ts'

/** Rows changed at once where many may be; other writers wait meanwhile. */
const STEP_ROWS = 100

/** All but what only the queue needs. */
const COLUMNS = [
  'id',
  'run_id',
  'executable_id',
  'lane',
  'state',
  'reason',
  'due_at_ms',
  'tries',
  'retry',
  'hops',
  'content_type',
  'size_bytes',
  'created_at_ms',
  'ended_at_ms',
] as const satisfies readonly (keyof DeliveriesTable)[]

type DeliveryRow = Pick<Selectable<DeliveriesTable>, (typeof COLUMNS)[number]>

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
    const sizes = await db
      .selectFrom('deliveries')
      .select(['id', 'size_bytes as size'])
      .where('id', 'in', claimed)
      .execute()
    const ids = await queue.fitting(db, at, sizes, bounds)
    const rows = await db
      .selectFrom('deliveries')
      .innerJoin('delivery_payloads', 'delivery_payloads.delivery_id', 'deliveries.id')
      .leftJoin('executables', 'executables.id', 'deliveries.executable_id')
      .select(COLUMNS.map((column) => `deliveries.${column}` as const))
      .select(['spec', 'body', 'executables.id as owner'])
      .where('deliveries.id', 'in', ids)
      .execute()
    const leased: LeasedDelivery[] = []
    for (const { spec: sealed, body, owner, ...row } of rows) {
      const spec = readSpec(row.id, sealed)
      // Either ends alone: an error here would hold up all others for ever.
      if (owner === null) await endNow(db, row.id, 'canceled', 'executable_deleted', bounds)
      else if (spec === undefined) await endNow(db, row.id, 'discarded', 'unreadable', bounds)
      else leased.push({ ...toDelivery(row), leaseId: bounds.leaseId, spec, body })
    }
    return leased
  }

  async function endNow(
    db: Kysely<Schema>,
    id: string,
    state: DeliveryState,
    reason: string,
    { nowMs }: ClaimBounds,
  ): Promise<void> {
    await db
      .updateTable('deliveries')
      .set({ ...NOT_LEASED, state, reason, ended_at_ms: nowMs })
      .where('id', '=', id)
      .execute()
  }

  function readSpec(id: string, sealed: Buffer): RequestSpec | undefined {
    try {
      return JSON.parse(secrets.open(sealed, specOf(id))) as RequestSpec
    } catch {
      return undefined
    }
  }

  return {
    create: (delivery, attempts) =>
      database.write(async (db, at) => {
        await insertDelivery({ db, at, secrets }, delivery)
        for (const attempt of attempts) await insertAttempt(db, delivery.id, attempt)
      }),

    claim: (bounds) =>
      database.write(async (db, at) => load(db, at, await queue.claim(db, at, bounds), bounds)),

    nextDueMs: () => queue.nextDueMs(reader),

    settle: ({ id, target, leaseId }, attempt, after, { nowMs, perLane }) =>
      database.write(async (db, at) => {
        const held = await db
          .updateTable('deliveries')
          .set((eb) => ({
            ...NOT_LEASED,
            ...columnsAfter(after, nowMs),
            tries: eb('tries', '+', 1),
          }))
          .where('id', '=', id)
          .where('lease_id', '=', leaseId)
          .executeTakeFirst()
        if (held.numUpdatedRows === 0n) return false
        await insertAttempt(db, id, attempt)
        queue.refresh(at, target, perLane)
        return true
      }),

    renew: (leases, untilMs) => database.write((db) => queue.renew(db, leases, untilMs)),
    release: (held, nowMs) =>
      database.write(async (db, at) => {
        await queue.release(db, at, held, nowMs)
        at.tell({ kind: 'work', work: 'deliveries' })
      }),
    releaseAll: (nowMs) => database.write((db, at) => queue.releaseAll(db, at, nowMs)),

    async get(id) {
      const row = await reader
        .selectFrom('deliveries')
        .select(COLUMNS)
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : toDelivery(row)
    },

    async attempts(id) {
      const rows = await reader
        .selectFrom('attempts')
        .selectAll()
        .where('delivery_id', '=', id)
        .orderBy('id')
        .execute()
      return rows.map(toAttempt)
    },

    async list(of, { limit, before }) {
      let query = reader
        .selectFrom('deliveries')
        .select(COLUMNS)
        .orderBy('id', 'desc')
        .limit(limit + 1)
      query =
        'runId' in of
          ? query.where('run_id', '=', of.runId)
          : query.where('executable_id', '=', of.executableId)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query.execute()
      const items = rows.slice(0, limit).map(toDelivery)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    cancel: (id, reason, nowMs) =>
      database.write(async (db, at) => {
        const row = await db
          .updateTable('deliveries')
          .set(canceled(reason, nowMs))
          .where('id', '=', id)
          .where('ended_at_ms', 'is', null)
          .returning('lane')
          .executeTakeFirst()
        if (row === undefined) return false
        // There may be room for another; the next claim looks.
        queue.expect(at, row.lane, nowMs)
        return true
      }),

    async cancelAll(executableId, reason, nowMs) {
      const open = (db: Kysely<Schema>) =>
        db
          .selectFrom('deliveries')
          .select('id')
          .where('executable_id', '=', executableId)
          .where('ended_at_ms', 'is', null)
          .limit(STEP_ROWS)
      const step = (): Promise<number> =>
        database.write(async (db, at) => {
          const rows = await db
            .updateTable('deliveries')
            .set(canceled(reason, nowMs))
            .where('id', 'in', open(db))
            .returning('lane')
            .execute()
          for (const { lane } of rows) queue.expect(at, lane, nowMs)
          return rows.length
        })
      while ((await step()) > 0);
    },

    prune: (endedBeforeMs, limit) =>
      database.write(async (db) => {
        const old = db
          .selectFrom('deliveries')
          .select('id')
          .where('ended_at_ms', '<', endedBeforeMs)
          .orderBy('ended_at_ms')
          .limit(limit)
        const row = await db.deleteFrom('deliveries').where('id', 'in', old).executeTakeFirst()
        return Number(row.numDeletedRows)
      }),
  }
}

/** For units that make a delivery beside something else. */
export async function insertDelivery(
  { db, at, secrets }: { db: Kysely<Schema>; at: AtCommit; secrets: Secrets },
  delivery: Delivery & DeliveryPayload,
): Promise<void> {
  await db.insertInto('deliveries').values(toRow(delivery)).execute()
  const spec = secrets.seal(JSON.stringify(delivery.spec), specOf(delivery.id))
  await db
    .insertInto('delivery_payloads')
    .values({ delivery_id: delivery.id, spec, body: delivery.body })
    .execute()
  if (delivery.dueAtMs === null) return
  at.lane({ work: 'deliveries', lane: delivery.target, dueAtMs: delivery.dueAtMs })
  at.tell({ kind: 'work', work: 'deliveries' })
}

async function insertAttempt(
  db: Kysely<Schema>,
  deliveryId: string,
  attempt: Attempt,
): Promise<void> {
  await db
    .insertInto('attempts')
    .values({
      id: attempt.id,
      delivery_id: deliveryId,
      began_at_ms: attempt.beganAtMs,
      duration_us: attempt.durationUs,
      request_method: attempt.request?.method ?? null,
      request_url: attempt.request?.url ?? null,
      request_headers: attempt.request === null ? null : JSON.stringify(attempt.request.headers),
      peer: attempt.peer,
      dns_us: attempt.timings.dnsUs,
      connect_us: attempt.timings.connectUs,
      tls_us: attempt.timings.tlsUs,
      first_byte_us: attempt.timings.firstByteUs,
      status: attempt.status,
      error_class: attempt.errorClass,
      error_message: attempt.errorMessage,
      response_headers: JSON.stringify(attempt.responseHeaders),
      response_body: attempt.responseBody,
      response_cut: attempt.responseCut ? 1 : 0,
      manual: attempt.manual ? 1 : 0,
    })
    .execute()
}

function columnsAfter(after: AfterAttempt, nowMs: number) {
  return after.state === 'waiting'
    ? { state: after.state, due_at_ms: after.dueAtMs }
    : { state: after.state, reason: after.reason, ended_at_ms: nowMs }
}

function canceled(reason: string, nowMs: number) {
  return { ...NOT_LEASED, state: 'canceled', reason, due_at_ms: null, ended_at_ms: nowMs }
}

function toRow(delivery: Delivery) {
  return {
    id: delivery.id,
    run_id: delivery.runId,
    executable_id: delivery.executableId,
    lane: delivery.target,
    state: delivery.state,
    reason: delivery.reason,
    due_at_ms: delivery.dueAtMs,
    tries: delivery.tries,
    retry: JSON.stringify(delivery.retry),
    hops: delivery.hops,
    content_type: delivery.contentType,
    size_bytes: delivery.sizeBytes,
    created_at_ms: delivery.createdAtMs,
    ended_at_ms: delivery.endedAtMs,
  }
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    runId: row.run_id,
    executableId: row.executable_id,
    target: row.lane,
    state: row.state as DeliveryState,
    reason: row.reason,
    dueAtMs: row.due_at_ms,
    tries: row.tries,
    retry: JSON.parse(row.retry) as RetryPolicy,
    hops: row.hops,
    contentType: row.content_type,
    sizeBytes: row.size_bytes,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
  }
}

function toAttempt(row: Selectable<AttemptsTable>): Attempt {
  return {
    id: row.id,
    beganAtMs: row.began_at_ms,
    durationUs: row.duration_us,
    request: toRequest(row),
    peer: row.peer,
    timings: {
      dnsUs: row.dns_us,
      connectUs: row.connect_us,
      tlsUs: row.tls_us,
      firstByteUs: row.first_byte_us,
    },
    status: row.status,
    errorClass: row.error_class,
    errorMessage: row.error_message,
    responseHeaders: JSON.parse(row.response_headers) as Record<string, string>,
    responseBody: row.response_body,
    responseCut: row.response_cut === 1,
    manual: row.manual === 1,
  }
}

function toRequest(row: Selectable<AttemptsTable>): Attempt['request'] {
  const { request_method: method, request_url: url, request_headers: headers } = row
  if (method === null || url === null || headers === null) return null
  return { method, url, headers: JSON.parse(headers) as Record<string, string> }
}

function specOf(id: string): Place {
  return { table: 'delivery_payloads', column: 'spec', row: id }
}
