// Keywords that look at a value by itself.
import { readCount, readNames, readNumber, readText } from './keyword.ts'
import type { Build, Keyword } from './keyword.ts'
import { isMultipleOf } from './numbers.ts'
import { canonical, createRun, isObject, quote, report, spend } from './run.ts'
import type { Check, Run } from './run.ts'

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  object: isObject,
  array: Array.isArray,
  null: (value) => value === null,
}

export const ofNumbers =
  (message: (bound: number) => string, holds: (value: number, bound: number) => boolean): Build =>
  (keyword) => {
    const bound = readNumber(keyword)
    return (value, at, run) => {
      if (typeof value === 'number' && !holds(value, bound)) report(run, at, message(bound))
    }
  }

export const ofSizes =
  (
    message: (bound: number) => string,
    sizeOf: (value: unknown, run: Run) => number | undefined,
    holds: (size: number, bound: number) => boolean,
  ): Build =>
  (keyword) => {
    const bound = readCount(keyword)
    return (value, at, run) => {
      const size = sizeOf(value, run)
      if (size !== undefined && !holds(size, bound)) report(run, at, message(bound))
    }
  }

export const atLeast = (size: number, bound: number): boolean => size >= bound
export const atMost = (size: number, bound: number): boolean => size <= bound

export function buildType(keyword: Keyword): Check {
  const { given } = keyword
  const names = Array.isArray(given) ? (given as unknown[]) : [given]
  const tests = names.map((name) => {
    if (typeof name === 'string' && Object.hasOwn(TYPES, name))
      return TYPES[name] as (value: unknown) => boolean
    return keyword.refuse(`type is one or more of ${Object.keys(TYPES).join(', ')}.`)
  })
  const message = `is not of type ${names.join(' or ')}`
  return (value, at, run) => {
    if (!tests.some((test) => test(value))) report(run, at, message)
  }
}

export function equalToOneOf(values: readonly unknown[], message: string): Check {
  const reading = createRun(Infinity, 0)
  const known = new Set(values.map((one) => canonical(one, reading)))
  return (value, at, run) => {
    if (!known.has(canonical(value, run))) report(run, at, message)
  }
}

export function buildRequired(keyword: Keyword): Check {
  const names = readNames(keyword, keyword.given)
  return lacking(names)
}

export function lacking(names: readonly string[]): Check {
  return (value, at, run) => {
    if (!isObject(value)) return
    spend(run, names.length >> 3)
    for (const name of names) {
      if (!Object.hasOwn(value, name)) report(run, at, `lacks ${quote(name)}`)
    }
  }
}

export function buildMultipleOf(keyword: Keyword): Check {
  const divisor = readNumber(keyword)
  if (divisor <= 0) keyword.refuse('multipleOf is more than 0.')
  return (value, at, run) => {
    if (typeof value !== 'number') return
    spend(run, 8)
    if (!isMultipleOf(value, divisor)) report(run, at, `is not a multiple of ${divisor}`)
  }
}

export function buildPattern(keyword: Keyword): Check {
  const source = readText(keyword)
  const pattern = keyword.pattern(source)
  return (value, at, run) => {
    if (typeof value === 'string' && !pattern.test(value, run))
      report(run, at, `does not match ${quote(source)}`)
  }
}

export function buildUniqueItems(keyword: Keyword): Check | undefined {
  if (typeof keyword.given !== 'boolean') keyword.refuse('uniqueItems is true or false.')
  if (!keyword.given) return undefined
  return (value, at, run) => {
    if (!Array.isArray(value)) return
    const seen = new Set<string>()
    for (const [index, item] of value.entries()) {
      seen.add(canonical(item, run))
      if (seen.size <= index) return report(run, { above: at, key: index }, 'is there already')
    }
  }
}

/** Characters as JSON Schema counts them. */
export function lengthOf(value: unknown, run: Run): number | undefined {
  if (typeof value !== 'string') return undefined
  spend(run, value.length >> 6)
  let length = value.length
  for (let at = 0; at < value.length - 1; at++) {
    if (
      (value.charCodeAt(at) & 0xfc00) === 0xd800 &&
      (value.charCodeAt(at + 1) & 0xfc00) === 0xdc00
    )
      length--
  }
  return length
}

export function itemsOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined
}

export function membersOf(value: unknown, run: Run): number | undefined {
  if (!isObject(value)) return undefined
  const { length } = Object.keys(value)
  spend(run, length >> 6)
  return length
}
