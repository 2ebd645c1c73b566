// What the crash run needs of a database: where servers find it, and what lies in it when they are gone.
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import BetterSqlite3 from 'better-sqlite3'

export interface Engine {
  name: string
  processes: number
  /** Settings of one of the servers. */
  env(index: number): Record<string, string>
  /** Rows of one statement in SQL that every engine understands. */
  rows<T>(statement: string): Promise<T[]>
  /** What is wrong with the database itself. */
  check(): Promise<string[]>
  /** Of everything stored. */
  bytes(): Promise<number>
  /** Takes the database away for a while, where that can be done; says what it did. */
  disturb?(): Promise<string>
  close(): Promise<void>
}

export function sqliteEngine(folder: string): Engine {
  const dataDir = path.join(folder, 'data')
  const file = path.join(dataDir, 'wasmhook.db')

  // Read-only: what a kill left of the write-ahead log is for the next server to take up.
  function read<T>(use: (db: BetterSqlite3.Database) => T): T {
    const db = new BetterSqlite3(file, { readonly: true, timeout: 5_000 })
    try {
      return use(db)
    } finally {
      db.close()
    }
  }

  return {
    name: 'SQLite',
    processes: 1,
    env: () => ({ DATA_DIR: dataDir, DATABASE_URL: '' }),
    rows: <T>(statement: string) =>
      Promise.resolve(read((db) => db.prepare<[], T>(statement).all())),
    check: () =>
      Promise.resolve(
        read((db) => [
          ...(db.pragma('integrity_check') as { integrity_check: string }[])
            .map((row) => row.integrity_check)
            .filter((line) => line !== 'ok'),
          ...(db.pragma('foreign_key_check') as { table: string }[]).map(
            ({ table }) => `a row of ${table} refers to none`,
          ),
        ]),
      ),
    async bytes() {
      const names = (await readdir(dataDir)).filter((name) => name.startsWith('wasmhook.db'))
      const sizes = await Promise.all(names.map((name) => stat(path.join(dataDir, name))))
      return sizes.reduce((sum, { size }) => sum + size, 0)
    },
    close: () => Promise.resolve(),
  }
}
