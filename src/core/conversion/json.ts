// Checks JSON without making anything of it: its bytes go on as they came. JSON.parse would keep the last of two
// members with one name, says no place of an error, and does not bound how deep a document is.
import { DOCUMENT_DEPTH_MAX, invalidAt, quoted } from './document.ts'

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const LITERALS = ['true', 'false', 'null']

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c]
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [0x7b, 0x7d, 0x5b, 0x5d]

/** One of the object that the text is, where it is one. */
export interface JsonMember {
  name: string
  valueStart: number
  valueEnd: number
}

/**
 * Takes what JSON.parse takes, but two members with one name and what is deeper than DOCUMENT_DEPTH_MAX.
 * In one pass, without recursion.
 * @param onMember called as members go by: what follows may still be wrong
 * @throws AppError INVALID_DOCUMENT with the place
 */
export function checkJson(text: string, onMember?: (member: JsonMember) => void): void {
  /** The names of each object that is open; null stands for an array. */
  const open: (Set<string> | null)[] = []
  let member: JsonMember | undefined
  let at = skipSpace(0)
  for (;;) {
    at = beginValue(at)
    if (at === -1) return
  }

  /** From a value's begin to that of the next; -1 after the last. */
  function beginValue(start: number): number {
    const code = text.charCodeAt(start)
    if (code !== BRACE && code !== BRACKET) return afterValue(endOfScalar(start))
    if (open.length === DOCUMENT_DEPTH_MAX) {
      throw refused(start, `is deeper than ${DOCUMENT_DEPTH_MAX} levels`)
    }
    const names = code === BRACE ? new Set<string>() : null
    const first = skipSpace(start + 1)
    if (text.charCodeAt(first) === (names === null ? BRACKET_END : BRACE_END)) {
      return afterValue(first + 1)
    }
    open.push(names)
    return names === null ? first : afterName(names, first)
  }

  function afterValue(start: number): number {
    for (let end = start; ;) {
      let next = skipSpace(end)
      const within = open.at(-1)
      if (within === undefined) {
        if (next < text.length) throw refused(next, 'goes on after its end')
        return -1
      }
      if (open.length === 1 && member !== undefined) {
        member.valueEnd = end
        onMember?.(member)
        member = undefined
      }
      const code = text.charCodeAt(next)
      if (code === COMMA) {
        next = skipSpace(next + 1)
        return within === null ? next : afterName(within, next)
      }
      if (code !== (within === null ? BRACKET_END : BRACE_END)) {
        throw unexpected(next, `a comma or ${within === null ? ']' : '}'}`)
      }
      open.pop()
      end = next + 1
    }
  }

  /** From a member's name to its value. */
  function afterName(names: Set<string>, start: number): number {
    if (text.charCodeAt(start) !== QUOTE) throw unexpected(start, 'a name in double quotes')
    const end = endOfString(start)
    const name = nameOf(text.slice(start, end))
    if (names.has(name)) throw refused(start, `has two members ${quoted(name)} in one object`)
    names.add(name)
    const colon = skipSpace(end)
    if (text.charCodeAt(colon) !== COLON) throw unexpected(colon, 'a colon')
    const valueStart = skipSpace(colon + 1)
    if (onMember !== undefined && open.length === 1) member = { name, valueStart, valueEnd: -1 }
    return valueStart
  }

  function endOfScalar(start: number): number {
    if (text.charCodeAt(start) === QUOTE) return endOfString(start)
    const literal = LITERALS.find((word) => text.startsWith(word, start))
    if (literal !== undefined) return start + literal.length
    NUMBER.lastIndex = start
    if (!NUMBER.test(text)) throw unexpected(start, 'a value')
    return NUMBER.lastIndex
  }

  function endOfString(start: number): number {
    let next = start + 1
    for (;;) {
      const code = text.charCodeAt(next)
      if (code === QUOTE) return next + 1
      if (code === BACKSLASH) {
        ESCAPE.lastIndex = next
        if (!ESCAPE.test(text)) throw refused(next, 'has an escape that is none')
        next = ESCAPE.lastIndex
      } else if (code >= 0x20) next++
      else if (next >= text.length) throw refused(next, 'ends within a text')
      else throw refused(next, 'has a control character in a text')
    }
  }

  function skipSpace(start: number): number {
    let next = start
    for (;;) {
      const code = text.charCodeAt(next)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return next
      next++
    }
  }

  function unexpected(offset: number, expected: string): Error {
    const ends = offset >= text.length
    return refused(offset, ends ? `ends where ${expected} should be` : `needs ${expected} here`)
  }

  function refused(offset: number, problem: string): Error {
    return invalidAt('JSON', text, offset, problem)
  }
}

/** One name may be written in many ways: `\u0061` is `a`. */
function nameOf(written: string): string {
  return written.includes('\\') ? (JSON.parse(written) as string) : written.slice(1, -1)
}
