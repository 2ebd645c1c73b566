// YAML 1.2 (core schema) becomes JSON. The library reads the document; what it says is written here, so that
// numbers keep their digits, and what aliases multiply is bounded while it is written.
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, Parser, visit } from 'yaml'
import type { Alias, CST, Document, Node, ParsedNode, Scalar, YAMLMap } from 'yaml'
import type { AppError } from '../../errors.ts'
import {
  CONVERTED_JSON_BYTES_MAX,
  DOCUMENT_DEPTH_MAX,
  invalidAt,
  quoted,
  tooLarge,
} from './document.ts'

const OPTIONS = {
  schema: 'core',
  merge: false,
  // Tags like !!binary and !!timestamp have nothing in JSON that they could become.
  resolveKnownTags: false,
  stringKeys: true,
  // The library compares each key with all before it.
  uniqueKeys: false,
} as const

/**
 * What YAML may not have; and CR alone, which it takes for the end of a line and the library does not: a comment would
 * go on and swallow the next line.
 */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)/
const DECIMAL = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/
const OTHER_BASE = /^0(?:o[0-7]+|x[\da-fA-F]+)$/

/** @throws AppError INVALID_DOCUMENT with the place, BODY_TOO_LARGE for what it becomes */
export function yamlToJson(text: string): string {
  const forbidden = FORBIDDEN.exec(text)
  if (forbidden !== null) {
    const what = forbidden[0] === '\r' ? 'a CR without LF' : 'a control character'
    throw invalidAt('YAML', text, forbidden.index, `has ${what}`)
  }
  const document = composed(text, tokensOf(text))
  return document?.contents ? written(text, document, document.contents) : 'null'
}

/** The concrete syntax. It is parsed without recursion up to here, so that its depth is bounded here. */
function tokensOf(text: string): CST.Token[] {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  let documents = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) take(token)
    // A document, its collections and a scalar are on the stack.
    if (parser.stack.length > DOCUMENT_DEPTH_MAX + 2) throw tooDeep(text, lastOffset(parser.stack))
  }
  for (const token of parser.end()) take(token)
  return tokens

  function take(token: CST.Token): void {
    if (token.type === 'error') throw invalidAt('YAML', text, token.offset, 'has a wrong token')
    if (token.type === 'document' && ++documents > 1) {
      throw invalidAt('YAML', text, token.offset, 'has a second document')
    }
    if (token.type === 'directive' && isOtherVersion(token.source)) {
      throw invalidAt('YAML', text, token.offset, 'says that it is of another version than 1.2')
    }
    tokens.push(token)
  }
}

/** The versions read one text differently: `yes` is true in 1.1. */
function isOtherVersion(directive: string): boolean {
  return /^%YAML(?![^ \t])/.test(directive) && !/^%YAML[ \t]+1\.2(?![^ \t])/.test(directive)
}

function composed(text: string, tokens: readonly CST.Token[]): Document.Parsed | undefined {
  const composer = new Composer(OPTIONS)
  let first: AppError | undefined
  // Private to it. Errors cost far more than what is right, and the first one is enough: a hostile document of
  // 64 KiB has 65,000. Warnings are errors here: they tell of tags that are not resolved.
  Object.assign(composer, {
    onError: (source: unknown, _code: string, message: string) => {
      // The library catches it on its way up, and comes here again.
      throw (first ??= refusedBy(text, source, message))
    },
  })
  const [document] = composer.compose(tokens, true, text.length)
  const error = document?.errors[0] ?? document?.warnings[0]
  if (error !== undefined) throw refusedBy(text, error.pos, error.message)
  return document
}

/** @param source as the library names places: an offset, offsets, or a token */
function refusedBy(text: string, source: unknown, message: string): AppError {
  const from = Array.isArray(source) ? (source[0] as unknown) : source
  const offset = typeof from === 'number' ? from : (from as { offset: number }).offset
  return invalidAt('YAML', text, offset, `is wrong: ${message.slice(0, 200)}`)
}

function written(text: string, document: Document.Parsed, contents: ParsedNode): string {
  const targets = aliasTargets(text, document)
  /** Aliases write one scalar many times. */
  const scalars = new Map<Node, string>()
  const parts: string[] = []
  let chars = 0
  write(contents, 0)
  return parts.join('')

  function write(node: Node | null, depth: number): void {
    if (node === null) put('null')
    else if (isAlias(node)) write(targets.get(node) ?? null, depth)
    else if (isScalar(node)) put(scalars.get(node) ?? scalarOnce(node))
    else {
      if (depth === DOCUMENT_DEPTH_MAX) throw tooDeep(text, offsetOf(node))
      if (isMap(node)) writeMap(node, depth + 1)
      else if (isSeq(node)) {
        put('[')
        node.items.forEach((item, index) => {
          if (index > 0) put(',')
          write(item as Node | null, depth + 1)
        })
        put(']')
      }
    }
  }

  function scalarOnce(node: Scalar): string {
    const made = scalarText(text, node)
    scalars.set(node, made)
    return made
  }

  function writeMap(map: YAMLMap, depth: number): void {
    const names = new Set<string>()
    put('{')
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (names.has(name)) {
        const problem = `has the key ${quoted(name)} twice in one mapping`
        throw invalidAt('YAML', text, offsetOf(key as Node), problem)
      }
      if (names.size > 0) put(',')
      names.add(name)
      put(`${JSON.stringify(name)}:`)
      write(value as Node | null, depth)
    }
    put('}')
  }

  function put(part: string): void {
    chars += part.length
    if (chars > CONVERTED_JSON_BYTES_MAX) {
      throw tooLarge('The JSON that the document becomes', CONVERTED_JSON_BYTES_MAX)
    }
    parts.push(part)
  }
}

/** What each alias names: the last anchor of that name before it. */
function aliasTargets(text: string, document: Document.Parsed): Map<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Node: (_key, node) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node)
        return
      }
      const target = anchors.get(node.source)
      if (target === undefined) {
        throw invalidAt('YAML', text, offsetOf(node), `has no anchor ${quoted(node.source)}`)
      }
      targets.set(node, target)
    },
  })
  return targets
}

function scalarText(text: string, node: Node & { value: unknown; source?: string }): string {
  if (typeof node.value !== 'number') return JSON.stringify(node.value)
  const number = numberText(node.source ?? '')
  if (number !== undefined) return number
  throw invalidAt('YAML', text, offsetOf(node), 'has a number that JSON does not have')
}

/** The number as JSON writes it, with all of its digits: JavaScript's own would lose some. */
function numberText(source: string): string | undefined {
  if (OTHER_BASE.test(source)) return BigInt(source).toString()
  const [all, sign, whole, fraction, exponent] = DECIMAL.exec(source) ?? []
  if (all === undefined || !/\d/.test(all)) return undefined
  const digits = whole?.replace(/^0+(?=\d)/, '') || '0'
  return (
    (sign === '-' ? '-' : '') +
    digits +
    (fraction ? `.${fraction}` : '') +
    (exponent === undefined ? '' : `e${exponent}`)
  )
}

function tooDeep(text: string, offset: number): AppError {
  return invalidAt('YAML', text, offset, `is deeper than ${DOCUMENT_DEPTH_MAX} levels`)
}

function lastOffset(stack: readonly CST.Token[]): number {
  return stack.at(-1)?.offset ?? 0
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0
}
