// JSON Schemas of tenants: read once, and then checked against any number of values. Neither the schema nor the value
// is trusted: both are bounded, nothing is fetched, no code is made of them, and every check has a number of steps.
import { AppError } from '../../errors.ts'
import { KEYWORDS, REFUSED_KEYWORDS, SILENT_KEYWORDS } from './keywords.ts'
import type { Keyword } from './keyword.ts'
import { compilePattern } from './pattern.ts'
import { TooComplex, apply, createRun, escapeKey, isObject, quote, report } from './run.ts'
import type { Node, Problem } from './run.ts'

export type { Problem } from './run.ts'

export interface JsonSchema {
  /**
   * What is wrong with a value, the first few; none: it satisfies the schema. `too_complex`: the check would take
   * more than `steps`.
   */
  check(value: unknown, steps: number): readonly Problem[] | 'too_complex'
  /** What has no effect. */
  warnings: readonly string[]
}

/** Told of one value. */
const PROBLEMS_MAX = 5
/** Schemas within each other. */
const DEPTH_MAX = 64
/** Instructions of all patterns of one schema together: what they may take of memory. */
const PATTERNS_SIZE_MAX = 20_000
const WARNINGS_MAX = 20
const DIALECT =
  /^https?:\/\/json-schema\.org\/(?:draft\/2020-12\/schema|draft\/2019-09\/schema|draft-0[67]\/schema)#?$/

/** @throws AppError INVALID_SCHEMA, with a `pointer` to what is wrong */
export function parseJsonSchema(given: unknown): JsonSchema {
  const parsed = parse(given)
  return {
    warnings: parsed.warnings,
    check(value, steps) {
      const run = createRun(steps, PROBLEMS_MAX)
      try {
        apply(parsed.root, value, undefined, run)
      } catch (error) {
        if (error instanceof TooComplex) return 'too_complex'
        throw error
      }
      return run.problems
    },
  }
}

function parse(given: unknown): { root: Node; warnings: string[] } {
  const nodes = new Map<string, Node>()
  const anchors = new Map<string, Node>()
  /** Filled in once all that they may name is read. */
  const references: { node: Node; holder: Node; reference: string; pointer: string }[] = []
  const warnings: string[] = []
  const rootId =
    isObject(given) && typeof given.$id === 'string' ? given.$id.replace(/#$/, '') : undefined
  let patternsSize = 0

  function read(schema: unknown, pointer: string, depth: number): Node {
    const known = nodes.get(pointer)
    if (known !== undefined) return known
    if (depth > DEPTH_MAX) throw invalid(pointer, `Schemas are nested more than ${DEPTH_MAX} deep.`)
    const node: Node = { checks: [], inPlace: [] }
    nodes.set(pointer, node)
    if (typeof schema === 'boolean') {
      if (!schema) node.checks.push((_value, at, run) => report(run, at, 'may not be there'))
      return node
    }
    if (!isObject(schema)) throw invalid(pointer, 'A schema is an object, true or false.')
    readIdentity(schema, node, pointer)
    for (const name of ['$defs', 'definitions']) {
      const kept = schema[name]
      if (kept === undefined) continue
      if (!isObject(kept)) throw invalid(`${pointer}/${name}`, `${name} is an object.`)
      for (const [key, one] of Object.entries(kept)) {
        read(one, `${pointer}/${name}/${escapeKey(key)}`, depth + 1)
      }
    }
    for (const [name, build] of KEYWORDS) {
      if (!Object.hasOwn(schema, name)) continue
      const check = build(keywordOf(schema, name, { node, pointer, depth }))
      if (check !== undefined) node.checks.push(check)
    }
    return node
  }

  function readIdentity(schema: Record<string, unknown>, node: Node, pointer: string): void {
    for (const name of Object.keys(schema)) {
      const instead = Object.hasOwn(REFUSED_KEYWORDS, name) ? REFUSED_KEYWORDS[name] : undefined
      if (instead !== undefined)
        throw invalid(`${pointer}/${name}`, `${name} is not taken; ${instead}.`)
      if (SILENT_KEYWORDS.has(name) || KEYWORDS.some(([known]) => known === name)) continue
      if (warnings.length < WARNINGS_MAX)
        warnings.push(`The schema's keyword ${quote(name)} has no effect.`)
    }
    const { $schema, $id, $anchor } = schema
    if ($schema !== undefined && (typeof $schema !== 'string' || !DIALECT.test($schema))) {
      throw invalid(
        `${pointer}/$schema`,
        'Schemas are of draft 2020-12; 2019-09, 07 and 06 are read as that.',
      )
    }
    if ($id !== undefined && (pointer !== '' || typeof $id !== 'string')) {
      throw invalid(`${pointer}/$id`, 'Only the schema as a whole may have an $id, which is text.')
    }
    if ($anchor === undefined) return
    if (
      typeof $anchor !== 'string' ||
      !/^[A-Za-z_][\w.-]*$/.test($anchor) ||
      anchors.has($anchor)
    ) {
      throw invalid(`${pointer}/$anchor`, 'An $anchor is a name that no other has.')
    }
    anchors.set($anchor, node)
  }

  function keywordOf(
    beside: Record<string, unknown>,
    name: string,
    { node, pointer, depth }: { node: Node; pointer: string; depth: number },
  ): Keyword {
    const own = `${pointer}/${name}`
    const child: Keyword['child'] = (schema, ...keys) =>
      read(schema, [pointer, ...keys.map((key) => escapeKey(String(key)))].join('/'), depth + 1)
    return {
      given: beside[name],
      beside,
      child,
      samePlace(schema, ...keys) {
        const made = child(schema, ...keys)
        node.inPlace.push(made)
        return made
      },
      named(reference) {
        const named: Node = { checks: [], inPlace: [] }
        references.push({ node: named, holder: node, reference, pointer: own })
        return named
      },
      pattern(source) {
        try {
          const made = compilePattern(source)
          patternsSize += made.size
          if (patternsSize <= PATTERNS_SIZE_MAX) return made
        } catch (error) {
          throw invalid(own, `The regular expression ${quote(source)} ${(error as Error).message}.`)
        }
        throw invalid(own, 'The regular expressions of the schema are too large together.')
      },
      refuse(sentence) {
        throw invalid(own, sentence)
      },
    }
  }

  function resolve(reference: string): Node | undefined {
    const within = rootId !== undefined && reference.startsWith(`${rootId}#`)
    const local = within ? reference.slice(rootId.length) : reference === rootId ? '#' : reference
    if (!local.startsWith('#')) return undefined
    const fragment = decode(local.slice(1))
    return fragment === undefined ? undefined : (nodes.get(fragment) ?? anchors.get(fragment))
  }

  const root = read(given, '', 0)
  for (const { node, holder, reference, pointer } of references) {
    const target = resolve(reference)
    if (target === undefined) {
      const sentence = `$ref ${quote(reference)} names no schema within this one, as #/$defs/name does.`
      throw invalid(pointer, sentence)
    }
    node.checks = target.checks
    holder.inPlace.push(target)
  }
  refuseCircles(nodes)
  return { root, warnings }
}

/** A schema that is applied to the value that it is being applied to would never come to an end. */
function refuseCircles(nodes: ReadonlyMap<string, Node>): void {
  const done = new Set<Node>()
  const open = new Set<Node>()
  for (const [pointer, start] of nodes) {
    const stack = [{ node: start, next: 0 }]
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number }
      if (top.next === 0) open.add(top.node)
      const below = done.has(top.node) ? undefined : top.node.inPlace[top.next++]
      if (below === undefined) {
        open.delete(top.node)
        done.add(top.node)
        stack.pop()
      } else if (open.has(below)) {
        throw invalid(pointer, 'A $ref leads back to itself without going deeper into the value.')
      } else stack.push({ node: below, next: 0 })
    }
  }
}

function decode(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return undefined
  }
}

function invalid(pointer: string, sentence: string): AppError {
  return new AppError('INVALID_SCHEMA', sentence, { detail: { field: 'schema', pointer } })
}
