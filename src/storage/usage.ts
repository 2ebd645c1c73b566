// What executables used: counters that each batch of run records adds to.
import type { CompiledQuery, Insertable, Kysely, Selectable } from 'kysely'
import type { Usage } from '../model.ts'
import { createRowWriter } from './row-writer.ts'
import type { Schema } from './schema.ts'
import type { UsageTable } from './usage-schema.ts'

/** Columns that rise with each run. */
type Counter = Exclude<keyof UsageTable, 'executable_id' | 'since_ms' | 'latest_run_us'>
type UsageRow = Insertable<UsageTable>

export interface UsageTotals {
  /** Adds to the counters of these executables, all of which exist. */
  add(db: Kysely<Schema>, used: Iterable<readonly [number, Usage]>): Promise<unknown>
  get(db: Kysely<Schema>, executableId: number): Promise<Usage | undefined>
}

export function createUsageTotals(): UsageTotals {
  const add = createRowWriter(buildAdd)
  return {
    add: (db, used) => add(db, Array.from(used, toRow)),

    async get(db, executableId) {
      const row = await db
        .selectFrom('usage')
        .selectAll()
        .where('executable_id', '=', executableId)
        .executeTakeFirst()
      return row === undefined ? undefined : toUsage(row)
    },
  }
}

function buildAdd(db: Kysely<Schema>, rows: UsageRow[]): CompiledQuery {
  return db
    .insertInto('usage')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('executable_id').doUpdateSet((eb) => {
        const sum = (name: Counter) => eb(`usage.${name}`, '+', eb.ref(`excluded.${name}`))
        return {
          succeeded: sum('succeeded'),
          failed: sum('failed'),
          canceled: sum('canceled'),
          metered_runs: sum('metered_runs'),
          fuel: sum('fuel'),
          input_bytes: sum('input_bytes'),
          output_bytes: sum('output_bytes'),
          queue_us: sum('queue_us'),
          run_us: sum('run_us'),
          latest_run_us: eb.fn.coalesce('excluded.latest_run_us', 'usage.latest_run_us'),
        }
      }),
    )
    .compile()
}

/** The columns hold integers; clocks may tell fractions. */
function toRow([executableId, usage]: readonly [number, Usage]): UsageRow {
  return {
    executable_id: executableId,
    since_ms: usage.sinceMs,
    succeeded: usage.succeeded,
    failed: usage.failed,
    canceled: usage.canceled,
    metered_runs: usage.meteredRuns,
    fuel: usage.fuel,
    input_bytes: usage.inputBytes,
    output_bytes: usage.outputBytes,
    queue_us: Math.round(usage.queueUs),
    run_us: Math.round(usage.runUs),
    latest_run_us: usage.latestRunUs === null ? null : Math.round(usage.latestRunUs),
  }
}

function toUsage(row: Selectable<UsageTable>): Usage {
  return {
    sinceMs: row.since_ms,
    succeeded: row.succeeded,
    failed: row.failed,
    canceled: row.canceled,
    meteredRuns: row.metered_runs,
    fuel: row.fuel,
    inputBytes: row.input_bytes,
    outputBytes: row.output_bytes,
    queueUs: row.queue_us,
    runUs: row.run_us,
    latestRunUs: row.latest_run_us,
  }
}
