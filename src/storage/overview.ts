// What the operator sees of the database as a whole, in bounded steps whatever it holds.
import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { OverviewStore, QueueOverview } from './overview-store.ts'

/** What may be a tenant's; each has an index that begins with it. */
const OF_TENANTS = ['event_types', 'endpoints', 'messages', 'sources', 'bins', 'tokens'] as const

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

    async tenants({ limit, after = '' }) {
      // From one name to the next by the indexes, however many rows are of each.
      const firsts = OF_TENANTS.map(
        (table) =>
          sql`select min(tenant) as name from ${sql.table(table)} where tenant > found.name`,
      )
      const nextOne = sql`(select min(name) from (${sql.join(firsts, sql` union all `)}) as firsts)`
      const { rows } = await sql<{ name: string }>`
        with recursive found (name) as (
          select cast(${after} as text) union all
          select ${nextOne} from found where name is not null
        )
        select name from found where name is not null limit ${limit + 2}`.execute(reader)
      // The first is where it began.
      const names = rows.slice(1).map(({ name }) => name)
      const items = names.slice(0, limit)
      return { items, next: names.length > limit ? (items.at(-1) ?? null) : null }
    },
  }
}
