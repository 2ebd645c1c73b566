// The patterns of endpoints, found by the types that they match: of ten thousand endpoints a publish reads those that
// want it.
import type { Kysely, Selectable } from 'kysely'
import { AppError } from '../errors.ts'
import { OPERATIONAL_ENDPOINTS_MAX, isOperational, patternsMatching } from '../event-pattern.ts'
import type { EndpointPatternsTable, EndpointsTable } from './events-schema.ts'
import { createRowWriter } from './row-writer.ts'
import type { Schema } from './schema.ts'
import { createStatementOfIds } from './statement.ts'

const insertRows = createRowWriter<EndpointPatternsTable>((db, rows) =>
  db
    .insertInto('endpoint_patterns')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .compile(),
)

/** Those that are there already stay. */
export async function insertPatterns(
  db: Kysely<Schema>,
  { id, tenant }: { id: string; tenant: string },
  patterns: readonly string[],
): Promise<void> {
  const distinct = [...new Set(patterns)].sort()
  await insertRows(
    db,
    distinct.map((pattern) => ({ tenant, pattern, endpoint_id: id })),
  )
}

/** @throws AppError CONFLICT where more endpoints name what the server tells than may */
export async function checkListeners(
  db: Kysely<Schema>,
  tenant: string,
  patterns: readonly string[],
): Promise<void> {
  const named = patterns.filter(isOperational)
  if (named.length === 0) return
  const most = OPERATIONAL_ENDPOINTS_MAX
  const crowded = await db
    .selectFrom('endpoint_patterns')
    .select('pattern')
    .where('tenant', '=', tenant)
    .where('pattern', 'in', named)
    .groupBy('pattern')
    .having((eb) => eb(eb.fn.countAll(), '>', most))
    .executeTakeFirst()
  if (crowded === undefined) return
  const sentence = `At most ${most} endpoints of a tenant name ${crowded.pattern}.`
  throw new AppError('CONFLICT', sentence, { detail: { limit: most, field: 'event_types' } })
}

/** Has an endpoint want these and no others. */
export async function replacePatterns(
  db: Kysely<Schema>,
  endpoint: { id: string; tenant: string },
  patterns: readonly string[],
): Promise<void> {
  let others = db.deleteFrom('endpoint_patterns').where('endpoint_id', '=', endpoint.id)
  if (patterns.length > 0) others = others.where('pattern', 'not in', patterns)
  await others.execute()
  await insertPatterns(db, endpoint, patterns)
}

const selectWanting = createStatementOfIds((db, patterns, tenant: string) =>
  db
    .selectFrom('endpoints')
    .select(['id', 'lane', 'retry', 'settings'])
    // Each once, though several of its patterns match.
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('endpoint_patterns')
        .select('endpoint_id')
        .where('endpoint_patterns.tenant', '=', tenant)
        .where('pattern', 'in', patterns),
    )
    .where('enabled', '=', 1),
)

/** The tenant's enabled endpoints that want events of that type. */
export async function endpointsWanting(
  db: Kysely<Schema>,
  { tenant, type }: { tenant: string; type: string },
): Promise<readonly Pick<Selectable<EndpointsTable>, 'id' | 'lane' | 'retry' | 'settings'>[]> {
  const { rows } = await selectWanting(db, patternsMatching(type), tenant)
  return rows
}
