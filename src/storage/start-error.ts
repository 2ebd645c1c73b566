// What keeps the storage from opening, as a sentence for the operator: which file, and what to do.
import { AppError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** Codes of the system and of SQLite, whose extended codes begin with the plain one. */
const REASONS: readonly [codes: RegExp, code: ErrorCode, sentence: (path: string) => string][] = [
  [
    /^SQLITE_(NOTADB|CORRUPT)/,
    'CONFLICT',
    (path) => `${path} is damaged or no database; restore it from a backup, or move it away.`,
  ],
  [
    /^(EACCES|EPERM|EROFS|SQLITE_(READONLY|CANTOPEN|PERM|AUTH))/,
    'CONFLICT',
    (path) =>
      `${path} cannot be opened for writing; give this user the right, or choose another folder.`,
  ],
  [
    /^(EEXIST|EISDIR|ELOOP|ENAMETOOLONG|ENOENT|ENOTDIR)$/,
    'CONFLICT',
    (path) =>
      `${path || "''"} is in the way or leads nowhere; move it away, or choose another folder.`,
  ],
  [
    /^(ENOSPC|EDQUOT|SQLITE_FULL)/,
    'STORAGE_FULL',
    (path) => `the disk that holds ${path} is full; free some space.`,
  ],
  [
    /^SQLITE_(BUSY|LOCKED)/,
    'CONFLICT',
    (path) => `another program keeps ${path} locked; end it and start again.`,
  ],
  [
    /^(EIO|SQLITE_IOERR)/,
    'INTERNAL',
    (path) => `${path} could not be read or written; see whether the disk is sound.`,
  ],
]

/** Runs one step of opening `path`, and throws what an operator can mend as an AppError. */
export async function startStep<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw toStartError(error, path)
  }
}

/** `path` is what was opened, where the error itself names none. Other errors stay as they are. */
export function toStartError(error: unknown, path: string): unknown {
  const cause = error instanceof AppError && error.code === 'INTERNAL' ? error.cause : error
  if (!(cause instanceof Error && 'code' in cause)) return error
  const reason = REASONS.find(([codes]) => codes.test(String(cause.code)))
  if (reason === undefined) return error
  const [, code, sentence] = reason
  const named = 'path' in cause ? String(cause.path) : path
  return new AppError(code, `DATA_DIR (${String(cause.code)}): ${sentence(named)}`, { cause })
}
