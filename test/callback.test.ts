// Where a result goes: which callback wins, what is sent, and what the caller is told of it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { CallInit, ErrorAnswer, Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { endlessly } from './helpers/outbound-peers.ts'
import { gradientPng } from './helpers/picture.ts'

const TIMEOUT_MS = 150
const OUTPUT_BYTES = 200_000

interface Failure extends ErrorAnswer {
  run_id: string
  target: { status?: number; type?: string; body?: string; class?: string }
}

describe('a callback', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded
  let target: HttpService

  before(async () => {
    app = await buildApp(scope, {
      OUTPUT_BYTES,
      CALLBACK_TIMEOUT_MS: TIMEOUT_MS * 20,
      CALLBACK_TIMEOUT_MS_MAX: TIMEOUT_MS * 20,
    })
    one = await upload(app, await guest('echo'))
    target = await httpService(scope, ({ path, body }, reply) => {
      reply.end(`${path} got ${body.toString()}`)
    })
  })
  beforeEach(async () => {
    await store('{}')
    target.received.length = 0
  })

  function store(callback: string, type = 'application/json'): Promise<Response> {
    return app.request(`/api/callback/${one.id}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': type },
      body: callback,
    })
  }

  function to(path: string, fields: object = {}): string {
    return JSON.stringify({
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: target.port,
      path,
      ...fields,
    })
  }

  async function answerOf(init: CallInit): Promise<string> {
    const response = await call(app, one, 'echo', init)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return text
  }

  async function failure(callback: string, status: number, code: string): Promise<Failure> {
    const response = await call(app, one, 'echo', {
      headers: { SSVM_Callback: callback },
      body: 'r',
    })
    const runId = response.headers.get('wasmhook-run')
    const answer = (await refused(response, status, code)) as Failure
    assert.equal(answer.run_id, runId)
    return answer
  }

  test("of the call wins over the result's, and that over the stored one", async () => {
    const result = `{"a":1,"callback":${to('/embedded')}}`
    assert.equal(await answerOf({ body: 'plain' }), 'plain')
    assert.equal((await store(to('/stored'))).status, 200)
    assert.equal(await answerOf({ body: 'plain' }), '/stored got plain')
    assert.equal(await answerOf({ body: result }), '/embedded got {"a":1}')
    const headers = { SSVM_Callback: to('/call') }
    assert.equal(await answerOf({ headers, body: result }), '/call got {"a":1}')
    assert.equal(await answerOf({ headers, body: 'plain' }), '/call got plain')
  })

  test('of {} on a call means none for this call, and the embedded one is cut out still', async () => {
    await store(to('/stored'))
    for (const none of ['{}', ' { } ']) {
      const headers = { SSVM_Callback: none }
      assert.equal(await answerOf({ headers, body: 'plain' }), 'plain')
      assert.equal(await answerOf({ headers, body: `{"callback":${to('/embedded')}}` }), '{}')
    }
    assert.equal(await answerOf({ body: '{"SSVM_Callback":{},"a":1}' }), '{"a":1}')
    assert.equal(target.received.length, 0)
  })

  test('that is stored is replaced, means none as {}, and is cleared by DELETE', async () => {
    const stored = await store(to('/first'))
    assert.equal(await stored.text(), String(one.id))
    assert.match(stored.headers.get('content-type') ?? '', /^text\/plain/)
    await store(`${target.origin}/second`, 'text/plain')
    assert.equal(await answerOf({ body: 'x' }), '/second got x')
    assert.equal((await store('{}')).status, 200)
    assert.equal(await answerOf({ body: 'x' }), 'x')
    await store(to('/third'))
    const cleared = await app.request(`/api/callback/${one.id}`, {
      method: 'DELETE',
      headers: admin(one),
    })
    assert.equal(await cleared.text(), String(one.id))
    assert.equal(await answerOf({ body: 'x' }), 'x')
  })

  test('that is stored must name a host, and a refused one changes nothing', async () => {
    await store(to('/kept'))
    for (const [text, code] of [
      ['{"path":"/x"}', 'INVALID_SPEC'],
      ['{"hostname":""}', 'INVALID_SPEC'],
      ['[]', 'INVALID_SPEC'],
      ['null', 'INVALID_SPEC'],
      ['/relative', 'INVALID_SPEC'],
      ['{"hostname":"127.0.0.1"', 'INVALID_JSON'],
      ['{"hostname":"127.0.0.1","lookup":1}', 'INVALID_SPEC'],
      ['', 'BAD_REQUEST'],
    ] as const) {
      await refused(await store(text), 400, code)
    }
    assert.equal(await answerOf({ body: 'x' }), '/kept got x')
  })

  test('that is embedded is recognised by its host alone; any other is data', async () => {
    for (const value of ['"http://127.0.0.1/"', '{}', '{"path":"/x"}', 'null', '[]', '1']) {
      const body = `{"callback":${value},"a":1}`
      assert.equal(await answerOf({ body }), body)
    }
    for (const body of [
      `[{"callback":${to('/x')}}]`,
      `{"nested":{"callback":${to('/x')}}}`,
      `{"Callback":${to('/x')}}`,
      `{"callback":${to('/x')}} and more`,
    ]) {
      assert.equal(await answerOf({ body }), body)
    }
    assert.equal(target.received.length, 0)
    const host = { hostname: undefined, host: '127.0.0.1' }
    assert.equal(await answerOf({ body: `{"callback":${to('/h', host)}}` }), '/h got {}')
  })

  test('that is embedded leaves every other byte of the result as it was, of bytes too', async () => {
    const before = '{ "n" : 1.50e3 , "big":12345678901234567890,\r\n "\\u00e9":"é" , '
    for (const bytes of [false, true]) {
      const body = `${before}"callback" : ${to('/x')} , "n":2 }`
      const answer = await answerOf({ body, bytes })
      assert.equal(answer, `/x got ${before}"n":2 }`)
    }
    const escaped = `{"\\u0063allback":${to('/x')},"a":"\\ud800"}`
    assert.equal(await answerOf({ body: escaped }), '/x got {"a":"\\ud800"}')
  })

  test('that is embedded and broken fails the run, and nothing is sent', async () => {
    for (const spec of [
      '{"hostname":5}',
      '{"hostname":"127.0.0.1","socketPath":"/x"}',
      '{"host":"a b"}',
    ]) {
      const response = await call(app, one, 'echo', { body: `{"callback":${spec}}` })
      const answer = await refused(response, 500, 'INVALID_CALLBACK')
      assert.ok(answer.run_id)
    }
    assert.equal(target.received.length, 0)
  })

  test('is data where embedded_callback is off', async () => {
    const set = (value: string): Promise<Response> =>
      app.request(`/api/executables/${one.id}`, {
        method: 'PATCH',
        headers: { ...admin(one), 'content-type': 'application/json' },
        body: JSON.stringify({ embedded_callback: value }),
      })
    const body = `{"callback":${to('/x')}}`
    assert.equal((await set('off')).status, 200)
    assert.equal(await answerOf({ body }), body)
    assert.equal((await set('on')).status, 200)
    assert.equal(await answerOf({ body }), '/x got {}')
  })

  test("is sent by POST with the result's type, unless its spec says otherwise", async () => {
    const sent = async (spec: string, body: string | Buffer, bytes = false) => {
      await answerOf({ headers: { SSVM_Callback: spec, cookie: 'a=b' }, body, bytes })
      const { method, headers, body: received } = target.received.pop()!
      assert.equal(headers.cookie, undefined)
      return { method, headers, type: headers['content-type'], body: received }
    }
    const json = await sent(to('/'), '{"a":1}')
    assert.deepEqual([json.method, json.type], ['POST', 'application/json'])
    assert.equal(json.headers['content-length'], '7')
    assert.equal((await sent(to('/'), 'text')).type, 'text/plain; charset=utf-8')
    assert.equal((await sent(target.origin, gradientPng(2, 2), true)).type, 'image/png')
    const own = to('/', { method: 'PUT', auth: 'u:p', headers: { 'Content-Type': 'a/b', X: 'y' } })
    const put = await sent(own, 'text')
    assert.deepEqual([put.method, put.type, put.headers.x], ['PUT', 'a/b', 'y'])
    assert.equal(put.headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`)
    const got = await sent(to('/', { method: 'GET' }), 'text')
    assert.deepEqual([got.method, got.body.length], ['GET', 0])
  })

  test("gives the target's 2xx status, type and body to the caller, and nothing else of it", async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      const status = Number(path.slice(1))
      reply.writeHead(status, {
        'content-type': 'application/vnd.x+json',
        'set-cookie': 'a=b',
        location: '/elsewhere',
        'access-control-allow-origin': '*',
      })
      reply.end(status === 204 ? undefined : `{"status":${status}}`)
    })
    for (const status of [200, 201, 202, 204, 206, 299]) {
      const headers = { SSVM_Callback: `${service.origin}/${status}` }
      const response = await call(app, one, 'echo', { headers, body: 'x' })
      assert.equal(response.status, status)
      assert.equal(await response.text(), status === 204 ? '' : `{"status":${status}}`)
      if (status !== 204) {
        assert.equal(response.headers.get('content-type'), 'application/vnd.x+json')
      }
      for (const name of ['set-cookie', 'location', 'access-control-allow-origin']) {
        assert.equal(response.headers.get(name), null)
      }
      assert.equal(response.headers.get('content-security-policy'), "sandbox; default-src 'none'")
    }
  })

  test('that is refused by its target is 502 with that answer, and the result is kept', async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      reply.writeHead(Number(path.slice(1)), { 'content-type': 'text/x-why', location: '/' })
      reply.end('why not '.repeat(10_000))
    })
    for (const status of [301, 304, 400, 404, 429, 500]) {
      const answer = await failure(`${service.origin}/${status}`, 502, 'CALLBACK_FAILED')
      assert.deepEqual([answer.target.status, answer.target.type], [status, 'text/x-why'])
      assert.equal(answer.target.body?.length, status === 304 ? 0 : 16 * 1024)
      const kept = await app.request(`/api/runs/${answer.run_id}/result`)
      assert.equal(kept.headers.get('content-type'), 'text/plain; charset=utf-8')
      assert.equal(await kept.text(), 'r')
    }
    assert.equal(service.received.length, 6, 'one attempt each')
  })

  test('whose result was delivered keeps none', async () => {
    const headers = { SSVM_Callback: to('/') }
    const response = await call(app, one, 'echo', { headers, body: 'x' })
    const runId = response.headers.get('wasmhook-run')
    await refused(await app.request(`/api/runs/${runId}/result`), 404, 'NOT_FOUND')
  })

  test('follows redirects only as far as its spec says', async (t) => {
    const service = await httpService(t, ({ path, method, body }, reply) => {
      if (path === '/a') reply.writeHead(307, { location: '/b' }).end()
      else reply.end(`${method} ${body.toString()}`)
    })
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: service.port, path: '/a' }
    const refusedAnswer = await failure(JSON.stringify(spec), 502, 'CALLBACK_FAILED')
    assert.equal(refusedAnswer.target.status, 307)
    const headers = { SSVM_Callback: JSON.stringify({ ...spec, maxRedirects: 20 }) }
    assert.equal(await answerOf({ headers, body: 'x' }), 'POST x')
  })

  test('that is not answered in time is 504, and its timeout is cut to the ceiling', async (t) => {
    const silent = await httpService(t, () => undefined)
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: silent.port }
    const own = JSON.stringify({ ...spec, timeout: TIMEOUT_MS })
    const answer = await failure(own, 504, 'CALLBACK_TIMEOUT')
    assert.match(answer.error, new RegExp(`${TIMEOUT_MS} ms`))
    const kept = await app.request(`/api/runs/${answer.run_id}/result`)
    assert.equal(await kept.text(), 'r')
    const cut = JSON.stringify({ ...spec, timeout: 3_600_000 })
    const ceiling = await failure(cut, 504, 'CALLBACK_TIMEOUT')
    assert.match(ceiling.error, new RegExp(`${TIMEOUT_MS * 20} ms`))
  })

  test('whose connection is refused or cut off is 502', async (t) => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const cut = await failure(`http://127.0.0.1:${port}/`, 502, 'CALLBACK_FAILED')
    assert.equal(cut.target.class, 'reset')
    const none = await failure('http://127.0.0.1:1/', 502, 'CALLBACK_FAILED')
    assert.equal(none.target.class, 'refused')
  })

  test('whose target answers more than OUTPUT_BYTES is 502', async (t) => {
    const piece = Buffer.alloc(64 * 1024, 'x')
    const service = await httpService(t, ({ path }, reply) => {
      if (path === '/exact') reply.end(Buffer.alloc(OUTPUT_BYTES))
      else endlessly(reply.writeHead(path === '/500' ? 500 : 200), piece)
    })
    await failure(service.origin, 502, 'TARGET_TOO_LARGE')
    const headers = { SSVM_Callback: `${service.origin}/exact` }
    const exact = await call(app, one, 'echo', { headers, body: 'x' })
    assert.equal((await exact.arrayBuffer()).byteLength, OUTPUT_BYTES)
    const failed = await failure(`${service.origin}/500`, 502, 'CALLBACK_FAILED')
    assert.equal(failed.target.body?.length, 16 * 1024)
  })

  test('to a private address is refused wherever it is named, at once or with the result kept', async () => {
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'http://[::1]:9/']) {
      const stored = await app.request(`/api/callback/${one.id}`, {
        method: 'PUT',
        headers: admin(one),
        body: url,
      })
      await refused(stored, 400, 'ADDRESS_REFUSED')
      for (const prefer of ['', 'respond-async']) {
        const headers = { SSVM_Callback: url, prefer }
        const named = await call(app, one, 'echo', { headers, body: 'r' })
        await refused(named, 400, 'ADDRESS_REFUSED')
        const run = await app.request(`/api/runs/${named.headers.get('wasmhook-run')}`)
        await refused(run, 404, 'NOT_FOUND')
      }
      const { hostname } = new URL(url)
      const body = JSON.stringify({ kept: 1, callback: { protocol: 'http:', hostname } })
      const embedded = await refused(await call(app, one, 'echo', { body }), 400, 'ADDRESS_REFUSED')
      const kept = await app.request(`/api/runs/${String(embedded.run_id)}/result`)
      assert.equal(await kept.text(), '{"kept":1}')
    }
  })

  test('of a run that fails is not called', async () => {
    const headers = { SSVM_Callback: to('/') }
    await refused(await call(app, one, 'fail', { headers, body: 'x' }), 500, 'TRAP')
    assert.equal(target.received.length, 0)
  })

  test('tells of ignored fields in Wasmhook-Warning, of a stored one when it is stored', async () => {
    const spec = to('/', { agent: 1, 'é😀': 2, body: 'x', headers: { Host: 'other.example' } })
    const stored = await store(spec)
    assert.equal(stored.status, 200)
    const headers = { SSVM_Callback: to('/', { keepAlive: true }) }
    const called = await call(app, one, 'echo', { headers, body: 'x' })
    assert.match(called.headers.get('wasmhook-warning') ?? '', /"keepAlive" was ignored/)
    const warning = stored.headers.get('wasmhook-warning') ?? ''
    for (const part of [/"agent"/, /body was ignored/, /"Host" was ignored/])
      assert.match(warning, part)
    await answerOf({ body: 'x' })
    assert.equal(target.received.at(-1)?.headers.host, `127.0.0.1:${target.port}`)
  })
})
