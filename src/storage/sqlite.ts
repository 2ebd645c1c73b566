// The SQLite engine: one file in the data folder, one writer, one reader, one server at a time.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import type { SqliteDatabase } from 'kysely'
import { Kysely, SqliteDialect, sql } from 'kysely'
import { lockFolder, lockPath, makeFolder, makePrivateFile, readKeyFile } from './data-folder.ts'
import type { Database, Locks, Tell, StorageLog } from './database.ts'
import { migrate } from './migrations.ts'
import type { EngineTypes, Schema } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { checkKey, createSecrets, deriveKey, hasKeyCheck } from './secrets.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import { startStep, toStartError } from './start-error.ts'
import type { Storage } from './storage.ts'
import { createStores } from './stores.ts'
import { openWalSync } from './wal-sync.ts'

/** How long SQLite itself waits for a lock: short, since it holds up the event loop meanwhile. */
const BUSY_TIMEOUT_MS = 50
/** Prepared statements kept for each connection; the repositories need a few dozen. */
const STATEMENTS_KEPT = 256
/** What a checkpoint leaves of the write-ahead log, which one large upload can blow up. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024

const TYPES: EngineTypes = {
  integer: 'integer',
  bytes: 'blob',
  // AUTOINCREMENT: without it the id of a deleted row could be given out again.
  identity: (column) => column.primaryKey().autoIncrement(),
  // When it is read, so that adding one rewrites no row.
  computed: (column) => column,
  // STRICT: a text can never end up in a column of integers.
  tableEnd: sql`strict`,
}

/** There is one writer, and it runs one unit at a time. */
const LOCKS: Locks = {
  take: (_db, names) => Promise.resolve([...names]),
  inTurn: () => Promise.resolve(),
  free: (query) => query,
}

export interface SqliteOptions {
  dataDir: string
  /** The operator's SECRET_KEY; empty means the key file in the data folder. */
  secretKey: string
  log?: StorageLog
  /** Milliseconds since 1970. */
  now?: () => number
  /** Other processes work through this one: what is told here is theirs as well, and `onNotice` hears it. */
  throughUs?: boolean
}

/**
 * Opens the database in `dataDir`, making what is missing.
 * @throws AppError, with a sentence for the operator: CONFLICT when another server uses the folder, the
 *   key is not the one of before, or a file is damaged or out of reach.
 */
export async function openSqlite(options: SqliteOptions): Promise<Storage> {
  const { dataDir, secretKey, log, now = Date.now, throughUs = false } = options
  await startStep(dataDir, () => makeFolder(dataDir))
  const lock = await startStep(lockPath(dataDir), () => lockFolder(dataDir))
  const connections: BetterSqlite3.Database[] = []
  const close = () => {
    // The last connection to close, which empties the write-ahead log, is the one that may write.
    for (const connection of connections.reverse()) connection.close()
    lock.release()
  }
  const path = join(dataDir, 'wasmhook.db')
  try {
    await makePrivateFile(path)
    const writing = new BetterSqlite3(path, { timeout: BUSY_TIMEOUT_MS })
    connections.push(writing)
    setPragmas(writing)
    const db = createKysely(writing)
    const secrets = await prepare(writing, db, { dataDir, secretKey })
    const reading = new BetterSqlite3(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
    connections.push(reading)
    // What prepared the database has been synced; from here on the writer has it done elsewhere.
    writing.pragma('synchronous = NORMAL')
    const wal = openWalSync(path)

    const listeners: Tell[] = []
    const tell: Tell = (notice) => {
      for (const listener of listeners) listener(notice)
    }
    const writer = new SqliteWriter({ connection: writing, db, log, tell, sync: () => wal.sync() })
    const reader = createKysely(reading)
    const database: Database = { reader, write: (unit) => writer.write(unit), locks: LOCKS }
    return {
      ...createStores({
        database,
        secrets,
        turn: () => Promise.resolve(endTurn),
        async sizeBytes() {
          const files = [path, `${path}-wal`]
          const sizes = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
          return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0)
        },
      }),
      shared: false,
      now,
      onNotice(listener) {
        // Alone, there are no others to hear of.
        if (throughUs) listeners.push(listener)
      },
      tell,
      async ping() {
        await reader.selectFrom('meta').select('key').limit(1).execute()
      },
      async close() {
        await writer.close()
        wal.close()
        close()
      },
    }
  } catch (error) {
    close()
    throw toStartError(error, path)
  }
}

/** Nobody else ever waits for it. */
function endTurn(): void {}

function setPragmas(connection: BetterSqlite3.Database): void {
  connection.pragma('journal_mode = WAL')
  // FULL: a commit that has returned survives the loss of power, not only of the process.
  connection.pragma('synchronous = FULL')
  // On macOS a plain fsync stops at the drive's cache; elsewhere this does nothing.
  connection.pragma('fullfsync = ON')
  connection.pragma('foreign_keys = ON')
  connection.pragma('trusted_schema = OFF')
  connection.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`)
}

/** Schema and key in one transaction: a start that fails has changed nothing. */
async function prepare(
  connection: BetterSqlite3.Database,
  db: Kysely<Schema>,
  { dataDir, secretKey }: { dataDir: string; secretKey: string },
): Promise<Secrets> {
  connection.exec('BEGIN IMMEDIATE')
  try {
    await migrate(db, TYPES)
    const key =
      secretKey === '' ? await readKeyFile(dataDir, await hasKeyCheck(db)) : deriveKey(secretKey)
    const secrets = createSecrets(key)
    await checkKey(db, secrets)
    connection.exec('COMMIT')
    return secrets
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK')
    throw error
  }
}

function createKysely(connection: BetterSqlite3.Database): Kysely<Schema> {
  return new Kysely({ dialect: new SqliteDialect({ database: keepStatements(connection) }) })
}

/** Kysely prepares every query anew; keeping the statements halves what a small query costs. */
function keepStatements(connection: BetterSqlite3.Database): SqliteDatabase {
  const kept = new Map<string, BetterSqlite3.Statement>()
  return {
    prepare(source) {
      const known = kept.get(source)
      if (known !== undefined) return known
      const statement = connection.prepare(source)
      const [oldest] = kept.keys()
      if (kept.size >= STATEMENTS_KEPT && oldest !== undefined) kept.delete(oldest)
      kept.set(source, statement)
      return statement
    },
    close: () => connection.close(),
  }
}
