// Times on the wire: RFC 3339, shown in UTC.
import { AppError } from '../errors.ts'
import { parseTime } from '../rfc3339.ts'

export function toTime(ms: number): string
export function toTime(ms: number | null): string | null
export function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function readTime(text: string, field: string): number {
  const ms = parseTime(text)
  if (ms !== undefined) return ms
  throw new AppError('BAD_REQUEST', `${field} must be a time, as 2026-01-31T12:00:00Z.`, {
    detail: { field },
  })
}
