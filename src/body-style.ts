// What an endpoint is sent of a message, by its body style. All of it is told by what is kept of the message, so that it
// is the same on every attempt and resend.
import { payloadOf, typeAndTimeOf, withPayload } from './event-envelope.ts'

/** `{ type, timestamp, data }`; the payload alone; a CloudEvent in the structured mode; one in the binary mode. */
export type BodyStyle = 'envelope' | 'raw' | 'cloudevents' | 'cloudevents_binary'

/** A message, as far as it is told to receivers. */
export interface ToldMessage {
  id: string
  tenant: string
  envelope: Buffer
}

/** What is sent as a payload: JSON, or what a function made that is none. */
export type Payload = { json: string | Buffer } | { bytes: Buffer; type: string }

export interface SentBody {
  body: Buffer
  contentType: string
  /** Of a CloudEvent in the binary mode its attributes; else none. */
  eventHeaders: Readonly<Record<string, string>>
}

const JSON_TYPE = 'application/json'
const EVENT_TYPE = 'application/cloudevents+json'

/** The type of what is sent where the payload is JSON. */
export function contentTypeOf(style: BodyStyle): string {
  return style === 'cloudevents' ? EVENT_TYPE : JSON_TYPE
}

/** @param payload that of the message unless another was made of it */
export function bodyOf(style: BodyStyle, message: ToldMessage, payload?: Payload): SentBody {
  const { envelope } = message
  const sent = payload ?? { json: payloadOf(envelope) }
  const contentType = contentTypeOf(style)
  switch (style) {
    case 'envelope': {
      const body = payload === undefined ? envelope : withPayload(envelope, dataOf(payload))
      return { body, contentType, eventHeaders: {} }
    }
    case 'cloudevents':
      return { body: structured(attributesOf(message), sent), contentType, eventHeaders: {} }
    case 'raw':
      return { ...alone(sent), eventHeaders: {} }
    case 'cloudevents_binary':
      return { ...alone(sent), eventHeaders: eventHeadersOf(message) }
  }
}

/** The attributes of a CloudEvent as headers; none of them holds what would have to be encoded. */
export function eventHeadersOf(message: ToldMessage): Record<string, string> {
  const attributes = Object.entries(attributesOf(message))
  return Object.fromEntries(attributes.map(([name, value]) => [`ce-${name}`, value]))
}

/** A URI reference of our own: PUBLIC_URL may change, and an event may not. */
function attributesOf({ id, tenant, envelope }: ToldMessage): Record<string, string> {
  const { type, timestamp } = typeAndTimeOf(envelope)
  return { specversion: '1.0', id, source: `/tenants/${tenant}`, type, time: timestamp }
}

function structured(attributes: Record<string, string>, payload: Payload): Buffer {
  const datacontenttype = 'json' in payload ? JSON_TYPE : payload.type
  const head = JSON.stringify({ ...attributes, datacontenttype }).slice(0, -1)
  const [name, data] =
    'json' in payload
      ? ['data', payload.json]
      : isText(payload)
        ? ['data', JSON.stringify(payload.bytes.toString())]
        : ['data_base64', JSON.stringify(payload.bytes.toString('base64'))]
  return Buffer.concat([Buffer.from(`${head},"${name}":`), bytesOf(data), Buffer.from('}')])
}

function alone(payload: Payload): { body: Buffer; contentType: string } {
  if ('json' in payload) return { body: bytesOf(payload.json), contentType: JSON_TYPE }
  return { body: payload.bytes, contentType: payload.type }
}

/** In the envelope, which has one member for it, bytes are told with their type. */
function dataOf(payload: Payload): string {
  if ('json' in payload) return payload.json.toString()
  const { bytes, type } = payload
  if (isText(payload)) return JSON.stringify(bytes.toString())
  return JSON.stringify({ content_type: type, base64: bytes.toString('base64') })
}

function bytesOf(json: string | Buffer): Buffer {
  return typeof json === 'string' ? Buffer.from(json) : json
}

function isText({ type }: { type: string }): boolean {
  return type.startsWith('text/')
}
