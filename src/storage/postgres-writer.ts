// The writers of the PostgreSQL engine. Units asked for while all of them are at work are gathered and committed
// together, since a commit costs as much for one row as for hundreds. A batch that fails is undone and run
// again in parts, until what cannot be committed has failed alone.
import type { Kysely } from 'kysely'
import type pg from 'pg'
import { AppError } from '../errors.ts'
import type { AtCommit, Unit, StorageLog } from './database.ts'
import { writeEndpointCounters } from './endpoint-counters.ts'
import type { EndpointChange } from './endpoint-counters.ts'
import { writeKeyTotals } from './idempotency-totals.ts'
import type { KeyChange } from './idempotency-totals.ts'
import { writeLanes } from './lanes.ts'
import type { LaneChange } from './lanes.ts'
import { writeLines } from './ordered-deliveries.ts'
import type { LineChange } from './ordered-deliveries.ts'
import {
  ConnectionLost,
  kyselyOn,
  send,
  sqlState,
  toAppError,
  withConnection,
  withNewConnection,
} from './postgres-connection.ts'
import { LOCKS } from './postgres-locks.ts'
import type { Schema } from './schema.ts'
import type { Notice } from './storage.ts'

/** Units of one commit. */
const BATCH_UNITS = 64
/** How often a unit is run that others got in the way of, or whose connection broke before its commit. */
const TRIES = 5
const TRIES_WHEN_LOST = 3

/** Others got in the way: serialization_failure, deadlock_detected, lock_not_available. */
const IN_THE_WAY = /^(40001|40P01|55P03)$/
/** A row that was looked for came or went meanwhile: foreign_key_violation, unique_violation. */
const OVERTAKEN = /^(23503|23505)$/

/** What is told to others: the notices, and how often executables or tokens were changed if these did. */
export type Told = (notices: readonly Notice[], changes: number | undefined) => void

interface Waiting {
  run: Unit<unknown>
  tries: number
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Why a batch was undone: `unit` is to blame, if anything is known. */
interface Failure {
  cause: unknown
  unit: Waiting | undefined
  /** It broke while it was committed: whether it was, is not known. */
  unknown: boolean
}

export class PostgresWriter {
  readonly #pool: pg.Pool
  readonly #writers: number
  readonly #told: Told
  readonly #log: StorageLog | undefined
  #queue: Waiting[] = []
  #working = 0
  #waking = false
  #closed: (() => void) | undefined
  /** Whether the last commit failed: only a change is worth a line. */
  #failing = false

  constructor(deps: { pool: pg.Pool; writers: number; told: Told; log: StorageLog | undefined }) {
    this.#pool = deps.pool
    this.#writers = deps.writers
    this.#told = deps.told
    this.#log = deps.log
  }

  write<T>(unit: Unit<T>): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(new AppError('CLOSED'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ run: unit, tries: 0, resolve: (value) => resolve(value as T), reject })
      this.#wake()
    })
  }

  /** Resolves when everything asked for has been committed or refused. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#closed = resolve
      this.#wake()
    })
  }

  /** At the end of this turn of the event loop, so that what is asked for in it goes together. */
  #wake(): void {
    if (this.#waking) return
    this.#waking = true
    setImmediate(() => {
      this.#waking = false
      while (this.#working < this.#writers && this.#queue.length > 0) {
        this.#working++
        void this.#run(this.#queue.splice(0, BATCH_UNITS)).finally(() => {
          this.#working--
          this.#wake()
        })
      }
      if (this.#working === 0) this.#closed?.()
    })
  }

  /** @param anew on a connection of its own */
  async #run(batch: Waiting[], anew = false): Promise<void> {
    for (const waiting of batch) waiting.tries++
    const failure = await this.#commit(batch, anew)
    if (failure === undefined) return this.#succeeded()
    const { cause, unit, unknown } = failure
    if (unknown) return this.#refuse(batch, new AppError('STORAGE_UNKNOWN', undefined, { cause }))
    if (cause instanceof ConnectionLost) {
      // Nothing was committed. Another connection may do, unless the database is away.
      const tries = Math.min(...batch.map((waiting) => waiting.tries))
      if (tries < TRIES_WHEN_LOST) return this.#run(batch, tries === TRIES_WHEN_LOST - 1)
      return this.#refuse(batch, cause)
    }
    if (unit !== undefined && !IN_THE_WAY.test(sqlState(cause))) {
      const others = batch.filter((waiting) => waiting !== unit)
      if (others.length > 0) await this.#run(others)
      if (OVERTAKEN.test(sqlState(cause)) && unit.tries === 1) return this.#run([unit])
      return unit.reject(toAppError(cause))
    }
    const [only] = batch
    if (batch.length > 1) for (const waiting of batch) await this.#run([waiting])
    else if (IN_THE_WAY.test(sqlState(cause)) && (only?.tries ?? TRIES) < TRIES) {
      await this.#run(batch)
    } else this.#refuse(batch, cause)
  }

  /** Settles the batch's promises and returns nothing, or undoes all of it and says why. */
  async #commit(batch: Waiting[], anew: boolean): Promise<Failure | undefined> {
    const progress: Progress = { unit: undefined, committing: false }
    try {
      const connect = anew ? withNewConnection : withConnection
      const { values, notices, changes } = await connect(this.#pool, (client) =>
        transact(client, batch, progress),
      )
      if (notices.length > 0) this.#told(notices, changes)
      for (const [n, waiting] of batch.entries()) waiting.resolve(values[n])
      return undefined
    } catch (cause) {
      const { unit, committing } = progress
      return { cause, unit, unknown: committing && cause instanceof ConnectionLost && cause.sent }
    }
  }

  #succeeded(): void {
    if (this.#failing) this.#log?.info({}, 'storage: commits succeed again')
    this.#failing = false
  }

  #refuse(batch: Waiting[], cause: unknown): void {
    if (!this.#failing) this.#log?.error({ err: cause }, 'storage: a commit failed')
    this.#failing = true
    for (const waiting of batch) waiting.reject(toAppError(cause))
  }
}

/** How far a transaction came. */
interface Progress {
  /** Under way. */
  unit: Waiting | undefined
  committing: boolean
}

interface Committed {
  /** Of the units, in their order. */
  values: unknown[]
  notices: Notice[]
  changes: number | undefined
}

/** Commits all units, or none. */
async function transact(
  client: pg.ClientBase,
  batch: readonly Waiting[],
  progress: Progress,
): Promise<Committed> {
  const db = kyselyOn((text, values) => send(client, text, values))
  const values: unknown[] = []
  const notices: Notice[] = []
  const lines: LineChange[] = []
  const lanes: LaneChange[] = []
  const keys: KeyChange[] = []
  const endpoints: EndpointChange[] = []
  const at: AtCommit = {
    tell: (notice) => notices.push(notice),
    line: (change) => lines.push(change),
    lane: (change) => lanes.push(change),
    keys: (change) => keys.push(change),
    endpoint: (change) => endpoints.push(change),
  }
  try {
    await send(client, 'begin')
    for (const waiting of batch) {
      progress.unit = waiting
      values.push(await waiting.run(db, at))
    }
    progress.unit = undefined
    if (lines.length > 0) await writeLines(db, at, LOCKS, lines)
    if (lanes.length > 0) await writeLanes(db, lanes)
    if (keys.length > 0) await writeKeyTotals(db, keys)
    if (endpoints.length > 0) await writeEndpointCounters(db, endpoints)
    const changes = notices.some(({ kind }) => kind === 'executable' || kind === 'tokens')
      ? await countChange(db)
      : undefined
    progress.committing = true
    const { command } = await send(client, 'commit')
    // A failure that was hidden from us was not from the server.
    if (command !== 'COMMIT') throw new Error(`The commit ended as ${command}.`)
    return { values, notices, changes }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) await send(client, 'rollback')
    throw error
  }
}

/** The last thing before the commit: two who change executables or tokens wait for each other from here on. */
async function countChange(db: Kysely<Schema>): Promise<number> {
  const { count } = await db
    .updateTable('changes')
    .set((eb) => ({ count: eb('count', '+', 1) }))
    .returning('count')
    .executeTakeFirstOrThrow()
  return count
}
