// Reads objects that owners write in JSON; what is malformed is told with its field.
import { AppError } from './errors.ts'

/** Of an unknown member's name in an error. */
const SHOWN_CHARS = 64

/** @throws AppError BAD_REQUEST where it is no object */
export function membersOf(value: unknown, field: string): Record<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw malformed(field, 'must be an object')
}

/** @throws AppError BAD_REQUEST where it has a member of another name */
export function onlyMembers(
  members: Record<string, unknown>,
  names: readonly string[],
  field: string,
): void {
  const other = Object.keys(members).find((name) => !names.includes(name))
  if (other === undefined) return
  throw malformed(`${field}.${other.slice(0, SHOWN_CHARS)}`, 'has no place beside the rest')
}

/** @param sentence what the field must be, or is, without its full stop */
export function malformed(field: string, sentence: string): AppError {
  return new AppError('BAD_REQUEST', `${field} ${sentence}.`, { detail: { field } })
}
