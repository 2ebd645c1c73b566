// What is read from headers and paths, whatever they hold: names in each spelling, keys, hops, ids,
// media types; and a real server that is sent any of it.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { before } from 'node:test'
import { HOPS_MAX } from '../src/core/hops.ts'
import { resultType } from '../src/core/result-type.ts'
import { AppError } from '../src/errors.ts'
import { bearer, hopsOf, meansNone, toExecutableId, toText, wireHeader } from '../src/http/wire.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import { anyBytes, fuzz } from './helpers/fuzz.ts'
import { guest } from './helpers/guests.ts'
import { rawHttp } from './helpers/raw-http.ts'

const API_TOKEN = 'a-token-of-the-operator-1234567890'
const PAGE = 'https://page.example'
/** What may be answered with a body of somebody else's making: nothing that a browser runs. */
const RESULT_TYPES = [
  'application/json',
  'text/plain; charset=utf-8',
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'application/octet-stream',
]
const WIRE_HEADERS = ['SSVM_Admin_Key', 'SSVM_Usage_Key', 'SSVM_Description', 'SSVM_Fetch'] as const

const scope = suiteScope()
let app: TestApp
let id: number

before(async () => {
  app = await buildApp(scope, { API_TOKEN, CORS_ORIGINS: PAGE })
  const headers = { authorization: `Bearer ${API_TOKEN}` }
  ;({ id } = await upload(app, await guest('echo'), headers))
})

const text = fc.string({ unit: 'binary', maxLength: 24 })
/** A header's value as bytes on the wire: anything but its end. */
const values = fc
  .oneof(
    anyBytes(40).map((bytes) => bytes.toString('latin1')),
    text.map((value) => Buffer.from(value).toString('latin1')),
    fc.constantFrom(
      'Bearer',
      'Bearer x',
      'Basic Og==',
      '*',
      'null',
      PAGE,
      `${PAGE}.evil.example`,
      '0',
      '99',
      '{}',
    ),
  )
  .map((value) => value.replace(/[\r\n]/g, ''))

const names = fc.oneof(
  fc.constantFrom(
    'SSVM_Admin_Key',
    'SSVM-Admin-Key',
    'SSVM_Usage_Key',
    'SSVM_Fetch',
    'SSVM_Callback',
  ),
  fc.constantFrom('Origin', 'Authorization', 'Content-Type', 'Accept', 'Wasmhook-Hops', 'Cookie'),
  fc.constantFrom(
    'Access-Control-Request-Headers',
    'X-Forwarded-For',
    'Forwarded',
    'Range',
    'Prefer',
  ),
  fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/),
)
/** They would end or frame the message in another way than this test's own. */
const FRAMING = /^(?:content-length|transfer-encoding|connection|upgrade|expect|host)$/i

const paths = fc.oneof(
  fc.constantFrom(
    '/api/executables',
    '/api/executables/ID',
    '/api/state/ID',
    '/api/log/ID',
    '/healthz',
  ),
  fc.constantFrom(
    '/api/run/ID/echo',
    '/api/run/ID/echo/bytes',
    '/api/multipart/run/ID/echo',
    '/api/runs/x',
  ),
  fc.constantFrom(
    '/api/executables/ID/runs?cursor=',
    '/api/executables/ID/versions?cursor=',
    '/bin/x',
  ),
  fc.webPath(),
)

async function send(
  method: string,
  path: string,
  headers: readonly (readonly [string, string])[],
  body: Buffer,
): Promise<{ status: number; head: string; code: string | undefined }> {
  const lines = headers
    .filter(([name]) => !FRAMING.test(name))
    .map(([name, value]) => `${name}: ${value}\r\n`)
  const target = path.replace('ID', String(id))
  const head =
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
    `Content-Length: ${body.length}\r\n${lines.join('')}\r\n`
  const answer = await rawHttp(app.origin, Buffer.concat([Buffer.from(head, 'latin1'), body]))
  const [shown = ''] = answer.split('\r\n\r\n', 1)
  const code = /"code":"(\w+)"/.exec(answer.slice(shown.length))?.[1]
  return { status: Number(shown.split(' ', 2)[1]), head: shown, code }
}

fuzz({
  name: 'headers',
  cases: 250,
  claims: {
    'a header in UTF-8 is read as its text, by either spelling of its name': fc.property(
      fc.constantFrom(...WIRE_HEADERS),
      fc.boolean(),
      text,
      (name, hyphens, value) => {
        const key = name.toLowerCase().replaceAll('_', hyphens ? '-' : '_')
        const sent = Buffer.from(value).toString('latin1')
        assert.equal(wireHeader({ [key]: sent }, name), Buffer.from(value).toString())
      },
    ),
    'a bearer token is read whole or not at all': fc.property(
      fc.oneof(
        values,
        fc.stringMatching(/^\S{1,20}$/).map((token) => `Bearer ${token}`),
      ),
      (value) => {
        const token = bearer({ authorization: value })
        if (token !== undefined) assert.equal(value.slice('bearer'.length).trim(), token)
      },
    ),
    'hops are the number that was sent, or too many': fc.property(
      fc.oneof(values, fc.integer().map(String)),
      (value) => {
        const hops = hopsOf({ 'wasmhook-hops': value })
        assert.ok(/^\d{1,3}$/.test(value) ? hops === Number(value) : hops > HOPS_MAX)
      },
    ),
    'an id is a positive integer in its one spelling': fc.property(
      fc.oneof(text, fc.double().map(String), fc.bigInt().map(String), fc.maxSafeNat().map(String)),
      (value) => {
        const number = Number(value)
        const names = Number.isSafeInteger(number) && number > 0 && String(number) === value
        if (names) assert.equal(toExecutableId(value), number)
        else assert.throws(() => toExecutableId(value), isCode('NOT_FOUND'))
      },
    ),
    'only an empty object means none': fc.property(
      fc.oneof(fc.jsonValue(), fc.constant({})),
      fc.constantFrom('', ' ', '\n', '\t '),
      (value, space) => {
        const empty = JSON.stringify(value) === '{}'
        assert.equal(meansNone(space + JSON.stringify(value, null, space) + space), empty)
        if (typeof value !== 'string') assert.equal(meansNone(value), empty)
      },
    ),
    'text keeps every byte, and what is no UTF-8 is refused': fc.property(
      fc.oneof(
        anyBytes(30),
        text.map((value) => Buffer.from(`\ufeff${value}`)),
        text.map((value) => Buffer.from(value)),
      ),
      (bytes) => {
        let read: string
        try {
          read = toText(bytes, 'state')
        } catch (error) {
          assert.ok(isCode('BAD_REQUEST')(error))
          assert.notDeepEqual(Buffer.from(bytes.toString()), bytes)
          return
        }
        assert.deepEqual(Buffer.from(read), bytes)
      },
    ),
    'a result is never of a type that a browser runs': fc.property(
      fc.oneof(
        anyBytes(16),
        fc.constantFrom('<html>', '<?xml', 'GIF89a<script>').map((one) => Buffer.from(one)),
      ),
      fc.boolean(),
      fc.boolean(),
      (bytes, isText, isJson) => {
        assert.ok(RESULT_TYPES.includes(resultType(bytes, { isText, isJson })))
      },
    ),
    'any request without a key is answered, and opens nothing that needs one': fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
      paths,
      fc.array(fc.tuple(names, values), { maxLength: 6 }),
      anyBytes(50),
      async (method, path, headers, body) => {
        const { status, head, code } = await send(method, path, headers, body)
        assert.ok(status >= 200, head)
        // A function's failures are answered with 500 too.
        assert.notEqual(code, 'INTERNAL', head)
        const open = path.startsWith('/api/run/') || path.startsWith('/api/multipart/')
        const needsKey = path.startsWith('/api/') && !open && method !== 'OPTIONS'
        // What a function without a usage key shows to everybody.
        const shows = /^\/api\/(?:executables|state)\/ID$/.test(path) && /GET|HEAD/.test(method)
        if (needsKey && !shows) assert.ok(status >= 400, head)
        const allowed = /^access-control-allow-origin: (.*)$/im.exec(head)?.[1]
        assert.ok(allowed === undefined || allowed === PAGE, head)
      },
    ),
  },
})

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AppError && error.code === code
}
