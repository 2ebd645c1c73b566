// Regular expressions of JSON Schemas. Those of JavaScript can take for ever over a few bytes; these are run by RE2's
// way of matching, whose time grows with the text and with the size of the expression, and is counted.
import { RE2JS } from 're2js'
import { spend } from './run.ts'
import type { Run } from './run.ts'

export interface Pattern {
  /** Instructions: what memory and time grow with. */
  size: number
  /** Anywhere in the text. @throws TooComplex */
  test(text: string, run: Run): boolean
}

/** Characters of one expression. */
const SOURCE_CHARS_MAX = 1_000
/** An instruction on a character, in parts of a step. */
const PER_STEP = 8

/** @throws Error whose message is a sentence about the expression */
export function compilePattern(source: string): Pattern {
  if (source.length > SOURCE_CHARS_MAX) {
    throw new Error(`has more than ${SOURCE_CHARS_MAX} characters`)
  }
  try {
    // Only read, never run: RE2 knows some spellings that JSON Schema does not.
    new RegExp(source, 'u')
  } catch {
    throw new Error('is not a regular expression')
  }
  const compiled = compile(source)
  const size = compiled.programSize()
  return {
    size,
    test(text, run) {
      spend(run, Math.ceil((size * (text.length + 1)) / PER_STEP))
      return compiled.test(text)
    },
  }
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source))
  } catch {
    throw new Error(
      'cannot be checked in a time that is known beforehand: look-arounds, back references, repetitions ' +
        'beyond 1,000 and properties as \\p{Script=…} are not taken',
    )
  }
}
