// Real wasm-bindgen output of many versions (test/guests/real/README.md) through HTTP: every function
// of it, against what its own JavaScript answered.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, configure } from './helpers/guest-calls.ts'
import type { Inputs } from './helpers/guest-calls.ts'

const FOLDER = new URL('./guests/real/', import.meta.url)

/** A function as its source declares it, and what it gives; an Error is one the function returns. */
interface Row {
  params: string[]
  result: string
  calls: readonly (readonly [Inputs, string | Buffer | Error])[]
}

function row(params: string[], result: string, ...calls: Row['calls']): Row {
  return { params, result, calls }
}

const negative = new Error('negative')
const positive = new Error('must be positive')
const nPositive = new Error('n must be positive')

const ROWS: Readonly<Record<string, Row>> = {
  say: row(['text'], 'text', [['wörld'], 'hello wörld'], [[''], 'hello ']),
  say_owned: row(['text'], 'text', [['x'], 'hello x']),
  join: row(['text', 'text', 'i32'], 'text', [['a', 'b', '-7'], 'a|b|-7']),
  reverse: row(['bytes'], 'bytes', [[Buffer.from([1, 2, 255])], Buffer.from([255, 2, 1])]),
  concat: row(['bytes', 'bytes'], 'bytes', [
    [Buffer.from([1]), Buffer.from([2, 0])],
    Buffer.from([1, 2, 0]),
  ]),
  add_u64: row(['u64', 'u64'], 'u64', [['9223372036854775808', '5'], '9223372036854775813']),
  neg_i64: row(['i64'], 'i64', [['-1099511627776'], '1099511627776']),
  add_i32: row(['i32', 'i32'], 'i32', [['2147483647', '1'], '-2147483648']),
  echo_u32: row(['u32'], 'u32', [['4294967295'], '4294967295']),
  echo_u8: row(['u8'], 'u8', [['255'], '255']),
  echo_i8: row(['i8'], 'i8', [['-128'], '-128']),
  not: row(['bool'], 'bool', [['true'], 'false']),
  half_f32: row(['f32'], 'f32', [['3'], '1.5']),
  half_f64: row(['f64'], 'f64', [['3'], '1.5']),
  next_char: row(['char'], 'char', [['é'], 'ê']),
  opt_string: row(['i32'], 'option<text>', [['1'], 'some 1'], [['0'], '']),
  opt_bytes: row(['i32'], 'option<bytes>', [['7'], Buffer.from([7, 7, 7])], [['0'], '']),
  opt_u32: row(['i32'], 'option<u32>', [['2147483647'], '2147483647'], [['-1'], '']),
  opt_i32: row(['i32'], 'option<i32>', [['-5'], '-5'], [['0'], '']),
  opt_f64: row(['i32'], 'option<f64>', [['3'], '0.75'], [['0'], '']),
  opt_bool: row(['i32'], 'option<bool>', [['0'], 'false'], [['1'], 'true'], [['2'], '']),
  opt_u64: row(['i32'], 'option<u64>', [['3'], '30000000000'], [['0'], '']),
  take_opt_string: row(['option<text>'], 'text', [['a'], 'Some("a")'], [[''], 'None']),
  take_opt_u32: row(['option<u32>'], 'text', [['9'], 'Some(9)'], [[''], 'None']),
  take_opt_f64: row(['option<f64>'], 'text', [['1.5'], 'Some(1.5)'], [[''], 'None']),
  take_opt_bool: row(['option<bool>'], 'text', [['true'], 'Some(true)'], [[''], 'None']),
  res_string: row(['bool'], 'result<text>', [['true'], 'fine'], [['false'], new Error('not fine')]),
  res_bytes: row(
    ['bool'],
    'result<bytes>',
    [['true'], Buffer.from([1, 2, 3])],
    [['false'], new Error('no bytes')],
  ),
  res_unit: row(['bool'], 'result<none>', [['true'], ''], [['false'], new Error('42.5')]),
  res_text: row(
    ['text'],
    'result<text>',
    [['41'], '42'],
    [['x'], new Error('invalid digit found in string')],
  ),
  res_i32_js: row(['i32'], 'result<i32>', [['5'], '5'], [['-5'], positive]),
  res_u32: row(['i32'], 'result<u32>', [['5'], '5'], [['-5'], nPositive]),
  res_f64: row(['i32'], 'result<f64>', [['3'], '0.75'], [['-3'], nPositive]),
  res_string_error: row(
    ['bool'],
    'result<text>',
    [['true'], 'fine'],
    [['false'], new Error('an Error')],
  ),
  res_opt_u32: row(['i32'], 'result<option<u32>>', [['5'], '5'], [['0'], ''], [['-1'], negative]),
  res_opt_string: row(
    ['i32'],
    'result<option<text>>',
    [['1'], 'some'],
    [['0'], ''],
    [['-1'], negative],
  ),
  nothing: row([], 'none', [[], '']),
  count: row([], 'u32', [[], '1'], [[], '1']),
}
/** Those that wasm-bindgen could not build before its 79th release. */
const SINCE_79 = ['res_u32', 'res_f64', 'res_string_error', 'res_opt_u32', 'res_opt_string']

const FILES = (await readdir(FOLDER)).filter((name) => name.endsWith('.wasm')).sort()

describe('real wasm-bindgen output', () => {
  const scope = suiteScope()
  let app: TestApp
  before(async () => {
    app = await buildApp(scope)
  })

  for (const file of FILES) {
    const raw = file.includes('-raw')
    const release = Number(/^0\.2\.(\d+)-/.exec(file)?.[1])
    const names = Object.keys(ROWS).filter((name) => release >= 79 || !SINCE_79.includes(name))

    test(`${file}: every function gives what its JavaScript gave${raw ? ', with no types declared' : ''}`, async () => {
      const one = await upload(app, await readFile(new URL(file, FOLDER)))
      assert.deepEqual(one.answer.missing_imports, [])
      const found = (one.answer.functions as { name: string }[]).map(({ name }) => name)
      assert.deepEqual(found.sort(), [...names, 'panics'].sort())
      if (!raw) {
        const types = names.map((name) => {
          const { params, result } = ROWS[name] as Row
          return [name, { params, result }]
        })
        await configure(app, one, 'types', Object.fromEntries(types))
      }
      for (const name of names) await check(one, name)
      await refused(await callWith(app, one, 'panics', ['boom']), 500, 'TRAP')
    })

    if (raw) continue
    test(`${file}: text, bytes and errors need no types`, async () => {
      const one = await upload(app, await readFile(new URL(file, FOLDER)))
      for (const name of ['say', 'say_owned', 'concat', 'res_text', 'add_i32', 'half_f64']) {
        await check(one, name)
      }
    })
  }

  async function check(one: Uploaded, name: string): Promise<void> {
    for (const [inputs, expected] of (ROWS[name] as Row).calls) {
      const bytes = expected instanceof Buffer
      const response = await callWith(app, one, name, inputs, { bytes })
      const told = `${name}(${inputs.join()})`
      if (expected instanceof Error) {
        const answer = await refused(response, 422, 'FUNCTION_ERROR')
        assert.equal(answer.error, expected.message, told)
        continue
      }
      const body = Buffer.from(await response.arrayBuffer())
      assert.equal(response.status, 200, `${told}: ${body.toString()}`)
      if (bytes) assert.deepEqual(body, expected, told)
      else assert.equal(body.toString(), expected, told)
    }
  }
})
