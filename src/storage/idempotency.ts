// What callers named with Idempotency-Key, and what they were answered. A key is taken in the unit that stores
// its run, and its answer kept in the unit that ends it. The primary key has one taken once, whoever else is
// about it.
import type { Kysely } from 'kysely'
import { AppError, isErrorCode } from '../errors.ts'
import type { RunAnswer } from '../model.ts'
import type { AtCommit, Database } from './database.ts'
import { readKeyTotals } from './idempotency-totals.ts'
import type { Schema } from './schema.ts'
import type { IdempotencyStore, KeptAnswer, KeyName, KeyedRun, NewKey } from './storage.ts'

/** What an error that is kept consists of. */
interface StoredError {
  code: string
  message: string
  detail: Record<string, unknown>
}

/** What an answer that is kept tells besides its body. */
type Notes = Omit<RunAnswer, 'status' | 'type' | 'body'>

/** Where a unit changes keys. */
interface InUnit {
  db: Kysely<Schema>
  at: AtCommit
}

export function createIdempotencyStore({ database }: { database: Database }): IdempotencyStore {
  const { reader, locks } = database
  return {
    find: (name, nowMs) => findKey(reader, name, nowMs),

    free: (runId) => database.write((db, at) => freeKey({ db, at }, runId)),

    sweep: (nowMs, limit) =>
      database.write(async (db, at) => {
        const expired = db
          .selectFrom('idempotency_keys')
          .select(['executable_id', 'run_id'])
          .where('expires_at_ms', '<=', nowMs)
          .orderBy('expires_at_ms')
          .limit(limit)
        // What another is deleting is left to it.
        const rows = await locks.free(expired).execute()
        for (const owner of new Set(rows.map((row) => row.executable_id))) {
          const own = rows.filter((row) => row.executable_id === owner)
          const ids = own.map((row) => row.run_id)
          await removeKeys({ db, at }, owner, ids)
        }
        return rows.length
      }),

    trim: (executableId, bytesMax, limit) =>
      database.write(async (db, at) => {
        // Two at once would drop twice as much.
        const [ours] = await locks.take(db, [`idempotency_answers/${executableId}`])
        if (ours === undefined) return 0
        const { bytes } = await readKeyTotals(db, executableId)
        if (bytes <= bytesMax) return 0
        const answered = db
          .selectFrom('idempotency_keys')
          .select(['run_id', 'size_bytes'])
          .where('executable_id', '=', executableId)
          .where('size_bytes', '>', 0)
          .orderBy('expires_at_ms')
          .limit(limit)
        const oldest = await locks.free(answered).execute()
        let left = bytes
        const gone: string[] = []
        for (const row of oldest) {
          if (left <= bytesMax) break
          left -= row.size_bytes
          gone.push(row.run_id)
        }
        if (gone.length === 0) return 0
        await db.deleteFrom('idempotency_answers').where('run_id', 'in', gone).execute()
        // The key stays: what it names is not to be run again.
        await db
          .updateTable('idempotency_keys')
          .set({ size_bytes: 0 })
          .where('run_id', 'in', gone)
          .execute()
        at.keys({ executableId, entries: 0, bytes: left - bytes })
        return gone.length
      }),
  }
}

async function findKey(
  db: Kysely<Schema>,
  { executableId, functionName, key }: KeyName,
  nowMs: number,
): Promise<KeyedRun | undefined> {
  const row = await db
    .selectFrom('idempotency_keys')
    .leftJoin('idempotency_answers', 'idempotency_answers.run_id', 'idempotency_keys.run_id')
    .selectAll('idempotency_keys')
    .select('body')
    .where('executable_id', '=', executableId)
    .where('function_name', '=', functionName)
    .where('key', '=', key)
    .where('expires_at_ms', '>', nowMs)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { run_id: runId, fingerprint } = row
  const run = { runId, fingerprint, waited: row.waited === 1 }
  if (row.status === null) return { ...run, answer: undefined }
  if (row.body === null) return { ...run, answer: 'dropped' }
  return { ...run, answer: toAnswer({ ...row, status: row.status, body: row.body }) }
}

/**
 * Takes a key for a run, or tells which run has it; changes nothing then.
 * @throws AppError IDEMPOTENCY_FULL
 */
export async function takeKey(
  { db, at }: InUnit,
  asked: NewKey,
  run: { runId: string; waited: boolean; nowMs: number },
): Promise<KeyedRun | undefined> {
  const { executableId, functionName, key, fingerprint, expiresAtMs, max } = asked
  const { runId, waited, nowMs } = run
  const known = await findKey(db, asked, nowMs)
  if (known !== undefined) return known
  const expired = await db
    .selectFrom('idempotency_keys')
    .select('run_id')
    .where('executable_id', '=', executableId)
    .where('function_name', '=', functionName)
    .where('key', '=', key)
    // Said again: what was not there a statement ago may have been committed since.
    .where('expires_at_ms', '<=', nowMs)
    .executeTakeFirst()
  if (expired !== undefined) await removeKeys({ db, at }, executableId, [expired.run_id])
  else if ((await readKeyTotals(db, executableId)).entries >= max) {
    throw new AppError('IDEMPOTENCY_FULL', undefined, { detail: { limit: max } })
  }
  const { numInsertedOrUpdatedRows: inserted } = await db
    .insertInto('idempotency_keys')
    .values({
      executable_id: executableId,
      function_name: functionName,
      key,
      fingerprint,
      run_id: runId,
      waited: waited ? 1 : 0,
      status: null,
      content_type: null,
      notes: null,
      size_bytes: 0,
      expires_at_ms: expiresAtMs,
    })
    .onConflict((conflict) =>
      conflict.columns(['executable_id', 'function_name', 'key']).doNothing(),
    )
    .executeTakeFirstOrThrow()
  // Another has taken it meanwhile, and has committed.
  if (inserted === 0n) return takeKey({ db, at }, asked, run)
  at.keys({ executableId, entries: 1, bytes: 0 })
  return undefined
}

/** Keeps what the caller of a run that is waited for is answered; a larger body is not kept. */
export async function keepAnswer(
  { db, at }: InUnit,
  runId: string,
  kept: KeptAnswer,
  bytesMax: number,
): Promise<void> {
  const executableId = await ownerOf(db, runId)
  if (executableId === undefined) return
  const { body, ...columns } = toColumns(kept)
  const fits = body.length <= bytesMax
  const bytes = fits ? body.length : 0
  const held = await db
    .updateTable('idempotency_keys')
    .set({ ...columns, size_bytes: bytes })
    .where('run_id', '=', runId)
    .where('waited', '=', 1)
    .where('status', 'is', null)
    .executeTakeFirst()
  if (held.numUpdatedRows === 0n || !fits) return
  await db.insertInto('idempotency_answers').values({ run_id: runId, body }).execute()
  at.keys({ executableId, entries: 0, bytes })
}

/** The key of a run names nothing any more. */
export async function freeKey({ db, at }: InUnit, runId: string): Promise<void> {
  const executableId = await ownerOf(db, runId)
  if (executableId !== undefined) await removeKeys({ db, at }, executableId, [runId])
}

async function ownerOf(db: Kysely<Schema>, runId: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select('executable_id')
    .where('run_id', '=', runId)
    .executeTakeFirst()
  return row?.executable_id
}

async function removeKeys(
  { db, at }: InUnit,
  executableId: number,
  runIds: readonly string[],
): Promise<void> {
  const gone = await db
    .deleteFrom('idempotency_keys')
    .where('run_id', 'in', runIds)
    .returning('size_bytes')
    .execute()
  const bytes = gone.reduce((sum, row) => sum + row.size_bytes, 0)
  at.keys({ executableId, entries: -gone.length, bytes: -bytes })
}

function toColumns(kept: KeptAnswer) {
  if ('error' in kept) {
    const { code, message, detail, status } = kept.error
    const body = Buffer.from(JSON.stringify({ code, message, detail }))
    return { status, content_type: null, notes: null, body }
  }
  const { status, type, body, ...notes } = kept.answer
  return { status, content_type: type, notes: JSON.stringify(notes), body }
}

function toAnswer(row: {
  status: number
  content_type: string | null
  notes: string | null
  body: Buffer
}): KeptAnswer {
  const { status, content_type: type, notes, body } = row
  if (type !== null) {
    return { answer: { status, type, body, ...(JSON.parse(notes ?? '{}') as Notes) } }
  }
  const { code, message, detail } = JSON.parse(body.toString()) as StoredError
  return { error: new AppError(isErrorCode(code) ? code : 'INTERNAL', message, { detail }) }
}
