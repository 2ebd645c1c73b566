// What the conversions share: their limits, the text of a body, and how a document is refused.
import { isUtf8 } from 'node:buffer'
import { AppError } from '../../errors.ts'

/** Levels of a document: of objects and arrays, or of elements. Whoever reads it further may do so recursively. */
export const DOCUMENT_DEPTH_MAX = 100
/**
 * Of a form, and of XML and YAML, which are parsed on the event loop. What the worst 256 KiB that we found cost of a
 * core of 2026: a form 8 ms, XML 85 ms, YAML 500 ms (YAML as people write it: 80 ms; JSON: 4 ms).
 */
export const CONVERTED_BYTES_MAX = 256 * 1024
/** Of the JSON that is made of what was none: aliases of YAML multiply what they name. */
export const CONVERTED_JSON_BYTES_MAX = 1024 * 1024

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

export function withoutBom(body: Buffer): Buffer {
  return body.subarray(0, BOM.length).equals(BOM) ? body.subarray(BOM.length) : body
}

/** @throws AppError INVALID_DOCUMENT with the `byte` that is wrong, counted from 0 */
export function textOf(body: Buffer): string {
  const bytes = withoutBom(body)
  const text = bytes.toString()
  if (isUtf8(bytes)) return text
  const at = firstInvalid(bytes, text)
  const { line, column } = placeOf(text, at.char)
  const byte = at.byte + body.length - bytes.length
  const sentence = `The body is not valid UTF-8 (byte ${byte}).`
  throw new AppError('INVALID_DOCUMENT', sentence, { detail: { byte, line, column } })
}

/** The first replacement character that is none in the bytes. */
function firstInvalid(bytes: Buffer, text: string): { byte: number; char: number } {
  let char = 0
  let byte = 0
  for (;;) {
    const next = text.indexOf('\ufffd', char)
    byte += Buffer.byteLength(text.slice(char, next))
    if (!bytes.subarray(byte, byte + 3).equals(Buffer.from('\ufffd'))) return { byte, char: next }
    byte += 3
    char = next + 1
  }
}

/** Line and column, from 1; a column is a UTF-16 unit, as editors count. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let start = 0
  for (;;) {
    const end = text.indexOf('\n', start)
    if (end === -1 || end >= offset) return { line, column: offset - start + 1 }
    line++
    start = end + 1
  }
}

/** @param problem goes on after the format's name: `is cut off` */
export function invalidAt(
  format: 'JSON' | 'XML' | 'YAML',
  text: string,
  offset: number,
  problem: string,
): AppError {
  const { line, column } = placeOf(text, offset)
  const sentence = `The ${format} ${problem} (line ${line}, column ${column}).`
  return new AppError('INVALID_DOCUMENT', sentence, { detail: { line, column } })
}

/** @param problem goes on after the field's name */
export function invalidField(field: string, problem: string): AppError {
  // A name of a stranger's may be as long as the body.
  const short = field.length > 100 ? `${field.slice(0, 100)}…` : field
  return new AppError('INVALID_DOCUMENT', `${short} ${problem}.`, { detail: { field: short } })
}

/** Text that is quoted in a sentence. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

/** @throws AppError BODY_TOO_LARGE */
export function assertConvertible(body: Buffer): void {
  if (body.length > CONVERTED_BYTES_MAX) throw tooLarge('The document', CONVERTED_BYTES_MAX)
}

export function tooLarge(what: string, limit: number): AppError {
  const sentence = `${what} is larger than ${limit} bytes.`
  return new AppError('BODY_TOO_LARGE', sentence, { detail: { limit_bytes: limit } })
}

/** @throws AppError BODY_TOO_LARGE */
export function boundedJson(bytes: Buffer): Buffer {
  if (bytes.length <= CONVERTED_JSON_BYTES_MAX) return bytes
  throw tooLarge('The JSON that the document becomes', CONVERTED_JSON_BYTES_MAX)
}
