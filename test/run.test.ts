// POST /api/run: what reaches the function, what comes back, and what is refused.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'
import { gradientPng } from './helpers/picture.ts'
import { lastAnswer, rawHttp } from './helpers/raw-http.ts'

const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Every byte there is: no text, and not one that can be lost unseen. */
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

describe('a run', () => {
  const scope = suiteScope()
  let app: TestApp
  let id: number
  let upstream: HttpService
  let target: HttpService

  before(async () => {
    app = await buildApp(scope, { INPUT_BYTES: 100_000, INPUT_BYTES_MAX: 200_000 })
    id = (await upload(app, await guest('echo'))).id
    upstream = await httpService(scope, ({ path }, reply) => reply.end(`fetched ${path}`))
    target = await httpService(scope, ({ body }, reply) =>
      reply.end(`target got ${body.toString()}`),
    )
  })

  async function text(fn: string, headers: Record<string, string>, body?: string | Buffer) {
    const response = await app.request(`/api/run/${id}/${fn}`, {
      method: 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
    })
    assert.equal(response.status, 200, await response.clone().text())
    return response.text()
  }

  test('takes any content type and none, and the body is its argument byte for byte', async () => {
    for (const type of [
      undefined,
      'application/octet-stream',
      'text/plain',
      'text/plain; charset=utf-16',
      'application/json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'image/png',
      'json',
      'no type at all',
    ]) {
      const response = await app.request(`/api/run/${id}/echo/bytes`, {
        method: 'POST',
        headers: type === undefined ? {} : { 'content-type': type },
        body: ALL_BYTES,
      })
      assert.equal(response.status, 200, type)
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), ALL_BYTES, type)
    }
  })

  test('without body and content type has no input, with an empty body one that is empty', async () => {
    assert.equal(await text('nothing', {}), 'no inputs')
    assert.equal(await text('echo', { 'content-type': 'text/plain' }, ''), '')
    assert.equal(await text('echo', { 'content-type': 'application/json' }, ''), '')
    const empty = await call(app, id, 'nothing', { body: '' })
    await refused(empty, 400, 'WRONG_ARGUMENT_COUNT')
  })

  test('leaves JSON that asks for nothing as it came, broken JSON too', async () => {
    const json = { 'content-type': 'application/json' }
    for (const body of [
      '{ "a" : 1.50e3 ,\n "a":12345678901234567890, "\\u00e9":"\\ud83d" }',
      '{"nested":{"SSVM_Fetch":"http://127.0.0.1/"}}',
      '["SSVM_Fetch","http://127.0.0.1/"]',
      '"SSVM_Fetch"',
      '{"SSVM_Fetch": http}',
      '{"ssvm_fetch":"http://127.0.0.1/"}',
    ]) {
      assert.equal(await text('echo', json, body), body)
    }
    const beyondUtf8 = Buffer.concat([Buffer.from('{"SSVM_Note":"'), ALL_BYTES])
    const response = await call(app, id, 'echo', { headers: json, body: beyondUtf8, bytes: true })
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), beyondUtf8)
  })

  test('cuts SSVM_Callback out of a JSON body, escaped too, and every other byte stays', async () => {
    const spec = JSON.stringify(target.origin)
    for (const [body, rest] of [
      [`{"SSVM_Callback":${spec}}`, '{}'],
      [`{ "a" : 1.0 ,\n"SSVM_Callback" : ${spec} , "b":[ ] }`, '{ "a" : 1.0 , "b":[ ] }'],
      [`{"\\u0053SVM_Callback":${spec},"a":"\\u00e9"}`, '{"a":"\\u00e9"}'],
    ] as const) {
      for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
        assert.equal(await text('echo', { 'content-type': type }, body), `target got ${rest}`)
      }
    }
  })

  test('fetches what SSVM_Fetch names, and then nothing else is its argument', async () => {
    const url = `${upstream.origin}/header`
    assert.equal(await text('echo', { SSVM_Fetch: url }), 'fetched /header')
    assert.equal(await text('echo', { 'SSVM-Fetch': url }, 'a body'), 'fetched /header')
    const body = JSON.stringify({ SSVM_Fetch: `${upstream.origin}/body`, other: 1 })
    assert.equal(await text('echo', {}, body), 'fetched /body')
    assert.equal(await text('echo', { SSVM_Fetch: url }, body), 'fetched /header')
    const options = JSON.stringify({
      SSVM_Fetch: { protocol: 'http:', hostname: '127.0.0.1', port: upstream.port, path: '/o' },
      SSVM_Callback: target.origin,
    })
    assert.equal(await text('echo', {}, options), 'target got fetched /o')
    assert.equal(await text('echo', { SSVM_Callback: '{}' }, options), 'fetched /o')
  })

  test('never searches a body of application/octet-stream', async () => {
    const body = JSON.stringify({ SSVM_Fetch: upstream.origin })
    for (const type of ['application/octet-stream', 'APPLICATION/Octet-Stream; x=y']) {
      assert.equal(await text('echo', { 'content-type': type }, body), body)
    }
  })

  test('answers with the type of its result, whatever Accept and the body say', async () => {
    const png = gradientPng(4, 4)
    for (const [body, bytes, type] of [
      ['plain', false, 'text/plain; charset=utf-8'],
      ['{"a":1}', false, 'application/json'],
      [' [1]', false, 'application/json'],
      ['"a"', false, 'text/plain; charset=utf-8'],
      ['12', false, 'text/plain; charset=utf-8'],
      ['{broken}', false, 'text/plain; charset=utf-8'],
      ['{"a":1}', true, 'application/octet-stream'],
      [png, true, 'image/png'],
      [Buffer.from('GIF89a.'), true, 'image/gif'],
      [Buffer.from('%PDF-1.7'), true, 'application/pdf'],
      [Buffer.from([0xff, 0xd8, 0xff, 0]), true, 'image/jpeg'],
      [Buffer.from('RIFF....WEBPVP8'), true, 'image/webp'],
      [ALL_BYTES, true, 'application/octet-stream'],
    ] as const) {
      const headers = { 'content-type': 'image/svg+xml', accept: 'text/html' }
      const response = await call(app, id, 'echo', { headers, body, bytes })
      assert.equal(response.headers.get('content-type'), type)
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(body))
    }
  })

  test('of an unknown function is 404 and lists those there are', async () => {
    const answer = await refused(
      await call(app, id, 'sing', { body: 'x' }),
      404,
      'UNKNOWN_FUNCTION',
    )
    assert.deepEqual((answer.functions as string[]).sort(), [
      'echo',
      'fail',
      'join',
      'nothing',
      'spin',
      'wide',
    ])
    for (const name of [
      'memory',
      '__wbindgen_malloc',
      '__proto__',
      'constructor',
      '%00',
      '..%2f',
    ]) {
      await refused(await call(app, id, name, { body: 'x' }), 404, 'UNKNOWN_FUNCTION')
    }
    await refused(await call(app, 999, 'echo', { body: 'x' }), 404, 'NOT_FOUND')
  })

  test('with a wrong number of inputs says how many were given', async () => {
    const answer = await refused(
      await call(app, id, 'join', { body: 'x' }),
      400,
      'WRONG_ARGUMENT_COUNT',
    )
    assert.match(answer.error, /join/)
    await refused(await call(app, id, 'echo'), 400, 'WRONG_ARGUMENT_COUNT')
  })

  test('is told by id in every answer, and a failure says it in the body too', async () => {
    const good = await call(app, id, 'echo', { body: 'x' })
    assert.match(good.headers.get('wasmhook-run') ?? '', RUN_ID)
    const bad = await call(app, id, 'fail', { body: 'x' })
    const runId = bad.headers.get('wasmhook-run') ?? ''
    const answer = await refused(bad, 500, 'TRAP')
    assert.equal(answer.run_id, runId)
    const record = (await (await app.request(`/api/runs/${runId}`)).json()) as { code: string }
    assert.equal(record.code, 'TRAP')
  })

  test('of a request spec that is no such thing is refused', async () => {
    for (const [spec, code] of [
      ['not a url', 'INVALID_SPEC'],
      ['ftp://127.0.0.1/', 'INVALID_SPEC'],
      ['{"hostname": "127.0.0.1"', 'INVALID_JSON'],
      ['{"path": "/x"}', 'INVALID_SPEC'],
      ['{"hostname": "127.0.0.1", "socketPath": "/run/x.sock"}', 'INVALID_SPEC'],
    ] as const) {
      await refused(await call(app, id, 'echo', { headers: { SSVM_Fetch: spec } }), 400, code)
      await refused(
        await call(app, id, 'echo', { headers: { SSVM_Callback: spec }, body: 'x' }),
        400,
        code,
      )
    }
    for (const value of ['null', '7', '[]', '{}', '""']) {
      const body = `{"SSVM_Fetch":${value}}`
      await refused(await call(app, id, 'echo', { body }), 400, 'INVALID_SPEC')
    }
  })

  test('with more than INPUT_BYTES is 413, with and without Content-Length', async () => {
    for (const [size, code] of [
      [100_001, 'INPUT_TOO_LARGE'],
      [200_001, 'BODY_TOO_LARGE'],
      [5_000_000, 'BODY_TOO_LARGE'],
    ] as const) {
      const body = Buffer.alloc(size, 'x')
      const known = await refused(await call(app, id, 'echo', { body }), 413, code)
      assert.equal(known.limit_bytes, code === 'INPUT_TOO_LARGE' ? 100_000 : 200_000)
      const init: RequestInit & { duplex: 'half' } = {
        method: 'POST',
        body: new Blob([body]).stream(),
        duplex: 'half',
      }
      await refused(await app.request(`/api/run/${id}/echo`, init), 413, code)
    }
    const most = await call(app, id, 'echo', { body: Buffer.alloc(100_000, 'x') })
    assert.equal((await most.text()).length, 100_000)
  })

  test('that is refused for its size answers before it closes the connection', async () => {
    const large = Buffer.alloc(20_000_000, 'x')
    const head = `POST /api/run/${id}/echo HTTP/1.1\r\nHost: localhost\r\n`
    const known = await rawHttp(app.origin, `${head}Content-Length: ${large.length}\r\n\r\n`, large)
    assert.deepEqual(lastAnswer(known).status, 413)
    const chunk = `${large.length.toString(16)}\r\n`
    const chunked = [`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`, large, '\r\n0\r\n\r\n']
    const unknown = lastAnswer(await rawHttp(app.origin, ...chunked))
    assert.deepEqual([unknown.status, unknown.body.code], [413, 'BODY_TOO_LARGE'])
    const next = await call(app, id, 'echo', { body: 'next' })
    assert.equal(await next.text(), 'next')
  })

  test('whose body is not framed as HTTP says is 400', async () => {
    const head = `POST /api/run/${id}/echo HTTP/1.1\r\nHost: localhost\r\n`
    for (const rest of [
      'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
      'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'Content-Length: -1\r\n\r\n',
    ]) {
      const { status, body } = lastAnswer(await rawHttp(app.origin, head + rest))
      assert.deepEqual([status, body.code], [400, 'BAD_REQUEST'], rest)
    }
  })

  test('exists for POST alone: other methods are 405 with Allow', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']) {
      const response = await app.request(`/api/run/${id}/echo`, { method })
      assert.equal(response.status, 405, method)
      assert.match(response.headers.get('allow') ?? '', /\bPOST\b/)
      if (method !== 'HEAD') await refused(response, 405, 'METHOD_NOT_ALLOWED')
    }
  })

  test('of an address that is no route is 404, of a malformed one 400', async () => {
    for (const path of [
      '/api/run',
      `/api/run/${id}`,
      `/api/run/${id}/echo/text`,
      '/api',
      '/nothing',
    ]) {
      await refused(await app.request(path, { method: 'POST' }), 404, 'NOT_FOUND')
    }
    for (const path of ['/api/run/%zz/echo', `/api/run/${id}/%ff`]) {
      const request = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
      const { status, body } = lastAnswer(await rawHttp(app.origin, request))
      assert.deepEqual([status, body.code, typeof body.error], [400, 'BAD_REQUEST', 'string'])
    }
    const longName = await app.request(`/api/run/${id}/${'x'.repeat(600)}`, { method: 'POST' })
    await refused(longName, 400, 'BAD_REQUEST')
  })

  test('with more than 64 KiB of headers is 431, and no HTTP at all is 400', async () => {
    const head = `POST /api/run/${id}/echo HTTP/1.1\r\nHost: localhost\r\n`
    const large = lastAnswer(await rawHttp(app.origin, `${head}X: ${'x'.repeat(70_000)}\r\n\r\n`))
    assert.deepEqual([large.status, large.body.code], [431, 'HEADERS_TOO_LARGE'])
    const other = lastAnswer(await rawHttp(app.origin, 'hello\r\n\r\n'))
    assert.deepEqual([other.status, other.body.code], [400, 'BAD_REQUEST'])
  })
})

test('past BUFFERED_BYTES a call is 503 with Retry-After, until another has ended', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 200_000 })
  const { id } = await upload(app, await guest('echo'))
  const arrived = createGate()
  const release = createGate()
  const upstream = await httpService(t, (_request, reply) => {
    arrived.open()
    void release.opened.then(() => reply.end('fetched'))
  })
  const holding = call(app, id, 'echo', {
    headers: { SSVM_Fetch: upstream.origin },
    body: Buffer.alloc(120_000, 'x'),
  })
  await arrived.opened
  const full = await call(app, id, 'echo', { body: Buffer.alloc(90_000, 'x') })
  assert.equal(full.headers.get('retry-after'), '1')
  await refused(full, 503, 'BUFFERS_FULL')
  release.open()
  assert.equal(await (await holding).text(), 'fetched')
  const again = await call(app, id, 'echo', { body: Buffer.alloc(90_000, 'x') })
  assert.equal((await again.text()).length, 90_000)
  // A result counts too.
  const both = await call(app, id, 'echo', { body: Buffer.alloc(110_000, 'x') })
  await refused(both, 503, 'BUFFERS_FULL')
})
