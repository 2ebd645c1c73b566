// Keywords that apply other schemas to a value, or to what is within it.
import { readCount, readMap, readNames, readSchemas } from './keyword.ts'
import type { Keyword } from './keyword.ts'
import { apply, isFull, isObject, passes, quote, report, spend } from './run.ts'
import type { Check, Node, Place } from './run.ts'
import { lacking } from './values.ts'

export function buildDependentRequired(keyword: Keyword): Check {
  const rules = readMap(keyword).map(
    ([name, names]) => [name, lacking(readNames(keyword, names))] as const,
  )
  return whereThere(rules)
}

export function buildDependentSchemas(keyword: Keyword): Check {
  const rules = readMap(keyword).map(
    ([name, given]) => [name, applied(keyword.samePlace(given, 'dependentSchemas', name))] as const,
  )
  return whereThere(rules)
}

/** The older spelling of both. */
export function buildDependencies(keyword: Keyword): Check {
  const rules = readMap(keyword).map(([name, given]) => {
    const check = Array.isArray(given)
      ? lacking(readNames(keyword, given))
      : applied(keyword.samePlace(given, 'dependencies', name))
    return [name, check] as const
  })
  return whereThere(rules)
}

function whereThere(rules: readonly (readonly [name: string, check: Check])[]): Check {
  return (value, at, run) => {
    if (!isObject(value)) return
    for (const [name, check] of rules) {
      spend(run, 1)
      if (Object.hasOwn(value, name)) check(value, at, run)
    }
  }
}

export function buildPropertyNames(keyword: Keyword): Check {
  const node = keyword.child(keyword.given, 'propertyNames')
  return (value, at, run) => {
    if (!isObject(value)) return
    for (const name of Object.keys(value)) {
      if (isFull(run)) return
      if (!passes(node, name, run)) report(run, at, `may have no property ${quote(name)}`)
    }
  }
}

export function buildProperties(keyword: Keyword): Check {
  const { beside } = keyword
  const named = new Map(
    readMap(keyword, 'properties').map(([name, given]) => [
      name,
      keyword.child(given, 'properties', name),
    ]),
  )
  const patterns = readMap(keyword, 'patternProperties').map(([source, given]) => ({
    pattern: keyword.pattern(source),
    node: keyword.child(given, 'patternProperties', source),
  }))
  const rest = beside.additionalProperties
  const others = rest === undefined ? undefined : keyword.child(rest, 'additionalProperties')

  return (value, at, run) => {
    if (!isObject(value)) return
    for (const [name, item] of Object.entries(value)) {
      if (isFull(run)) return
      spend(run, 1)
      const place: Place = { above: at, key: name }
      const own = named.get(name)
      if (own !== undefined) apply(own, item, place, run)
      const matching = patterns.filter(({ pattern }) => pattern.test(name, run))
      for (const { node } of matching) apply(node, item, place, run)
      if (own !== undefined || matching.length > 0 || others === undefined) continue
      if (rest === false) report(run, at, `may have no property ${quote(name)}`)
      else apply(others, item, place, run)
    }
  }
}

export function buildItems(keyword: Keyword): Check {
  const { beside } = keyword
  // An array of schemas is how earlier drafts spelled prefixItems.
  const older = Array.isArray(beside.items)
  const [first, rest] = older
    ? (['items', 'additionalItems'] as const)
    : (['prefixItems', 'items'] as const)
  if (older && beside.prefixItems !== undefined)
    keyword.refuse('items is one schema beside prefixItems.')
  const firsts = beside[first] === undefined ? [] : readSchemas(keyword, beside[first], first)
  const leading = firsts.map((given, index) => keyword.child(given, first, index))
  const others = beside[rest] === undefined ? undefined : keyword.child(beside[rest], rest)
  return (value, at, run) => {
    if (!Array.isArray(value)) return
    for (const [index, item] of value.entries()) {
      const node = leading[index] ?? others
      if (node === undefined || isFull(run)) return
      const place: Place = { above: at, key: index }
      if (beside[rest] === false && index >= leading.length)
        return report(run, at, `has more than ${leading.length} items`)
      apply(node, item as unknown, place, run)
    }
  }
}

export function buildContains(keyword: Keyword): Check {
  const node = keyword.child(keyword.given, 'contains')
  const { minContains = 1, maxContains } = keyword.beside
  const least = readCount(keyword, minContains, 'minContains')
  const most = maxContains === undefined ? Infinity : readCount(keyword, maxContains, 'maxContains')
  return (value, at, run) => {
    if (!Array.isArray(value)) return
    let found = 0
    for (const item of value) if (passes(node, item, run)) found++
    if (found < least) report(run, at, `has fewer than ${least} items of the kind it must contain`)
    if (found > most) report(run, at, `has more than ${most} items of the kind it may contain`)
  }
}

export function buildAllOf(keyword: Keyword): Check {
  const nodes = branches(keyword, 'allOf')
  return (value, at, run) => {
    for (const node of nodes) if (!isFull(run)) apply(node, value, at, run)
  }
}

export function buildAnyOf(keyword: Keyword): Check {
  const nodes = branches(keyword, 'anyOf')
  return (value, at, run) => {
    if (!nodes.some((node) => passes(node, value, run))) report(run, at, 'fits none of anyOf')
  }
}

export function buildOneOf(keyword: Keyword): Check {
  const nodes = branches(keyword, 'oneOf')
  return (value, at, run) => {
    const fitting = nodes.filter((node) => passes(node, value, run)).length
    if (fitting !== 1) report(run, at, `fits ${fitting} of oneOf`)
  }
}

export function buildNot(keyword: Keyword): Check {
  const node = keyword.samePlace(keyword.given, 'not')
  return (value, at, run) => {
    if (passes(node, value, run)) report(run, at, 'fits what it must not')
  }
}

export function buildIf(keyword: Keyword): Check | undefined {
  const { then: yes, else: no } = keyword.beside
  const condition = keyword.samePlace(keyword.given, 'if')
  const whenTrue = yes === undefined ? undefined : keyword.samePlace(yes, 'then')
  const whenFalse = no === undefined ? undefined : keyword.samePlace(no, 'else')
  return (value, at, run) => {
    const node = passes(condition, value, run) ? whenTrue : whenFalse
    if (node !== undefined) apply(node, value, at, run)
  }
}

export function applied(node: Node): Check {
  return (value, at, run) => apply(node, value, at, run)
}

function branches(keyword: Keyword, name: string): Node[] {
  return readSchemas(keyword, keyword.given, name).map((given, index) =>
    keyword.samePlace(given, name, index),
  )
}
