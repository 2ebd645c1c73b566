// What came of what endpoints were sent: counters for all time and for each hour, to which units tell what they add.
// They are written once for all units of a commit, last and in one order, as lanes are (lanes.ts): so sending
// pays for few rows, and statistics never look at deliveries.
import type { Insertable, Kysely, Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Attempt, EndpointCounts, EndpointStats } from '../model.ts'
import type { EndpointCountersTable } from './events-schema.ts'
import { createRowWriter } from './row-writer.ts'
import type { Schema } from './schema.ts'
import { createStatementOfIds } from './statement.ts'
import type { AfterAttempt, Unchanged } from './storage.ts'

/** One thing that happened. */
export interface EndpointChange {
  endpointId: string
  nowMs: number
  /** Undefined: it ended without an attempt. */
  attempt?: { succeeded: boolean; durationUs: number }
  ended?: 'exhausted' | 'discarded'
}

type CounterRow = Insertable<EndpointCountersTable>

const HOUR_MS = 3_600_000
/** Stands in place of an hour for all time. */
const TOTALS = -1
/** Rows deleted at once; other writers wait meanwhile. */
const STEP_ROWS = 500

/** What an attempt, and what comes of it, adds. */
export function changeOf(
  endpointId: string,
  { durationUs }: Pick<Attempt, 'durationUs'>,
  { state }: AfterAttempt | Unchanged,
  nowMs: number,
): EndpointChange {
  const attempt = { succeeded: state === 'succeeded', durationUs }
  const ended = state === 'exhausted' || state === 'discarded' ? { ended: state } : {}
  return { endpointId, nowMs, attempt, ...ended }
}

/** Writes what units of one commit told. */
export async function writeEndpointCounters(
  db: Kysely<Schema>,
  changes: readonly EndpointChange[],
): Promise<void> {
  const rows = new Map<string, CounterRow>()
  for (const change of changes) {
    for (const hour of [TOTALS, hourOf(change.nowMs)]) {
      const key = `${change.endpointId}/${hour}`
      const row = rows.get(key) ?? emptyRow(change.endpointId, hour)
      rows.set(key, row)
      addTo(row, change)
    }
  }
  const inOrder = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  await add(db, inOrder)
  const well = inOrder.filter((row) => row.hour_ms === TOTALS && row.succeeded !== 0)
  if (well.length > 0) {
    await noteWell(
      db,
      well.map((row) => row.endpoint_id),
    )
  }
}

/** They fail no more. */
const noteWell = createStatementOfIds((db, ids) =>
  db
    .updateTable('endpoints')
    .set({ failing_since_ms: null })
    .where('id', 'in', ids)
    .where('failing_since_ms', 'is not', null),
)

function emptyRow(endpointId: string, hour: number): CounterRow {
  return {
    endpoint_id: endpointId,
    hour_ms: hour,
    succeeded: 0,
    failed_attempts: 0,
    exhausted: 0,
    discarded: 0,
    latency_us: 0,
    last_success_ms: null,
    last_failure_ms: null,
  }
}

function addTo(row: CounterRow, { attempt, ended, nowMs }: EndpointChange): void {
  if (ended !== undefined) row[ended]++
  if (attempt === undefined) return
  row.latency_us += attempt.durationUs
  const { column, last } = attempt.succeeded
    ? ({ column: 'succeeded', last: 'last_success_ms' } as const)
    : ({ column: 'failed_attempts', last: 'last_failure_ms' } as const)
  row[column]++
  row[last] = Math.max(row[last] ?? 0, nowMs)
}

const add = createRowWriter<CounterRow>((db, rows) =>
  db
    .insertInto('endpoint_counters')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['endpoint_id', 'hour_ms']).doUpdateSet((eb) => {
        const sum = (name: Counter) =>
          eb(`endpoint_counters.${name}`, '+', eb.ref(`excluded.${name}`))
        return {
          succeeded: sum('succeeded'),
          failed_attempts: sum('failed_attempts'),
          exhausted: sum('exhausted'),
          discarded: sum('discarded'),
          latency_us: sum('latency_us'),
          last_success_ms: later('last_success_ms'),
          last_failure_ms: later('last_failure_ms'),
        }
      }),
    )
    .compile(),
)

type Counter = 'succeeded' | 'failed_attempts' | 'exhausted' | 'discarded' | 'latency_us'

function later(name: 'last_success_ms' | 'last_failure_ms') {
  const [known, told] = [sql.ref(`endpoint_counters.${name}`), sql.ref(`excluded.${name}`)]
  return sql<number | null>`case
    when ${known} is null or ${told} > ${known} then ${told} else ${known}
  end`
}

/** Hours from one that has begun by `fromMs`, the newest first; those in which nothing came of anything are left out. */
export async function readEndpointStats(
  db: Kysely<Schema>,
  endpointId: string,
  fromMs: number,
): Promise<EndpointStats> {
  const rows = await db
    .selectFrom('endpoint_counters')
    .selectAll()
    .where('endpoint_id', '=', endpointId)
    .where((eb) => eb.or([eb('hour_ms', '=', TOTALS), eb('hour_ms', '>=', hourOf(fromMs))]))
    .orderBy('hour_ms', 'desc')
    .execute()
  const totals = rows.find((row) => row.hour_ms === TOTALS)
  return {
    totals: toCounts(totals ?? { ...NOTHING }),
    lastSuccessAtMs: totals?.last_success_ms ?? null,
    lastFailureAtMs: totals?.last_failure_ms ?? null,
    hours: rows
      .filter((row) => row !== totals)
      .map((row) => ({ fromMs: row.hour_ms, ...toCounts(row) })),
  }
}

/** Deletes hours that began before, in one step, and what else is there of endpoints that are not; tells how many. */
export async function pruneEndpointHours(db: Kysely<Schema>, beforeMs: number): Promise<number> {
  const old = await db
    .selectFrom('endpoint_counters')
    .select(['endpoint_id', 'hour_ms'])
    .where('hour_ms', '>', TOTALS)
    .where('hour_ms', '<', beforeMs)
    .orderBy('hour_ms')
    .limit(STEP_ROWS)
    .execute()
  const endpoints = [...new Set(old.map((row) => row.endpoint_id))].sort()
  const newest = old.at(-1)?.hour_ms
  if (newest === undefined) return 0
  const ofThese = db.deleteFrom('endpoint_counters').where('endpoint_id', 'in', endpoints)
  await ofThese.where('hour_ms', '>', TOTALS).where('hour_ms', '<=', newest).execute()
  // What was settled when it had just been deleted.
  await ofThese
    .where('hour_ms', '=', TOTALS)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('endpoints')
            .select('endpoints.id')
            .whereRef('endpoints.id', '=', 'endpoint_counters.endpoint_id'),
        ),
      ),
    )
    .execute()
  return old.length
}

export async function deleteEndpointCounters(
  db: Kysely<Schema>,
  endpointId: string,
): Promise<void> {
  await db.deleteFrom('endpoint_counters').where('endpoint_id', '=', endpointId).execute()
}

const NOTHING = { succeeded: 0, failed_attempts: 0, exhausted: 0, discarded: 0, latency_us: 0 }

function toCounts(row: Pick<Selectable<EndpointCountersTable>, Counter>): EndpointCounts {
  return {
    succeeded: row.succeeded,
    failedAttempts: row.failed_attempts,
    exhausted: row.exhausted,
    discarded: row.discarded,
    latencyUs: row.latency_us,
  }
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS
}
