// Names of event types, and the patterns by which endpoints choose among them. Pure.

/** Characters of a name or pattern. */
export const EVENT_TYPE_CHARS_MAX = 128

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*$/

/** Words with dots between them. */
export function isEventTypeName(text: string): boolean {
  return text.length <= EVENT_TYPE_CHARS_MAX && NAME.test(text)
}

/** A name in which any word may be `*`. */
export function isEventPattern(text: string): boolean {
  return text.length <= EVENT_TYPE_CHARS_MAX && PATTERN.test(text)
}

/** `*` stands for one word, as the last one for one or more. */
export function matchesEvent(pattern: string, type: string): boolean {
  if (pattern === type || pattern === '*') return true
  if (!pattern.includes('*')) return false
  const wanted = pattern.split('.')
  const words = type.split('.')
  const open = wanted.at(-1) === '*'
  if (open ? words.length < wanted.length : words.length !== wanted.length) return false
  return wanted.every((word, at) => word === '*' || word === words[at])
}
