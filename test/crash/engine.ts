// What the crash run needs of a database: where servers find it, and what lies in it when they are gone.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { cp, open, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import type { Chance } from './chance.ts'

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
  /** What else befalls the database, each time after so many kills; says what it did. */
  disturbance?: { afterKills: number; make(chance: Chance): Promise<string> }
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

/** Room for a short run, and a short way to a full disk. */
const SMALL_DISK = '96m'

/**
 * SQLite on a disk of its own in memory, which is filled to the last byte again and again.
 * @throws Error where this user may not mount
 */
export function smallDiskEngine(folder: string): Engine {
  const dataDir = path.join(folder, 'data')
  const ballast = path.join(dataDir, 'ballast')
  mkdirSync(dataDir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', dataDir])
  return {
    ...sqliteEngine(folder),
    name: 'SQLite on a disk that fills up',
    disturbance: {
      afterKills: 2,
      async make(chance) {
        await fill(ballast)
        await pause(chance.whole(500, 6_000))
        await rm(ballast)
        await pause(chance.whole(0, 2_000))
        return 'disk filled'
      },
    },
    async close() {
      // What a violation would have to be looked up in outlives the disk.
      await cp(dataDir, path.join(folder, 'kept'), { recursive: true })
      execFileSync('umount', [dataDir])
    },
  }
}

/** Writes until there is no room for a single byte. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w')
  try {
    for (let bytes = 1024 * 1024; bytes >= 1;) {
      const written = await handle
        .write(Buffer.alloc(bytes))
        .then((result) => result.bytesWritten)
        .catch(() => 0)
      if (written < bytes) bytes = Math.floor(bytes / 2)
    }
  } finally {
    await handle.close()
  }
}
