// CloudEvents 1.0 over HTTP: an event in either mode becomes the JSON object of the structured mode, its data byte for
// byte where that is JSON.
import type { IncomingHttpHeaders } from 'node:http'
import { parseTime } from '../../rfc3339.ts'
import {
  boundedJson,
  CONVERTED_JSON_BYTES_MAX,
  invalidAt,
  invalidField,
  JSON_DOCUMENT_BYTES_MAX,
  textOf,
  withoutBom,
} from './document.ts'
import { checkJson } from './json.ts'
import type { JsonMember } from './json.ts'
import { familyOf, isUtf8Charset, parseMediaType } from './media-type.ts'

const REQUIRED = ['specversion', 'id', 'source', 'type']
const INT32 = 2 ** 31

/** What an attribute must be, and how that is told. */
const KNOWN: ReadonlyMap<string, readonly [isRight: (text: string) => boolean, told: string]> =
  new Map([
    ['specversion', [(text) => text === '1.0', 'must be 1.0']],
    ['id', [(text) => text !== '', 'must not be empty']],
    ['source', [isUriReference, 'must be a URI reference']],
    ['type', [(text) => text !== '', 'must not be empty']],
    ['subject', [(text) => text !== '', 'must not be empty']],
    ['time', [isTime, 'must be a time as RFC 3339 has it']],
    [
      'dataschema',
      [(text) => isUriReference(text) && URL.canParse(text), 'must be an absolute URI'],
    ],
    ['datacontenttype', [(text) => parseMediaType(text) !== undefined, 'must be a media type']],
  ])

/** @throws AppError INVALID_DOCUMENT with the place, or the `field` */
export function checkStructured(text: string): void {
  const members: JsonMember[] = []
  checkJson(text, (member) => members.push(member))
  if (!/^\s*\{/.test(text)) throw invalidAt('JSON', text, 0, 'must be an object, the event')
  const hasData = members.some(({ name }) => name === 'data')
  const values = new Map<string, unknown>()
  for (const { name, valueStart, valueEnd } of members) {
    if (name === 'data') continue
    const value: unknown = scalarOf(text.slice(valueStart, valueEnd))
    // Null is as good as absent; but data may be null.
    if (value === null) {
      if (name !== 'data_base64') checkName(name)
    } else if (name !== 'data_base64') values.set(name, value)
    else if (hasData) throw invalidField(name, 'stands beside data')
    else checkBase64(value)
  }
  checkAttributes(values)
}

/** The objects and arrays that there are stand for none that would be right, so that they are not made. */
function scalarOf(json: string): unknown {
  return /^[[{]/.test(json) ? [] : JSON.parse(json)
}

/** @throws AppError BODY_TOO_LARGE; INVALID_DOCUMENT with the place, or the `field` */
export function structuredOfBinary(headers: IncomingHttpHeaders, body: Buffer): Buffer {
  const attributes = attributesOf(headers)
  const event = Buffer.from(
    [...attributes]
      .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
      .join(','),
  )
  return Buffer.concat([Buffer.from('{'), event, dataOf(attributes, body), Buffer.from('}')])
}

function attributesOf(headers: IncomingHttpHeaders): Map<string, string> {
  // The four that each event has come first.
  const attributes = new Map<string, string>(REQUIRED.map((name) => [name, '']))
  const missing = new Set(REQUIRED)
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('ce-') || value === undefined) continue
    const name = header.slice('ce-'.length)
    if (name === 'data' || name === 'datacontenttype') {
      throw invalidField(header, 'is no header of an event')
    }
    const text = headerText(Array.isArray(value) ? value.join(', ') : value)
    if (text === undefined) throw invalidField(name, 'is wrongly encoded in its header')
    attributes.set(name, text)
    missing.delete(name)
  }
  for (const name of missing) attributes.delete(name)
  const type = headers['content-type']
  if (type !== undefined && type.trim() !== '') attributes.set('datacontenttype', type)
  checkAttributes(attributes)
  return attributes
}

/** As the HTTP binding has it (3.1.3.2): quotes of older senders first, then percents. */
function headerText(value: string): string | undefined {
  const plain = /^"(?:[^"\\]|\\.)*"$/.test(value)
    ? value.slice(1, -1).replace(/\\(.)/g, '$1')
    : value
  if (/[^\x20-\x7e]/.test(plain)) return undefined
  try {
    return decodeURIComponent(plain)
  } catch {
    return undefined
  }
}

/** The member that holds the data, with the comma before it; nothing where there is none. */
function dataOf(attributes: ReadonlyMap<string, string>, body: Buffer): Buffer {
  if (body.length === 0) return body
  const media = parseMediaType(attributes.get('datacontenttype') ?? 'application/json')
  const family = familyOf(media?.type ?? '')
  const isText = family !== undefined || media?.type.startsWith('text/')
  // Text in another charset is bytes to us.
  if (!isText || !isUtf8Charset(media?.charset)) {
    return boundedJson(Buffer.from(`,"data_base64":"${body.toString('base64')}"`))
  }
  if (family !== 'json') {
    const text = textOf(body, CONVERTED_JSON_BYTES_MAX)
    return boundedJson(Buffer.from(`,"data":${JSON.stringify(text)}`))
  }
  checkJson(textOf(body, JSON_DOCUMENT_BYTES_MAX))
  return Buffer.concat([Buffer.from(',"data":'), withoutBom(body)])
}

function checkAttributes(attributes: ReadonlyMap<string, unknown>): void {
  const missing = REQUIRED.find((name) => !attributes.has(name))
  if (missing !== undefined) throw invalidField(missing, 'is missing')
  for (const [name, value] of attributes) {
    checkName(name)
    const known = KNOWN.get(name)
    if (known === undefined) {
      if (isExtension(value)) continue
      throw invalidField(name, 'must be a text, true, false, or an integer of 32 bits')
    }
    const [isRight, told] = known
    if (typeof value !== 'string') throw invalidField(name, 'must be a text')
    if (!isRight(value)) throw invalidField(name, told)
  }
}

function checkName(name: string): void {
  if (/^[a-z0-9]+$/.test(name)) return
  throw invalidField(name, 'is no name of an attribute: those are a-z and 0-9 only')
}

function isExtension(value: unknown): boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return true
  return Number.isInteger(value) && Math.abs(value as number) < INT32
}

function checkBase64(value: unknown): void {
  const isRight =
    typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
  if (!isRight) throw invalidField('data_base64', 'must be Base64')
}

/** By its characters, percents and scheme. Letters beyond ASCII pass, since senders use them. */
function isUriReference(text: string): boolean {
  if (text === '' || /[\s"<>\\^`{|}]|%(?![\da-f]{2})/i.test(text)) return false
  return /^(?:[a-z][a-z\d+.-]*:|[^:/?#]*(?:[/?#]|$))/i.test(text)
}

/** Leap seconds too, which Date does not know: the last of a day of UTC. */
function isTime(text: string): boolean {
  const leap = /^(.{10}T\d\d:\d\d:)60(.*)$/i.exec(text)
  if (leap === null) return parseTime(text) !== undefined
  const ms = parseTime(`${leap[1] ?? ''}59${leap[2] ?? ''}`)
  return ms !== undefined && new Date(ms).toISOString().slice(11, 19) === '23:59:59'
}
