// The storage that the configuration names: a SQLite file in DATA_DIR, or PostgreSQL.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import { openPostgres } from './storage/postgres.ts'
import { openSqlite } from './storage/sqlite.ts'
import type { Storage } from './storage/storage.ts'

export interface StorageOptions {
  config: Config
  logger: FastifyBaseLogger
  /** Milliseconds since 1970; tests bring their own. */
  now?: () => number
}

export function openStorage({ config, logger: log, now }: StorageOptions): Promise<Storage> {
  const { DATABASE_URL: url, SECRET_KEY: secretKey } = config
  const common = { secretKey, log, ...(now === undefined ? {} : { now }) }
  if (url === '') return openSqlite({ ...common, dataDir: config.DATA_DIR })
  return openPostgres({ ...common, url, connections: config.DATABASE_CONNECTIONS })
}
