// One check of a value against a JSON Schema: what it has found wrong, and what it may still do. Schema and value may
// both come from somebody who means ill, so every step is counted, and the check ends when there have been too many.

/** What is wrong, and where; `path` is a JSON pointer into the value. */
export interface Problem {
  path: string
  message: string
}

/** Where in the value a check is; undefined: at its root. */
export interface Place {
  above: Place | undefined
  key: string | number
}

/** Shared by all parts of one check. */
interface Budget {
  steps: number
  depth: number
}

export interface Run {
  budget: Budget
  /** The first ones; when there are `most`, no more are looked for. */
  problems: Problem[]
  most: number
}

/** Looks for what one keyword has against a value. */
export type Check = (value: unknown, at: Place | undefined, run: Run) => void

/** A schema, or a part of one that is a schema itself. */
export interface Node {
  checks: Check[]
  /** Those that are applied to the same value. */
  inPlace: Node[]
}

/** Of schemas within each other at one place of the value, and of the value itself: what the stack holds by far. */
const DEPTH_MAX = 300
const QUOTED_CHARS = 64
const POINTER_CHARS = 512

/** Thrown out of a check that would take too long. */
export class TooComplex extends Error {}

export function createRun(steps: number, most: number): Run {
  return { budget: { steps, depth: 0 }, problems: [], most }
}

/** @throws TooComplex */
export function spend({ budget }: Run, steps: number): void {
  budget.steps -= steps
  if (budget.steps < 0) throw new TooComplex('The check takes too many steps.')
}

/** @throws TooComplex */
export function apply(node: Node, value: unknown, at: Place | undefined, run: Run): void {
  spend(run, 1)
  const { budget } = run
  if (++budget.depth > DEPTH_MAX) throw new TooComplex('The check is nested too deeply.')
  for (const check of node.checks) {
    if (isFull(run)) break
    check(value, at, run)
  }
  budget.depth--
}

/** For schemas that may fail without any harm. @throws TooComplex */
export function passes(node: Node, value: unknown, { budget }: Run): boolean {
  const inner: Run = { budget, problems: [], most: 1 }
  apply(node, value, undefined, inner)
  return inner.problems.length === 0
}

export function isFull(run: Run): boolean {
  return run.problems.length >= run.most
}

export function report(run: Run, at: Place | undefined, message: string): void {
  if (!isFull(run)) run.problems.push({ path: pointerOf(at), message })
}

export function pointerOf(at: Place | undefined): string {
  let pointer = ''
  for (let place = at; place !== undefined; place = place.above) {
    pointer = `/${escapeKey(String(place.key))}${pointer}`
    if (pointer.length > POINTER_CHARS) return `…${pointer.slice(-POINTER_CHARS)}`
  }
  return pointer
}

/** As a JSON pointer spells it. */
export function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One text for all that JSON Schema calls equal. @throws TooComplex */
export function canonical(value: unknown, run: Run): string {
  spend(run, 1)
  if (typeof value === 'string') {
    spend(run, value.length >> 6)
    return JSON.stringify(value)
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (++run.budget.depth > DEPTH_MAX) throw new TooComplex('The value is nested too deeply.')
  const text = Array.isArray(value)
    ? `[${value.map((item) => canonical(item, run)).join(',')}]`
    : `{${Object.entries(value)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item, run)}`)
        .join(',')}}`
  run.budget.depth--
  return text
}

/** A sender's own text in a sentence. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text)
}
