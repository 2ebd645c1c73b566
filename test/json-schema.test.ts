// JSON Schemas of tenants: what they say of a value is what another implementation says, and whatever they are made of,
// reading and checking them ends.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Check } from 'typebox/schema'
import { parseJsonSchema } from '../src/core/json-schema/schema.ts'
import { AppError } from '../src/errors.ts'

const STEPS = 200_000

function problemsOf(schema: unknown, value: unknown) {
  const found = parseJsonSchema(schema).check(value, STEPS)
  assert.ok(found !== 'too_complex')
  return found
}

function fits(schema: unknown, value: unknown): boolean {
  return problemsOf(schema, value).length === 0
}

function refusalOf(schema: unknown): { pointer: unknown; sentence: string } {
  try {
    parseJsonSchema(schema)
  } catch (error) {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'INVALID_SCHEMA')
    assert.equal(error.detail.field, 'schema')
    return { pointer: error.detail.pointer, sentence: error.message }
  }
  assert.fail('It was taken.')
}

const scalar = fc.oneof(
  fc.constantFrom(null, true, false, '', 'a', 'b', 'ab', '😀', 'aaaa'),
  fc.constantFrom(0, 1, 2, 3, -1, 1.5, 0.5, 10, 1e3),
)
const key = fc.constantFrom('a', 'b', 'ab', 'c')
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}))
const { schema } = fc.letrec((tie) => {
  const some = fc.array(tie('schema'), { minLength: 1, maxLength: 3 })
  const map = fc.dictionary(key, tie('schema'), { maxKeys: 3 })
  const size = fc.nat(4)
  const number = fc.constantFrom(0, 1, 1.5, 2, 10)
  const type = fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'array', 'null')
  const keywords = {
    type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(value, { minLength: 1, maxLength: 3 }),
    const: value,
    required: fc.uniqueArray(key, { maxLength: 2 }),
    minimum: number,
    maximum: number,
    exclusiveMinimum: number,
    exclusiveMaximum: number,
    multipleOf: fc.constantFrom(1, 2, 0.5),
    minLength: size,
    maxLength: size,
    pattern: fc.constantFrom('^a', 'b$', '^[ab]*$', 'a{2}'),
    minItems: size,
    maxItems: size,
    uniqueItems: fc.boolean(),
    minProperties: size,
    maxProperties: size,
    dependentRequired: fc.dictionary(key, fc.uniqueArray(key, { maxLength: 2 }), { maxKeys: 2 }),
    dependentSchemas: map,
    propertyNames: tie('schema'),
    properties: map,
    patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$'), tie('schema'), { maxKeys: 2 }),
    additionalProperties: tie('schema'),
    prefixItems: some,
    items: tie('schema'),
    contains: tie('schema'),
    allOf: some,
    anyOf: some,
    oneOf: some,
    not: tie('schema'),
    if: tie('schema'),
    then: tie('schema'),
    else: tie('schema'),
  }
  const one = fc.subarray(Object.keys(keywords), { minLength: 1, maxLength: 4 })
  return {
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(true, false, {}),
      one.chain((names) =>
        fc.record(Object.fromEntries(names.map((name) => [name, keywords[name as 'type']]))),
      ),
    ),
  }
})

describe('a JSON Schema', () => {
  test('says of every value what another implementation says', () => {
    fc.assert(
      fc.property(schema, value, (given, against) => {
        assert.equal(fits(given, against), Check(given as object, against))
      }),
      { numRuns: 3_000 },
    )
  })

  test('names what is wrong by JSON pointers into the value, and only a few of them', () => {
    const given = {
      type: 'object',
      required: ['id'],
      properties: {
        'a/b': { items: { type: 'integer' } },
        name: { $ref: '#/$defs/name' },
      },
      additionalProperties: false,
      $defs: { name: { type: 'string', maxLength: 3 } },
    }
    assert.deepEqual(problemsOf(given, { 'a/b': [1, 'x'], name: 'long', other: 1 }), [
      { path: '', message: 'lacks "id"' },
      { path: '/a~1b/1', message: 'is not of type integer' },
      { path: '/name', message: 'has more than 3 characters' },
      { path: '', message: 'may have no property "other"' },
    ])
    const many = Array.from({ length: 1_000 }, () => 'x')
    assert.equal(problemsOf({ items: { type: 'null' } }, many).length, 5)
    assert.deepEqual(problemsOf({ ...given, additionalProperties: true }, { id: 1 }), [])
  })

  test('may refer to itself where that leads deeper into the value', () => {
    const tree = {
      $id: 'https://example.com/tree',
      $ref: '#node',
      $defs: {
        node: {
          $anchor: 'node',
          properties: { next: { $ref: 'https://example.com/tree#/$defs/node' } },
          additionalProperties: false,
        },
      },
    }
    assert.ok(fits(tree, { next: { next: {} } }))
    assert.deepEqual(problemsOf(tree, { next: { next: { x: 1 } } }), [
      { path: '/next/next', message: 'may have no property "x"' },
    ])
  })

  test('is understood in the spellings of draft 07 too', () => {
    const $schema = 'http://json-schema.org/draft-07/schema#'
    const tuple = { $schema, items: [{ type: 'string' }], additionalItems: { type: 'number' } }
    assert.ok(fits(tuple, ['a', 1, 2]))
    assert.ok(!fits(tuple, ['a', 'b']))
    const dependent = { dependencies: { a: ['b'], c: { required: ['a'] } } }
    assert.ok(fits(dependent, { a: 1, b: 2 }))
    assert.ok(!fits(dependent, { a: 1 }))
    assert.ok(!fits(dependent, { c: 1 }))
  })

  test('takes numbers as they are written', () => {
    assert.ok(fits({ multipleOf: 0.01 }, 19.99))
    assert.ok(!fits({ multipleOf: 0.01 }, 19.995))
    assert.ok(fits({ multipleOf: 1e-8 }, 12391239123))
    assert.ok(fits({ uniqueItems: false }, [1, 1.0]))
    assert.ok(
      !fits({ uniqueItems: true }, [
        { a: 1, b: 2 },
        { b: 2, a: 1.0 },
      ]),
    )
  })

  test('with a slip of the pen tells of it', () => {
    assert.deepEqual(parseJsonSchema({ requierd: ['id'] }).warnings, [
      'The schema\'s keyword "requierd" has no effect.',
    ])
    assert.deepEqual(parseJsonSchema({ title: 'x', format: 'email' }).warnings, [])
  })

  test('that is none is refused with a pointer to what is wrong with it', () => {
    const refused: [unknown, string][] = [
      [null, ''],
      [[], ''],
      ['{}', ''],
      [{ type: 'text' }, '/type'],
      [{ properties: { a: 1 } }, '/properties/a'],
      [{ properties: { 'a/b': { minimum: '1' } } }, '/properties/a~1b/minimum'],
      [{ exclusiveMinimum: true }, '/exclusiveMinimum'],
      [{ anyOf: [] }, '/anyOf'],
      [{ required: 'id' }, '/required'],
      [{ maxLength: 1.5 }, '/maxLength'],
      [{ multipleOf: 0 }, '/multipleOf'],
      [{ pattern: '(' }, '/pattern'],
      [{ $defs: { a: { pattern: '[' } } }, '/$defs/a/pattern'],
      [{ $schema: 'https://example.com/mine' }, '/$schema'],
      [{ properties: { a: { $id: 'https://example.com' } } }, '/properties/a/$id'],
      [{ unevaluatedProperties: false }, '/unevaluatedProperties'],
      [{ $dynamicRef: '#a' }, '/$dynamicRef'],
    ]
    for (const [given, pointer] of refused) assert.equal(refusalOf(given).pointer, pointer)
  })
})

describe('a hostile schema', () => {
  test('refers to nothing outside of itself', () => {
    const references = [
      'https://example.com/schema.json',
      'file:///etc/passwd',
      'other.json#/a',
      '#/nowhere',
      '#/properties',
      '#%',
      '__proto__',
      '#__proto__',
      '#/__proto__',
    ]
    for (const $ref of references) {
      assert.equal(refusalOf({ $ref, properties: {} }).pointer, '/$ref')
    }
  })

  test('that is applied to the same value for ever is refused', () => {
    for (const given of [
      { $ref: '#' },
      { $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } } },
      { anyOf: [{ not: { $ref: '#' } }] },
      { if: true, then: { dependentSchemas: { a: { $ref: '#' } } } },
    ]) {
      assert.match(refusalOf(given).sentence, /leads back to itself/)
    }
  })

  test('whose references double at every step ends by its steps', () => {
    for (const name of ['allOf', 'anyOf', 'oneOf']) {
      const $defs: Record<string, unknown> = {
        d0: { type: name === 'allOf' ? 'object' : 'string' },
      }
      for (let n = 1; n < 60; n++) {
        const below = { $ref: `#/$defs/d${n - 1}` }
        $defs[`d${n}`] = { [name]: [below, below] }
      }
      const bomb = parseJsonSchema({ $defs, $ref: '#/$defs/d59' })
      assert.equal(bomb.check({}, STEPS), 'too_complex')
    }
  })

  test('that is nested deeper than the stack is refused, and so is a value', () => {
    let deep: object = {}
    for (let n = 0; n < 200; n++) deep = { not: deep }
    assert.match(refusalOf(deep).sentence, /nested/)
    let value: unknown[] = []
    for (let n = 0; n < 100_000; n++) value = [value]
    for (const given of [{ items: { $ref: '#' } }, { uniqueItems: true }, { enum: [1] }]) {
      assert.equal(parseJsonSchema(given).check(value, STEPS), 'too_complex')
    }
  })

  test('has no expression that takes longer than the text is long', () => {
    const text = `${'a'.repeat(5_000)}!`
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '(x+x+)+y', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
      assert.ok(!fits({ pattern }, text), pattern)
      assert.ok(fits({ patternProperties: { [pattern]: false } }, { [text]: 1 }), pattern)
    }
    const large = parseJsonSchema({ pattern: '(?:a?){900}a{900}' })
    assert.equal(large.check('a'.repeat(100_000), STEPS), 'too_complex')
    for (const pattern of ['(?=a)', '(a)\\1', '(?<!a)b', 'a{5000}', '((a{100}){100}){100}']) {
      assert.match(refusalOf({ pattern }).sentence, /known beforehand/)
    }
    assert.match(refusalOf({ pattern: 'a'.repeat(1_001) }).sentence, /more than 1000 characters/)
    const patterns = Array.from({ length: 30 }, () => ({ pattern: 'a{1000}' }))
    assert.match(refusalOf({ allOf: patterns }).sentence, /too large together/)
  })

  test('counts what it makes of large values', () => {
    const items = Array.from({ length: 300_000 }, (_, n) => n)
    for (const given of [
      { items: true },
      { uniqueItems: true },
      { contains: { const: -1 } },
      { const: 0 },
      { allOf: Array.from({ length: 10 }, () => ({ items: { type: 'integer' } })) },
    ]) {
      assert.equal(parseJsonSchema(given).check(items, STEPS), 'too_complex')
    }
    const names = Object.fromEntries(items.map((n) => [`k${n}`, n]))
    for (const given of [{ propertyNames: { maxLength: 9 } }, { additionalProperties: true }]) {
      assert.equal(parseJsonSchema(given).check(names, STEPS), 'too_complex')
    }
  })

  test('finds no property that the value does not have itself', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      assert.ok(!fits({ required: [name] }, {}))
      const own = JSON.parse(`{"properties":{"${name}":{"type":"number"}}}`) as unknown
      assert.ok(fits(own, {}))
      assert.ok(!fits(own, JSON.parse(`{"${name}":"x"}`)))
    }
    assert.equal(refusalOf({ type: 'constructor' }).pointer, '/type')
  })
})
