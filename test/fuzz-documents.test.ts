// What strangers send to sources: documents of every format, whole and damaged, and signed requests that were tampered with.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { convertBody } from '../src/core/conversion/convert.ts'
import { isRefused } from '../src/core/source-verification/refusals.ts'
import { verifyRequest } from '../src/core/source-verification/verify.ts'
import { AppError } from '../src/errors.ts'
import type { SourceFormat } from '../src/model.ts'
import { anyBytes, fuzz } from './helpers/fuzz.ts'
import { SENDERS } from './helpers/hook-senders.ts'

const NOW_S = 1_700_000_000
const JSON_BYTES_MAX = 1024 * 1024
const STATUSES = [413, 415, 422]
/** With which a document can be more than text. */
const TYPES: Readonly<Record<Exclude<SourceFormat, 'raw' | 'auto'>, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  xml: 'application/xml',
  yaml: 'application/yaml',
  cloudevents: 'application/cloudevents+json',
}
type Format = keyof typeof TYPES
const FORMATS = Object.keys(TYPES) as Format[]

/** Pieces that mean something to a reader, so that damage is seldom plain text. */
const PIECES: Readonly<Record<Format, readonly string[]>> = {
  json: ['{', '}', '[', ']', '"a"', ':', ',', '1e9', '-0', 'null', '"\\u0061"', '\\', '\u2028'],
  form: ['a', '=', '&', 'b[]', '%41', '%', '+', 'ä', '%c3%a4', '[', ']', '%00'],
  xml: [
    '<a>',
    '</a>',
    '<b x="1"/>',
    '&amp;',
    '&#65;',
    '&#0;',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?x',
    '?>',
    '<!DOCTYPE a>',
    'x',
    '"',
    "'",
    '=',
  ],
  yaml: [
    'a: ',
    '- ',
    '\n',
    '  ',
    '&x ',
    '*x',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '!!int ',
    '|\n',
    '>-\n',
    '#',
    '"',
    "'",
    '? ',
    ': ',
    '---\n',
    '%YAML 1.2\n',
    '<<: ',
    '0x1F',
    '.nan',
    '\t',
  ],
  cloudevents: [
    '{"specversion":"1.0"',
    ',"id":"1"',
    ',"source":"/s"',
    ',"type":"t"',
    ',"data":',
    '{"a":1}',
    ',"data_base64":"YQ=="',
    ',"time":"2026-01-01T00:00:00Z"',
    '}',
    ',"x":1',
    ',"x":true',
  ],
}

const documents = fc.constantFrom(...FORMATS).chain((format) =>
  fc.record({
    format: fc.constant(format),
    type: fc.oneof(
      { weight: 4, arbitrary: fc.constant(TYPES[format]) },
      fc.constantFrom(`${TYPES[format]}; charset=utf-8`, 'text/xml', 'application/json', ''),
    ),
    body: fc
      .array(
        fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...PIECES[format]) },
          fc.string({ maxLength: 4 }),
        ),
        {
          maxLength: 30,
        },
      )
      .map((pieces) => Buffer.from(pieces.join(''))),
  }),
)

/** What comes of it: JSON, or a refusal that a sender can be told; anything else is a finding. */
function converted(format: SourceFormat, type: string, body: Buffer): Buffer | undefined {
  const headers = type === '' ? {} : { 'content-type': type }
  try {
    return convertBody(format, { headers, body }).bytes
  } catch (error) {
    assert.ok(error instanceof AppError && STATUSES.includes(error.status), String(error))
    assert.ok(error.message.length < 1_000)
    return undefined
  }
}

const senders = fc.constantFrom(...Object.values(SENDERS))

fuzz({
  name: 'documents',
  cases: 2_000,
  claims: {
    'a document becomes JSON, or is refused with a place and a sentence': fc.property(
      documents,
      fc.boolean(),
      ({ format, type, body }, auto) => {
        const json = converted(auto ? 'auto' : format, type, body)
        if (json !== undefined) JSON.parse(json.toString())
      },
    ),
    'any bytes of any type are read or refused': fc.property(
      fc.constantFrom<SourceFormat>('auto', ...FORMATS),
      fc.oneof(fc.constantFrom(...Object.values(TYPES)), fc.string({ unit: 'binary' })),
      anyBytes(200),
      (format, type, body) => {
        const json = converted(format, type, body)
        if (json !== undefined) JSON.parse(json.toString())
      },
    ),
    'JSON stays as it was, byte for byte': fc.property(fc.json(), (text) => {
      const body = Buffer.from(text)
      const json = converted('json', TYPES.json, body)
      if (json !== undefined) assert.ok(json.equals(body))
    }),
    'a signed request is taken as it was sent, and refused where a byte of it is another':
      fc.asyncProperty(
        senders,
        fc.json(),
        fc.nat(),
        fc.nat({ max: 254 }),
        async ({ scheme, secrets, signsTime, send }, text, where, by) => {
          const toleranceMs = signsTime ? 300_000 : null
          const source = { scheme, secrets, toleranceMs }
          const sent = await send(secrets[0], text, NOW_S)
          const verify = (body: Buffer) =>
            verifyRequest(source, { ...sent, body }, NOW_S * 1000, JSON_BYTES_MAX)
          const taken = await verify(sent.body)
          assert.ok(!isRefused(taken))
          const other = Buffer.from(sent.body)
          const at = where % other.length
          other[at] = ((other[at] ?? 0) + 1 + by) % 256
          assert.ok(isRefused(await verify(other)))
        },
      ),
    'no header that its sender made up is taken for a signature': fc.asyncProperty(
      senders,
      fc.string({ unit: 'binary', maxLength: 200 }),
      async ({ scheme, secrets, signsTime, header, send }, made) => {
        const source = { scheme, secrets, toleranceMs: signsTime ? 300_000 : null }
        const { headers, ...rest } = await send(secrets[0], '{}', NOW_S)
        if (headers[header] === made) return
        const request = { ...rest, headers: { ...headers, [header]: made } }
        assert.ok(isRefused(await verifyRequest(source, request, NOW_S * 1000, JSON_BYTES_MAX)))
      },
    ),
  },
})
