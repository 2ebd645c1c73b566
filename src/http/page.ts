// Pages of lists: `limit` and `cursor` in, `items` and `next` out.
import { AppError } from '../errors.ts'

const PAGE_DEFAULT = 20
const PAGE_MAX = 100
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function readLimit(text: string | undefined): number {
  if (text === undefined) return PAGE_DEFAULT
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= PAGE_MAX) return limit
  throw new AppError('BAD_REQUEST', `limit must be a whole number from 1 to ${PAGE_MAX}.`)
}

/** A page of what is listed by its ids. */
export function readPage({ limit, cursor }: { limit?: string; cursor?: string }): {
  limit: number
  before?: string
} {
  if (cursor !== undefined && !isUuid(cursor)) {
    throw new AppError('BAD_REQUEST', 'cursor must be `next` of the page before.')
  }
  return { limit: readLimit(limit), ...(cursor === undefined ? {} : { before: cursor }) }
}

/** True for the ids of all but executables. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** The id in a path; what is none names nothing. @throws AppError NOT_FOUND */
export function idOf(
  { id }: { id: string },
  what: 'delivery' | 'endpoint' | 'job' | 'message' | 'request bin' | 'source' | 'token',
): string {
  if (isUuid(id)) return id
  throw missing(what)
}

export function missing(what: string): AppError {
  return new AppError('NOT_FOUND', `There is no such ${what}.`)
}
