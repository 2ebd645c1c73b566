// The connections that write to a SQLite database of this process, caught as storage opens them: what only the
// connection itself can set (how large the database may grow) is set there.
import BetterSqlite3 from 'better-sqlite3'
import type { Scope } from './build-app.ts'

/** Holds every connection that is opened for writing from now on, the newest last. */
export function catchConnections(scope: Scope): BetterSqlite3.Database[] {
  const caught: BetterSqlite3.Database[] = []
  const { prototype } = BetterSqlite3
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own connection below
  const { pragma } = prototype
  prototype.pragma = function (this: BetterSqlite3.Database, ...args) {
    // Storage's first word to a connection that writes.
    if (args[0] === 'journal_mode = WAL') caught.push(this)
    return pragma.apply(this, args)
  }
  scope.after(() => {
    prototype.pragma = pragma
  })
  return caught
}

/** A disk with no room left: the database can use what it has, and not grow. */
export function fillDisk(connection: BetterSqlite3.Database): void {
  const pages = connection.pragma('page_count', { simple: true }) as number
  connection.pragma(`max_page_count = ${pages}`)
}

export function freeDisk(connection: BetterSqlite3.Database): void {
  connection.pragma('max_page_count = 4294967294')
}
