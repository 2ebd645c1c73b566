// Why an endpoint is sent nothing, and since when it fails.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes, Schema } from '../schema.ts'

export function disabledEndpoints({ integer }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema.alterTable('endpoints').addColumn('disabled_reason', 'text').execute()
      await db.schema.alterTable('endpoints').addColumn('disabled_at_ms', integer).execute()
      await db.schema.alterTable('endpoints').addColumn('failing_since_ms', integer).execute()
      await db
        .updateTable('endpoints')
        .set((eb) => ({ disabled_reason: 'owner', disabled_at_ms: eb.ref('updated_at_ms') }))
        .where('enabled', '=', 0)
        .execute()
    },
  }
}
