// What the repositories need of an engine: a place to read, and units of writing. sqlite.ts and postgres.ts
// provide it, so that the repositories are written once and name no engine.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import type { Notice } from './storage.ts'

/** Other processes are told once the unit is committed. */
export type Tell = (notice: Notice) => void

/**
 * One atomic change. It awaits nothing but its own queries, since other writers wait for it, and it
 * changes nothing but the database, since an engine may run it again after undoing it.
 */
export type Unit<T> = (db: Kysely<Schema>, tell: Tell) => Promise<T>

export interface Database {
  /** Sees what has been committed, and nothing that has not. */
  readonly reader: Kysely<Schema>
  /** Resolves once the unit is committed and synced; a unit that throws is undone and rejects. */
  write<T>(unit: Unit<T>): Promise<T>
}
