// What an owner sets on an executable: state, types, variables, description.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'

const STATE_BYTES_MAX = 1000
const VARIABLES_BYTES_MAX = 200

describe('a setting', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope, { STATE_BYTES_MAX, VARIABLES_BYTES_MAX })
  })
  beforeEach(async () => {
    one = await upload(app, await guest('context'))
  })

  function put(path: string, body: string | Buffer, type = 'application/json'): Promise<Response> {
    return app.request(path.replace(':id', String(one.id)), {
      method: 'PUT',
      headers: { ...admin(one), ...(type === '' ? {} : { 'content-type': type }) },
      body,
    })
  }

  function get(path: string): Promise<Response> {
    return app.request(path.replace(':id', String(one.id)), { headers: admin(one) })
  }

  function patch(body: string): Promise<Response> {
    return app.request(`/api/executables/${one.id}`, {
      method: 'PATCH',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body,
    })
  }

  async function field(name: string): Promise<unknown> {
    const response = await get(`/api/executables/:id?filterBy=["${name}"]`)
    return ((await response.json()) as Record<string, unknown>)[name]
  }

  test('of state is text of any content type, answered with the id as text', async () => {
    for (const [text, type] of [
      ['plain', 'text/plain'],
      ['{"a": 1}', 'application/json'],
      ['broken {', 'application/json'],
      ['grüße 😀\r\n', 'application/octet-stream'],
      ['untyped', ''],
    ] as const) {
      const response = await put('/api/state/:id', Buffer.from(text), type)
      assert.equal(response.status, 200)
      assert.equal(await response.text(), String(one.id))
      assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
      const read = await get('/api/state/:id')
      assert.equal(await read.text(), text)
      assert.equal(read.headers.get('content-type'), 'text/plain; charset=utf-8')
      assert.equal(await field('wasm_state'), text)
      assert.equal(await (await call(app, one, 'say', { body: 'x' })).text(), `${text} x`)
    }
  })

  test('of state {} or nothing means not set, as with a new executable', async () => {
    const unset = async (): Promise<void> => {
      assert.equal(await (await get('/api/state/:id')).text(), '{}')
      const answer = await refused(
        await call(app, one, 'say', { body: 'x' }),
        400,
        'WRONG_ARGUMENT_COUNT',
      )
      assert.match(answer.error, /PUT \/api\/state/)
    }
    await unset()
    for (const text of ['{}', '']) {
      await put('/api/state/:id', 'something')
      assert.equal((await put('/api/state/:id', text)).status, 200)
      await unset()
    }
  })

  // Found by fuzzing: decoding took it for a mark of the encoding.
  test('of state keeps every byte, a byte order mark too', async () => {
    await put('/api/state/:id', '\ufefftext')
    const read = Buffer.from(await (await get('/api/state/:id')).arrayBuffer())
    assert.deepEqual(read, Buffer.from('\ufefftext'))
  })

  test('of state past STATE_BYTES_MAX, or of no UTF-8, is refused and changes nothing', async () => {
    await put('/api/state/:id', 'kept')
    await refused(
      await put('/api/state/:id', 'x'.repeat(STATE_BYTES_MAX + 1)),
      413,
      'BODY_TOO_LARGE',
    )
    await refused(await put('/api/state/:id', Buffer.from([0x66, 0xff])), 400, 'BAD_REQUEST')
    assert.equal(await (await get('/api/state/:id')).text(), 'kept')
    const most = 'x'.repeat(STATE_BYTES_MAX)
    assert.equal((await put('/api/state/:id', most)).status, 200)
    assert.equal(await (await get('/api/state/:id')).text(), most)
  })

  test('of types is read back, replaces all, and decides how a function is called', async () => {
    const path = '/api/executables/:id/types'
    assert.deepEqual(await (await get(path)).json(), {})
    const declared = {
      count: { params: ['text', 'i32'], result: 'i32' },
      say: ['text', 'text'],
      later: { params: ['option<u64>'], result: 'result<option<bytes>>' },
    }
    const response = await put(path, JSON.stringify(declared))
    assert.deepEqual(await response.json(), { wasm_id: one.id })
    assert.deepEqual(await (await get(path)).json(), {
      ...declared,
      say: { params: ['text', 'text'] },
    })
    await put('/api/state/:id', 'four')
    assert.equal(await (await call(app, one, 'count', { body: '38' })).text(), '42')
    await put(path, '{"say":["text","text"]}')
    assert.deepEqual(await (await get(path)).json(), { say: { params: ['text', 'text'] } })
  })

  test('of types that do not exist is refused, naming those that do', async () => {
    const path = '/api/executables/:id/types'
    await put(path, '{"say":["text","text"]}')
    for (const name of [
      'string',
      'Text',
      ' text',
      '',
      'i128',
      'option<none>',
      'option<option<i32>>',
      'option<result<i32>>',
      'result<result<i32>>',
      'option<',
      'list<i32>',
      '__proto__',
      'x'.repeat(10_000),
    ]) {
      const answer = await refused(
        await put(path, JSON.stringify({ say: [name] })),
        400,
        'INVALID_TYPES',
      )
      assert.ok((answer.types as string[]).includes('option<T>'))
      assert.equal(answer.function, 'say')
    }
    for (const name of ['none', 'result<i32>']) {
      await refused(await put(path, JSON.stringify({ say: [name] })), 400, 'INVALID_TYPES')
    }
    for (const body of [
      '[]',
      '"text"',
      'null',
      '{"say":"text"}',
      '{"say":[1]}',
      '{"say":{"result":"text"}}',
      '{"say":{"params":[],"other":1}}',
      `{"say":${JSON.stringify(Array(65).fill('i32'))}}`,
    ]) {
      await refused(await put(path, body), 400, 'BAD_REQUEST')
    }
    await refused(await put(path, '{broken'), 400, 'INVALID_JSON')
    assert.deepEqual(await (await get(path)).json(), { say: { params: ['text', 'text'] } })
  })

  test('of variables is known by names alone; its values are never returned', async () => {
    const path = '/api/executables/:id/variables'
    const named = { wasm_id: one.id, variables: ['A', 'b_2'] }
    const set = await put(path, '{"b_2":"SECRET2","A":"SECRET1"}')
    assert.deepEqual(await set.json(), named)
    const shown = [await get(path), await get('/api/executables/:id')]
    const texts = await Promise.all(shown.map((response) => response.text()))
    assert.deepEqual(JSON.parse(texts[0]!), named)
    for (const text of texts) assert.doesNotMatch(text, /SECRET/)
    const replaced = await put(path, '{}')
    assert.deepEqual(await replaced.json(), { wasm_id: one.id, variables: [] })
  })

  test('of variables takes no reserved or unusable name, no value but text, and has its limit', async () => {
    const path = '/api/executables/:id/variables'
    await put(path, '{"KEPT":"1"}')
    for (const name of [
      'wasm_id',
      'wasm_state',
      'storage_key',
      '',
      '1A',
      'A-B',
      'A=B',
      'é',
      'A\u0000',
    ]) {
      await refused(await put(path, JSON.stringify({ [name]: 'x' })), 400, 'BAD_REQUEST')
    }
    for (const body of [
      '{"A":1}',
      '{"A":null}',
      '{"A":true}',
      '[]',
      '{"A":["x"]}',
      '{"A":"\\u0000"}',
    ]) {
      await refused(await put(path, body), 400, 'BAD_REQUEST')
    }
    const value = 'x'.repeat(VARIABLES_BYTES_MAX)
    await refused(await put(path, JSON.stringify({ A: value })), 413, 'BODY_TOO_LARGE')
    const kept = (await (await get(path)).json()) as { variables: string[] }
    assert.deepEqual(kept.variables, ['KEPT'])
    assert.equal((await put(path, JSON.stringify({ A: value.slice(1) }))).status, 200)
  })

  test('of the description is changed alone, and unknown or coerced fields are refused', async () => {
    assert.deepEqual(await (await patch('{"description":"first ☃"}')).json(), { wasm_id: one.id })
    for (const body of [
      '{}',
      '[]',
      'null',
      '{"description":1}',
      '{"description":null}',
      '{"description":["x"]}',
      '{"embedded_callback":true}',
      '{"embedded_callback":"yes"}',
      '{"description":"x","other":1}',
      '{"description":"x","wasm_state":"y"}',
      JSON.stringify({ description: 'x'.repeat(4097) }),
    ]) {
      await refused(await patch(body), 400, 'BAD_REQUEST')
    }
    await refused(await patch('{'), 400, 'INVALID_JSON')
    await refused(await patch(''), 400, 'INVALID_JSON')
    assert.equal(await field('wasm_description'), 'first ☃')
    assert.equal((await patch('{"description":""}')).status, 200)
    assert.equal(await field('wasm_description'), '')
  })

  test('without a body takes any content type, as scripts send one with every request', async () => {
    for (const type of [
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      'a/b',
    ]) {
      for (const [method, path] of [
        ['PUT', `/api/keys/${one.id}/usage_key`],
        ['DELETE', `/api/keys/${one.id}/usage_key`],
        ['DELETE', `/api/callback/${one.id}`],
        ['POST', `/api/executables/${one.id}/versions/1/activate`],
      ] as const) {
        for (const body of [undefined, '{not read']) {
          const headers = { ...admin(one), 'content-type': type }
          const init = { method, headers, ...(body === undefined ? {} : { body }) }
          const response = await app.request(path, init)
          assert.equal(response.status, 200, `${method} ${path} ${await response.text()}`)
        }
      }
    }
    const other = await upload(app, await guest('context'))
    const headers = { ...admin(other), 'content-type': 'application/json' }
    const removed = await app.request(`/api/executables/${other.id}`, { method: 'DELETE', headers })
    assert.deepEqual(await removed.json(), { wasm_id: other.id })
  })

  test('with a JSON body takes application/json alone, and needs the body', async () => {
    for (const path of ['/api/executables/:id/types', '/api/executables/:id/variables']) {
      for (const type of ['text/plain', 'application/octet-stream']) {
        await refused(await put(path, '{}', type), 415, 'UNSUPPORTED_MEDIA_TYPE')
      }
      await refused(await put(path, Buffer.from('{}'), ''), 415, 'UNSUPPORTED_MEDIA_TYPE')
      const url = path.replace(':id', String(one.id))
      const empty = await app.request(url, { method: 'PUT', headers: admin(one) })
      await refused(empty, 400, 'INVALID_JSON')
      await refused(await put(path, '{"__proto__":{"a":"text"}}'), 400, 'INVALID_JSON')
    }
  })

  test('of one executable leaves every other as it is', async () => {
    const other = await upload(app, await guest('context'))
    await put('/api/state/:id', 'mine')
    await put('/api/executables/:id/variables', '{"A":"b"}')
    const state = await app.request(`/api/state/${other.id}`)
    assert.equal(await state.text(), '{}')
    const variables = await app.request(`/api/executables/${other.id}/variables`, {
      headers: admin(other),
    })
    assert.deepEqual(await variables.json(), { wasm_id: other.id, variables: [] })
  })

  test('of an executable that is not there, or is deleted, is 404', async () => {
    await app.request(`/api/executables/${one.id}`, { method: 'DELETE', headers: admin(one) })
    for (const path of ['/api/state/:id', '/api/callback/:id', '/api/executables/:id/types']) {
      await refused(await put(path, '{}'), 404, 'NOT_FOUND')
    }
    await refused(await patch('{"description":"x"}'), 404, 'NOT_FOUND')
    await refused(await get('/api/state/:id'), 404, 'NOT_FOUND')
  })
})
