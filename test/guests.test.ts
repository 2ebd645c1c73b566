// Every kind and generation of guest through HTTP: values in and out, types, state and variables.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, configure, textOf } from './helpers/guest-calls.ts'
import type { Inputs } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'

/** Guests with `say(s: &str) -> String`, one for each generation of wasm-bindgen output. */
const GENERATIONS = [
  'wasm-bindgen-61',
  'wasm-bindgen-67',
  'wasm-bindgen-87',
  'wasm-bindgen-100',
  'wasm-bindgen-130',
  'cargo-output',
]

describe('guests', () => {
  const scope = suiteScope()
  let app: TestApp
  const uploaded = new Map<string, Promise<Uploaded>>()

  /** Uploaded once for all the tests that set nothing on it. */
  function shared(name: string): Promise<Uploaded> {
    const present = uploaded.get(name) ?? guest(name).then((wasm) => upload(app, wasm))
    uploaded.set(name, present)
    return present
  }
  async function fresh(name: string): Promise<Uploaded> {
    return upload(app, await guest(name))
  }
  async function says(name: string, fn: string, inputs: Inputs, text: string): Promise<void> {
    assert.equal(await textOf(app, await shared(name), fn, inputs), text, `${name} ${fn}`)
  }
  async function fails(
    one: Uploaded,
    fn: string,
    inputs: Inputs,
    [status, code]: readonly [number, string],
  ) {
    return refused(await callWith(app, one, fn, inputs), status, code)
  }

  before(async () => {
    app = await buildApp(scope, { RUN_TIMEOUT_MS: 5_000 })
  })

  for (const name of GENERATIONS) {
    test(`${name}: text goes in and out byte for byte, empty, short and long`, async () => {
      await says(name, 'say', ['wörld 🌍'], 'hello wörld 🌍')
      await says(name, 'say', [''], 'hello ')
      const long = 'x'.repeat(60_000)
      await says(name, 'say', [long], `hello ${long}`)
    })
  }

  test('bytes keep every value, as bytes', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const response = await callWith(app, await shared('wasm-bindgen-100'), 'reverse', [all], {
      bytes: true,
    })
    assert.equal(response.headers.get('content-type'), 'application/octet-stream')
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(all).reverse())
  })

  test("a Result's error is 422 with the function's own text, in every generation", async () => {
    const errors: readonly (readonly [string, string, Inputs, string])[] = [
      ['wasm-bindgen-61', 'number', ['x'], 'not a number'],
      ['wasm-bindgen-87', 'greet', [''], 'it is empty'],
      ['wasm-bindgen-87', 'length', [''], 'it is empty'],
      ['wasm-bindgen-100', 'greet', [''], 'it is empty'],
      ['wasm-bindgen-100', 'check', [''], 'it is empty'],
      ['wasm-bindgen-130', 'fail', [], 'it is empty'],
      ['cargo-output', 'greet', [''], 'it is empty'],
    ]
    for (const [name, fn, inputs, text] of errors) {
      const answer = await fails(await shared(name), fn, inputs, [422, 'FUNCTION_ERROR'])
      assert.equal(answer.error, text)
      assert.equal(typeof answer.run_id, 'string')
    }
  })

  test("a Result's value is the answer", async () => {
    for (const name of ['wasm-bindgen-87', 'wasm-bindgen-100', 'cargo-output']) {
      await says(name, 'greet', ['you'], 'hello you')
    }
    await says('wasm-bindgen-87', 'length', ['four'], '4')
    await says('wasm-bindgen-100', 'check', ['x'], '')
  })

  test('what a function throws is 500 TRAP with its text', async () => {
    for (const [name, text] of [
      ['wasm-bindgen-87', 'thrown text'],
      ['wasm-bindgen-130', 'it is empty'],
    ] as const) {
      const answer = await fails(await shared(name), 'throws', [], [500, 'TRAP'])
      assert.equal(answer.message, text)
    }
  })

  test('declared types: numbers, options and bools in the layout of their generation', async () => {
    const old = await fresh('wasm-bindgen-61')
    await configure(app, old, 'types', { add_u64: { params: ['u64', 'u64'], result: 'u64' } })
    assert.equal(await textOf(app, old, 'add_u64', ['4294967295', '1']), '4294967296')
    const largest = '18446744073709551615'
    assert.equal(await textOf(app, old, 'add_u64', [largest, '0']), largest)
    for (const name of ['wasm-bindgen-87', 'wasm-bindgen-130']) {
      const one = await fresh(name)
      const types = { params: ['option<u32>'], result: 'option<u32>' }
      await configure(app, one, 'types', { double: types })
      assert.equal(await textOf(app, one, 'double', ['21']), '42', name)
      assert.equal(await textOf(app, one, 'double', ['']), '', name)
    }
    const one = await fresh('wasm-bindgen-100')
    await configure(app, one, 'types', {
      not: { params: ['bool'], result: 'bool' },
      half: { params: ['i64'], result: 'option<i64>' },
      reverse: ['text'],
      check: { params: ['text'], result: 'result<none>' },
    })
    assert.equal(await textOf(app, one, 'not', ['true']), 'false')
    assert.equal(await textOf(app, one, 'half', ['-42']), '-21')
    assert.equal(await textOf(app, one, 'half', ['3']), '')
    assert.equal(await textOf(app, one, 'check', ['x']), '')
    const bool = await fails(one, 'not', ['maybe'], [422, 'INPUT_TYPE_MISMATCH'])
    assert.equal(bool.argument, 1)
    await fails(one, 'reverse', [Buffer.from([0xff])], [422, 'INPUT_TYPE_MISMATCH'])
  })

  test('described types need no declaration, and declared ones win', async () => {
    const one = await fresh('cargo-output')
    assert.equal(await textOf(app, one, 'add', ['4294967295', '0']), '4294967295')
    const answer = await fails(one, 'add', ['-1', '0'], [422, 'INPUT_TYPE_MISMATCH'])
    assert.deepEqual([answer.argument, answer.type], [1, 'u32'])
    await fails(one, 'add', ['1'], [400, 'WRONG_ARGUMENT_COUNT'])
    await configure(app, one, 'types', { add: { params: ['i32', 'i32'], result: 'i32' } })
    assert.equal(await textOf(app, one, 'add', ['-2', '1']), '-1')
    await configure(app, one, 'types', {})
    await fails(one, 'add', ['-2', '1'], [422, 'INPUT_TYPE_MISMATCH'])
  })

  test('without types: pairs are text or bytes, then numbers, else the answer names the fix', async () => {
    const one = await fresh('wasm-bindgen-100')
    assert.equal(await textOf(app, one, 'not', ['0']), '1')
    assert.equal(await textOf(app, one, 'half', [' -42 ']), '-21')
    for (const fn of ['not', 'half']) {
      const answer = await fails(one, fn, ['many'], [400, 'AMBIGUOUS_TYPES'])
      assert.match(answer.error, /PUT \/api\/executables\/:id\/types/)
    }
    const count = await fails(one, 'say', ['a', 'b'], [400, 'WRONG_ARGUMENT_COUNT'])
    assert.deepEqual([count.expected, count.given], [1, 2])
    assert.match(count.error, /PUT \/api\/executables\/:id\/types/)
    await fails(one, 'say', [], [400, 'WRONG_ARGUMENT_COUNT'])
    const context = await fresh('context')
    await fails(context, 'count', ['text', '5'], [400, 'AMBIGUOUS_TYPES'])
    await configure(app, context, 'types', { count: ['text', 'i32'] })
    assert.equal(await textOf(app, context, 'count', ['text', '5']), '9')
  })

  test('types that cannot be the function’s are refused when it is called, unknown ones at once', async () => {
    const one = await fresh('context')
    await configure(app, one, 'types', { say: ['f64'] })
    await fails(one, 'say', ['a'], [400, 'UNSUPPORTED_SIGNATURE'])
    for (const types of [
      { say: ['string'] },
      { say: ['none'] },
      { say: ['result<text>'] },
      { say: { params: ['text'], result: 'option<option<u8>>' } },
      { say: { params: ['text'], result: 'result<result<u8>>' } },
    ]) {
      const response = await app.request(`/api/executables/${one.id}/types`, {
        method: 'PUT',
        headers: { ...admin(one), 'content-type': 'application/json' },
        body: JSON.stringify(types),
      })
      await refused(response, 400, 'INVALID_TYPES')
    }
    const kept = await app.request(`/api/executables/${one.id}/types`, { headers: admin(one) })
    assert.deepEqual(await kept.json(), { say: { params: ['f64'] } })
  })

  test('the state is the first argument of a function that takes one text more', async () => {
    const one = await fresh('context')
    const missing = await fails(one, 'say', ['world'], [400, 'WRONG_ARGUMENT_COUNT'])
    assert.match(missing.error, /PUT \/api\/state\/:id/)
    await configure(app, one, 'state', 'grüß dich,')
    assert.equal(await textOf(app, one, 'say', ['world']), 'grüß dich, world')
    assert.equal(await textOf(app, one, 'say', ['hi', 'world']), 'hi world')
    await configure(app, one, 'types', { say: ['text', 'text'], count: ['text', 'i32'] })
    assert.equal(await textOf(app, one, 'say', ['world']), 'grüß dich, world')
    await configure(app, one, 'state', 'four')
    assert.equal(await textOf(app, one, 'count', ['2']), '6')
    await fails(one, 'say', ['a', 'b', 'c'], [400, 'WRONG_ARGUMENT_COUNT'])
    await configure(app, one, 'state', '{}')
    await fails(one, 'say', ['world'], [400, 'WRONG_ARGUMENT_COUNT'])
  })

  test('the state reaches a function that takes nothing more as argv[1] and as wasm_state', async () => {
    const one = await fresh('wasm-bindgen-wasi')
    assert.equal(await textOf(app, one, 'argument'), '')
    await configure(app, one, 'state', '{"a":"ü"}')
    assert.equal(await textOf(app, one, 'argument'), '{"a":"ü"}')
    assert.ok((await variablesOf(one)).includes('wasm_state={"a":"ü"}'))
  })

  async function variablesOf(one: Uploaded): Promise<string[]> {
    const text = await textOf(app, one, 'variables')
    return text.split('\0').filter((variable) => variable !== '')
  }

  test('variables are the id, a storage key of its own, and those the owner set, nothing else', async () => {
    const one = await fresh('wasm-bindgen-wasi')
    const two = await fresh('wasm-bindgen-wasi')
    const names = (variables: string[]): string[] =>
      variables.map((variable) => variable.split('=', 1)[0] ?? '').sort()
    const before = await variablesOf(one)
    assert.ok(before.includes(`wasm_id=${one.id}`))
    assert.deepEqual(
      names(before).filter((name) => name !== 'wasm_state'),
      ['storage_key', 'wasm_id'],
    )
    const storageKey = (variables: string[]): string | undefined =>
      variables.find((variable) => variable.startsWith('storage_key='))
    assert.notEqual(storageKey(before), storageKey(await variablesOf(two)))
    await configure(app, one, 'variables', { MY_KEY: 'a=b', EMPTY: '' })
    const after = await variablesOf(one)
    assert.ok(after.includes('MY_KEY=a=b') && after.includes('EMPTY='))
    assert.equal(storageKey(after), storageKey(before))
    assert.ok(!names(await variablesOf(two)).includes('MY_KEY'))
    await configure(app, one, 'variables', {})
    assert.ok(!names(await variablesOf(one)).includes('MY_KEY'))
  })

  test('a variable cannot take the runtime’s own names, nor a name no environment has', async () => {
    const one = await fresh('wasm-bindgen-wasi')
    for (const name of ['wasm_id', 'wasm_state', 'storage_key', '', 'A=B', 'A B', '1A', 'Ä']) {
      const response = await app.request(`/api/executables/${one.id}/variables`, {
        method: 'PUT',
        headers: { ...admin(one), 'content-type': 'application/json' },
        body: JSON.stringify({ [name]: 'x' }),
      })
      await refused(response, 400, 'BAD_REQUEST')
    }
  })

  test('wasm-bindgen and WASI in one module: what it prints is the log, what it returns the answer', async () => {
    const response = await call(app, await shared('wasm-bindgen-wasi'), 'print', { body: 'a line' })
    assert.equal(await response.text(), 'a line')
    assert.equal(await logOf(response), 'a line')
    const console = await call(app, await shared('wasm-bindgen-87'), 'log', { body: 'to console' })
    assert.equal(await logOf(console), 'to console\n')
  })

  async function logOf(response: Response): Promise<unknown> {
    const run = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
    return ((await run.json()) as Record<string, unknown>).log
  }

  test('a function of JavaScript values is announced at upload and refused when called', async () => {
    const one = await fresh('wasm-bindgen-100')
    assert.match(JSON.stringify(one.answer.warnings), /takes_value/)
    await fails(one, 'takes_value', ['x'], [400, 'UNSUPPORTED_SIGNATURE'])
    await says('wasm-bindgen-100', 'value', [], 'it is empty')
  })

  test('plain numbers are parsed and printed; several results are a JSON array', async () => {
    const rows: readonly (readonly [string, Inputs, string])[] = [
      ['add', ['2', '-3'], '-1'],
      ['add64', ['9223372036854775807', '0'], '9223372036854775807'],
      ['half32', ['0.2'], '0.1'],
      ['half', ['5'], '2.5'],
      ['divide', ['1', '0'], 'Infinity'],
      ['divide', ['0', '0'], 'NaN'],
      ['divmod', ['7', '2'], '[3,1]'],
      ['answer', [], '42'],
      ['nothing', [], ''],
    ]
    for (const [fn, inputs, text] of rows) await says('raw-numbers', fn, inputs, text)
    const one = await shared('raw-numbers')
    const mismatch = await fails(one, 'add', ['2', 'three'], [422, 'INPUT_TYPE_MISMATCH'])
    assert.equal(mismatch.argument, 2)
    await fails(one, 'add', ['1', '99999999999'], [422, 'INPUT_TYPE_MISMATCH'])
    await fails(one, 'add', ['2'], [400, 'WRONG_ARGUMENT_COUNT'])
    await says('reactor', 'initialized', [], '1')
  })

  test('a WASI command: input 1 on stdin, the others as arguments, stdout is the answer', async () => {
    const one = await shared('wasi-program')
    assert.equal(await textOf(app, one, 'any_name', ['some input']), 'some input')
    assert.equal(await textOf(app, one, '_start'), '')
    assert.equal(await textOf(app, one, 'run', ['', 'args', 'three']), 'run\0args\0three\0')
    const long = 'y'.repeat(200_000)
    assert.equal(await textOf(app, one, 'run', [long]), long)
    const bytes = await callWith(app, one, 'run', [Buffer.from([255, 0])], { bytes: true })
    assert.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [255, 0])
    assert.equal(await textOf(app, one, 'run', ['', 'zero']), 'done')
  })

  test('a WASI command that exits with another code than 0 is 500 EXIT_CODE, its stderr kept', async () => {
    const response = await callWith(app, await shared('wasi-program'), 'run', ['', 'exit'])
    const run = response.headers.get('wasmhook-run')
    const answer = await refused(response, 500, 'EXIT_CODE')
    assert.equal(answer.exit_code, 3)
    const record = (await (await app.request(`/api/runs/${run}`)).json()) as typeof answer
    assert.deepEqual([record.status, record.log], ['failed', 'it failed'])
  })

  test('a counter in memory, in a global and in a table reads 1 on every call, however many run', async () => {
    const one = await shared('counter')
    for (let round = 0; round < 3; round++) {
      await textOf(app, one, 'wide')
      assert.equal(await textOf(app, one, 'count'), '[1,1,1]')
    }
    const calls = Array.from({ length: 200 }, (_, n) => textOf(app, one, n % 3 ? 'count' : 'wide'))
    const answers = await Promise.all(calls)
    for (const [n, answer] of answers.entries()) {
      // What `wide` grew the table by is filled, so its own place comes after that.
      if (n % 3) assert.equal(answer, '[1,1,1]')
    }
    assert.equal(new Set(answers.filter((_, n) => n % 3 === 0)).size, 1)
  })

  test('an unknown function gets 404 with the list of those there are', async () => {
    const one = await shared('context')
    const answer = await fails(one, 'shout', ['x'], [404, 'UNKNOWN_FUNCTION'])
    assert.deepEqual(answer.functions, ['say', 'count'])
    const hidden = [
      'memory',
      '__wbindgen_malloc',
      '__proto__',
      'constructor',
      'toString',
      '%00',
      'say%20',
    ]
    for (const name of hidden) await fails(one, name, ['x'], [404, 'UNKNOWN_FUNCTION'])
  })

  test('functions may be named as the properties of every object are', async () => {
    const names = ['constructor', 'valueOf', 'toString', 'hasOwnProperty', 'a b', 'ü/ä', '..']
    const functions = names.map((name, n) => {
      const bytes = [...Buffer.from(name)].map((byte) => `\\${byte.toString(16)}`).join('')
      return `(func (export "${bytes}") (result i32) (i32.const ${n}))`
    })
    const wasm = assemble(`(module ${functions.join('')})`)
    const one = await upload(app, wasm)
    for (const [n, name] of names.slice(0, -1).entries()) {
      assert.equal(await textOf(app, one, encodeURIComponent(name)), String(n), name)
    }
    await configure(app, one, 'types', { constructor: [], valueOf: { params: [], result: 'u32' } })
    assert.equal(await textOf(app, one, 'valueOf'), '1')
    assert.equal(await textOf(app, one, 'toString'), '2')
  })
})
