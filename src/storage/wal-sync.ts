// Syncs SQLite's write-ahead log to disk on a thread of libuv's pool. SQLite itself (synchronous=FULL) does so
// within COMMIT, where the event loop waits for the disk; it still syncs what a checkpoint needs.
import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'

const datasync = promisify(fdatasync)

export interface WalSync {
  /** Resolves when everything committed so far survives the loss of power. */
  sync(): Promise<void>
  close(): void
}

/** The log stays the same file for as long as a connection to the database is open. */
export function openWalSync(databasePath: string): WalSync {
  const file = openSync(`${databasePath}-wal`, 'r+')
  let open = true
  return {
    // On macOS too as far as the drive's own cache.
    sync: () => datasync(file),
    close() {
      if (open) closeSync(file)
      open = false
    },
  }
}
