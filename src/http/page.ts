// Pages of lists: `limit` and `cursor` in, `items` and `next` out.
import { AppError } from '../errors.ts'

const PAGE_DEFAULT = 20
const PAGE_MAX = 100

export function readLimit(text: string | undefined): number {
  if (text === undefined) return PAGE_DEFAULT
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= PAGE_MAX) return limit
  throw new AppError('BAD_REQUEST', `limit must be a whole number from 1 to ${PAGE_MAX}.`)
}
