// Multipart bodies with any parts in any order: what was put in comes out, and damage is refused.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AppError } from '../src/errors.ts'
import { boundaryOf, splitMultipart } from '../src/http/multipart.ts'
import { readMultipartRequest } from '../src/http/run-request.ts'
import { anyBytes, fuzz } from './helpers/fuzz.ts'

const PARTS_MAX = 12

/** RFC 2046's characters of a boundary; a space may not be the last. */
const boundaries = fc
  .stringMatching(/^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/)
  .filter((text) => text.length > 0)

/** Bytes like those of a body: line ends, dashes and boundaries that are none. */
const contents = fc.oneof(
  anyBytes(60),
  fc
    .array(fc.constantFrom('\r\n', '\r', '\n', '--', '-', '\0', 'é', 'name="x"', '\r\n\r\n', '_1'))
    .map((pieces) => Buffer.from(pieces.join(''))),
)

/** A parameter's text. Line ends cannot stand in a header; every other character can. */
const ODD = [
  '\u2028',
  '\u2029',
  '\u0085',
  '"',
  '\\',
  ';',
  '=',
  'name=',
  'Content-Disposition: form-data; ',
]
const names = fc
  .array(fc.oneof(fc.string({ unit: 'binary', maxLength: 4 }), fc.constantFrom(...ODD)), {
    maxLength: 5,
  })
  .map((pieces) => pieces.join('').replace(/[\r\n]/g, ''))

interface Part {
  name: string
  before: string
  after: string
  content: Buffer
}

const parts = fc.record({
  name: names,
  before: fc.oneof(
    fc.constant(''),
    names.map((text) => `; filename=${quoted(text)}`),
  ),
  after: fc.oneof(
    fc.constant(''),
    names.map((text) => `; filename=${quoted(text)}`),
    names.map((text) => `\r\nX-Note: ${text}`),
  ),
  content: contents,
})

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function write(list: readonly Part[], boundary: string): Buffer {
  const pieces = list.flatMap(({ name, before, after, content }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data${before}; name=${quoted(name)}${after}\r\n\r\n`,
    ),
    content,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
}

/** Text that would end the part it is in; whoever makes a boundary chooses another then. */
function collides(list: readonly Part[], boundary: string): boolean {
  return list.some((part) =>
    [
      Buffer.from(`${part.name}${part.before}${part.after}`),
      Buffer.concat([Buffer.from('\r\n'), part.content]),
    ].some((bytes) => bytes.includes(`--${boundary}`)),
  )
}

/** True where it returns or fails as it says it may. */
function holds(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    return error instanceof AppError && error.status === 400
  }
}

/** The splitter once more, a line at a time and byte by byte: undefined where it should refuse. */
function splitPlainly(body: Buffer, boundary: string): Buffer[] | undefined {
  const text = `\r\n${body.toString('latin1')}`
  const pieces = text.split(`\r\n--${Buffer.from(boundary).toString('latin1')}`).slice(1)
  const contents: Buffer[] = []
  for (const piece of pieces) {
    if (piece.startsWith('--')) return contents
    const line = /^[ \t]*\r\n/.exec(piece)?.[0]
    const end = piece.indexOf('\r\n\r\n')
    if (line === undefined || end === -1) return undefined
    contents.push(Buffer.from(piece.slice(end + 4), 'latin1'))
  }
  return undefined
}

fuzz({
  name: 'multipart',
  cases: 500,
  claims: {
    'parts of any names and bytes come back as they were, in their order': fc.property(
      fc.array(parts, { maxLength: PARTS_MAX }),
      boundaries,
      (list, boundary) => {
        fc.pre(list.length > 0 && !collides(list, boundary))
        const found = splitMultipart(write(list, boundary), boundary, PARTS_MAX)
        assert.deepEqual(
          found.map(({ name, bytes }) => [name, bytes.toString('hex')]),
          list.map(({ name, content }) => [name, content.toString('hex')]),
        )
      },
    ),
    'numbered parts in any order become the arguments in theirs': fc.property(
      fc
        .array(contents, { minLength: 1, maxLength: PARTS_MAX })
        .chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray([...list.keys()], { minLength: list.length }),
          ),
        ),
      fc
        .string({ unit: 'grapheme', maxLength: 8 })
        .filter((text) => !/["\\\r\n]|^fetch/.test(text)),
      boundaries,
      ([list, order], prefix, boundary) => {
        const sent = order.map((index) => ({
          name: `${prefix}_${index + 1}`,
          before: '',
          after: '',
          content: list[index] ?? Buffer.alloc(0),
        }))
        fc.pre(!collides(sent, boundary))
        const headers = { 'content-type': `multipart/form-data; boundary=${quoted(boundary)}` }
        const { inputs } = readMultipartRequest(headers, write(sent, boundary), PARTS_MAX)
        const bytes = inputs.map((input) =>
          input.kind === 'bytes' ? input.bytes.toString('hex') : '',
        )
        assert.deepEqual(
          bytes,
          list.map((content) => content.toString('hex')),
        )
      },
    ),
    'a damaged body is split as a plain splitter does it, or refused': fc.property(
      fc.array(parts, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('B', '--', 'a b', "'()+_,./:=?"),
      fc.array(fc.tuple(fc.nat(), anyBytes(3), fc.nat({ max: 4 })), { maxLength: 4 }),
      (list, boundary, edits) => {
        let body = write(list, boundary)
        for (const [where, put, cut] of edits) {
          const at = where % (body.length + 1)
          body = Buffer.concat([body.subarray(0, at), put, body.subarray(at + cut)])
        }
        const plain = splitPlainly(body, boundary)
        let found: string[] | undefined
        assert.ok(
          holds(() => {
            found = splitMultipart(body, boundary, 1_000).map(({ bytes }) => bytes.toString('hex'))
          }),
        )
        // A part without a name is refused by the splitter only.
        if (found !== undefined) {
          assert.deepEqual(
            found,
            plain?.map((bytes) => bytes.toString('hex')),
          )
        }
      },
    ),
    'any bytes and any content type are read or refused': fc.property(
      anyBytes(200),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        boundaries.map((text) => `x; boundary=${text}`),
      ),
      (body, contentType) =>
        holds(() => readMultipartRequest({ 'content-type': contentType }, body, PARTS_MAX)),
    ),
    'a boundary is read out of the content type as it was put in': fc.property(
      boundaries,
      fc.constantFrom('multipart/form-data', 'application/json', 'multipart/mixed; charset=utf-8'),
      (boundary, type) => {
        assert.equal(boundaryOf(`${type}; boundary=${quoted(boundary)}`), boundary)
      },
    ),
  },
})
