// Connections to PostgreSQL: how they are opened, how queries and values travel, and what an error says about
// the connection.
import { Kysely, PostgresAdapter, PostgresDialect } from 'kysely'
import type { PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { AppError } from '../errors.ts'
import { fromStoredText, toStoredText } from './postgres-text.ts'
import type { Schema } from './schema.ts'

/** How long opening a connection, or waiting for a free one, may take. */
const CONNECT_MS = 5_000
/** The server ends a statement after this, a wait for a row that another process holds, and what a process
 * that stands still has begun. */
const STATEMENT_MS = 60_000
const LOCK_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 15_000
/** Only where the server cannot be heard any more, so well after it. */
const ANSWER_MS = STATEMENT_MS + 5_000
/** Prepared statements of one connection; the repositories need a few dozen. */
const STATEMENTS_KEPT = 256

/** The connection is gone or of no use; what it was asked for may be asked of another. */
export class ConnectionLost extends Error {
  override name = 'ConnectionLost'
  /** Whether the server may have had what it was asked for. */
  readonly sent: boolean

  constructor(message: string, { cause, sent = false }: { cause: unknown; sent?: boolean }) {
    super(message, { cause })
    this.sent = sent
  }
}

export type Query = (sql: string, parameters: readonly unknown[]) => Promise<pg.QueryResult>

/** What every connection is opened with. */
export function clientConfig(url: string, name: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types: { getTypeParser },
  }
}

/** Connections that are opened as they are needed. Whoever takes one gives it back. */
export function openPool(url: string, name: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(url, name),
    max,
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    query_timeout: ANSWER_MS,
  })
  keepGoing(pool)
  return pool
}

/** What breaks while nobody waits for an answer is no more than a connection less. */
export function keepGoing(pool: pg.Pool): void {
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
}

/** @throws ConnectionLost where there is none to be had, or it breaks */
export async function withConnection<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw new ConnectionLost('The database cannot be reached.', { cause: error })
  })
  let broken = false
  try {
    return await work(client)
  } catch (error) {
    broken = error instanceof ConnectionLost
    throw error
  } finally {
    client.release(broken)
  }
}

/** As `withConnection`, on a connection that is opened for it: what the pool holds may all be broken. */
export async function withNewConnection<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(pool.options)
  client.on('error', () => undefined)
  try {
    await client.connect().catch((error: unknown) => {
      throw new ConnectionLost('The database cannot be reached.', { cause: error })
    })
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Names of statements by their text, the same for all connections. */
const names = new Map<string, string>()

/** @throws ConnectionLost, or pg.DatabaseError for what the server refuses */
export async function send(
  client: pg.ClientBase,
  sql: string,
  parameters: readonly unknown[] = [],
  /** In place of the connection's own. */
  answerMs?: number,
): Promise<pg.QueryResult> {
  const values = parameters.map((value) =>
    typeof value === 'string' ? toStoredText(value) : value,
  )
  try {
    return await client.query({
      ...prepared(sql),
      text: sql,
      values,
      ...(answerMs === undefined ? {} : { query_timeout: answerMs }),
    })
  } catch (error) {
    if (!isBroken(error)) throw error
    const sent = !(error instanceof Error && NOT_SENT.test(error.message))
    throw new ConnectionLost('The connection broke.', { cause: error, sent })
  }
}

/** Parsing and planning cost more than a small query does. */
function prepared(sql: string): { name: string } | undefined {
  const known = names.get(sql)
  if (known !== undefined) return { name: known }
  if (names.size >= STATEMENTS_KEPT) return undefined
  const name = `s${names.size}`
  names.set(sql, name)
  return { name }
}

/** One for all, by which statements that were built once are known again. */
const adapter = new PostgresAdapter()

/** Kysely that sends its queries so. */
export function kyselyOn(query: Query): Kysely<Schema> {
  const client = { query, release: () => undefined } as unknown as PostgresPoolClient
  const pool = { connect: () => Promise.resolve(client), end: () => Promise.resolve() }
  const dialect = new PostgresDialect({ pool })
  return new Kysely({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => dialect.createDriver(),
      createIntrospector: (db) => dialect.createIntrospector(db),
      createQueryCompiler: () => dialect.createQueryCompiler(),
    },
  })
}

/** Of connections that are gone or going, or that lead to a server that may not write. */
const BROKEN = /^(08|57P0[123]$|53300$|25006$|25P03$)/
/** Another version changed the schema: a new connection plans anew. */
const PLAN_IS_OLD = '0A000'

/** What pg itself says of a connection that is known to be gone. */
const NOT_SENT = /is not queryable$/

function isBroken(error: unknown): boolean {
  // What no server said is said of the connection.
  if (!(error instanceof pg.DatabaseError)) return true
  const code = error.code ?? ''
  return BROKEN.test(code) || code === PLAN_IS_OLD
}

/** The code of what the server refused. */
export function sqlState(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? '') : ''
}

const FULL = /^53[12]00$/

export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof ConnectionLost) {
    return new AppError('STORAGE_UNAVAILABLE', undefined, { cause: error })
  }
  if (FULL.test(sqlState(error))) {
    return new AppError(
      'STORAGE_FULL',
      'The disk or memory of the database is full; nothing was stored. Free some and try again.',
      { cause: error },
    )
  }
  return new AppError('INTERNAL', 'The database refused a query.', { cause: error })
}

/** By the numbers of their types: integers stay below 2^53, and sums of them come as numeric. */
const PARSERS = new Map<number, (value: string) => unknown>([
  [pg.types.builtins.INT8, Number],
  [pg.types.builtins.NUMERIC, Number],
  [pg.types.builtins.TEXT, fromStoredText],
])

function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  const types = pg.types as {
    getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown
  }
  return PARSERS.get(oid) ?? types.getTypeParser(oid, format)
}
