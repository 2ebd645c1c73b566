// The one writer of the SQLite engine. Units asked for while another batch is under way are gathered
// and committed together: a sync to disk costs as much for one row as for hundreds. The event loop goes on
// while the disk syncs.
import { setImmediate, setTimeout } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import type { Kysely } from 'kysely'
import { AppError } from '../errors.ts'
import type { StorageLog, Tell, Unit } from './database.ts'
import { writeEndpointCounters } from './endpoint-counters.ts'
import type { EndpointChange } from './endpoint-counters.ts'
import { writeKeyTotals } from './idempotency-totals.ts'
import type { KeyChange } from './idempotency-totals.ts'
import { writeLanes } from './lanes.ts'
import type { LaneChange } from './lanes.ts'
import { writeLines } from './ordered-deliveries.ts'
import type { LineChange } from './ordered-deliveries.ts'
import type { Schema } from './schema.ts'
import type { Notice } from './storage.ts'

/** Units of one commit. */
const BATCH_UNITS = 128
/** A batch holds up the event loop: past this time what is left of it waits for the next. */
const BATCH_MS = 10
/** How long a batch waits while another process (a backup, the sqlite3 shell) writes. */
const BUSY_WAIT_MS = 5_000
const BUSY_RETRY_MS = 20

/** No other unit is under way. */
const ALONE = { inTurn: () => Promise.resolve() }

interface Waiting {
  unit: Unit<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** What units asked for that is written with their commit. */
interface Asked {
  lines: LineChange[]
  lanes: LaneChange[]
  keys: KeyChange[]
  endpoints: EndpointChange[]
}

export class SqliteWriter {
  readonly #connection: BetterSqlite3.Database
  readonly #db: Kysely<Schema>
  readonly #log: StorageLog | undefined
  readonly #tell: Tell
  readonly #sync: () => Promise<void>
  readonly #statements
  #queue: Waiting[] = []
  #draining: Promise<void> | undefined
  #closed = false
  /** Whether the last commit failed: only a change is worth a line, not each of a thousand batches. */
  #failing = false
  /** A sync that failed: what the disk has is unknown from then on. */
  #unsynced: { cause: unknown } | undefined

  /**
   * `db` runs its queries on `connection`, whose commits need not be synced: `sync` resolves when all of them
   * have been. `tell` hears what committed units told, before they resolve.
   */
  constructor(deps: {
    connection: BetterSqlite3.Database
    db: Kysely<Schema>
    log: StorageLog | undefined
    tell: Tell
    sync: () => Promise<void>
  }) {
    this.#connection = deps.connection
    this.#db = deps.db
    this.#log = deps.log
    this.#tell = deps.tell
    this.#sync = deps.sync
    this.#statements = {
      // IMMEDIATE: a transaction that begins by reading could find itself unable to write later.
      begin: deps.connection.prepare('BEGIN IMMEDIATE'),
      commit: deps.connection.prepare('COMMIT'),
      rollback: deps.connection.prepare('ROLLBACK'),
      savepoint: deps.connection.prepare('SAVEPOINT unit'),
      release: deps.connection.prepare('RELEASE unit'),
      undo: deps.connection.prepare('ROLLBACK TO unit'),
    }
  }

  write<T>(unit: Unit<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new AppError('CLOSED'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, resolve: (value) => resolve(value as T), reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Resolves when everything asked for has been committed or refused. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      // Lets the event loop turn between batches, which is also how the next batch gathers.
      await setImmediate()
      await this.#run(this.#queue.splice(0, BATCH_UNITS))
    }
    this.#draining = undefined
  }

  async #run(batch: Waiting[]): Promise<void> {
    const failure = await this.#commit(batch)
    if (failure === undefined) {
      if (this.#failing) this.#log?.info({}, 'storage: commits succeed again')
      this.#failing = false
      return
    }
    if (isCode(failure.cause, 'SQLITE_FULL') && batch.length > 1) {
      // One large unit shall not fail the small ones beside it, which may still fit.
      for (const waiting of batch) await this.#run([waiting])
      return
    }
    if (!this.#failing) this.#log?.error({ err: failure.cause }, 'storage: a commit failed')
    this.#failing = true
    for (const waiting of batch) waiting.reject(toAppError(failure.cause))
  }

  /** Settles the batch's promises and returns nothing, or undoes all of it and returns the cause. */
  async #commit(batch: Waiting[]): Promise<{ cause: unknown } | undefined> {
    if (this.#unsynced !== undefined) return this.#unsynced
    const settle: (() => void)[] = []
    try {
      await this.#begin()
      const asked: Asked = { lines: [], lanes: [], keys: [], endpoints: [] }
      const endAt = performance.now() + BATCH_MS
      for (const waiting of batch) {
        settle.push(await this.#runUnit(waiting, asked))
        if (performance.now() > endAt) this.#queue.unshift(...batch.splice(settle.length))
      }
      if (asked.lines.length > 0) settle.push(await this.#writeLines(asked))
      if (asked.lanes.length > 0) await writeLanes(this.#db, asked.lanes)
      if (asked.keys.length > 0) await writeKeyTotals(this.#db, asked.keys)
      if (asked.endpoints.length > 0) await writeEndpointCounters(this.#db, asked.endpoints)
      this.#statements.commit.run()
    } catch (cause) {
      if (this.#connection.inTransaction) this.#statements.rollback.run()
      return { cause }
    }
    try {
      await this.#sync()
    } catch (cause) {
      // Nothing is tried again, and nothing more is written: a later sync that succeeds says nothing of what this
      // one left behind. The next start finds what the disk has.
      this.#unsynced = { cause }
      return this.#unsynced
    }
    for (const settleOne of settle) settleOne()
    return undefined
  }

  async #begin(): Promise<void> {
    const giveUpAt = performance.now() + BUSY_WAIT_MS
    for (;;) {
      try {
        this.#statements.begin.run()
        return
      } catch (error) {
        if (!isCode(error, 'SQLITE_BUSY') || performance.now() > giveUpAt) throw error
        await setTimeout(BUSY_RETRY_MS)
      }
    }
  }

  /** Returns what to do once the batch is committed. */
  async #writeLines({ lines, lanes }: Asked): Promise<() => void> {
    const told: Notice[] = []
    const at = {
      tell: (notice: Notice) => told.push(notice),
      lane: (change: LaneChange) => lanes.push(change),
    }
    await writeLines(this.#db, at, ALONE, lines)
    return () => told.forEach(this.#tell)
  }

  /** Returns what to do with the unit's promise once the batch is committed. */
  async #runUnit(waiting: Waiting, asked: Asked): Promise<() => void> {
    this.#statements.savepoint.run()
    try {
      const told: Notice[] = []
      const own: Asked = { lines: [], lanes: [], keys: [], endpoints: [] }
      const value = await waiting.unit(this.#db, {
        tell: (notice) => told.push(notice),
        line: (change) => own.lines.push(change),
        lane: (change) => own.lanes.push(change),
        keys: (change) => own.keys.push(change),
        endpoint: (change) => own.endpoints.push(change),
      })
      this.#statements.release.run()
      asked.lines.push(...own.lines)
      asked.lanes.push(...own.lanes)
      asked.keys.push(...own.keys)
      asked.endpoints.push(...own.endpoints)
      return () => {
        told.forEach(this.#tell)
        waiting.resolve(value)
      }
    } catch (error) {
      // On a full disk or an I/O error SQLite may have undone the whole batch by itself.
      if (!this.#connection.inTransaction) throw error
      this.#statements.undo.run()
      this.#statements.release.run()
      return () => waiting.reject(toAppError(error))
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith(code)
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (isCode(error, 'SQLITE_FULL')) {
    return new AppError(
      'STORAGE_FULL',
      'The disk is full; nothing was stored. Free some space in DATA_DIR and try again.',
      { cause: error },
    )
  }
  if (isCode(error, 'SQLITE_BUSY')) {
    return new AppError(
      'STORAGE_BUSY',
      `Another process kept the database locked for ${BUSY_WAIT_MS} ms; nothing was stored.`,
      { cause: error },
    )
  }
  return new AppError('INTERNAL', 'The database could not be written.', { cause: error })
}
