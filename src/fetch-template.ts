// Request specs with placeholders, `{{order.id}}`, which are filled in with values of an event's payload. What is filled in
// stays what it was put in for: one segment of a path, a part of a query, of a header or of a string within JSON.
import { AppError } from './errors.ts'
import type { RequestSpec } from './model.ts'
import { parseRequestSpec } from './request-spec.ts'

/** What is known of an event besides its payload; `@` begins no name of a payload's. */
export type OwnValues = Readonly<Record<'@type' | '@tenant' | '@message_id' | '@timestamp', string>>

const OWN_NAMES = ['@type', '@tenant', '@message_id', '@timestamp']
const PLACEHOLDER = /\{\{\s*(@[a-z_]+|[\w$-]+(?:\.[\w$-]+)*)\s*\}\}/g
/** It is kept with every message that waits for its fetch. */
const TEMPLATE_CHARS_MAX = 16 * 1024
/** Of path, headers and body together, filled in. */
const FILLED_CHARS_MAX = 64 * 1024
/** As URLs spell it: what would climb out of a path. */
const DOTS = /^(?:\.|%2e){1,2}$/i
/** Half a character, which no encoding has. */
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * @param text JSON: a URL, or an object of HTTP options
 * @returns a spec whose path, headers and body hold the placeholders as `{{name}}`
 * @throws AppError INVALID_SPEC, INVALID_JSON
 */
export function parseFetchTemplate(text: string): { template: RequestSpec; warnings: string[] } {
  if (text.length > TEMPLATE_CHARS_MAX) {
    throw invalid('fetch', `fetch has more than ${TEMPLATE_CHARS_MAX} characters.`)
  }
  const plain = withoutEscapes(text)
  // What is read as a URL must not hold braces; these marks pass through everything that reads it, or are missed.
  const mark = markFor(plain)
  const names: string[] = []
  const marked = plain.replace(PLACEHOLDER, (_, name: string) => `${mark}${names.push(name) - 1}x`)
  if (marked.includes('{{')) {
    throw invalid('fetch', 'Between {{ and }} stands a name, as in {{id}} or {{order.id}}.')
  }
  const unknown = names.find((name) => name.startsWith('@') && !OWN_NAMES.includes(name))
  if (unknown !== undefined) {
    throw invalid('fetch', `{{${unknown}}} is none of ${OWN_NAMES.join(', ')}.`)
  }
  const { spec, warnings } = parseRequestSpec(JSON.parse(marked), 'fetch')
  const { path, headers, body } = spec
  if (headers.authorization?.includes(mark) === true || spec.hostname.includes(mark))
    throw misplaced()
  if (body?.includes(mark) === true) checkBody(body)
  const found = new Set<number>()
  const restore = (part: string): string =>
    part.replace(new RegExp(`${mark}(\\d+)x`, 'g'), (_, index: string) => {
      found.add(Number(index))
      return `{{${names[Number(index)] ?? ''}}}`
    })
  const template = {
    ...spec,
    path: restore(path),
    headers: mapValues(headers, restore),
    ...(body !== undefined && { body: restore(body) }),
  }
  if (found.size !== names.length) throw misplaced()
  return { template, warnings }
}

/** The names of its placeholders, each once. */
export function placeholdersOf({ path, headers, body = '' }: RequestSpec): string[] {
  const text = [path, ...Object.values(headers), body].join('\n')
  return [...new Set([...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name))]
}

/** @throws AppError FETCH_VALUE_REFUSED, with the `placeholder` */
export function fillIn(template: RequestSpec, payload: unknown, own: OwnValues): RequestSpec {
  let left = FILLED_CHARS_MAX
  const fill = (text: string, encode: (value: string, name: string) => string): string =>
    text.replace(PLACEHOLDER, (_, name: string) => {
      const encoded = encode(valueOf(name, payload, own), name)
      left -= encoded.length
      if (left < 0)
        throw refused(name, `What is filled in has more than ${FILLED_CHARS_MAX} characters.`)
      return encoded
    })
  const { path, headers, body } = template
  const spec = {
    ...template,
    path: fillPath(path, (part) => fill(part, encodePart)),
    headers: mapValues(headers, (value) => fill(value, encodeHeader)),
    ...(body !== undefined && { body: fill(body, encodeString) }),
  }
  checkFilled(spec)
  return spec
}

function valueOf(name: string, payload: unknown, own: OwnValues): string {
  if (name.startsWith('@')) return own[name as keyof OwnValues]
  let value = payload
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      throw refused(name, `The payload lacks ${name}, which fetching its resource needs.`)
    }
    value = (value as Record<string, unknown>)[key]
  }
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'number') {
    throw refused(name, `The payload's ${name} is neither text nor a number, true or false.`)
  }
  // Another one than was published, perhaps.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw refused(
      name,
      `The payload's ${name} is a number too large to be exact; publish it as text.`,
    )
  }
  return String(value)
}

/** Everything but letters, digits, `-`, `.`, `_` and `~` is encoded, so that it is one segment, name or value. */
function encodePart(value: string, name: string): string {
  if (LONE_SURROGATE.test(value))
    throw refused(name, `The payload's ${name} is not well-formed text.`)
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function encodeHeader(value: string, name: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value
  throw refused(
    name,
    `The payload's ${name} has line breaks, or characters that no header can have.`,
  )
}

function encodeString(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}

/** A segment that a value makes empty, or one of dots, would name another resource than the template does. */
function fillPath(path: string, fill: (part: string) => string): string {
  const queryAt = path.includes('?') ? path.indexOf('?') : path.length
  const segments = path
    .slice(0, queryAt)
    .split('/')
    .map((segment) => {
      const filled = fill(segment)
      if (filled === segment || (filled !== '' && !DOTS.test(filled))) return filled
      const [, name = ''] = segment.matchAll(PLACEHOLDER).next().value ?? []
      throw refused(
        name,
        `The payload's ${name} makes an empty segment of the path, or one of dots.`,
      )
    })
  return segments.join('/') + fill(path.slice(queryAt))
}

/** Again as any spec is, since it is longer now; and it has to be read as what it was made to be. */
function checkFilled({ protocol, hostname, port, path, headers, body }: RequestSpec): void {
  const again = { protocol, hostname, port, path, headers, body }
  try {
    const { spec } = parseRequestSpec(again, 'fetch')
    if (spec.path === path && spec.hostname === hostname) return
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError('FETCH_VALUE_REFUSED', `With the payload filled in: ${error.message}`, {
      cause: error,
    })
  }
  throw new AppError('FETCH_VALUE_REFUSED')
}

/** Escapes may spell braces too. */
function withoutEscapes(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json))
  } catch (cause) {
    throw invalid(
      'fetch',
      'fetch is a URL, or an object of HTTP options, and not nested too deeply.',
      cause,
    )
  }
}

/** Letters and digits that the text does not have. */
function markFor(text: string): string {
  let mark = 'wasmhookmark'
  while (text.toLowerCase().includes(mark)) mark += 'z'
  return mark
}

/** Only within strings can a value be told from what is around it. */
function checkBody(body: string): void {
  try {
    JSON.parse(body)
  } catch (cause) {
    throw invalid(
      'fetch.body',
      'A body with placeholders is JSON, and they stand within its strings.',
      cause,
    )
  }
}

function mapValues(
  headers: Readonly<Record<string, string>>,
  map: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, map(value)]))
}

function misplaced(): AppError {
  return invalid(
    'fetch',
    'Placeholders may stand in path, query, values of headers (but Authorization) and body.',
  )
}

function invalid(field: string, sentence: string, cause?: unknown): AppError {
  return new AppError('INVALID_SPEC', sentence, { detail: { field }, cause })
}

function refused(placeholder: string, sentence: string): AppError {
  return new AppError('FETCH_VALUE_REFUSED', sentence, {
    detail: { field: 'payload', placeholder },
  })
}
