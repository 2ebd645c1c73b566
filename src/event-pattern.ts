// Names of event types, and the patterns by which endpoints choose among them. Pure.

/** Characters of a name or pattern. */
export const EVENT_TYPE_CHARS_MAX = 128

/** And words: a type of n is matched by up to three times 2^(n-1) patterns, which are looked up at each publish. */
export const EVENT_TYPE_WORDS_MAX = 8

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*$/

/** What the server itself tells tenants; no tenant publishes these. */
export const OPERATIONAL_TYPES = [
  'endpoint.disabled',
  'delivery.exhausted',
  'delivery.recovered',
] as const

/** Of a tenant, endpoints that name one of them: each failure is told to all of them. */
export const OPERATIONAL_ENDPOINTS_MAX = 10

export type OperationalType = (typeof OPERATIONAL_TYPES)[number]

export function isOperational(type: string): type is OperationalType {
  return (OPERATIONAL_TYPES as readonly string[]).includes(type)
}

/** Words with dots between them. */
export function isEventTypeName(text: string): boolean {
  return isShort(text) && NAME.test(text)
}

/** A name in which any word may be `*`. */
export function isEventPattern(text: string): boolean {
  return isShort(text) && PATTERN.test(text)
}

function isShort(text: string): boolean {
  return text.length <= EVENT_TYPE_CHARS_MAX && text.split('.').length <= EVENT_TYPE_WORDS_MAX
}

/** `*` stands for one word, as the last one for one or more; for nothing of what the server tells. */
export function matchesEvent(pattern: string, type: string): boolean {
  if (pattern === type) return true
  if (isOperational(type) || !pattern.includes('*')) return false
  if (pattern === '*') return true
  const wanted = pattern.split('.')
  const words = type.split('.')
  const open = wanted.at(-1) === '*'
  if (open ? words.length < wanted.length : words.length !== wanted.length) return false
  return wanted.every((word, at) => word === '*' || word === words[at])
}

/** All patterns that match a name, its own among them. What the server tells goes to who names it. */
export function patternsMatching(type: string): string[] {
  if (isOperational(type)) return [type]
  const words = type.split('.')
  const found: string[] = []
  let heads = ['']
  for (const [at, word] of words.entries()) {
    // A star that ends a pattern stands for all words that follow.
    found.push(...heads.map((head) => `${head}*`))
    if (at === words.length - 1) found.push(...heads.map((head) => head + word))
    heads = heads.flatMap((head) => [`${head}${word}.`, `${head}*.`])
  }
  return found
}
