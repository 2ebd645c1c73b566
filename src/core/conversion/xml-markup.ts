// Whether a text is XML of the kind that we take: well-formed, without a document type. fast-xml-parser takes far
// more: two roots, unknown entities, an attribute twice; two apostrophes in processing instructions make it swallow
// all that is between them. So the markup is read here first, with places, and the library gets what it reads right.
import { AppError } from '../../errors.ts'
import { DOCUMENT_DEPTH_MAX, invalidAt, quoted } from './document.ts'
import { isUtf8Charset } from './media-type.ts'

const NAME_START =
  ':A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}' +
  '\\u{200C}-\\u{200D}\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}' +
  '\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}'
const NAME = `[${NAME_START}][\\u{300}-\\u{36F}${NAME_START}\\-.0-9\\u{B7}\\u{203F}-\\u{2040}]*`
const SPACE = '[ \\t\\r\\n]'
const START_TAG = new RegExp(`<(${NAME})`, 'yu')
const ATTRIBUTE = new RegExp(`${SPACE}+(${NAME})${SPACE}*=${SPACE}*("[^<"]*"|'[^<']*')`, 'yu')
const TAG_END = new RegExp(`${SPACE}*(/?)>`, 'yu')
const END_TAG = new RegExp(`</(${NAME})${SPACE}*>`, 'yu')
const INSTRUCTION = new RegExp(`<\\?(${NAME})(?=${SPACE}|\\?>)`, 'yu')
const DECLARATION = new RegExp(
  `^<\\?xml${SPACE}+version${SPACE}*=${SPACE}*(?:"1\\.\\d+"|'1\\.\\d+')` +
    `(?:${SPACE}+encoding${SPACE}*=${SPACE}*(["'])([A-Za-z][\\w.-]*)\\1)?` +
    `(?:${SPACE}+standalone${SPACE}*=${SPACE}*(["'])(?:yes|no)\\3)?${SPACE}*\\?>`,
)
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u
const REFERENCE = /&(?:#(\d+)|#x([\da-fA-F]+)|(\w*));?/g
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])
/** The library refuses these, without a place. */
const NO_NAMES = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * The text without declaration, comments and processing instructions.
 * @throws AppError INVALID_DOCUMENT with the place, UNSUPPORTED_MEDIA_TYPE for an encoding
 */
export function checkedXml(text: string): string {
  const forbidden = FORBIDDEN.exec(text)
  if (forbidden !== null) throw refused(forbidden.index, 'has a character that XML may not have')
  const open: string[] = []
  let roots = 0
  let kept = ''
  let at = skipDeclaration(text)
  while (at < text.length) {
    if (text.startsWith('<!--', at)) at = afterComment(at)
    else if (text.startsWith('<?', at)) at = afterInstruction(at)
    else {
      const end = afterKept(at)
      kept += text.slice(at, end)
      at = end
    }
  }
  const [last] = open.slice(-1)
  if (last !== undefined) throw refused(at, `ends within the element ${quoted(last)}`)
  if (roots === 0) throw refused(at, 'has no element')
  return kept

  function afterKept(start: number): number {
    if (text[start] !== '<') return afterText(start)
    if (text.startsWith('<![CDATA[', start)) {
      if (open.length === 0) throw refused(start, 'has text outside its root element')
      return endOf(']]>', start, 'CDATA')
    }
    if (text.startsWith('<!', start)) {
      const isType = text.slice(start, start + '<!DOCTYPE'.length).toUpperCase() === '<!DOCTYPE'
      const what = isType
        ? 'a document type, which is not taken'
        : 'a <! that begins neither a comment nor CDATA'
      throw refused(start, `has ${what}`)
    }
    return text[start + 1] === '/' ? afterEndTag(start) : afterStartTag(start)
  }

  function afterText(start: number): number {
    const next = text.indexOf('<', start)
    const end = next === -1 ? text.length : next
    const written = text.slice(start, end)
    if (open.length === 0) {
      const other = written.search(/[^ \t\r\n]/)
      if (other !== -1) throw refused(start + other, 'has text outside its root element')
    }
    const bracket = written.indexOf(']]>')
    if (bracket !== -1) throw refused(start + bracket, 'has ]]> in a text')
    checkReferences(written, start)
    return end
  }

  function afterStartTag(start: number): number {
    const name = match(START_TAG, start)?.[1]
    if (name === undefined) throw refused(start, 'has a < that begins no tag')
    if (NO_NAMES.has(name)) throw refused(start, `has an element ${name}, which is not taken`)
    if (open.length === 0 && ++roots > 1) throw refused(start, 'has a second root element')
    if (open.length === DOCUMENT_DEPTH_MAX) {
      throw refused(start, `is deeper than ${DOCUMENT_DEPTH_MAX} levels`)
    }
    let end = START_TAG.lastIndex
    const names = new Set<string>()
    for (;;) {
      const [all, attribute, value] = match(ATTRIBUTE, end) ?? []
      if (all === undefined || attribute === undefined || value === undefined) break
      if (names.has(attribute))
        throw refused(end + all.search(/\S/), `has the attribute ${quoted(attribute)} twice`)
      names.add(attribute)
      end += all.length
      checkReferences(value, end - value.length)
    }
    const tagEnd = match(TAG_END, end)
    if (tagEnd === undefined) throw refused(end, `has a wrong tag ${quoted(name)}`)
    if (tagEnd[1] === '') open.push(name)
    return TAG_END.lastIndex
  }

  function afterEndTag(start: number): number {
    const name = match(END_TAG, start)?.[1]
    const expected = open.pop()
    if (name === undefined || name !== expected) {
      const needed = expected === undefined ? 'no end tag' : `the end of ${quoted(expected)}`
      throw refused(start, `needs ${needed} here`)
    }
    return END_TAG.lastIndex
  }

  function afterComment(start: number): number {
    const end = endOf('--', start + '<!--'.length, 'a comment')
    if (text[end] !== '>') throw refused(end - 2, 'has -- in a comment')
    return end + 1
  }

  function afterInstruction(start: number): number {
    const target = match(INSTRUCTION, start)?.[1]
    if (target === undefined) throw refused(start, 'has a <? that begins no instruction')
    if (target.toLowerCase() === 'xml') {
      throw refused(start, 'has a declaration that is wrong, or not at its begin')
    }
    return endOf('?>', INSTRUCTION.lastIndex, 'a processing instruction')
  }

  function endOf(mark: string, from: number, what: string): number {
    const found = text.indexOf(mark, from)
    if (found === -1) throw refused(from, `ends within ${what}`)
    return found + mark.length
  }

  function checkReferences(written: string, start: number): void {
    for (const reference of written.matchAll(REFERENCE)) {
      if (!reference[0].endsWith(';') || valueOf(reference) === undefined) {
        const problem = `has an entity that is not taken: ${quoted(reference[0])}`
        throw refused(start + reference.index, problem)
      }
    }
  }

  function match(pattern: RegExp, start: number): RegExpExecArray | undefined {
    pattern.lastIndex = start
    return pattern.exec(text) ?? undefined
  }

  function refused(offset: number, problem: string): Error {
    return invalidAt('XML', text, offset, problem)
  }
}

/** Text of a checked document with its references resolved; what they make is no markup any more. */
export function resolveReferences(written: string): string {
  return written.replace(REFERENCE, (...found) => valueOf(found as string[]) ?? '')
}

function valueOf(reference: readonly (string | undefined)[]): string | undefined {
  const [, decimal, hex, name] = reference
  if (name !== undefined) return ENTITIES.get(name)
  const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal)
  if (code > 0x10ffff) return undefined
  const char = String.fromCodePoint(code)
  return FORBIDDEN.test(char) ? undefined : char
}

function skipDeclaration(text: string): number {
  const [all, , encoding] = DECLARATION.exec(text) ?? []
  if (encoding !== undefined && !isUtf8Charset(encoding.toLowerCase())) {
    const sentence = `XML is taken as UTF-8 only, not as ${encoding.slice(0, 100)}.`
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', sentence)
  }
  return all?.length ?? 0
}
