// A process that keeps a SQLite database locked against writers until its input ends: a backup gone wrong, a
// forgotten shell. Argument: the database file. Prints a line once it has the lock.
import BetterSqlite3 from 'better-sqlite3'

const [, , file = ''] = process.argv
const db = new BetterSqlite3(file, { timeout: 5_000 })
db.exec('BEGIN EXCLUSIVE')
console.log('locked')
process.stdin.resume().once('end', () => {
  db.exec('COMMIT')
  db.close()
})
