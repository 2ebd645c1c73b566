// What the repositories need of an engine: a place to read, and units of writing. sqlite.ts and postgres.ts
// provide it, so that the repositories are written once and name no engine.
import type { Kysely } from 'kysely'
import type { EndpointChange } from './endpoint-counters.ts'
import type { KeyChange } from './idempotency-totals.ts'
import type { LaneChange } from './lanes.ts'
import type { LineChange } from './ordered-deliveries.ts'
import type { Schema } from './schema.ts'
import type { Notice } from './storage.ts'

export type Tell = (notice: Notice) => void

/** What a unit asks for that is done with the commit, once for all units that share it. */
export interface AtCommit {
  /** Other processes are told when it is committed. */
  tell: Tell
  /** A lane has, or may have, something to claim. */
  lane(change: LaneChange): void
  /** Somebody joined a line of deliveries, or has ended in it. */
  line(change: LineChange): void
  /** There are more or fewer keys, or kept answers, of an executable. */
  keys(change: KeyChange): void
  /** Something came of what an endpoint was sent. */
  endpoint(change: EndpointChange): void
}

/** How units that are under way at the same time keep out of each other's way. */
export interface Locks {
  /** Of these names those that no other unit under way has taken; they are ours until the commit. */
  take(db: Kysely<Schema>, names: readonly string[]): Promise<string[]>
  /** Has others that ask for the same name wait for our commit, and us for theirs: what is read after it stays so. */
  inTurn(db: Kysely<Schema>, name: string): Promise<void>
  /** Has a query select only rows that no other unit is changing; they are ours until the commit. */
  free<Q extends Lockable<Q>>(query: Q): Q
}

/** A select query. */
interface Lockable<Q> {
  forUpdate(): Q
  skipLocked(): Q
}

/**
 * One atomic change. It awaits nothing but its own queries, since other writers wait for it, and it
 * changes nothing but the database, since an engine may run it again after undoing it.
 */
export type Unit<T> = (db: Kysely<Schema>, at: AtCommit) => Promise<T>

export interface Database {
  /** Sees what has been committed, and nothing that has not. */
  readonly reader: Kysely<Schema>
  /** Resolves once the unit is committed and synced; a unit that throws is undone and rejects. */
  write<T>(unit: Unit<T>): Promise<T>
  readonly locks: Locks
}

/** The part of a pino logger that engines use. */
export interface StorageLog {
  error(fields: object, message: string): void
  info(fields: object, message: string): void
}
