// The PostgreSQL engine: a pool of connections, writers that commit in groups, and any number of processes.
import { sql } from 'kysely'
import pg from 'pg'
import { AppError } from '../errors.ts'
import type { Database, StorageLog } from './database.ts'
import { migrate } from './migrations.ts'
import {
  ConnectionLost,
  clientConfig,
  kyselyOn,
  openPool,
  send,
  toAppError,
  withConnection,
} from './postgres-connection.ts'
import type { Query } from './postgres-connection.ts'
import { PostgresNotices } from './postgres-notices.ts'
import { toStartError } from './postgres-start-error.ts'
import { createTurns } from './postgres-turns.ts'
import { LOCKS } from './postgres-locks.ts'
import { PostgresWriter } from './postgres-writer.ts'
import type { EngineTypes } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { checkKey, createSecrets, deriveKey } from './secrets.ts'
import type { Storage } from './storage.ts'
import { createStores } from './stores.ts'

/** What is asked for /readyz is answered in this time, or the database is away. */
const PING_MS = 2_000
/** Of the connections, those that write at most. */
const WRITERS_SHARE = 1 / 3
/** Held while the schema is brought up to date, so that processes which start together do it once. */
const START_LOCK = 0x77686b

const TYPES: EngineTypes = {
  integer: 'bigint',
  bytes: 'bytea',
  identity: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
  computed: (column) => column.stored(),
  tableEnd: sql``,
}

export interface PostgresOptions {
  /** postgres://user:password@host:5432/database */
  url: string
  /** The operator's SECRET_KEY. */
  secretKey: string
  /** Of this process, for reads and writes. */
  connections: number
  log?: StorageLog
  /** Milliseconds since 1970, in place of the database's clock. */
  now?: () => number
}

/**
 * Opens the database, making what is missing in it.
 * @throws AppError, with a sentence for the operator: CONFLICT when the database is out of reach, too old, of
 *   another key or of a newer Wasmhook.
 */
export async function openPostgres(options: PostgresOptions): Promise<Storage> {
  const { url, secretKey, connections, log } = options
  const secrets = createSecrets(deriveKey(secretKey))
  const schema = await prepare(url, secrets).catch((error: unknown) => {
    throw toStartError(error, url)
  })
  const notices = new PostgresNotices(url, `wasmhook ${schema}`)
  await notices.start().catch((error: unknown) => {
    throw toStartError(error, url)
  })
  const pool = openPool(url, 'wasmhook', connections)
  const turns = createTurns(url)
  const writer = new PostgresWriter({
    pool,
    writers: Math.max(1, Math.floor(connections * WRITERS_SHARE)),
    told: (told, changes) => notices.tell(told, changes),
    log,
  })
  const reader = kyselyOn(createRead(pool))
  const database: Database = { reader, write: (unit) => writer.write(unit), locks: LOCKS }
  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    await writer.close()
    await notices.close()
    await Promise.all([turns.close(), pool.end()])
  }
  return {
    ...createStores({
      database,
      secrets,
      turn: turns.take,
      async sizeBytes() {
        const { rows } = await sql<{
          size: number
        }>`select pg_database_size(current_database()) as size`.execute(reader)
        return Number(rows[0]?.size)
      },
    }),
    shared: true,
    now: options.now ?? (() => notices.now()),
    onNotice: (listener) => notices.onNotice(listener),
    tell: (notice) => notices.tell([notice]),
    async ping() {
      await withConnection(pool, (client) => send(client, 'select 1', [], PING_MS)).catch(
        (error: unknown) => {
          throw toAppError(error)
        },
      )
    },
    close: () => (closing ??= close()),
  }
}

/** Each query on a connection of its own; a second time where that broke. */
function createRead(pool: pg.Pool): Query {
  const once: Query = (text, values) => withConnection(pool, (client) => send(client, text, values))
  return async (text, values) => {
    try {
      return await once(text, values).catch((error: unknown) => {
        if (error instanceof ConnectionLost) return once(text, values)
        throw error
      })
    } catch (error) {
      throw toAppError(error)
    }
  }
}

/** Brings schema and key check up to date; the name of the schema that is worked in. */
async function prepare(url: string, secrets: Secrets): Promise<string> {
  const client = new pg.Client(clientConfig(url, 'wasmhook start'))
  client.on('error', () => undefined)
  await client.connect()
  try {
    const schema = await checkServer(client)
    // It ends with the connection.
    await client.query('select pg_advisory_lock($1)', [START_LOCK])
    const db = kyselyOn((text, values) => send(client, text, values))
    await migrate(db, TYPES)
    await checkKey(db, secrets)
    return schema
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function checkServer(client: pg.Client): Promise<string> {
  const { rows } = await client.query(`select
    current_setting('server_version_num')::int as version, current_setting('server_version') as name,
    current_setting('server_encoding') as encoding, current_schema() as schema`)
  const [server] = rows as [
    { version: number; name: string; encoding: string; schema: string | null },
  ]
  checkVersion(server)
  if (server.encoding !== 'UTF8') {
    throw new AppError(
      'CONFLICT',
      `DATABASE_URL: the database is encoded in ${server.encoding}; create one in UTF8.`,
    )
  }
  if (server.schema === null) {
    throw new AppError(
      'CONFLICT',
      'DATABASE_URL: no schema of the search_path exists; create it, or correct the search_path.',
    )
  }
  return server.schema
}

/** The oldest that the tests' SQL is known to run on. */
const VERSION_LEAST = 15

/** @throws AppError CONFLICT */
export function checkVersion({ version, name }: { version: number; name: string }): void {
  if (version >= VERSION_LEAST * 10_000) return
  throw new AppError(
    'CONFLICT',
    `DATABASE_URL: the server is PostgreSQL ${name}; at least ${VERSION_LEAST} is needed.`,
  )
}
