// What the conversions share: their limits, the text of a body, and how a document is refused.
import { isUtf8 } from 'node:buffer'
import { AppError } from '../../errors.ts'

/** Levels of a document: of objects and arrays, or of elements. Whoever reads it further may do so recursively. */
export const DOCUMENT_DEPTH_MAX = 100
// All are read on the event loop: each may have what holds it for some 50 ms. The worst that we found, warm, on a core of
// 2026 that others used too: YAML 34 ms (44 where aliases multiply), XML 39, JSON 32, an event with 68,000 names 51,
// a form 2. Cold, two to three times that.
export const FORM_BYTES_MAX = 256 * 1024
export const XML_BYTES_MAX = 128 * 1024
export const YAML_BYTES_MAX = 16 * 1024
/** Of JSON that is checked, however large a body may be. */
export const JSON_DOCUMENT_BYTES_MAX = 1024 * 1024
/** Of the JSON that is made of what was none: aliases of YAML multiply what they name. */
export const CONVERTED_JSON_BYTES_MAX = 1024 * 1024

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

export function withoutBom(body: Buffer): Buffer {
  return body.subarray(0, BOM.length).equals(BOM) ? body.subarray(BOM.length) : body
}

/** @throws AppError BODY_TOO_LARGE; INVALID_DOCUMENT with the `byte` that is wrong, counted from 0 */
export function textOf(body: Buffer, bytesMax: number): string {
  if (body.length > bytesMax) throw tooLarge('The document', bytesMax)
  const bytes = withoutBom(body)
  if (isUtf8(bytes)) return bytes.toString()
  const at = firstInvalid(bytes)
  const before = bytes.toString('utf8', 0, at)
  const { line, column } = placeOf(before, before.length)
  const byte = at + body.length - bytes.length
  const sentence = `The body is not valid UTF-8 (byte ${byte}).`
  throw new AppError('INVALID_DOCUMENT', sentence, { detail: { byte, line, column } })
}

/** Where the first character begins that is none; at the end where there is no such. */
function firstInvalid(bytes: Buffer): number {
  let at = 0
  while (at < bytes.length) {
    const length = charLength(bytes, at)
    if (length === 0) return at
    at += length
  }
  return at
}

/** Bytes of the character that begins here (Unicode, table 3-7); 0 where none does. */
function charLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const second = bytes[at + 1] ?? 0
  // Longer than needed, a surrogate, past U+10FFFF.
  const min = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const max = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < min || second > max) return 0
  for (let next = at + 2; next < at + length; next++) {
    if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0
  }
  return length
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

export function tooLarge(what: string, limit: number): AppError {
  const sentence = `${what} is larger than ${limit} bytes.`
  return new AppError('BODY_TOO_LARGE', sentence, { detail: { limit_bytes: limit } })
}

/** @throws AppError BODY_TOO_LARGE */
export function boundedJson(bytes: Buffer): Buffer {
  if (bytes.length <= CONVERTED_JSON_BYTES_MAX) return bytes
  throw tooLarge('The JSON that the document becomes', CONVERTED_JSON_BYTES_MAX)
}
