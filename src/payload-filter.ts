// Which payloads an endpoint wants, said in JSON: comparisons of what is at a path, and `and`, `or` and `not` of them.
// There are no regular expressions in it, and no payload makes it slow.
import { malformed, membersOf, onlyMembers } from './object-members.ts'

type Scalar = string | number | boolean | null

/** As owners write it. Paths are names and indexes with dots between them, into the payload. */
export type PayloadFilter =
  | { and: readonly PayloadFilter[] }
  | { or: readonly PayloadFilter[] }
  | { not: PayloadFilter }
  | { path: string; equals: Scalar }
  | { path: string; in: readonly Scalar[] }
  | { path: string; exists: boolean }
  | ({ path: string } & Bound)

type Bound =
  | { gt: number | string }
  | { gte: number | string }
  | { lt: number | string }
  | { lte: number | string }

/** Of a filter's JSON: it is read with its endpoint at each publish. */
export const FILTER_BYTES_MAX = 16 * 1024
/** Comparisons, and what joins them, of one filter; how deep they may be joined. */
export const FILTER_PARTS_MAX = 100
export const FILTER_DEPTH_MAX = 10
/** Values of one `in`. */
export const FILTER_VALUES_MAX = 100
/** Of a path, and of each text that is compared with. */
export const FILTER_CHARS_MAX = 1_024

const BOUNDS = ['gt', 'gte', 'lt', 'lte'] as const

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function parsePayloadFilter(value: unknown, field: string): PayloadFilter {
  if (Buffer.byteLength(JSON.stringify(value)) > FILTER_BYTES_MAX) {
    throw malformed(field, `is larger than ${FILTER_BYTES_MAX} bytes`)
  }
  let parts = 0

  function parse(one: unknown, at: string, depth: number): PayloadFilter {
    if (++parts > FILTER_PARTS_MAX)
      throw malformed(field, `has more than ${FILTER_PARTS_MAX} parts`)
    if (depth > FILTER_DEPTH_MAX) throw malformed(at, `is deeper than ${FILTER_DEPTH_MAX}`)
    const members = membersOf(one, at)
    const [first] = Object.keys(members)
    if (first === 'and' || first === 'or' || first === 'not') onlyMembers(members, [first], at)
    if ('and' in members) return { and: parseAll(members.and, `${at}.and`, depth) }
    if ('or' in members) return { or: parseAll(members.or, `${at}.or`, depth) }
    if ('not' in members) return { not: parse(members.not, `${at}.not`, depth + 1) }
    return parseComparison(members, at)
  }

  function parseAll(value: unknown, at: string, depth: number): PayloadFilter[] {
    if (!Array.isArray(value) || value.length === 0)
      throw malformed(at, 'must be a list of filters')
    return value.map((one, index) => parse(one, `${at}.${index}`, depth + 1))
  }

  return parse(value, field, 1)
}

/** @param payload as JSON.parse reads it */
export function matchesPayload(filter: PayloadFilter, payload: unknown): boolean {
  if ('and' in filter) return filter.and.every((one) => matchesPayload(one, payload))
  if ('or' in filter) return filter.or.some((one) => matchesPayload(one, payload))
  if ('not' in filter) return !matchesPayload(filter.not, payload)
  const found = valueAt(payload, filter.path)
  if ('exists' in filter) return (found !== undefined) === filter.exists
  if ('equals' in filter) return found === filter.equals
  if ('in' in filter) return filter.in.some((one) => one === found)
  if ('gt' in filter) return compare(found, filter.gt, (order) => order > 0)
  if ('gte' in filter) return compare(found, filter.gte, (order) => order >= 0)
  if ('lt' in filter) return compare(found, filter.lt, (order) => order < 0)
  return compare(found, filter.lte, (order) => order <= 0)
}

/** What is at a path of names and indexes; undefined where there is nothing. */
export function valueAt(value: unknown, path: string): unknown {
  let at = value
  for (const name of path.split('.')) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function parseComparison(members: Record<string, unknown>, at: string): PayloadFilter {
  const { path } = members
  if (typeof path !== 'string' || path === '' || path.length > FILTER_CHARS_MAX) {
    const sentence = `must be names with dots between them, at most ${FILTER_CHARS_MAX} characters`
    throw malformed(`${at}.path`, sentence)
  }
  if ('equals' in members) {
    onlyMembers(members, ['path', 'equals'], at)
    return { path, equals: scalar(members.equals, `${at}.equals`) }
  }
  if ('in' in members) {
    onlyMembers(members, ['path', 'in'], at)
    const values: unknown = members.in
    if (!Array.isArray(values) || values.length > FILTER_VALUES_MAX) {
      throw malformed(`${at}.in`, `must be a list of at most ${FILTER_VALUES_MAX} values`)
    }
    return { path, in: values.map((one, index) => scalar(one, `${at}.in.${index}`)) }
  }
  if ('exists' in members) {
    onlyMembers(members, ['path', 'exists'], at)
    if (typeof members.exists !== 'boolean')
      throw malformed(`${at}.exists`, 'must be true or false')
    return { path, exists: members.exists }
  }
  const bound = BOUNDS.find((name) => name in members)
  if (bound === undefined) {
    throw malformed(at, `needs one of and, or, not, equals, in, exists, ${BOUNDS.join(', ')}`)
  }
  onlyMembers(members, ['path', bound], at)
  const limit = scalar(members[bound], `${at}.${bound}`)
  if (typeof limit !== 'number' && typeof limit !== 'string') {
    throw malformed(`${at}.${bound}`, 'must be a number or a text')
  }
  return { path, [bound]: limit } as PayloadFilter
}

/** Numbers are compared with numbers, texts with texts; of others none is before or after another. */
function compare(
  found: unknown,
  limit: number | string,
  fits: (order: number) => boolean,
): boolean {
  if (typeof found !== typeof limit) return false
  const value = found as typeof limit
  return fits(value < limit ? -1 : value > limit ? 1 : 0)
}

function scalar(value: unknown, at: string): Scalar {
  const isText = typeof value === 'string' && value.length <= FILTER_CHARS_MAX
  if (value === null || isText || typeof value === 'number' || typeof value === 'boolean') {
    return value
  }
  throw malformed(
    at,
    `must be null, true, false, a number or a text of at most ${FILTER_CHARS_MAX} characters`,
  )
}
