// Run records: written in batches, read one by one or a page at a time. How old ones go, run-pruning.ts
// tells.
import type { CompiledQuery, Insertable, Kysely, Selectable } from 'kysely'
import type { RunRecord, RunStatus } from '../model.ts'
import type { Database } from './database.ts'
import { pruneRuns } from './run-pruning.ts'
import { createRowWriter } from './row-writer.ts'
import { addSlots, readSlots } from './run-slots.ts'
import type { RunsTable, Schema } from './schema.ts'
import type { RunStore, RunTally } from './storage.ts'
import { createUsageTotals } from './usage.ts'

/** Rows of one statement: two dozen columns each stay well below any engine's count of parameters. */
const SAVE_ROWS = 100

/** What a page shows; log, result and origins are left for `get`, since a hundred of them can be gigabytes. */
const LISTED_COLUMNS = [
  'sequence',
  'id',
  'executable_id',
  'version',
  'function_name',
  'status',
  'error_code',
  'error_message',
  'usage_key_hash',
  'forwarded_to',
  'fetch_us',
  'queue_us',
  'instantiate_us',
  'run_us',
  'forward_us',
  'input_bytes',
  'output_bytes',
  'memory_bytes',
  'fuel_used',
  'log_truncated',
  'created_at_ms',
  'ended_at_ms',
] as const satisfies readonly (keyof RunsTable)[]

const NOTHING_TO_COUNT: RunTally = { used: new Map(), slots: new Map() }

type RunRow = Insertable<RunsTable>

/** Inserts or replaces rows, which all have toRow's columns in toRow's order. */
const upsert = createRowWriter(buildUpsert)

export function createRunStore(deps: { database: Database }): RunStore {
  const { database } = deps
  const { reader } = database
  const usage = createUsageTotals()

  return {
    save: (records, { used, slots } = NOTHING_TO_COUNT) =>
      database.write(async (db) => {
        const newest = [...newestById(records).values()]
        const ids = new Set(newest.map((record) => record.executableId))
        for (const id of used.keys()) ids.add(id)
        for (const { executableId } of slots.values()) ids.add(executableId)
        const owned = await existing(db, [...ids])
        const rows = newest.filter((record) => owned.has(record.executableId)).map(toRow)
        await upsert(db, rows)
        // In one order, so that two who add at once do not wait for each other.
        await usage.add(
          db,
          [...used].filter(([id]) => owned.has(id)).sort(([a], [b]) => a - b),
        )
        await addSlots(
          db,
          [...slots.values()]
            .filter(({ executableId }) => owned.has(executableId))
            .sort((a, b) => a.executableId - b.executableId || a.fromMs - b.fromMs),
        )
      }),

    async get(id) {
      const row = await reader
        .selectFrom('runs')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : toRecord(row)
    },

    async ended(ids) {
      const rows = await reader
        .selectFrom('runs')
        .select('id')
        .where('id', 'in', ids)
        .where('ended_at_ms', 'is not', null)
        .execute()
      return rows.map((row) => row.id)
    },

    async list(executableId, { limit, before }) {
      let query = reader
        .selectFrom('runs')
        .select(LISTED_COLUMNS)
        .where('executable_id', '=', executableId)
        .orderBy('id', 'desc')
        .limit(limit + 1)
      if (before !== undefined) query = query.where('id', '<', before)
      const rows = await query.execute()
      const items = rows.slice(0, limit).map(toItem)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async newest({ executableId, status, errorCode }, { limit, before, scan }) {
      const among = () => {
        let query = reader.selectFrom('runs').orderBy('id', 'desc')
        if (before !== undefined) query = query.where('id', '<', before)
        // By their index, of which every entry counts; of one executable there is none of failures.
        if (executableId !== undefined) return query.where('executable_id', '=', executableId)
        // There are few of these among many (runs_with_error).
        const failed = errorCode !== undefined || status === 'failed' || status === 'canceled'
        return failed ? query.where('error_code', 'is not', null) : query
      }
      const last = await among()
        .select('id')
        .offset(scan - 1)
        .limit(1)
        .executeTakeFirst()
      let query = among()
        .select(LISTED_COLUMNS)
        .limit(limit + 1)
      if (last !== undefined) query = query.where('id', '>=', last.id)
      if (status !== undefined) query = query.where('status', '=', status)
      if (errorCode !== undefined) query = query.where('error_code', '=', errorCode)
      const rows = await query.execute()
      const items = rows.slice(0, limit).map(toItem)
      const next = rows.length > limit ? items.at(-1)?.id : last?.id
      return { items, next: next ?? null }
    },

    async latest(executableId) {
      const row = await reader
        .selectFrom('runs')
        .selectAll()
        .where('executable_id', '=', executableId)
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row === undefined ? undefined : { record: toRecord(row), sequence: row.sequence }
    },

    async figures(executableId, { sinceMs, max }) {
      const slots = await readSlots(reader, executableId, sinceMs)
      // All of it is in an index: when a run began is told by its id.
      const rows = await reader
        .selectFrom('runs')
        .select(['id', 'ended_at_ms'])
        .where('executable_id', '=', executableId)
        .where('id', '>=', firstIdOf(sinceMs))
        .where('ended_at_ms', 'is not', null)
        .orderBy('id', 'desc')
        .limit(max)
        .execute()
      const times = rows
        .map(({ id, ended_at_ms: endedAtMs }) => Math.max(0, (endedAtMs ?? 0) - timeOf(id)))
        .sort((a, b) => a - b)
      return { slots, p95Ms: times[Math.ceil(0.95 * times.length) - 1] ?? null }
    },

    usage: (executableId) => usage.get(reader, executableId),

    prune: (executableId, bounds) => pruneRuns(database, executableId, bounds),
  }
}

/** Saves one record within a unit of somebody else's. */
export async function saveRecord(db: Kysely<Schema>, record: RunRecord): Promise<void> {
  await upsert(db, [toRow(record)])
}

/** One statement may not change a row twice; of two records with one id the later counts. */
function newestById(records: readonly RunRecord[]): Map<string, RunRecord> {
  return new Map(records.map((record) => [record.id, record]))
}

/** Those that were not deleted meanwhile: what ran on them must not fail the others of a batch. */
async function existing(db: Kysely<Schema>, ids: readonly number[]): Promise<Set<number>> {
  const found = new Set<number>()
  for (let at = 0; at < ids.length; at += SAVE_ROWS) {
    const some = ids.slice(at, at + SAVE_ROWS)
    const rows = await db.selectFrom('executables').select('id').where('id', 'in', some).execute()
    for (const row of rows) found.add(row.id)
  }
  return found
}

function buildUpsert(db: Kysely<Schema>, rows: RunRow[]): CompiledQuery {
  return db
    .insertInto('runs')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        version: eb.ref('excluded.version'),
        function_name: eb.ref('excluded.function_name'),
        status: eb.ref('excluded.status'),
        error_code: eb.ref('excluded.error_code'),
        error_message: eb.ref('excluded.error_message'),
        usage_key_hash: eb.ref('excluded.usage_key_hash'),
        forwarded_to: eb.ref('excluded.forwarded_to'),
        fetch_us: eb.ref('excluded.fetch_us'),
        queue_us: eb.ref('excluded.queue_us'),
        instantiate_us: eb.ref('excluded.instantiate_us'),
        run_us: eb.ref('excluded.run_us'),
        forward_us: eb.ref('excluded.forward_us'),
        input_bytes: eb.ref('excluded.input_bytes'),
        output_bytes: eb.ref('excluded.output_bytes'),
        memory_bytes: eb.ref('excluded.memory_bytes'),
        fuel_used: eb.ref('excluded.fuel_used'),
        log_truncated: eb.ref('excluded.log_truncated'),
        created_at_ms: eb.ref('excluded.created_at_ms'),
        ended_at_ms: eb.ref('excluded.ended_at_ms'),
        log: eb.ref('excluded.log'),
        result_type: eb.ref('excluded.result_type'),
        result_bytes: eb.ref('excluded.result_bytes'),
        origins: eb.ref('excluded.origins'),
      })),
    )
    .compile()
}

function toRow(record: RunRecord): RunRow {
  const { timings } = record
  return {
    id: record.id,
    executable_id: record.executableId,
    version: record.version,
    function_name: record.functionName,
    status: record.status,
    error_code: record.errorCode,
    error_message: record.errorMessage,
    usage_key_hash: record.usageKeyHash,
    forwarded_to: record.forwardedTo,
    fetch_us: round(timings.fetchUs),
    queue_us: round(timings.queueUs),
    instantiate_us: round(timings.instantiateUs),
    run_us: round(timings.runUs),
    forward_us: round(timings.forwardUs),
    input_bytes: record.inputBytes,
    output_bytes: record.outputBytes,
    memory_bytes: record.memoryBytes,
    fuel_used: record.fuelUsed,
    log_truncated: record.logTruncated ? 1 : 0,
    created_at_ms: record.createdAtMs,
    ended_at_ms: record.endedAtMs,
    log: record.log,
    result_type: record.result?.type ?? null,
    result_bytes: record.result?.bytes ?? null,
    origins: toOrigins(record),
  }
}

function toItem(row: Pick<Selectable<RunsTable>, (typeof LISTED_COLUMNS)[number]>): RunRecord {
  return toRecord({ ...row, log: '', result_type: null, result_bytes: null, origins: null })
}

type Origins = Pick<RunRecord, 'cause' | 'inputs'>

function toOrigins({ cause, inputs }: Origins): string | null {
  return cause === null && inputs === null ? null : JSON.stringify({ cause, inputs })
}

function fromOrigins(json: string | null): Origins {
  return json === null ? { cause: null, inputs: null } : (JSON.parse(json) as Origins)
}

/** Ids of runs begin with the millisecond in which they were made (UUIDv7). */
function firstIdOf(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}

function timeOf(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** The columns hold integers; clocks tell fractions. */
function round(us: number | null): number | null {
  return us === null ? null : Math.round(us)
}

export function toRecord(row: Omit<Selectable<RunsTable>, 'result_size_bytes'>): RunRecord {
  return {
    id: row.id,
    executableId: row.executable_id,
    version: row.version,
    functionName: row.function_name,
    status: row.status as RunStatus,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    usageKeyHash: row.usage_key_hash,
    forwardedTo: row.forwarded_to,
    ...fromOrigins(row.origins),
    timings: {
      fetchUs: row.fetch_us,
      queueUs: row.queue_us,
      instantiateUs: row.instantiate_us,
      runUs: row.run_us,
      forwardUs: row.forward_us,
    },
    inputBytes: row.input_bytes,
    outputBytes: row.output_bytes,
    memoryBytes: row.memory_bytes,
    fuelUsed: row.fuel_used,
    log: row.log,
    logTruncated: row.log_truncated === 1,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
    result:
      row.result_bytes === null || row.result_type === null
        ? null
        : { bytes: row.result_bytes, type: row.result_type },
  }
}
