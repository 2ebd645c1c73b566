// Fetched inputs: honest, broken and hostile upstreams, and addresses that may not be called.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { ErrorAnswer } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { answering, endlessly } from './helpers/outbound-peers.ts'

const INPUT_BYTES = 100_000
/** A test upstream that is to run into a time limit does so after this. */
const TIMEOUT_MS = 150

interface Upstream {
  url: string
  status?: number
  body?: string
  class?: string
}

describe('a fetched input', () => {
  const scope = suiteScope()
  let app: TestApp
  let id: number

  before(async () => {
    app = await buildApp(
      scope,
      { INPUT_BYTES, FETCH_TIMEOUT_MS: TIMEOUT_MS * 20, FETCH_TIMEOUT_MS_MAX: TIMEOUT_MS * 20 },
      {
        resolve: (name) => {
          if (name === 'nowhere.example') {
            return Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }))
          }
          const address = name === 'inside.example' ? '10.1.2.3' : '127.0.0.1'
          return Promise.resolve([{ address, family: 4 }])
        },
      },
    )
    id = (await upload(app, await guest('echo'))).id
  })

  function fetched(spec: string | object, bytes = true, on = app): Promise<Response> {
    const text = typeof spec === 'string' ? spec : JSON.stringify(spec)
    return call(on, id, 'echo', { headers: { SSVM_Fetch: text }, bytes })
  }

  async function failed(
    spec: string | object,
    status: number,
    code: string,
  ): Promise<ErrorAnswer & { upstream: Upstream }> {
    const answer = await refused(await fetched(spec), status, code)
    assert.match(String(answer.run_id), /^[0-9a-f-]{36}$/)
    return answer as ErrorAnswer & { upstream: Upstream }
  }

  /** HTTP options of a service. */
  function options(service: HttpService | string, fields: object = {}): object {
    const { hostname, port, pathname } = new URL(
      typeof service === 'string' ? service : service.origin,
    )
    return { protocol: 'http:', hostname, port: Number(port), path: pathname, ...fields }
  }

  test('reaches the function as it came, text and bytes alike', async (t) => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const service = await httpService(t, ({ path }, reply) => {
      reply.setHeader('content-type', 'application/json; charset=utf-16')
      reply.end(path === '/text' ? '{ "a" : 1.0 }\r\n' : bytes)
    })
    const text = await fetched(options(service, { path: '/text' }), false)
    assert.equal(await text.text(), '{ "a" : 1.0 }\r\n')
    const binary = await fetched(`${service.origin}/bytes`)
    assert.deepEqual(Buffer.from(await binary.arrayBuffer()), bytes)
    assert.deepEqual(
      service.received.map((request) => request.method),
      ['GET', 'GET'],
    )
  })

  test('carries the hops, and no header of the call it is for', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.end())
    await call(app, id, 'echo', {
      headers: { SSVM_Fetch: service.origin, cookie: 'a=b', 'x-own': 'c', 'wasmhook-hops': '3' },
    })
    const { headers } = service.received[0]!
    assert.equal(headers['wasmhook-hops'], '4')
    assert.equal(headers.cookie, undefined)
    assert.equal(headers['x-own'], undefined)
    assert.equal(headers.ssvm_fetch, undefined)
  })

  test('may be compressed, and follows up to five redirects unless its spec says otherwise', async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      const left = Number(path.slice(1))
      if (left > 0) reply.writeHead(302, { location: `/${left - 1}` }).end()
      else reply.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked'))
    })
    assert.equal(await (await fetched(`${service.origin}/5`)).text(), 'unpacked')
    const more = options(service, { path: '/9', maxRedirects: 9 })
    assert.equal(await (await fetched(more)).text(), 'unpacked')
    const { upstream } = await failed(`${service.origin}/6`, 502, 'UPSTREAM_FAILED')
    assert.equal(upstream.class, 'redirects')
    const none = options(service, { path: '/1', maxRedirects: 0 })
    assert.equal((await failed(none, 502, 'UPSTREAM_FAILED')).upstream.status, 302)
  })

  test('that is answered with an error is 502, with status and beginning of that answer', async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      reply.writeHead(Number(path.slice(1, 4))).end(`no ${'x'.repeat(5000)}`)
    })
    for (const status of [400, 401, 404, 500, 503]) {
      const { upstream } = await failed(`${service.origin}/${status}`, 502, 'UPSTREAM_FAILED')
      assert.equal(upstream.status, status)
      assert.equal(upstream.url, `${service.origin}/${status}`)
      assert.equal(upstream.body?.length, 1024)
    }
  })

  test('never shows a token of its URL or headers in an error or the record', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.writeHead(403).end())
    for (const spec of [
      `http://user:SECRET@127.0.0.1:${service.port}/p?token=SECRET`,
      options(service, {
        path: '/p?token=SECRET',
        auth: 'u:SECRET',
        headers: { 'X-Key': 'SECRET' },
      }),
      options('http://127.0.0.1:1/', { path: '/p?token=SECRET' }),
      'http://10.0.0.1/p?token=SECRET',
    ]) {
      const response = await fetched(spec)
      const text = await response.text()
      assert.ok(response.status >= 400)
      assert.doesNotMatch(text, /SECRET/)
      const run = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
      assert.doesNotMatch(await run.text(), /SECRET/)
    }
  })

  test('that stalls or drips ends with its time limit as 504', async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      if (path === '/silent') return
      reply.writeHead(200, { 'content-length': '100000' }).write('x')
      if (path === '/stall') return
      const drip = setInterval(() => reply.write('x'), 5)
      reply.on('close', () => clearInterval(drip))
    })
    for (const path of ['/silent', '/stall', '/drip']) {
      const spec = options(service, { path, timeout: TIMEOUT_MS })
      const answer = await failed(spec, 504, 'UPSTREAM_TIMEOUT')
      assert.match(answer.error, new RegExp(`${TIMEOUT_MS} ms`))
    }
  })

  test('that is cut off, lies about its length or is no HTTP is 502', async (t) => {
    for (const [raw, errorClass] of [
      ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', 'reset'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', 'reset'],
      ['', 'reset'],
      ['SSH-2.0-OpenSSH_9.9\r\n', 'protocol'],
      ['HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope', 'encoding'],
      ['HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 4\r\n\r\nnope', 'encoding'],
    ] as const) {
      const { upstream } = await failed(await answering(t, raw), 502, 'UPSTREAM_FAILED')
      assert.equal(upstream.class, errorClass, raw)
    }
  })

  test('from a closed port or an unknown name is 502, with a hint where TLS met plain HTTP', async (t) => {
    const refusing = await failed('http://127.0.0.1:1/', 502, 'UPSTREAM_FAILED')
    assert.equal(refusing.upstream.class, 'refused')
    const unknown = await failed('http://nowhere.example/', 502, 'UPSTREAM_FAILED')
    assert.equal(unknown.upstream.class, 'dns')
    const service = await httpService(t, (_request, reply) => reply.end())
    const plain = await failed(options(service, { protocol: 'https:' }), 502, 'UPSTREAM_FAILED')
    assert.match(plain.error, /protocol: "http:"/)
  })

  test('larger than INPUT_BYTES is 502, announced or not, compressed or not', async (t) => {
    const piece = Buffer.alloc(64 * 1024, 'x')
    const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024))
    const service = await httpService(t, ({ path }, reply) => {
      if (path === '/announced') reply.end(Buffer.alloc(INPUT_BYTES + 1, 'x'))
      else if (path === '/exact') reply.end(Buffer.alloc(INPUT_BYTES, 'x'))
      else if (path === '/endless') endlessly(reply, piece)
      else {
        reply.writeHead(200, { 'content-encoding': 'gzip' })
        endlessly(reply, bomb)
      }
    })
    for (const path of ['/announced', '/endless', '/bomb']) {
      await failed(service.origin + path, 502, 'UPSTREAM_TOO_LARGE')
    }
    const exact = await fetched(`${service.origin}/exact`)
    assert.equal((await exact.arrayBuffer()).byteLength, INPUT_BYTES)
  })

  test('shares INPUT_BYTES with the other inputs of its call', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.end(Buffer.alloc(60_000, 'x')))
    const joined = (second: string, value: string): Promise<Response> => {
      const form = new FormData()
      form.set('fetch_1', service.origin)
      form.set(second, value)
      return app.request(`/api/multipart/run/${id}/join`, { method: 'POST', body: form })
    }
    await refused(await joined('fetch_2', service.origin), 502, 'UPSTREAM_TOO_LARGE')
    await refused(await joined('input_2', 'x'.repeat(40_001)), 502, 'UPSTREAM_TOO_LARGE')
    const both = await joined('input_2', 'x'.repeat(40_000))
    assert.equal((await both.text()).length, INPUT_BYTES + 1)
  })

  test('that redirects forever, or to where it may not, is not followed', async (t) => {
    const service = await httpService(t, ({ path }, reply) => {
      const locations: Record<string, string> = {
        '/forever': '/forever',
        '/private': 'http://10.0.0.1/',
        '/metadata': 'http://169.254.169.254/latest/meta-data/',
        '/named': 'http://inside.example/',
        '/file': 'file:///etc/passwd',
        '/self': `${app.origin}/api/executables`,
      }
      reply.writeHead(302, { location: locations[path] ?? '' }).end('moved')
    })
    const forever = await failed(`${service.origin}/forever`, 502, 'UPSTREAM_FAILED')
    assert.equal(forever.upstream.class, 'redirects')
    for (const path of ['/private', '/metadata', '/named', '/self']) {
      await failed(service.origin + path, 400, 'ADDRESS_REFUSED')
    }
    await failed(`${service.origin}/file`, 502, 'UPSTREAM_FAILED')
    assert.equal(service.received.length, 11)
  })

  test('from a name that resolves to a private address is refused without telling it', async () => {
    const answer = await failed('http://inside.example/', 400, 'ADDRESS_REFUSED')
    assert.doesNotMatch(JSON.stringify(answer), /10\.1\.2\.3/)
  })

  test('waits no longer than FETCH_TIMEOUT_MS_MAX, whatever its spec says', async (t) => {
    const short = await buildApp(t, {
      FETCH_TIMEOUT_MS: TIMEOUT_MS,
      FETCH_TIMEOUT_MS_MAX: TIMEOUT_MS,
    })
    await upload(short, await guest('echo'))
    const silent = await httpService(t, () => undefined)
    for (const spec of [silent.origin, options(silent, { timeout: 3_600_000 })]) {
      const answer = await refused(await fetched(spec, true, short), 504, 'UPSTREAM_TIMEOUT')
      assert.match(answer.error, new RegExp(`${TIMEOUT_MS} ms`))
    }
  })

  test('may be fetched from no private address in any spelling where none is allowed', async (t) => {
    const closed = await buildApp(t, { OUTBOUND_ALLOW: '' })
    await upload(closed, await guest('echo'))
    const service = await httpService(t, (_request, reply) => reply.end('inside'))
    const { port } = service
    for (const host of [
      '127.0.0.1',
      'localhost',
      'LOCALHOST',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0.0.0.0',
      '0',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      '127。0。0。1',
      '①②⑦.⓪.⓪.①',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '169.254.169.254',
      '100.64.0.1',
      '[fe80::1]',
      '[fd00::1]',
    ]) {
      const body = JSON.stringify({ SSVM_Fetch: `http://${host}:${port}/` })
      const response = await call(closed, id, 'echo', { body })
      const answer = await refused(response, 400, 'ADDRESS_REFUSED')
      assert.ok(answer.run_id, host)
    }
    const object = { protocol: 'http:', hostname: '127.0.0.1', port }
    await refused(await fetched(object, true, closed), 400, 'ADDRESS_REFUSED')
    assert.equal(service.received.length, 0)
  })
})
