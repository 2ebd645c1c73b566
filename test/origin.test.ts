// Without a token only this machine's own requests are served; with one, pages may call some routes.
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { call, upload } from './helpers/client.ts'
import { example } from './helpers/guests.ts'
import { createSelfSigned } from './helpers/self-signed.ts'
import { rawHttp } from './helpers/raw-http.ts'

interface Answer {
  status: number
  code: string | undefined
}

/** fetch() may set neither Host nor Origin, so this speaks HTTP itself. */
function get(
  origin: string,
  headers: Record<string, string>,
  target = '/healthz',
): Promise<Answer> {
  const send = origin.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    send(origin + target, { headers, agent: false, rejectUnauthorized: false }, (message) => {
      let text = ''
      message.on('data', (chunk: Buffer) => (text += chunk.toString()))
      message.on('end', () => {
        const body = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {}
        resolve({ status: message.statusCode ?? 0, code: body.code })
      })
    })
      .on('error', reject)
      .end()
  })
}

const REFUSED: readonly (readonly [what: string, headers: Record<string, string>])[] = [
  ["another host's name (DNS rebinding)", { host: 'evil.example' }],
  ['a name that only begins like loopback', { host: '127.0.0.1.evil.example' }],
  ["another origin's page", { origin: 'https://evil.example' }],
  ['a page of another port', { origin: 'http://127.0.0.1:1' }],
  ['a sandboxed page', { origin: 'null' }],
  ['a proxy (Forwarded)', { forwarded: 'for=1.2.3.4' }],
  ['a proxy (X-Forwarded-For)', { 'x-forwarded-for': '1.2.3.4' }],
  ['a proxy (X-Forwarded-Host)', { 'x-forwarded-host': 'example.org' }],
]

for (const [what, headers] of REFUSED) {
  test(`without a token a request of ${what} is refused`, async (t) => {
    const app = await buildApp(t)
    assert.deepEqual(await get(app.origin, headers), { status: 403, code: 'ORIGIN_REFUSED' })
    assert.deepEqual(await get(app.origin, headers, '/nowhere'), {
      status: 403,
      code: 'ORIGIN_REFUSED',
    })
  })
}

test('without a token loopback names and the own origin are served, and listed origins', async (t) => {
  const app = await buildApp(t, { CORS_ORIGINS: 'https://page.example' })
  const { port } = new URL(app.origin)
  for (const headers of [
    {},
    { host: `localhost:${port}` },
    { host: `[::1]:${port}` },
    { origin: app.origin },
  ]) {
    assert.equal((await get(app.origin, headers)).status, 200, JSON.stringify(headers))
  }
  // A listed page may call the routes that answer CORS, and gets past the guard there.
  const page = { origin: 'https://page.example' }
  const missing = await get(app.origin, page, '/api/ephemeral_storage/none')
  assert.deepEqual(missing, { status: 404, code: 'NOT_FOUND' })
})

test('with a token other hosts, origins and proxies are served', async (t) => {
  const app = await buildApp(t, { API_TOKEN: 'a-token-of-enough-characters' })
  const headers = {
    host: 'example.org',
    origin: 'https://page.example',
    'x-forwarded-for': '1.2.3.4',
  }
  assert.equal((await get(app.origin, headers)).status, 200)
})

test('with a token any page may call run and ephemeral storage, and read refusals, but nothing else', async (t) => {
  const app = await buildApp(t, { API_TOKEN: 'a-token-of-enough-characters' })
  const page = { origin: 'https://page.example' }
  const allowed = async (url: string, method: string): Promise<string | null> => {
    const response = await app.request(url, { method, headers: page })
    await response.arrayBuffer()
    return response.headers.get('access-control-allow-origin')
  }
  for (const url of ['/api/run/1/f', '/api/multipart/run/1/f', '/api/ephemeral_storage']) {
    assert.equal(await allowed(url, 'OPTIONS'), '*')
    assert.equal(await allowed(url, 'POST'), '*')
  }
  assert.equal(await allowed('/api/executables', 'GET'), null)
  assert.equal(await allowed('/api/state/1', 'GET'), null)
})

test('a preflight names the methods and the headers it was asked for', async (t) => {
  const app = await buildApp(t, { CORS_ORIGINS: 'https://page.example' })
  const preflight = (origin: string): Promise<Response> =>
    app.request('/api/run/1/f', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'ssvm_usage_key',
      },
    })
  const { status, headers } = await preflight('https://page.example')
  assert.equal(status, 204)
  assert.equal(headers.get('access-control-allow-origin'), 'https://page.example')
  assert.match(headers.get('access-control-allow-methods') ?? '', /POST/)
  assert.equal(headers.get('access-control-allow-headers'), 'ssvm_usage_key')
  assert.equal(headers.get('vary'), 'Origin')
  assert.equal((await preflight('https://other.example')).status, 403)
})

test('every answer says that it is not to be sniffed, framed or kept', async (t) => {
  const app = await buildApp(t)
  const always = ['x-content-type-options', 'referrer-policy', 'cache-control']
  const close = 'Connection: close\r\n\r\n'
  const requests = [
    `GET /healthz HTTP/1.1\r\nHost: ${new URL(app.origin).host}\r\n${close}`,
    `GET /nowhere HTTP/1.1\r\nHost: ${new URL(app.origin).host}\r\n${close}`,
    `GET /%zz HTTP/1.1\r\nHost: ${new URL(app.origin).host}\r\n${close}`,
    `GET /api/run/1/${'x'.repeat(600)} HTTP/1.1\r\nHost: ${new URL(app.origin).host}\r\n${close}`,
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(70_000)}\r\n${close}`,
    `nonsense\r\n\r\n`,
  ]
  for (const request of requests) {
    const answer = (await rawHttp(app.origin, request)).toLowerCase()
    for (const name of [...always, 'content-security-policy']) {
      assert.ok(answer.includes(`\r\n${name}: `), `${request.slice(0, 30)}: ${name}`)
    }
  }
})

test('results are sandboxed and never sniffed, HTML and SVG too, whatever Accept says', async (t) => {
  const app = await buildApp(t)
  const echo = await upload(app, await example('hello'))
  for (const body of ['<script>alert(1)</script>', '<svg xmlns="http://www.w3.org/2000/svg"/>']) {
    for (const bytes of [false, true]) {
      const response = await call(app, echo, 'say', {
        body,
        bytes,
        headers: { accept: 'text/html, image/svg+xml' },
      })
      const type = response.headers.get('content-type')
      assert.equal(type, bytes ? 'application/octet-stream' : 'text/plain; charset=utf-8')
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(response.headers.get('content-security-policy'), "sandbox; default-src 'none'")
    }
  }
})

test('with a certificate and a key the server speaks https', async (t) => {
  const { cert, key } = createSelfSigned()
  const first = await buildApp(t)
  const files = {
    cert: path.join(first.dataDir, 'cert.pem'),
    key: path.join(first.dataDir, 'key.pem'),
  }
  await writeFile(files.cert, cert)
  await writeFile(files.key, key)
  const app = await first.restart({ TLS_CERT_FILE: files.cert, TLS_KEY_FILE: files.key })
  assert.match(app.origin, /^https:/)
  assert.equal((await get(app.origin, {})).status, 200)
})
