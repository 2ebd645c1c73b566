// CloudEvents that come in: both modes become one JSON object, which others' readers understand, and what is no event
// is refused at its attribute.
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import { CloudEvent, HTTP } from 'cloudevents'
import fc from 'fast-check'
import { convertBody } from '../src/core/conversion/convert.ts'
import {
  CONVERTED_JSON_BYTES_MAX,
  DOCUMENT_DEPTH_MAX,
  JSON_DOCUMENT_BYTES_MAX,
} from '../src/core/conversion/document.ts'
import type { SourceFormat } from '../src/source-model.ts'
import { converted, refusalOf } from './helpers/conversion.ts'

const STRUCTURED = 'application/cloudevents+json'
const HEADERS = {
  'ce-specversion': '1.0',
  'ce-id': '7',
  'ce-source': '/shop',
  'ce-type': 'order.paid',
}
const EVENT = { specversion: '1.0', id: '7', source: '/shop', type: 'order.paid' }

const structured = (text: string): string => converted(STRUCTURED, text).bytes.toString()

function binary(
  headers: IncomingHttpHeaders,
  body: string | Buffer = '',
  format: SourceFormat = 'auto',
): string {
  const request = { headers: { ...HEADERS, ...headers }, body: Buffer.from(body as string) }
  const { bytes, contentType } = convertBody(format, request)
  assert.equal(contentType, STRUCTURED)
  return bytes.toString()
}

function fieldOf(action: () => unknown): unknown {
  const refusal = refusalOf(action)
  assert.equal(refusal.code, 'INVALID_DOCUMENT', refusal.message)
  return refusal.detail.field
}

describe('the structured mode', () => {
  test('an event stays byte for byte', () => {
    const text =
      ' {"specversion":"1.0","id":"7" ,"source":"urn:x:y","type":"t","time":"2026-01-02T03:04:05.678+02:00",' +
      '"subject":"s","datacontenttype":"text/json","dataschema":"https://example.com/s","ext1":"x","flag":true,' +
      '"count":-2147483647,"gone":null,"data":{"n":1.50e3,"big":12345678901234567890,"a":[]}}\n'
    assert.equal(structured(text), text)
    assert.equal(converted(STRUCTURED, text, 'cloudevents').bytes.toString(), text)
    assert.equal(structured(`\ufeff${text}`), text)
    const bytes = JSON.stringify({ ...EVENT, data_base64: 'aGk=' })
    assert.equal(structured(bytes), bytes)
    assert.equal(converted(`${STRUCTURED}; charset=UTF-8`, bytes).contentType, STRUCTURED)
  })

  for (const change of [
    { data: 1, data_base64: null },
    { data_base64: null },
    { subject: null, time: null, ext: null },
    { time: '2016-12-31T23:59:60Z' },
    { time: '2017-01-01T00:59:60.5+01:00' },
    ...['a:b', '#x', '?x=:', 'a/b:c', '//x.org/%7Ea', './a:b', '/größe'].map((source) => ({
      source,
    })),
  ]) {
    test(`${JSON.stringify(change)} is taken`, () => {
      const text = JSON.stringify({ ...EVENT, ...change })
      assert.equal(structured(text), text)
    })
  }

  for (const [change, field] of [
    [{ specversion: undefined }, 'specversion'],
    [{ specversion: '0.3' }, 'specversion'],
    [{ specversion: 1 }, 'specversion'],
    [{ id: '' }, 'id'],
    [{ id: null }, 'id'],
    [{ id: 7 }, 'id'],
    [{ source: '' }, 'source'],
    [{ source: 'a b' }, 'source'],
    [{ source: '%zz' }, 'source'],
    [{ source: '/100%' }, 'source'],
    [{ source: ':::' }, 'source'],
    [{ source: '1a:b' }, 'source'],
    [{ type: undefined }, 'type'],
    [{ type: '' }, 'type'],
    [{ subject: '' }, 'subject'],
    [{ time: 'yesterday' }, 'time'],
    [{ time: '2026-02-30T00:00:00Z' }, 'time'],
    [{ time: 1 }, 'time'],
    [{ time: '2016-12-31T12:30:60Z' }, 'time'],
    [{ time: '2016-12-31T23:59:60+01:00' }, 'time'],
    [{ time: '2016-12-31T23:59:61Z' }, 'time'],
    [{ dataschema: '/relative' }, 'dataschema'],
    [{ dataschema: 'x:a b' }, 'dataschema'],
    [{ datacontenttype: 'json' }, 'datacontenttype'],
    [{ Ext: 'x' }, 'Ext'],
    [{ 'my-ext': 'x' }, 'my-ext'],
    [{ my_ext: null }, 'my_ext'],
    [{ ['__proto__']: 'x' }, '__proto__'],
    [{ ext: 1.5 }, 'ext'],
    [{ ext: 2 ** 31 }, 'ext'],
    [{ ext: {} }, 'ext'],
    [{ ext: [] }, 'ext'],
    [{ data: 1, data_base64: 'aGk=' }, 'data_base64'],
    [{ data: null, data_base64: 'aGk=' }, 'data_base64'],
    [{ data_base64: 'no base64' }, 'data_base64'],
    [{ data_base64: 'aGk' }, 'data_base64'],
    [{ data_base64: 1 }, 'data_base64'],
  ] as const) {
    test(`${JSON.stringify(change)} is refused at ${field}`, () => {
      assert.equal(
        fieldOf(() => structured(JSON.stringify({ ...EVENT, ...change }))),
        field,
      )
    })
  }

  test('what is no object, or no good JSON, is refused with its place', () => {
    const event = JSON.stringify(EVENT).slice(0, -1)
    for (const [text, column] of [
      ['[]', 1],
      ['"x"', 1],
      ['{"id":1,"id":2}', 9],
      [`${event},"data":${'['.repeat(DOCUMENT_DEPTH_MAX)}`, event.length + 8 + DOCUMENT_DEPTH_MAX],
    ] as const) {
      assert.deepEqual(refusalOf(() => structured(text)).detail, { line: 1, column })
    }
  })
})

describe('the binary mode', () => {
  test('data that is JSON stays byte for byte', () => {
    const data = ' {"n":1.50,"big":12345678901234567890} '
    for (const type of ['application/json', 'text/json; charset=utf-8', 'application/x+json']) {
      const head = `{"specversion":"1.0","id":"7","source":"/shop","type":"order.paid"`
      assert.equal(
        binary({ 'content-type': type }, `\ufeff${data}`),
        `${head},"datacontenttype":"${type}","data":${data}}`,
      )
    }
    assert.equal(binary({}, data), binary({}, data, 'cloudevents'))
    assert.ok(binary({}, data).endsWith(`"type":"order.paid","data":${data}}`))
  })

  test('text becomes a text, all else Base64, nothing is no data', () => {
    const read = (type: string | undefined, body: string | Buffer): object => {
      return JSON.parse(binary({ 'content-type': type }, body)) as object
    }
    for (const type of [
      'text/plain',
      'text/xml; charset=utf-8',
      'application/a+xml',
      'text/yaml',
    ]) {
      const event = { ...EVENT, datacontenttype: type }
      assert.deepEqual(read(type, '<"ü">\n'), { ...event, data: '<"ü">\n' })
    }
    const bytes = Buffer.from([0, 1, 0xff])
    for (const type of [
      'image/png',
      'text/plain; charset=iso-8859-1',
      'application/json; charset=utf-16',
    ]) {
      const event = { ...EVENT, datacontenttype: type, data_base64: bytes.toString('base64') }
      assert.deepEqual(read(type, bytes), event)
    }
    assert.deepEqual(read('text/plain', ''), { ...EVENT, datacontenttype: 'text/plain' })
    assert.deepEqual(read(undefined, ''), EVENT)
  })

  test('headers are read as the HTTP binding has them', () => {
    const event = JSON.parse(
      binary({
        'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80%25',
        'ce-old': '"a \\"b\\" %41"',
        'ce-time': '2026-01-02T03:04:05Z',
        'ce-1': 'one',
        'x-other': 'no',
        ce: 'no',
      }),
    ) as object
    assert.deepEqual(event, {
      ...EVENT,
      subject: 'Euro € 😀%',
      old: 'a "b" A',
      time: '2026-01-02T03:04:05Z',
      1: 'one',
    })
  })

  for (const [headers, field] of [
    [{ 'ce-specversion': '0.3' }, 'specversion'],
    [{ 'ce-id': undefined }, 'id'],
    [{ 'ce-id': '' }, 'id'],
    [{ 'ce-source': '%20' }, 'source'],
    [{ 'ce-type': undefined }, 'type'],
    [{ 'ce-time': '2026' }, 'time'],
    [{ 'ce-subject': '100%' }, 'subject'],
    [{ 'ce-subject': '%ff' }, 'subject'],
    [{ 'ce-subject': 'ü' }, 'subject'],
    [{ 'ce-my-ext': 'x' }, 'my-ext'],
    [{ 'ce-': 'x' }, ''],
    [{ 'ce-data': 'x' }, 'ce-data'],
    [{ 'ce-datacontenttype': 'x/y' }, 'ce-datacontenttype'],
  ] as const) {
    test(`${JSON.stringify(headers)} is refused at ${field}`, () => {
      assert.equal(
        fieldOf(() => binary(headers)),
        field,
      )
    })
  }

  test('data that is wrong, or too large to be written, is refused', () => {
    const json = { 'content-type': 'application/json' }
    assert.deepEqual(refusalOf(() => binary(json, '{"a":1,"a":2}')).detail, { line: 1, column: 8 })
    assert.equal(
      refusalOf(() => binary({ 'content-type': 'text/plain' }, Buffer.from([0xff]))).detail.byte,
      0,
    )
    const image = { 'content-type': 'image/png' }
    binary(image, Buffer.alloc(0.7 * CONVERTED_JSON_BYTES_MAX))
    const refusal = refusalOf(() => binary(image, Buffer.alloc(0.8 * CONVERTED_JSON_BYTES_MAX)))
    assert.equal(refusal.code, 'BODY_TOO_LARGE')
    const filled = (bytes: number): string => `"${'x'.repeat(bytes - 2)}"`
    binary(json, filled(JSON_DOCUMENT_BYTES_MAX))
    assert.equal(
      refusalOf(() => binary(json, filled(JSON_DOCUMENT_BYTES_MAX + 1))).detail.limit_bytes,
      JSON_DOCUMENT_BYTES_MAX,
    )
  })

  test('a header makes an event only where the source says auto or cloudevents', () => {
    const headers = { ...HEADERS, 'content-type': 'application/json' }
    const request = { headers, body: Buffer.from('{"a":1}') }
    assert.equal(convertBody('json', request).bytes.toString(), '{"a":1}')
    const batch = {
      ...request,
      headers: { ...headers, 'content-type': 'application/cloudevents-batch+json' },
    }
    for (const format of ['auto', 'cloudevents'] as const) {
      assert.equal(refusalOf(() => convertBody(format, batch)).code, 'UNSUPPORTED_MEDIA_TYPE')
    }
  })
})

describe('what the SDK sends', () => {
  // It does not encode its headers, and takes times and sources as they are.
  const word = fc.string({ unit: fc.constantFrom('a', 'B', '9', '-', '_', '/', '.'), minLength: 1 })
  const sent = fc.record({
    id: word,
    source: word,
    type: word,
    subject: word,
    time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
    data: fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, noNullPrototype: true }),
  })

  test('is read the same in both modes, and reads back as the event that it was', () => {
    fc.assert(
      fc.property(sent, ({ time, ...fields }) => {
        const event = new CloudEvent({
          ...fields,
          time: time.toISOString(),
          myext: 'x',
          datacontenttype: 'application/json',
        })
        const [first, second] = [HTTP.binary(event), HTTP.structured(event)].map((message) => {
          const request = {
            headers: message.headers,
            body: Buffer.from(message.body as string),
          }
          return convertBody('auto', request).bytes.toString()
        })
        assert.deepEqual(JSON.parse(first!), JSON.parse(second!))
        const read = HTTP.toEvent({ headers: { 'content-type': STRUCTURED }, body: first })
        assert.ok(read instanceof CloudEvent)
        assert.equal(JSON.stringify(read), JSON.stringify(event))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('data of bytes becomes Base64, which the SDK reads', () => {
    const data = new Uint8Array([0, 255, 1])
    const event = new CloudEvent({ ...EVENT, data, datacontenttype: 'application/octet-stream' })
    const message = HTTP.binary(event)
    const body = Buffer.from(message.body as Uint8Array)
    const made = convertBody('auto', { headers: message.headers, body })
    const read = HTTP.toEvent({
      headers: { 'content-type': STRUCTURED },
      body: made.bytes.toString(),
    })
    assert.ok(read instanceof CloudEvent)
    assert.equal(read.data_base64, 'AP8B')
  })
})
