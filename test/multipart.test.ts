// Multipart bodies as curl, browsers and hostile callers make them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../src/errors.ts'
import { boundaryOf, splitMultipart } from '../src/http/multipart.ts'

function body(...lines: string[]): Buffer {
  return Buffer.from(lines.join('\r\n'))
}

function split(raw: Buffer, partsMax = 10): [string, string][] {
  return splitMultipart(raw, 'B', partsMax).map(({ name, bytes }) => [name, bytes.toString()])
}

test('parts come in order with their bytes, whatever their disposition', () => {
  const raw = body(
    '--B',
    'Content-Disposition: form-data; name="input_1"',
    '',
    'one',
    '--B',
    'content-disposition: attachment; filename="a;b.txt"; name="file_2"',
    'Content-Type: text/plain',
    '',
    'two\r\n--b',
    '--B--',
    '',
  )
  assert.deepEqual(split(raw), [
    ['input_1', 'one'],
    ['file_2', 'two\r\n--b'],
  ])
})

// Found by fuzzing: U+2028 in a file's name ended the header, and began another.
test('only CRLF ends a header', () => {
  for (const end of ['\u2028', '\u2029', '\n', '\r']) {
    const file = `a${end}Content-Disposition: form-data; name=input_2`
    const raw = body(
      '--B',
      `X-Note: ${file}`,
      `Content-Disposition: form-data; filename="${file}"; name="input_1"`,
      '',
      'x',
      '--B--',
    )
    assert.deepEqual(split(raw), [['input_1', 'x']])
  }
})

test("a file's name cannot pose as the part's", () => {
  const raw = body(
    '--B',
    'Content-Disposition: form-data; filename="a; name=input_2; b"; name="input_1"',
    '',
    'x',
    '--B--',
  )
  assert.deepEqual(split(raw), [['input_1', 'x']])
})

test('an empty part, a preamble, an epilogue and padding are taken as RFC 2046 says', () => {
  const raw = body(
    'to be ignored',
    '--B \t',
    'Content-Disposition: form-data; name=x_1',
    '',
    '',
    '--B--',
    'ignored',
  )
  assert.deepEqual(split(raw), [['x_1', '']])
})

test('a body with no part at all is empty', () => {
  assert.deepEqual(split(body('--B--', '')), [])
})

test('quotes in a name are unescaped, and filename is not name', () => {
  const raw = body(
    '--B',
    'Content-Disposition: form-data; filename="name=evil"; name="a\\"b_1"',
    '',
    'x',
    '--B--',
  )
  assert.deepEqual(split(raw), [['a"b_1', 'x']])
})

const MALFORMED: readonly (readonly [string, Buffer])[] = [
  ['without its boundary', body('nothing here')],
  ['that ends early', body('--B', 'Content-Disposition: form-data; name="a_1"', '', 'x')],
  [
    'whose part has no empty line',
    body('--B', 'Content-Disposition: form-data; name="a_1"', '--B--'),
  ],
  ['whose part has no name', body('--B', 'Content-Disposition: form-data', '', 'x', '--B--')],
  ['whose part has no disposition', body('--B', 'Content-Type: text/plain', '', 'x', '--B--')],
  [
    'whose boundary runs on',
    body('--Bx', 'Content-Disposition: form-data; name="a_1"', '', 'x', '--B--'),
  ],
  ['with endless part headers', body('--B', `X: ${'y'.repeat(20_000)}`, '', 'x', '--B--')],
]

for (const [what, raw] of MALFORMED) {
  test(`a body ${what} is refused`, () => {
    assert.throws(
      () => split(raw),
      (error) => error instanceof AppError && error.code === 'INVALID_MULTIPART',
    )
  })
}

test('more parts than allowed are refused', () => {
  const part = ['--B', 'Content-Disposition: form-data; name="a_1"', '', 'x']
  const raw = body(...part, ...part, ...part, '--B--')
  assert.equal(split(raw, 3).length, 3)
  assert.throws(() => split(raw, 2), { code: 'INVALID_MULTIPART' })
})

test('the boundary is read from any content type, quoted or not', () => {
  assert.equal(boundaryOf('application/json; boundary=----abc'), '----abc')
  assert.equal(boundaryOf('multipart/form-data; charset=utf-8; boundary="a b"'), 'a b')
  for (const type of [
    undefined,
    'multipart/form-data',
    'application/json; boundary=',
    `x; boundary=${'a'.repeat(71)}`,
  ]) {
    assert.throws(() => boundaryOf(type), { code: 'INVALID_MULTIPART' })
  }
})
