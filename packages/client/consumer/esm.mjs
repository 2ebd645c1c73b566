// Run by test/client.test.ts in a project that has the packed package and nothing else: the client and `verify`
// against a real server. Arguments: its origin and its API_TOKEN. hello.wasm and bytes.wasm lie beside it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { WasmhookError, createClient, publicKeys, verify } from '@wasmhook/client'
import * as alone from '@wasmhook/client/verify'

const [baseUrl = '', token = ''] = process.argv.slice(2)
const client = createClient({ baseUrl: `${baseUrl}/`, token })
const tenant = 'shop'

/**
 * @param {import('node:http').RequestListener} listener
 * @returns {Promise<string>} its origin
 */
async function serve(listener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return `http://127.0.0.1:${address.port}`
}

/** @typedef {{ headers: import('node:http').IncomingHttpHeaders, body: Buffer }} Received */
/** @type {(received: Received) => void} */
let arrived = () => undefined
const target = await serve(async (request, reply) => {
  const body = await buffer(request)
  reply.end('taken')
  arrived({ headers: request.headers, body })
})

/**
 * What the receiver gets of what is done.
 *
 * @param {() => Promise<unknown>} act
 * @returns {Promise<Received>}
 */
async function receivedOf(act) {
  const received = /** @type {Promise<Received>} */ (new Promise((resolve) => (arrived = resolve)))
  await act()
  return received
}

/**
 * @param {Promise<unknown>} promise
 * @param {string} code
 */
async function refused(promise, code) {
  await assert.rejects(promise, { name: 'WebhookVerificationError', code })
}

const upload = await client.post('/api/executables', {
  body: await readFile('hello.wasm'),
  headers: { SSVM_Description: 'greets' },
})
const path = { id: upload.wasm_id, fn: 'say' }

// Results are read as it is said.
assert.equal(
  await client.post('/api/run/{id}/{fn}', { path, body: 'world', as: 'text' }),
  'hello world',
)
const greeting = await client.post('/api/run/{id}/{fn}', { path, body: 'world', as: 'response' })
assert.match(greeting.headers.get('wasmhook-run') ?? '', /^[\w-]{36}$/)
assert.equal(await greeting.text(), 'hello world')
const said = await client.post('/api/run/{id}/{fn}', { path, json: { a: 1 }, as: 'bytes' })
assert.equal(Buffer.from(said).toString(), 'hello {"a":1}')
const form = new FormData()
form.set('input_1', 'parts')
assert.equal(
  await client.post('/api/multipart/run/{id}/{fn}', { path, body: form, as: 'text' }),
  'hello parts',
)
// @ts-expect-error a compiler asks for `as`; without one the error does
const unread = client.post('/api/run/{id}/{fn}', { path, body: 'world' })
await assert.rejects(unread, { code: 'UNEXPECTED_ANSWER', status: 200, message: /as: 'text'/ })

// Keys: of the client, of a call, and none.
const owner = createClient({ baseUrl, adminKey: upload.SSVM_Admin_Key })
const own = { path: { id: upload.wasm_id } }
await owner.put('/api/state/{id}', { ...own, body: 'a state', as: 'text' })
assert.equal(await client.get('/api/state/{id}', { ...own, as: 'text' }), 'a state')
const stranger = createClient({ baseUrl })
const asOwner = { ...own, adminKey: upload.SSVM_Admin_Key }
assert.deepEqual(
  await stranger.patch('/api/executables/{id}', { ...asOwner, json: { reuse: false } }),
  {
    wasm_id: upload.wasm_id,
  },
)
await assert.rejects(stranger.get('/api/executables'), (/** @type {unknown} */ error) => {
  assert.ok(error instanceof WasmhookError)
  assert.deepEqual(
    [error.status, error.code, error.request],
    [401, 'MISSING_KEY', 'GET /api/executables'],
  )
  assert.equal(error.headers.get('www-authenticate'), 'Bearer')
  return true
})
const malformed = client.post('/api/messages', { json: { type: 'x', payload: 1, id: '' } })
await assert.rejects(malformed, { status: 400, code: 'BAD_REQUEST', detail: { field: 'id' } })

// A value that would name another path.
for (const id of ['', '.', '..']) {
  await assert.rejects(client.get('/api/messages/{id}', { path: { id } }), TypeError)
}

// What answers nothing, a proxy's page, or a redirect.
const silent = await serve(() => undefined)
await assert.rejects(createClient({ baseUrl: silent, timeoutMs: 50 }).get('/healthz'), {
  name: 'TimeoutError',
})
const signal = AbortSignal.abort(new Error('enough'))
await assert.rejects(client.get('/healthz', { signal, timeoutMs: 60_000 }), { message: 'enough' })
const proxy = await serve((_request, reply) => {
  reply.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>')
})
await assert.rejects(createClient({ baseUrl: proxy }).get('/healthz'), {
  status: 502,
  code: 'UNEXPECTED_ANSWER',
  detail: { body: '<h1>Bad Gateway</h1>' },
})
let followed = 0
const elsewhere = await serve((_request, reply) => {
  followed++
  reply.end('{}')
})
const moved = await serve((_request, reply) => {
  reply.writeHead(307, { location: elsewhere }).end()
})
await assert.rejects(createClient({ baseUrl: moved, adminKey: 'x' }).get('/healthz'), {
  status: 307,
  message: /redirect to http/,
})
assert.equal(followed, 0)
// A path of baseUrl is put before those of the API, and a value stays within its place.
/** @type {string[]} */
const urls = []
const below = await serve((request, reply) => {
  urls.push(request.url ?? '')
  reply.end('{"status":"ok"}')
})
const proxied = createClient({ baseUrl: `${below}/hooks/` })
await proxied.get('/healthz')
await proxied.get('/api/messages/{id}', { path: { id: 'a/b?c' }, query: { tenant: 'd&e' } })
assert.deepEqual(urls, ['/hooks/healthz', '/hooks/api/messages/a%2Fb%3Fc?tenant=d%26e'])

// Lists are read page by page.
await client.post('/api/event-types', { json: { tenant, name: 'order.created' } })
/** @type {string[]} */
const published = []
for (let order = 0; order < 5; order++) {
  const json = { tenant, type: 'order.created', payload: { order } }
  published.push((await client.post('/api/messages', { json })).message_id)
}
/** @type {string[]} */
const listed = []
for await (const message of client.items('/api/messages', { query: { tenant, limit: 2 } })) {
  listed.push(message.message_id)
}
assert.deepEqual(listed, published.reverse())

// Other services' webhooks are sent as they send them, and their questions asked.
const { source_id: sourceId } = await client.post('/api/sources', {
  json: {
    ...{ tenant, verify: { scheme: 'none' }, publish: { type: 'order.created' } },
    challenge: { kind: 'cloudevents', origins: ['shop.example'] },
  },
})
const hook = { path: { id: sourceId } }
const xml = { 'content-type': 'application/xml' }
for (const [options, expected] of /** @type {const} */ ([
  [{ body: '<a>1</a>', headers: xml }, { a: '1' }],
  [{ body: new TextEncoder().encode('<b>2</b>'), headers: xml }, { b: '2' }],
  [{ body: 'c=3', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { c: '3' }],
  [{ json: { d: 4 } }, { d: 4 }],
])) {
  const taken = await client.post('/hooks/{id}', { ...hook, ...options, as: 'json' })
  assert.ok(typeof taken === 'object' && taken !== null && 'event_id' in taken)
  const newest = await client.get('/api/messages', { query: { tenant, limit: 1 } })
  const told = { path: { id: newest.items[0]?.message_id ?? '' }, query: { tenant } }
  assert.deepEqual((await client.get('/api/messages/{id}', told)).payload, expected)
}
const asked = await client.options('/hooks/{id}', {
  ...{ ...hook, as: 'response' },
  headers: { 'WebHook-Request-Origin': 'shop.example', 'WebHook-Request-Rate': 10 },
})
assert.equal(asked.headers.get('webhook-allowed-origin'), 'shop.example')

// A webhook of JSON, signed with a secret and a key pair.
const endpoint = await client.post('/api/endpoints', {
  json: { tenant, url: target, event_types: ['order.*'], v1a: true },
})
const payload = { order: 6, name: 'Ä' }
const publish = () =>
  client.post('/api/messages', { json: { tenant, type: 'order.created', payload } })
const { headers, body } = await receivedOf(publish)
const { secret } = endpoint
const jwksOf = () =>
  client.get('/.well-known/jwks/{id}.json', { path: { id: endpoint.endpoint_id } })
const keys = publicKeys(await jwksOf())
assert.deepEqual(keys, [endpoint.public_key])
const ends = Date.now()
for (const key of [secret, ...keys, [`whsec_${'A'.repeat(32)}`, secret], keys]) {
  for (const bytes of [body, new Uint8Array(body), body.toString()]) {
    const { id, timestamp } = await verify(headers, bytes, key)
    assert.equal(id, headers['webhook-id'])
    assert.ok(Math.abs(timestamp.getTime() - ends) < 60_000)
  }
}
const asHeaders = new Headers(/** @type {Record<string, string>} */ (headers))
await alone.verify(asHeaders, new Uint8Array(body).buffer, secret)
const upper = Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value].flat()])
await alone.verify(Object.fromEntries(upper), body, secret)

// What was tampered with, late, early, or is of another secret.
const other = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const otherKey = `whpk_${Buffer.alloc(32, 1).toString('base64')}`
for (const key of [secret, ...keys]) {
  await refused(verify(headers, Buffer.concat([body, Buffer.from(' ')]), key), 'NO_MATCH')
  await refused(verify(headers, body.toString('latin1'), key), 'NO_MATCH')
  await refused(verify({ ...headers, 'webhook-id': 'other' }, body, key), 'NO_MATCH')
  const seconds = Number(headers['webhook-timestamp'])
  const moved = { ...headers, 'webhook-timestamp': String(seconds - 1) }
  await refused(verify(moved, body, key), 'NO_MATCH')
  const at = (/** @type {number} */ offset) => ({ now: new Date((seconds + offset) * 1000) })
  await verify(headers, body, key, at(300))
  await verify(headers, body, key, at(-300))
  await refused(verify(headers, body, key, at(301)), 'TOO_OLD')
  await refused(verify(headers, body, key, at(-301)), 'TOO_NEW')
  await refused(verify(headers, body, key, { ...at(11), toleranceSeconds: 10 }), 'TOO_OLD')
}
for (const key of [other, otherKey, [other, otherKey]]) {
  await refused(verify(headers, body, key), 'NO_MATCH')
}
for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
  await refused(verify({ ...headers, [name]: undefined }, body, secret), 'MISSING_HEADER')
}
for (const odd of ['now', '-1', '1e9', '9'.repeat(40), `${headers['webhook-timestamp']}.0`]) {
  await refused(verify({ ...headers, 'webhook-timestamp': odd }, body, secret), 'BAD_TIMESTAMP')
}
for (const odd of ['', ' , v1 v1, ü,', 'v1,AAAA', 'v2,x', 'v1a,AAAA', `v1,${'A'.repeat(43)}=`]) {
  const signature = { ...headers, 'webhook-signature': odd }
  await refused(
    verify(signature, body, [secret, ...keys]),
    odd === '' ? 'MISSING_HEADER' : 'NO_MATCH',
  )
}
// A signature of one version is none of the other.
const [v1 = '', v1a = ''] = String(headers['webhook-signature']).split(' ')
for (const version of ['v1a', 'v2']) {
  const crossed = { ...headers, 'webhook-signature': v1.replace('v1', version) }
  await refused(verify(crossed, body, [secret, ...keys]), 'NO_MATCH')
}
await refused(verify({ ...headers, 'webhook-signature': v1a }, body, secret), 'NO_MATCH')
for (const odd of [
  '',
  'secret',
  'whsec_',
  'whsec_AAAA',
  'whsec_***',
  'whpk_AAAA',
  [],
  [secret, ''],
]) {
  await refused(verify(headers, body, odd), 'BAD_SECRET')
}
for (const odd of [JSON.parse(body.toString()), undefined, null, [...body]]) {
  await refused(verify(headers, odd, secret), 'BODY_NOT_RAW')
}

// While a secret is rotated both sign.
const rotated = await client.post('/api/endpoints/{id}/secret/rotate', {
  path: { id: endpoint.endpoint_id },
  query: { tenant },
})
const during = await receivedOf(publish)
const newKeys = publicKeys(await jwksOf())
assert.equal(newKeys.length, 2)
for (const key of [secret, rotated.secret, newKeys, ...newKeys]) {
  await verify(during.headers, during.body, key)
}
await client.post('/api/endpoints/{id}/secret/rotate', {
  path: { id: endpoint.endpoint_id },
  query: { tenant },
  json: { overlap_ms: 0 },
})
const after = await receivedOf(publish)
await refused(verify(after.headers, after.body, [secret, rotated.secret, ...newKeys]), 'NO_MATCH')

// Bytes and text of a function's result.
const { wasm_id: id, SSVM_Admin_Key: adminKey } = await client.post('/api/executables', {
  body: await readFile('bytes.wasm'),
})
const signing = await client.post('/api/executables/{id}/signing-secret', {
  path: { id },
  json: { v1a: true },
})
const { protocol, hostname, port } = new URL(target)
const json = { protocol, hostname, port: Number(port), path: '/' }
await owner.put('/api/callback/{id}', { path: { id }, adminKey, json, as: 'text' })
for (const [fn, expected] of /** @type {const} */ ([
  ['bytes', Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a, 0x2e])],
  ['text', Buffer.from('ä text')],
])) {
  const result = await receivedOf(() =>
    client.post('/api/run/{id}/{fn}/bytes', { path: { id, fn }, body: 'x', as: 'text' }),
  )
  assert.deepEqual(result.body, expected)
  await verify(result.headers, result.body, signing.secret)
  await verify(result.headers, result.body, signing.public_key ?? '')
  const tampered = Buffer.concat([result.body.subarray(1), result.body.subarray(0, 1)])
  await refused(
    verify(result.headers, tampered, [signing.secret, signing.public_key ?? '']),
    'NO_MATCH',
  )
}
console.log('all as expected')
process.exit(0)
