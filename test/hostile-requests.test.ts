// Callers who mean harm: names, arguments and bodies that no caller of good will would send.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { neighbourhood } from './helpers/hostile-suite.ts'
import type { Neighbourhood } from './helpers/hostile-suite.ts'
import { rawHttp } from './helpers/raw-http.ts'

describe('a call', () => {
  const scope = suiteScope()
  let here: Neighbourhood
  let one: Uploaded
  let program: Uploaded
  before(async () => {
    here = await neighbourhood(scope)
    one = await upload(here.app, await guest('echo'))
    program = await upload(here.app, await guest('wasi-program'))
  })

  const run = (name: string, of = one): Promise<Response> =>
    here.app.request(`/api/run/${of.id}/${name}`, { method: 'POST' })

  const NAMES: readonly (readonly [string, string, number, string])[] = [
    ['of a name with NUL', 'echo%00', 404, 'UNKNOWN_FUNCTION'],
    ['of a name with a new line', 'echo%0d%0aX-Evil:%20yes', 404, 'UNKNOWN_FUNCTION'],
    ['of a name that climbs folders', '..%2f..%2fetc%2fpasswd', 404, 'UNKNOWN_FUNCTION'],
    ['of a name that is no UTF-8', '%ff%fe', 400, 'BAD_REQUEST'],
    ['of a name cut in its escape', 'echo%f', 400, 'BAD_REQUEST'],
    ['of a member of every object', '__proto__', 404, 'UNKNOWN_FUNCTION'],
    ['of a method of every object', 'constructor', 404, 'UNKNOWN_FUNCTION'],
    ['of the allocator', '__wbindgen_malloc', 404, 'UNKNOWN_FUNCTION'],
    ['of the memory', 'memory', 404, 'UNKNOWN_FUNCTION'],
    ['of a name of 512 letters', 'x'.repeat(512), 404, 'UNKNOWN_FUNCTION'],
    ['of a name of 513 letters', 'x'.repeat(513), 400, 'BAD_REQUEST'],
    ['of a name of 50 kB', 'x'.repeat(50_000), 400, 'BAD_REQUEST'],
  ]
  for (const [what, name, status, code] of NAMES) {
    test(`${what} gets ${status} ${code}, and nobody else is touched`, async () => {
      const answer = await refused(await run(name), status, code)
      assert.ok(JSON.stringify(answer).length < 2_000, 'the answer repeats the name')
      await here.isWhole()
    })
  }

  test('of a name of 200 kB gets 431 HEADERS_TOO_LARGE, and nobody else is touched', async () => {
    const text = await rawHttp(
      here.app.origin,
      `POST /api/run/${one.id}/${'x'.repeat(200_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    )
    assert.match(text, /^HTTP\/1\.1 431 /)
    assert.match(text, /"code":"HEADERS_TOO_LARGE"/)
    await here.isWhole()
  })

  test('of a program reaches it under any name, byte for byte', async () => {
    const response = await callWith(here.app, program, 'a%0ab%00c', ['', 'args'])
    assert.equal(await response.text(), 'a\nb\0c\0args\0')
  })

  const parts = (count: number): FormData => {
    const form = new FormData()
    for (let n = 1; n <= count; n++) form.append(`input_${n}`, '')
    return form
  }
  const multipart = (body: FormData, of = program): Promise<Response> =>
    here.app.request(`/api/multipart/run/${of.id}/run`, { method: 'POST', body })

  test('with 64 arguments is run, with 65 and with 20,000 refused, and nobody else is touched', async () => {
    assert.equal(await (await multipart(parts(64))).text(), '')
    await refused(await multipart(parts(65)), 400, 'BAD_REQUEST')
    const flooding = multipart(parts(20_000))
    await here.neighbourAnswers()
    const response = await flooding
    assert.equal(response.status, 400, await response.text())
    await here.isWhole()
  })

  test('with an argument of a number beyond all numbers is refused', async () => {
    for (const name of ['input_99999999999999999999', 'input_-1', 'input_4294967296', 'input_0']) {
      const form = new FormData()
      form.append(name, 'x')
      const response = await multipart(form)
      assert.equal(response.status, 400, `${name}: ${await response.text()}`)
    }
    await here.isWhole()
  })

  test('with more arguments than the function takes gets 400 WRONG_ARGUMENT_COUNT', async () => {
    const inputs = Array.from({ length: 64 }, () => 'x')
    await refused(await callWith(here.app, one, 'join', inputs), 400, 'WRONG_ARGUMENT_COUNT')
    assert.equal(await textOf(here.app, one, 'join', ['a', 'b']), 'a|b')
  })

  test('with numbers that are none gets 422 INPUT_TYPE_MISMATCH', async () => {
    const numbers = await upload(here.app, await guest('raw-numbers'))
    for (const input of [
      '',
      'x',
      '1e99',
      '4294967296',
      '-2147483649',
      '1\0',
      '١',
      '0x1',
      '9'.repeat(100_000),
    ]) {
      const response = await callWith(here.app, numbers, 'add', [input, '1'])
      await refused(response, 422, 'INPUT_TYPE_MISMATCH')
    }
    await here.isWhole()
  })
})
