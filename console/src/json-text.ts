// JSON as text, whose numbers stay as they are written: what a browser would read as another number, as integers past
// 2^53, is kept as its text and written as that again.

/** The proposal JSON.parse source text access, which TypeScript's libraries do not describe yet. */
interface ExactJson {
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}

interface RawNumber {
  rawJSON: string
}

const json = JSON as unknown as Partial<ExactJson>

/** Older browsers round. */
const ROUNDS = json.rawJSON === undefined

/** @throws SyntaxError where it is no JSON; another error where it has thousands of levels, as browsers read it by recursion */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, asWritten) as unknown
}

/** The same of any depth: where it has thousands of levels its numbers are rounded. */
export function parseDeep(text: string): unknown {
  try {
    return parseExactly(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw error
    return JSON.parse(text) as unknown
  }
}

function asWritten(_name: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  const changed = typeof value === 'number' && source !== undefined && String(value) !== source
  return changed && json.rawJSON !== undefined ? json.rawJSON(source) : value
}

/** Neither a list nor a number that is kept as its text. */
export function isJsonObject(value: unknown): value is object {
  const some = typeof value === 'object' && value !== null
  return some && !Array.isArray(value) && digitsOf(value) === undefined
}

/** The digits of a number that is kept as its text. */
export function digitsOf(value: unknown): string | undefined {
  return json.isRawJSON?.(value) === true ? value.rawJSON : undefined
}

/** Undefined where there is none. */
export function readJson(text: string): unknown {
  return text.trim() === '' ? undefined : parseExactly(text)
}

/** What is wrong with JSON that the server keeps byte for byte; nothing is wrong with nothing. */
export function exactComplaint(text: string): string | undefined {
  return complaint(text, { rounds: ROUNDS })
}

/** What is wrong with JSON whose numbers the server reads; nothing is wrong with nothing. */
export function jsonComplaint(text: string): string | undefined {
  return complaint(text, { rounds: true })
}

function complaint(text: string, { rounds }: { rounds: boolean }): string | undefined {
  if (text.trim() === '') return undefined
  let inexact: number | undefined
  try {
    JSON.parse(text, (_name, value: unknown) => {
      if (typeof value === 'number' && !isExact(value)) inexact = value
      return value
    })
  } catch (error) {
    return error instanceof SyntaxError
      ? `This is not valid JSON yet: ${error.message}`
      : 'It is nested too deep for this page. Send it with curl.'
  }
  return rounds && inexact !== undefined
    ? `It would be rounded to ${inexact}. Write it as a text.`
    : undefined
}

/** Fractions are rounded by all who read JSON. */
function isExact(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
}
