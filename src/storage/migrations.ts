// Brings a database to the newest schema. The list is static and append-only: a migration that has
// been released is never edited.
import type { Kysely, Migration } from 'kysely'
import { Migrator } from 'kysely'
import { AppError } from '../errors.ts'
import { first } from './migrations/0001-first.ts'
import { resultSize } from './migrations/0002-result-size.ts'
import { limitsAndUsage } from './migrations/0003-limits-and-usage.ts'
import { functionStorage } from './migrations/0004-function-storage.ts'
import { deliveries } from './migrations/0005-deliveries.ts'
import { queuedRuns } from './migrations/0006-queued-runs.ts'
import { signingSecrets } from './migrations/0007-signing-secrets.ts'
import { durableRuns } from './migrations/0008-durable-runs.ts'
import { attempts } from './migrations/0009-attempts.ts'
import { deliveryHistory } from './migrations/0010-delivery-history.ts'
import { severalProcesses } from './migrations/0011-several-processes.ts'
import { fullLanes } from './migrations/0012-full-lanes.ts'
import { events } from './migrations/0014-events.ts'
import { tokens } from './migrations/0015-tokens.ts'
import { eventBytes } from './migrations/0016-event-bytes.ts'
import { eventPatterns } from './migrations/0016-event-patterns.ts'
import { preparation } from './migrations/0017-preparation.ts'
import { ownLanes } from './migrations/0018-own-lanes.ts'
import { disabledEndpoints } from './migrations/0019-disabled-endpoints.ts'
import { eventTypeRules } from './migrations/0021-event-type-rules.ts'
import { around } from './migrations/0022-around.ts'
import { ordered } from './migrations/0023-ordered.ts'
import { endpointCounters } from './migrations/0024-endpoint-counters.ts'
import { sources } from './migrations/0025-sources.ts'
import { bins } from './migrations/0026-bins.ts'
import { failedRuns } from './migrations/0027-failed-runs.ts'
import { runOrigins } from './migrations/0028-run-origins.ts'
import { runSlots } from './migrations/0029-run-slots.ts'
import type { EngineTypes, Schema } from './schema.ts'

const MIGRATIONS: Readonly<Record<string, (types: EngineTypes) => Migration>> = {
  '0001-first': first,
  '0002-result-size': resultSize,
  '0003-limits-and-usage': limitsAndUsage,
  '0004-function-storage': functionStorage,
  '0005-deliveries': deliveries,
  '0006-queued-runs': queuedRuns,
  '0007-signing-secrets': signingSecrets,
  '0008-durable-runs': durableRuns,
  '0009-attempts': attempts,
  '0010-delivery-history': deliveryHistory,
  '0011-several-processes': severalProcesses,
  '0012-full-lanes': fullLanes,
  '0014-events': events,
  '0015-tokens': tokens,
  '0016-event-bytes': eventBytes,
  '0016-event-patterns': eventPatterns,
  '0017-preparation': preparation,
  '0018-own-lanes': ownLanes,
  '0019-disabled-endpoints': disabledEndpoints,
  '0021-event-type-rules': eventTypeRules,
  '0022-around': around,
  '0023-ordered': ordered,
  '0024-endpoint-counters': endpointCounters,
  '0025-sources': sources,
  '0026-bins': bins,
  '0027-failed-runs': failedRuns,
  '0028-run-origins': runOrigins,
  '0029-run-slots': runSlots,
}

/** The engine calls this inside one transaction, so that a crash midway leaves the old schema. */
export async function migrate(db: Kysely<Schema>, types: EngineTypes): Promise<void> {
  const migrations = Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, make]) => [name, make(types)]),
  )
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  })
  const known = await migrator.getMigrations()
  const applied = known.filter((migration) => migration.executedAt !== undefined).length
  const recorded = await countRecorded(db)
  if (recorded > applied) {
    throw new AppError(
      'CONFLICT',
      'The database was last used by a newer Wasmhook; start that version, or restore a backup.',
    )
  }
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) {
    throw new AppError('INTERNAL', 'The database schema could not be brought up to date.', {
      cause: error,
    })
  }
}

/** Migrations that the database remembers, those unknown to this version included. */
async function countRecorded(db: Kysely<Schema>): Promise<number> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === 'kysely_migration')) return 0
  const row = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}
