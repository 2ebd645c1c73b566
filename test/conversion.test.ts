// Bodies of sources: which types are taken, that JSON stays byte for byte, what a form becomes, and what is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { convertBody } from '../src/core/conversion/convert.ts'
import {
  CONVERTED_JSON_BYTES_MAX,
  DOCUMENT_DEPTH_MAX,
  FORM_BYTES_MAX,
  JSON_DOCUMENT_BYTES_MAX,
  XML_BYTES_MAX,
  YAML_BYTES_MAX,
} from '../src/core/conversion/document.ts'
import { FORM_FIELDS_MAX } from '../src/core/conversion/form.ts'
import { checkJson } from '../src/core/conversion/json.ts'
import { topLevelMembers } from '../src/core/json-members.ts'
import { converted, refusalOf } from './helpers/conversion.ts'

const FORM = 'application/x-www-form-urlencoded'

describe('which type is taken', () => {
  for (const [type, body, expected] of [
    [undefined, '{"a":1}', '{"a":1}'],
    ['', '[]', '[]'],
    ['application/json', '1', '1'],
    ['Application/JSON; Charset="UTF-8"', '1', '1'],
    ['application/json;charset=us-ascii', '1', '1'],
    ['application/json; x="; charset=utf-16"', '1', '1'],
    ['text/json', '1', '1'],
    ['application/vnd.github+json', '1', '1'],
    [FORM, 'a=1', '{"a":"1"}'],
    ['application/xml', '<a>1</a>', '{"a":"1"}'],
    ['text/xml; charset=utf8', '<a>1</a>', '{"a":"1"}'],
    ['application/rss+xml', '<a>1</a>', '{"a":"1"}'],
    ['application/yaml', 'a: 1', '{"a":1}'],
    ['text/yaml', 'a: 1', '{"a":1}'],
    ['application/x-yaml', 'a: 1', '{"a":1}'],
    ['text/x-yaml', 'a: 1', '{"a":1}'],
    ['application/openapi+yaml', 'a: 1', '{"a":1}'],
  ] as const) {
    test(`auto takes ${type ?? 'no type'}`, () => {
      const { bytes, contentType } = converted(type, body)
      assert.equal(bytes.toString(), expected)
      assert.equal(contentType, 'application/json')
    })
  }

  for (const type of [
    'text/plain',
    'image/png',
    'multipart/form-data; boundary=x',
    'application/cloudevents-batch+json',
    'application/cloudevents+avro',
    'application/cloudevents',
    'json',
    'application/json x',
    'application/json; charset=utf-16',
    'application/json; charset="iso-8859-1"',
    'application/json; charset=utf-16; charset=utf-8',
  ]) {
    test(`auto does not take ${type}`, () => {
      const { code, message } = refusalOf(() => converted(type, '{}'))
      assert.equal(code, 'UNSUPPORTED_MEDIA_TYPE')
      assert.ok(message.includes('takes JSON, forms, XML, YAML and CloudEvents'), message)
      assert.ok(message.includes(type), message)
    })
  }

  test('a fixed format takes its own types only', () => {
    const bodies = {
      json: [[undefined, 'text/plain', 'application/json', 'text/json', 'a/b+json'], '{}'],
      form: [[FORM], 'a=1'],
      xml: [['text/xml', 'a/b+xml'], '<a/>'],
      yaml: [['text/yaml', 'a/b+yaml'], 'a: 1'],
    } as const
    for (const [format, [types, body]] of Object.entries(bodies)) {
      for (const type of types) converted(type, body, format as 'json')
      for (const [other, [[type]]] of Object.entries(bodies)) {
        if (other === format) continue
        const refusal = refusalOf(() => converted(type, body, format as 'json'))
        assert.equal(refusal.code, 'UNSUPPORTED_MEDIA_TYPE', `${format} of ${type ?? 'no type'}`)
      }
      const event = refusalOf(() => converted(types[0], body, 'cloudevents'))
      assert.equal(event.code, 'UNSUPPORTED_MEDIA_TYPE')
    }
  })

  test('raw takes anything as it is, under the type that it was sent with', () => {
    const body = Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0])
    for (const type of ['image/png', 'text/plain; charset=utf-16', 'no type']) {
      assert.deepEqual(converted(type, body, 'raw'), { bytes: body, contentType: type })
    }
    const untyped = converted(undefined, body, 'raw')
    assert.equal(untyped.contentType, 'application/octet-stream')
    assert.deepEqual(untyped.bytes, body)
  })
})

test('a body that is compressed is not taken, by no format', () => {
  const body = Buffer.from('1')
  for (const format of ['auto', 'json', 'form', 'xml', 'yaml', 'cloudevents', 'raw'] as const) {
    for (const coding of ['gzip', 'BR', 'identity, zstd', 'aes128gcm', 'none']) {
      const request = { headers: { 'content-encoding': coding }, body }
      const { code, message } = refusalOf(() => convertBody(format, request))
      assert.equal(code, 'UNSUPPORTED_MEDIA_TYPE')
      assert.ok(message.includes(coding), message)
    }
  }
  for (const coding of ['', 'identity', 'Identity', 'identity, identity ']) {
    convertBody('json', { headers: { 'content-encoding': coding }, body })
    convertBody('raw', { headers: { 'content-encoding': coding }, body })
  }
})

describe('the text of a body', () => {
  test('a byte order mark is dropped, in each format', () => {
    for (const [type, body, expected] of [
      ['application/json', ' {"a":"\ufeff"} ', ' {"a":"\ufeff"} '],
      [FORM, 'a=1', '{"a":"1"}'],
      ['text/xml', '<?xml version="1.0"?><a>1</a>', '{"a":"1"}'],
      ['text/yaml', 'a: "1"', '{"a":"1"}'],
    ] as const) {
      assert.equal(converted(type, `\ufeff${body}`).bytes.toString(), expected)
    }
  })

  test('what is no UTF-8 is refused with its byte', () => {
    for (const [bytes, byte] of [
      [[0x22, 0xff, 0x22], 1],
      [[0xef, 0xbb, 0xbf, 0x22, 0x0a, 0xef, 0xbf, 0xbd, 0xc3, 0x28], 8],
      [[0x61, 0xe2, 0x82], 1],
      [[0xed, 0xa0, 0x80], 0],
      [[0x61, 0x80], 1],
      [[0xc1, 0x81], 0],
      [[0xc3, 0xa9, 0xe0, 0x9f, 0x80], 2],
      [[0xe0, 0xa0, 0x80, 0xf0, 0x8f, 0x80, 0x80], 3],
      [[0xf0, 0x90, 0x80, 0x80, 0xf4, 0x90, 0x80, 0x80], 4],
      [[0xf4, 0x8f, 0xbf, 0xbf, 0xf5], 4],
      [[0xf0, 0x9f, 0x98], 0],
    ] as const) {
      for (const type of ['application/json', FORM, 'text/xml', 'text/yaml']) {
        const refusal = refusalOf(() => converted(type, Buffer.from(bytes)))
        assert.equal(refusal.code, 'INVALID_DOCUMENT')
        assert.equal(refusal.detail.byte, byte)
      }
    }
  })

  test('any bytes are refused at the first that TextDecoder refuses', () => {
    const piece = fc.constantFrom(
      ...['a', 'é', '€', '😀', '\ufffd', '\n'].map((text) => [...Buffer.from(text)]),
      ...[[0x80], [0xbf], [0xc0], [0xc3], [0xe0], [0xe2, 0x82], [0xed], [0xf0, 0x9f], [0xf4]],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const body = Buffer.from(pieces.flat())
        const valid = (bytes: number): boolean => {
          const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
          return passes(() => decoder.decode(body.subarray(0, bytes)))
        }
        fc.pre(!valid(body.length))
        let byte = body.length
        while (!valid(byte)) byte--
        const { detail } = refusalOf(() => converted('application/json', body))
        const lines = body.toString('utf8', 0, byte).split('\n')
        const column = (lines.at(-1) ?? '').length + 1
        assert.deepEqual(detail, { byte, line: lines.length, column })
      }),
      { seed: 1, numRuns: 5_000 },
    )
  })

  test('a document may have as many bytes as its format, whatever HOOK_BYTES is; raw is not bounded', () => {
    const filled = (head: string, tail: string, bytes: number): string =>
      head + 'x'.repeat(bytes - head.length - tail.length) + tail
    for (const [type, head, tail, max] of [
      [FORM, 'a=', '', FORM_BYTES_MAX],
      ['text/xml', '<a>', '</a>', XML_BYTES_MAX],
      ['text/yaml', 'a: "', '"', YAML_BYTES_MAX],
      ['application/json', '"', '"', JSON_DOCUMENT_BYTES_MAX],
      [
        'application/cloudevents+json',
        '{"specversion":"1.0","id":"7","source":"/","type":"t","data":"',
        '"}',
        JSON_DOCUMENT_BYTES_MAX,
      ],
    ] as const) {
      converted(type, filled(head, tail, max))
      const refusal = refusalOf(() => converted(type, filled(head, tail, max + 1)))
      assert.equal(refusal.code, 'BODY_TOO_LARGE')
      assert.equal(refusal.detail.limit_bytes, max)
    }
    const bytes = Buffer.alloc(4 * JSON_DOCUMENT_BYTES_MAX)
    assert.ok(convertBody('raw', { headers: {}, body: bytes }).bytes === bytes)
  })

  test('the JSON that is made may have CONVERTED_JSON_BYTES_MAX', () => {
    // Each of these six bytes of JSON comes from one byte.
    const { code, detail } = refusalOf(() => converted(FORM, `a=${'\u0001'.repeat(200_000)}`))
    assert.equal(code, 'BODY_TOO_LARGE')
    assert.equal(detail.limit_bytes, CONVERTED_JSON_BYTES_MAX)
    converted(FORM, `a=${'\u0001'.repeat(170_000)}`)
  })
})

describe('JSON', () => {
  const json = (text: string) => converted('application/json', text).bytes.toString()

  for (const [text, line, column] of [
    ['', 1, 1],
    ['{"a":1', 1, 7],
    ['{"a":1,}', 1, 8],
    ['[1,]', 1, 4],
    ['[1 2]', 1, 4],
    ['{"a" 1}', 1, 6],
    ['{a:1}', 1, 2],
    ["{'a':1}", 1, 2],
    ['[1}', 1, 3],
    ['[1]]', 1, 4],
    ['01', 1, 2],
    ['+1', 1, 1],
    ['NaN', 1, 1],
    ['"\\x"', 1, 2],
    ['"\\u12g4"', 1, 2],
    ['"a\nb"', 1, 3],
    ['"a', 1, 3],
    ['{\n  "a": tru\n}', 2, 8],
    ['{"a":1,\r\n "b":2,\r\n "a":3}', 3, 2],
    ['{"a":1,"\\u0061":2}', 1, 8],
    ['[{"a":1},{"b":{"c":1,"c":1}}]', 1, 22],
    ['{"__proto__":1,"__proto__":2}', 1, 16],
    [`${'['.repeat(DOCUMENT_DEPTH_MAX)}[`, 1, DOCUMENT_DEPTH_MAX + 1],
    [`${'{"a":'.repeat(DOCUMENT_DEPTH_MAX)}{`, 1, 5 * DOCUMENT_DEPTH_MAX + 1],
    ['['.repeat(10_000) + ']'.repeat(10_000), 1, DOCUMENT_DEPTH_MAX + 1],
    ['['.repeat(1_000_000), 1, DOCUMENT_DEPTH_MAX + 1],
  ] as const) {
    test(`${JSON.stringify(text.slice(0, 40))} is refused at ${line}:${column}`, () => {
      const refusal = refusalOf(() => json(text))
      assert.equal(refusal.code, 'INVALID_DOCUMENT')
      assert.deepEqual(refusal.detail, { line, column })
      assert.match(refusal.message, /^The JSON .*\(line \d+, column \d+\)\.$/)
    })
  }

  test('what is taken stays byte for byte', () => {
    for (const text of [
      ' {"a" : 1.50e+3,\t"b":[12345678901234567890, -0.0 ,{}, [ ] ]}\r\n',
      '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
      '{"__proto__":{"polluted":true},"constructor":1,"":2}',
      '"\\ud800\\/\u2028"',
      '['.repeat(DOCUMENT_DEPTH_MAX) + ']'.repeat(DOCUMENT_DEPTH_MAX),
      `[${'9'.repeat(500_000)}]`,
    ]) {
      assert.equal(json(text), text)
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })

  test('fifty thousand keys in one object are no trouble, nor are long ones', () => {
    const names = Array.from({ length: 50_000 }, (_, index) => `"key ${index}":${index}`)
    json(`{${names.join(',')}}`)
    const long = 'k'.repeat(500_000)
    json(`{"${long}a":1,"${long}b":2}`)
    const { message } = refusalOf(() => json(`{"${long}":1,"${long}":2}`))
    assert.ok(message.length < 250, message)
  })

  test('members are told with the spans of their values, and no others than those of the object', () => {
    const told = (text: string): unknown[] => {
      const members: unknown[] = []
      checkJson(text, (member) => members.push(member))
      return members
    }
    assert.deepEqual(told('[{"a":1}]'), [])
    assert.deepEqual(told('{}'), [])
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.constantFrom(0, 2),
        (value, space) => {
          const text = JSON.stringify(value, null, space)
          const expected = topLevelMembers(text).map(({ name, valueStart, valueEnd }) => {
            return { name, valueStart, valueEnd }
          })
          assert.deepEqual(told(text), expected)
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('every JSON text passes unchanged', () => {
    const text = fc.tuple(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(0, 2, '\t'))
    fc.assert(
      fc.property(text, ([value, space]) => {
        const sent = JSON.stringify(value, null, space)
        assert.equal(json(sent), sent)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('what JSON.parse takes is taken, and nothing else', () => {
    const piece = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', '"a"', '"b"', '1', '-', '0', '.', 'e', 'true'],
      ...['null', ' ', '\n', '\u00a0', '\\u0041', '1e5', '{"c":', '{}', '[]', '\u0000'],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join('')
        const twice = /"(a|b|c)".*"\1"/s.test(text)
        assert.equal(
          passes(() => checkJson(text)),
          passes(() => JSON.parse(text)) && !twice,
          text,
        )
      }),
      { seed: 1, numRuns: 20_000, examples: [[['{"c":', '1', ',', '"a"', ':', '[]', '}']]] },
    )
  })
})

function passes(action: () => unknown): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}

describe('a form', () => {
  const form = (text: string) => converted(FORM, text).bytes.toString()

  for (const [text, expected] of [
    ['', '{}'],
    ['&&', '{}'],
    ['a=1&b=two+words&c=%26%3D%2b', '{"a":"1","b":"two words","c":"&=+"}'],
    ['a', '{"a":""}'],
    ['a=b=c', '{"a":"b=c"}'],
    ['=x', '{"":"x"}'],
    ['2=x&1=y', '{"2":"x","1":"y"}'],
    ['%E2%82%AC=%F0%9F%98%80', '{"€":"😀"}'],
    ['t[]=1&t%5B%5D=2&u[]=3', '{"t":["1","2"],"u":["3"]}'],
    ['__proto__=1&constructor=2', '{"__proto__":"1","constructor":"2"}'],
    ['n=12345678901234567890&t=true', '{"n":"12345678901234567890","t":"true"}'],
  ] as const) {
    test(`${text || 'nothing'} becomes ${expected}`, () => assert.equal(form(text), expected))
  }

  for (const [text, field] of [
    ['a=1&a=1', 'a'],
    ['a=1&%61=2', 'a'],
    ['a=1&a[]=2', 'a[]'],
    ['a[]=1&a=2', 'a'],
    ['a=%zz', 'a'],
    ['a=%', 'a'],
    ['a=%ff', 'a'],
    ['a=%ed%a0%80', 'a'],
    ['%c3=1', '%c3'],
    [`a=1&${'n'.repeat(5_000)}=%`, `${'n'.repeat(100)}…`],
  ] as const) {
    test(`${text.slice(0, 40)} is refused, at its field`, () => {
      const refusal = refusalOf(() => form(text))
      assert.equal(refusal.code, 'INVALID_DOCUMENT')
      assert.deepEqual(refusal.detail, { field })
    })
  }

  test('FORM_FIELDS_MAX fields are taken, one more is refused', () => {
    const fields = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=x`)
    const made = JSON.parse(form(fields(FORM_FIELDS_MAX).join('&'))) as object
    assert.equal(Object.keys(made).length, FORM_FIELDS_MAX)
    const refusal = refusalOf(() => form(fields(FORM_FIELDS_MAX + 1).join('&')))
    assert.equal(refusal.detail.field, `f${FORM_FIELDS_MAX}`)
    assert.equal(refusalOf(() => form('a[]=1&'.repeat(FORM_FIELDS_MAX + 1))).detail.field, 'a[]')
  })

  test('what URLSearchParams writes is read as it was', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => !text.endsWith('[]'))
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' })), (fields) => {
        assert.deepEqual(
          Object.entries(JSON.parse(form(new URLSearchParams(fields).toString())) as object),
          Object.entries(fields),
        )
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

test('a body is not changed by being converted', () => {
  const body = Buffer.from('\ufeff{"a":[1,2]}')
  const before = Buffer.from(body)
  convertBody('json', { headers: {}, body })
  assert.deepEqual(body, before)
})
