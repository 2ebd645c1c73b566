// A long history without having lived it: rows of deliveries that ended, written straight into the database of
// a server that is stopped.
import path from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { v7 as uuidv7 } from 'uuid'
import { withClient } from './postgres.ts'

export interface History {
  executableId: number
  count: number
  targets: readonly string[]
  /** Of the first; each later one is a second younger, and the last is of now. */
  states: readonly string[]
  /** Whether the runs whose results these are are written too. */
  withRuns?: boolean
}

/** Rows of the tables, by column; every row of a table has the same columns. */
interface Rows {
  deliveries: Record<string, unknown>
  delivery_payloads: Record<string, unknown>
  attempts: Record<string, unknown>
  runs?: Record<string, unknown>
}

const GAP_MS = 1_000

function rowsOf(number: number, history: History): Rows {
  const { executableId, count, targets, states, withRuns = false } = history
  const atMs = Date.now() - (count - number) * GAP_MS
  const id = uuidv7({ msecs: atMs, seq: number })
  const runId = uuidv7({ msecs: atMs, seq: count + number })
  return {
    ...(withRuns ? { runs: runOf(runId, executableId, atMs) } : {}),
    deliveries: {
      id,
      run_id: runId,
      executable_id: executableId,
      lane: targets[number % targets.length],
      state: states[Math.floor(number / targets.length) % states.length],
      reason: null,
      due_at_ms: null,
      lease_id: null,
      leased_until_ms: null,
      tries: 1,
      retry: '{"scheduleMs":[5000,300000]}',
      hops: 1,
      content_type: 'text/plain; charset=utf-8',
      size_bytes: 11,
      created_at_ms: atMs,
      ended_at_ms: atMs + 5,
      last_status: 200,
      last_error_class: null,
      kept_bytes: 213,
    },
    // Lists show nothing of what was sent.
    delivery_payloads: { delivery_id: id, spec: Buffer.alloc(200), body: Buffer.alloc(11) },
    attempts: {
      id: uuidv7({ msecs: atMs, seq: 2 * count + number }),
      delivery_id: id,
      began_at_ms: atMs,
      duration_us: 2_000,
      status: 200,
      error_class: null,
      error_message: null,
      response_headers: '{"date":"Thu, 26 Nov 2026 00:00:00 GMT"}',
      response_body: Buffer.from('ok'),
      manual: 0,
    },
  }
}

/** One in fifty failed. */
function runOf(id: string, executableId: number, atMs: number): Record<string, unknown> {
  const failed = atMs % 50 === 0
  return {
    id,
    executable_id: executableId,
    version: 1,
    function_name: 'say',
    status: failed ? 'failed' : 'succeeded',
    error_code: failed ? 'TRAP' : null,
    error_message: failed ? 'wasm trap: unreachable' : null,
    queue_us: 12,
    instantiate_us: 30,
    run_us: 400,
    input_bytes: 5,
    output_bytes: 11,
    memory_bytes: 1_114_112,
    log_truncated: 0,
    created_at_ms: atMs,
    ended_at_ms: atMs + 1,
    log: '',
  }
}

const COMMIT_ROWS = 10_000

/** Into the SQLite database of a server's data folder; gives back the id of the delivery half-way down. */
export function fillSqlite(dataDir: string, history: History): string {
  const db = new BetterSqlite3(path.join(dataDir, 'wasmhook.db'))
  const insert = Object.entries(rowsOf(0, history)).map(([table, row]) => {
    const columns = Object.keys(row as Record<string, unknown>)
    const places = columns.map(() => '?').join(', ')
    const statement = db.prepare(`insert into ${table} (${columns.join(', ')}) values (${places})`)
    return { table: table as keyof Rows, statement }
  })
  let middle = ''
  const some = db.transaction((from: number, to: number) => {
    for (let number = from; number < to; number++) {
      const rows = rowsOf(number, history)
      if (number === history.count >> 1) middle = rows.deliveries.id as string
      for (const { table, statement } of insert) statement.run(Object.values(rows[table]!))
    }
  })
  for (let from = 0; from < history.count; from += COMMIT_ROWS) {
    some(from, Math.min(from + COMMIT_ROWS, history.count))
  }
  db.close()
  return middle
}

const STATEMENT_ROWS = 2_000

/** Into a PostgreSQL database; gives back the id of the delivery half-way down. */
export async function fillPostgres(url: string, history: History): Promise<string> {
  let middle = ''
  await withClient(url, async (client) => {
    for (let from = 0; from < history.count; from += STATEMENT_ROWS) {
      const to = Math.min(from + STATEMENT_ROWS, history.count)
      const all = Array.from({ length: to - from }, (_, at) => rowsOf(from + at, history))
      const half = history.count >> 1
      if (half >= from && half < to) middle = all[half - from]!.deliveries.id as string
      for (const table of Object.keys(all[0]!) as (keyof Rows)[]) {
        const columns = Object.keys(all[0]![table]!).join(', ')
        await client.query(
          `insert into ${table} (${columns})
           select ${columns} from json_populate_recordset(null::${table}, $1)`,
          [
            JSON.stringify(
              all.map((rows) => rows[table]),
              toJson,
            ),
          ],
        )
      }
    }
    await client.query('vacuum analyze')
  })
  return middle
}

/** Bytes as PostgreSQL reads them. */
function toJson(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const bytes = this[key]
  return Buffer.isBuffer(bytes) ? `\\x${bytes.toString('hex')}` : value
}
