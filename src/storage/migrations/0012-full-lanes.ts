// Whether a lane is full is noted, so that room which comes free in one that is not needs no look at its work.
import type { Kysely, Migration } from 'kysely'
import type { EngineTypes } from '../schema.ts'
import type { Schema } from '../schema.ts'

export function fullLanes({ integer }: EngineTypes): Migration {
  return {
    async up(db: Kysely<Schema>) {
      await db.schema
        .alterTable('lanes')
        .addColumn('is_full', integer, (column) => column.notNull().defaultTo(0))
        .execute()
      // It is not known, and the next look tells.
      await db.updateTable('lanes').set({ is_full: 1 }).execute()
    },
  }
}
