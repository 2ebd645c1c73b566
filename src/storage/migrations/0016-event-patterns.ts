// The patterns of endpoints as rows, so that a publish finds those that match its type by index (decision 0022).
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

/** Endpoints read at once. */
const STEP_ROWS = 500

export function eventPatterns({ tableEnd }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .createTable('endpoint_patterns')
        .addColumn('tenant', 'text', (column) => column.notNull())
        .addColumn('pattern', 'text', (column) => column.notNull())
        .addColumn('endpoint_id', 'text', (column) =>
          column.notNull().references('endpoints.id').onDelete('cascade'),
        )
        .addPrimaryKeyConstraint('endpoint_patterns_key', ['tenant', 'pattern', 'endpoint_id'])
        .modifyEnd(tableEnd)
        .execute()
      await db.schema
        .createIndex('endpoint_patterns_by_endpoint')
        .on('endpoint_patterns')
        .columns(['endpoint_id'])
        .execute()
      await fill(db)
    },
  }
}

async function fill(db: Kysely<Schema>): Promise<void> {
  for (let after = ''; ;) {
    const rows = await db
      .selectFrom('endpoints')
      .select(['id', 'tenant', 'event_types'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(STEP_ROWS)
      .execute()
    for (const { id, tenant, event_types: json } of rows) {
      const patterns = new Set(JSON.parse(json) as string[])
      const wanted = [...patterns].map((pattern) => ({ tenant, pattern, endpoint_id: id }))
      if (wanted.length > 0) await db.insertInto('endpoint_patterns').values(wanted).execute()
    }
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
  }
}
