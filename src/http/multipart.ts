// Splits a buffered multipart body into its parts (RFC 2046, RFC 7578), without copying them.
// Own code, because the articles' curl lines send `Content-Type: application/json` with a boundary and
// parts of disposition `attachment`, which today's multipart parsers refuse or skip (decision 0005).
import { AppError } from '../errors.ts'

export interface Part {
  name: string
  /** A view into the body. */
  bytes: Buffer
}

/** One part's headers; browsers and curl send about 200 bytes. */
const PART_HEADER_BYTES_MAX = 16 * 1024
/** RFC 2046: 1 to 70 characters. */
const BOUNDARY_CHARS_MAX = 70
const CRLF = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')
/** `; name="value"` or `; name=value`, each beginning where the one before ended. */
const PARAMETER = /;[ \t]*([^=;\s]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))[ \t]*/gy

/** @throws AppError INVALID_MULTIPART where the content type has no usable boundary */
export function boundaryOf(contentType: string | undefined): string {
  const match = /;\s*boundary=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(contentType ?? '')
  const boundary = match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2]
  const length = boundary?.length ?? 0
  if (boundary === undefined || length === 0 || length > BOUNDARY_CHARS_MAX) {
    throw new AppError(
      'INVALID_MULTIPART',
      'The Content-Type has no boundary; send the parts with curl --form (-F).',
    )
  }
  return boundary
}

/** @throws AppError INVALID_MULTIPART saying what is wrong, and with which part */
export function splitMultipart(body: Buffer, boundary: string, partsMax: number): Part[] {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const parts: Part[] = []
  // The first delimiter may stand at the very start, where no CRLF precedes it.
  const opening = delimiter.subarray(CRLF.length)
  let at = body.subarray(0, opening.length).equals(opening)
    ? opening.length
    : afterDelimiter(body, delimiter, 0)
  for (;;) {
    if (body.subarray(at, at + 2).toString('latin1') === '--') return parts
    // Blanks may follow a boundary on its line (RFC 2046 calls them transport padding).
    while (body[at] === 0x20 || body[at] === 0x09) at++
    if (!body.subarray(at, at + 2).equals(CRLF)) {
      throw new AppError('INVALID_MULTIPART', 'A boundary is not followed by a line end.')
    }
    const end = body.indexOf(delimiter, at)
    if (end === -1) {
      throw new AppError('INVALID_MULTIPART', 'The body ends before its closing boundary.')
    }
    if (parts.length === partsMax) {
      throw new AppError('INVALID_MULTIPART', `There are more than ${partsMax} parts.`)
    }
    parts.push(readPart(body.subarray(at, end), parts.length + 1))
    at = end + delimiter.length
  }
}

function afterDelimiter(body: Buffer, delimiter: Buffer, from: number): number {
  const found = body.indexOf(delimiter, from)
  if (found === -1) throw new AppError('INVALID_MULTIPART', 'The body does not hold its boundary.')
  return found + delimiter.length
}

/** @param raw the CRLF after the boundary, headers, an empty line and the content */
function readPart(raw: Buffer, ordinal: number): Part {
  const headersEnd = raw.subarray(0, PART_HEADER_BYTES_MAX).indexOf(HEADERS_END)
  if (headersEnd === -1) {
    throw new AppError('INVALID_MULTIPART', `Part ${ordinal} has no empty line after its headers.`)
  }
  const headers = raw.subarray(0, headersEnd).toString('utf8')
  const name = partName(headers)
  if (name === undefined) {
    throw new AppError(
      'INVALID_MULTIPART',
      `Part ${ordinal} has no name in its Content-Disposition.`,
    )
  }
  return { name, bytes: raw.subarray(headersEnd + HEADERS_END.length) }
}

/** The disposition is `form-data`, or `attachment` where curl was given another content type. */
function partName(headers: string): string | undefined {
  const line = /^content-disposition:[ \t]*(?:form-data|attachment)[ \t]*(;.*)$/im.exec(
    headers,
  )?.[1]
  // One parameter after another: within another's quotes `name=` is only text.
  for (const [, name = '', quoted, token] of (line ?? '').matchAll(PARAMETER)) {
    if (name.toLowerCase() === 'name') return quoted?.replace(/\\(.)/g, '$1') ?? token
  }
  return undefined
}
