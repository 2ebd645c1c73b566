// The body of a source's request as the text that its function gets: JSON stays byte for byte, the rest becomes JSON.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../../errors.ts'
import type { SourceFormat } from '../../source-model.ts'
import { checkStructured, structuredOfBinary } from './cloudevents.ts'
import {
  boundedJson,
  FORM_BYTES_MAX,
  JSON_DOCUMENT_BYTES_MAX,
  textOf,
  withoutBom,
  XML_BYTES_MAX,
  YAML_BYTES_MAX,
} from './document.ts'
import { formToJson } from './form.ts'
import { checkJson } from './json.ts'
import { familyOf, isUtf8Charset, parseMediaType } from './media-type.ts'
import { xmlToJson } from './xml.ts'
import { yamlToJson } from './yaml.ts'

export interface InboundBody {
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface ConvertedBody {
  bytes: Buffer
  contentType: string
}

/** How a body is read; the modes are those of CloudEvents. */
type Reading = 'json' | 'form' | 'xml' | 'yaml' | 'structured' | 'binary'

const JSON_TYPE = 'application/json'
/** Of a document that is a CloudEvent, in whichever mode it came. */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json'

/** What each format takes, as a refusal tells it. */
const TAKEN: Readonly<Record<Exclude<SourceFormat, 'raw'>, string>> = {
  auto: 'JSON, forms, XML, YAML and CloudEvents',
  json: 'JSON (application/json)',
  form: 'forms (application/x-www-form-urlencoded)',
  xml: 'XML (application/xml)',
  yaml: 'YAML (application/yaml)',
  cloudevents: `CloudEvents (${CLOUD_EVENT_TYPE}, or the header ce-specversion)`,
}

/**
 * @throws AppError UNSUPPORTED_MEDIA_TYPE; INVALID_DOCUMENT, whose detail has `line` and `column` or the `field`;
 *   BODY_TOO_LARGE
 */
export function convertBody(format: SourceFormat, request: InboundBody): ConvertedBody {
  const { headers, body } = request
  assertNotEncoded(headers['content-encoding'] ?? '')
  const sent = contentTypeOf(headers)
  if (format === 'raw') return { bytes: body, contentType: sent ?? 'application/octet-stream' }
  const media = sent === undefined ? undefined : parseMediaType(sent)
  if (sent !== undefined && media === undefined) throw notTaken(format, sent)
  const reading = readingOf(format, media?.type, headers)
  if (reading === undefined) throw notTaken(format, sent ?? 'a body without a content type')
  // In the binary mode the body is data of an event, which may be anything.
  if (reading !== 'binary' && !isUtf8Charset(media?.charset)) throw notTaken(format, sent ?? '')
  return read(reading, request)
}

function read(reading: Reading, { headers, body }: InboundBody): ConvertedBody {
  switch (reading) {
    case 'json':
      checkJson(textOf(body, JSON_DOCUMENT_BYTES_MAX))
      return { bytes: withoutBom(body), contentType: JSON_TYPE }
    case 'structured':
      checkStructured(textOf(body, JSON_DOCUMENT_BYTES_MAX))
      return { bytes: withoutBom(body), contentType: CLOUD_EVENT_TYPE }
    case 'binary':
      return { bytes: structuredOfBinary(headers, body), contentType: CLOUD_EVENT_TYPE }
    case 'form':
      return made(formToJson(textOf(body, FORM_BYTES_MAX)))
    case 'xml':
      return made(xmlToJson(textOf(body, XML_BYTES_MAX)))
    case 'yaml':
      return made(yamlToJson(textOf(body, YAML_BYTES_MAX)))
  }
}

function made(json: string): ConvertedBody {
  return { bytes: boundedJson(Buffer.from(json)), contentType: JSON_TYPE }
}

/** @param type in lower case; undefined where none was sent */
function readingOf(
  format: Exclude<SourceFormat, 'raw'>,
  type: string | undefined,
  headers: IncomingHttpHeaders,
): Reading | undefined {
  const family = type === undefined ? 'json' : familyOf(type)
  switch (format) {
    case 'json':
      return family === 'json' || type === 'text/plain' ? 'json' : undefined
    case 'form':
    case 'xml':
    case 'yaml':
      return type !== undefined && family === format ? format : undefined
    case 'cloudevents':
      return modeOf(type, headers)
    case 'auto':
      return isEventType(type) ? modeOf(type, headers) : (modeOf(type, headers) ?? family)
  }
}

/** Batches are not taken, nor events in other formats than JSON. */
function modeOf(
  type: string | undefined,
  headers: IncomingHttpHeaders,
): 'structured' | 'binary' | undefined {
  if (type === CLOUD_EVENT_TYPE) return 'structured'
  return !isEventType(type) && headers['ce-specversion'] !== undefined ? 'binary' : undefined
}

function isEventType(type: string | undefined): boolean {
  return type?.startsWith('application/cloudevents') ?? false
}

/** Nothing is decompressed here, and a function would not know what it got. */
function assertNotEncoded(codings: string): void {
  if (codings.split(',').every((coding) => /^(?:identity)?$/i.test(coding.trim()))) return
  const sentence = `A source takes no body with Content-Encoding ${codings.slice(0, 100)}.`
  throw new AppError('UNSUPPORTED_MEDIA_TYPE', sentence)
}

/** A header that is there and empty says nothing. */
function contentTypeOf(headers: IncomingHttpHeaders): string | undefined {
  const text = headers['content-type']
  return text === undefined || text.trim() === '' ? undefined : text
}

function notTaken(format: Exclude<SourceFormat, 'raw'>, sent: string): AppError {
  const sentence = `This source takes ${TAKEN[format]} in UTF-8, not ${sent.slice(0, 100)}.`
  return new AppError('UNSUPPORTED_MEDIA_TYPE', sentence)
}
