// What the operator sees of the database as a whole, in bounded steps whatever it holds.
import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { OverviewStore, QueueOverview } from './overview-store.ts'

export function createOverviewStore(deps: {
  database: Database
  /** What the database takes of the disk. */
  sizeBytes: () => Promise<number>
}): OverviewStore {
  const { reader } = deps.database

  async function dueAtMs(work: 'deliveries' | 'queued_runs'): Promise<number | null> {
    const { due } = await reader
      .selectFrom('lanes')
      .select((eb) => eb.fn.min<number | null>('due_at_ms').as('due'))
      .where('work', '=', work)
      .where('due_at_ms', 'is not', null)
      .executeTakeFirstOrThrow()
    return due
  }

  return {
    sizeBytes: deps.sizeBytes,

    async queuedRuns(max): Promise<QueueOverview> {
      const some = reader.selectFrom('queued_runs').select('id').limit(max)
      const { depth } = await reader
        .selectFrom(some.as('some'))
        .select((eb) => eb.fn.countAll<number>().as('depth'))
        .executeTakeFirstOrThrow()
      return { depth, oldestDueMs: await dueAtMs('queued_runs') }
    },

    async deliveries(max): Promise<QueueOverview> {
      const some = reader
        .selectFrom('deliveries')
        .select('executable_id')
        .where(sql.ref('ended_at_ms'), 'is', null)
        .limit(max)
      const { depth } = await reader
        .selectFrom(some.as('some'))
        .select((eb) => eb.fn.countAll<number>().as('depth'))
        .executeTakeFirstOrThrow()
      return { depth, oldestDueMs: await dueAtMs('deliveries') }
    },
  }
}
