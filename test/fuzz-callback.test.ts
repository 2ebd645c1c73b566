// Cutting members out of JSON text: what is cut is gone, and every byte outside of it stays.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { splitEmbeddedCallback } from '../src/core/embedded-callback.ts'
import { cutJsonMembers } from '../src/core/json-members.ts'
import { anyBytes, fuzz } from './helpers/fuzz.ts'

const SEARCH_BYTES = 1024 * 1024

const spaces = fc
  .array(fc.constantFrom(' ', '\t', '\n', '\r'), { maxLength: 3 })
  .map((all) => all.join(''))

/** A name, some of its characters escaped, as JSON allows for every one. */
function spelled(name: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((escaped) => {
      const units = Array.from(name, (char, index) => {
        const hex = char.charCodeAt(0).toString(16).padStart(4, '0')
        return escaped[index] === true ? `\\u${hex}` : char
      })
      return `"${units.join('')}"`
    })
}

/** A text that JSON.parse takes, in spellings that JSON.stringify never writes. */
const values: fc.Arbitrary<string> = fc.oneof(
  fc.json(),
  fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.stringify(value, null, 1)),
  fc.constantFrom(
    '1.50e3',
    '-0',
    '12345678901234567890',
    '"\\ud800"',
    '"\\/"',
    '"}"',
    '"\\""',
    '[[]]',
    '{}',
  ),
  fc.integer({ min: 1, max: 3_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.constant('{"callback":{"host":"inner"}}'),
)

interface Member {
  name: string
  text: string
}

const named = (name: string): fc.Arbitrary<Member> =>
  fc
    .tuple(spelled(name), spaces, spaces, values)
    .map(([key, before, after, value]) => ({ name, text: `${key}${before}:${after}${value}` }))

const others = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 9 }), spaces, spaces, values)
  .filter(([name]) => name !== 'callback')
  .map(([name, before, after, value]) => ({
    name,
    text: `${JSON.stringify(name)}${before}:${after}${value}`,
  }))

const members = fc.array(
  fc.tuple(fc.oneof(others, others, named('callback'), named('callbac')), spaces, spaces),
  { maxLength: 6 },
)

const objects = fc.tuple(members, spaces, spaces, spaces).map(([list, empty, head, tail]) => ({
  list: list.map(([member]) => member),
  text: `${head}{${list.map(([{ text }, before, after]) => before + text + after).join(',') || empty}}${tail}`,
}))

/** The object as JSON.parse has it, less the member; as text, for deepEqual ends at some depth. */
function without(text: string, name: string): string {
  const parsed = JSON.parse(text) as Record<string, unknown>
  return JSON.stringify(Object.fromEntries(Object.entries(parsed).filter(([key]) => key !== name)))
}

function plain(text: string): string {
  return JSON.stringify(JSON.parse(text))
}

/** What is left when `kept` members are taken away one by one, in order, and what must remain then. */
function onlyFrame(rest: string, kept: readonly Member[]): boolean {
  let at = 0
  let frame = ''
  for (const { text } of kept) {
    const found = rest.indexOf(text, at)
    if (found === -1) return false
    frame += rest.slice(at, found)
    at = found + text.length
  }
  frame += rest.slice(at)
  const commas = Math.max(0, kept.length - 1)
  return new RegExp(`^\\s*\\{\\s*(?:,\\s*){${commas}}\\}\\s*$`).test(frame)
}

fuzz({
  name: 'callback',
  cases: 400,
  claims: {
    'the members of the name go, the others stay byte for byte and in order': fc.property(
      objects,
      ({ list, text }) => {
        const cut = cutJsonMembers(text, ['callback'])
        const held = list.some(({ name }) => name === 'callback')
        assert.equal(cut !== undefined, held)
        if (cut === undefined) return
        assert.equal(plain(cut.rest), without(text, 'callback'))
        const parsed = JSON.parse(text) as Record<string, unknown>
        assert.equal(JSON.stringify(cut.values.get('callback')), JSON.stringify(parsed['callback']))
        const kept = list.filter(({ name }) => name !== 'callback')
        assert.ok(onlyFrame(cut.rest, kept), cut.rest)
      },
    ),
    'several names are cut at once': fc.property(objects, ({ list, text }) => {
      const names = ['callback', 'callbac']
      const cut = cutJsonMembers(text, names)
      assert.equal(
        cut !== undefined,
        list.some(({ name }) => names.includes(name)),
      )
      if (cut === undefined) return
      const kept = list.filter(({ name }) => !names.includes(name))
      assert.ok(onlyFrame(cut.rest, kept), cut.rest)
      JSON.parse(cut.rest)
    }),
    'any text is cut to JSON or left alone': fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc
          .array(
            fc.constantFrom(
              '{',
              '}',
              '[',
              ']',
              '"callback"',
              ':',
              ',',
              '"',
              '\\',
              '\\u0063',
              '1',
              ' ',
              '{"host":"h"}',
              '\ufeff',
            ),
          )
          .map((all) => all.join('')),
      ),
      (text) => {
        const cut = cutJsonMembers(text, ['callback'])
        if (cut !== undefined) assert.equal(plain(cut.rest), without(text, 'callback'))
      },
    ),
    'a result keeps its bytes unless it names a host, and then the others': fc.property(
      fc.oneof(
        anyBytes(60),
        objects.map(({ text }) => Buffer.from(text)),
        fc
          .tuple(objects, fc.nat(), fc.integer({ min: 0, max: 255 }))
          .map(([{ text }, at, byte]) => {
            const bytes = Buffer.from(text)
            bytes[at % bytes.length] = byte
            return bytes
          }),
        objects.map(({ text }) => Buffer.from(text.replace('}', ',"callback":{"host":"h"}}'))),
        objects.map(({ text }) => Buffer.from(`\ufeff${text}`)),
      ),
      (bytes) => {
        const before = bytes.toString('hex')
        const { bytes: rest, callback } = splitEmbeddedCallback(bytes, SEARCH_BYTES)
        assert.equal(bytes.toString('hex'), before)
        if (callback === undefined) {
          assert.equal(rest.toString('hex'), before)
          return
        }
        assert.ok(typeof callback === 'object' && callback !== null)
        assert.ok('host' in callback || 'hostname' in callback)
        assert.equal(plain(rest.toString()), without(bytes.toString(), 'callback'))
      },
    ),
  },
})
