// What a keyword of a schema is made of, and how its value is read.
import type { Pattern } from './pattern.ts'
import { isObject } from './run.ts'
import type { Check, Node } from './run.ts'

/** What a keyword is made of. */
export interface Keyword {
  /** Its value. */
  given: unknown
  /** The keywords beside it. */
  beside: Readonly<Record<string, unknown>>
  /** A schema within it, of another value than its own; `keys` lead there from the schema that holds the keyword. */
  child(given: unknown, ...keys: (string | number)[]): Node
  /** A schema within it that is applied to the same value. */
  samePlace(given: unknown, ...keys: (string | number)[]): Node
  /** What a `$ref` names. */
  named(reference: string): Node
  pattern(source: string): Pattern
  /** @throws AppError INVALID_SCHEMA */
  refuse(sentence: string): never
}

export type Build = (keyword: Keyword) => Check | undefined

export function readNumber(keyword: Keyword): number {
  if (typeof keyword.given === 'number') return keyword.given
  return keyword.refuse('This is a number.')
}

export function readCount(keyword: Keyword, given = keyword.given, name = 'This'): number {
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0) return given
  return keyword.refuse(`${name} is a whole number of at least 0.`)
}

export function readText(keyword: Keyword): string {
  return typeof keyword.given === 'string' ? keyword.given : keyword.refuse('This is text.')
}

export function readList(keyword: Keyword): readonly unknown[] {
  return Array.isArray(keyword.given)
    ? (keyword.given as unknown[])
    : keyword.refuse('This is an array.')
}

export function readNames(keyword: Keyword, given: unknown): readonly string[] {
  if (Array.isArray(given) && given.every((name) => typeof name === 'string')) return given
  return keyword.refuse('This is an array of names.')
}

export function readSchemas(keyword: Keyword, given: unknown, name: string): readonly unknown[] {
  if (Array.isArray(given) && given.length > 0) return given as unknown[]
  return keyword.refuse(`${name} is an array of schemas, and not empty.`)
}

export function readMap(keyword: Keyword, name?: string): [string, unknown][] {
  const given = name === undefined ? keyword.given : (keyword.beside[name] ?? {})
  return isObject(given) ? Object.entries(given) : keyword.refuse(`${name ?? 'This'} is an object.`)
}
/** For keywords that are one check together: only the first of them that is there makes it. */
export function firstOf(
  keyword: Keyword,
  earlier: readonly string[],
  build: Build,
): Check | undefined {
  return earlier.some((name) => Object.hasOwn(keyword.beside, name)) ? undefined : build(keyword)
}
