// The data folder of one server on SQLite: private files, the lock that keeps a second server out,
// and the key file.
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { AppError } from '../errors.ts'
import { KEY_BYTES } from './secrets.ts'
import { startStep } from './start-error.ts'

/** Makes the folder (0700), and those above it, where they are missing. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
}

/**
 * Makes an empty file that only its owner may read, or takes that right from others. SQLite gives the
 * files beside a database (-wal, -shm) the rights of the database.
 *
 * It never opens a file that exists: closing it again would drop the locks that SQLite holds on it in
 * this process, which is how POSIX locks work.
 */
export async function makePrivateFile(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    await chmod(path, 0o600)
  }
}

export function lockPath(folder: string): string {
  return join(folder, 'lock')
}

/**
 * Takes the folder for this process, or throws CONFLICT. It is a lock that the operating system ends
 * with the process, so that nothing is left to clean up after a crash.
 */
export async function lockFolder(folder: string): Promise<{ release(): void }> {
  const path = lockPath(folder)
  await makePrivateFile(path)
  const lock = new BetterSqlite3(path, { timeout: 0 })
  try {
    // Nothing is ever written, so that a journal would only be one more file to explain.
    lock.pragma('journal_mode = MEMORY')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if (!(cause instanceof Error && hasCode(cause, 'SQLITE_BUSY'))) throw cause
    throw new AppError(
      'CONFLICT',
      `Another server uses ${folder}; stop it, or give this one a DATA_DIR of its own.`,
      { cause },
    )
  }
  return { release: () => lock.close() }
}

/**
 * Reads the key in the folder, and makes one where there is none. With `mustExist` a missing key is
 * an error, since a new one could not read what the old one encrypted.
 */
export async function readKeyFile(folder: string, mustExist: boolean): Promise<Buffer> {
  const path = join(folder, 'secret.key')
  let key = await startStep(path, () => readIfExists(path))
  if (key === undefined && mustExist) {
    throw new AppError(
      'CONFLICT',
      'DATA_DIR/secret.key is missing; put it back, or start with the SECRET_KEY of before.',
    )
  }
  if (key === undefined) {
    await createKeyFile(path)
    key = await readFile(path)
  }
  if (key.length !== KEY_BYTES) {
    throw new AppError('CONFLICT', `DATA_DIR/secret.key must hold exactly ${KEY_BYTES} bytes.`)
  }
  await chmod(path, 0o600)
  return key
}

/** Writes beside and links into place: a crash leaves a whole key or none, and never replaces one. */
async function createKeyFile(path: string): Promise<void> {
  const draft = `${path}.new`
  await rm(draft, { force: true })
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(randomBytes(KEY_BYTES))
    await file.sync()
  } finally {
    await file.close()
  }
  await link(draft, path)
  await rm(draft)
  await syncFolder(join(path, '..'))
}

/** A new name in a folder is lost with the power unless the folder is synced too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readIfExists(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
