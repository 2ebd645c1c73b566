// Run by test/client.test.ts beside esm.mjs: the client refuses what cannot be sent as it is said, and takes strange
// answers for what they are. Needs no server but its own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createClient } from '@wasmhook/client'

/** @type {string[]} */
const urls = []
/** @type {(request: import('node:http').IncomingMessage, reply: import('node:http').ServerResponse) => unknown} */
let answer = (_request, reply) => reply.end('{}')
const server = createServer((request, reply) => {
  urls.push(request.url ?? '')
  answer(request, reply)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
assert.ok(address !== null && typeof address === 'object')
const baseUrl = `http://127.0.0.1:${address.port}`
const client = createClient({ baseUrl })

/**
 * Users without a compiler give anything.
 *
 * @param {object} options
 */
function createAny(options) {
  return createClient(/** @type {import('@wasmhook/client').ClientOptions} */ (options))
}

// What is not where a server is.
for (const [odd, message] of /** @type {const} */ ([
  ['localhost:8080', /http:\/\/ or https:\/\//],
  ['ftp://127.0.0.1', /http:\/\/ or https:\/\//],
  ['file:///tmp', /http:\/\/ or https:\/\//],
  ['127.0.0.1:8080', /URL/],
  ['/api', /URL/],
  ['', /URL/],
  [undefined, /URL/],
  ['https://user:hidden@127.0.0.1', /user or password/],
  ['https://user@127.0.0.1', /user or password/],
  ['https://:hidden@127.0.0.1', /user or password/],
  ['https://127.0.0.1/?a=hidden', /query or fragment/],
  ['https://127.0.0.1/#hidden', /query or fragment/],
])) {
  assert.throws(
    () => createAny({ baseUrl: odd }),
    (/** @type {unknown} */ error) => {
      assert.ok(error instanceof TypeError)
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /hidden/)
      return true
    },
  )
}
createClient({ baseUrl: new URL('HTTPS://127.0.0.1/below/') })

// Keys that are none, of the client and of a call; one that is not said is not sent.
for (const name of ['token', 'adminKey', 'usageKey']) {
  for (const odd of ['', null, 7]) {
    const expected = { name: 'TypeError', message: new RegExp(`^${name} `) }
    assert.throws(() => createAny({ baseUrl, [name]: odd }), expected)
    await assert.rejects(client.get('/healthz', /** @type {{}} */ ({ [name]: odd })), expected)
  }
}
assert.deepEqual(urls, [])
answer = (request, reply) => reply.end(JSON.stringify(request.headers))
const none = { token: undefined, adminKey: undefined, usageKey: undefined }
const sent = /** @type {unknown} */ (
  await createClient({ baseUrl, ...none }).get('/healthz', { ...none })
)
for (const name of ['authorization', 'ssvm_admin_key', 'ssvm_usage_key']) {
  assert.ok(!(name in /** @type {object} */ (sent)))
}

// JSON may be read by another reader, in lists too.
answer = (_request, reply) => reply.end('{"items":[9007199254740993],"next":null}')
/** @param {string} text */
function withTexts(text) {
  return /** @type {unknown} */ (JSON.parse(text.replace(/\d+/g, '"$&"')))
}
const exact = createClient({ baseUrl, parse: withTexts })
const whole = { items: ['9007199254740993'], next: null }
assert.deepEqual(await exact.get('/api/messages'), whole)
for await (const item of exact.items('/api/messages')) assert.deepEqual([item], whole.items)
const unread = createClient({
  baseUrl,
  parse() {
    throw new SyntaxError('none')
  },
})
await assert.rejects(unread.get('/api/messages'), {
  code: 'UNEXPECTED_ANSWER',
  cause: new SyntaxError('none'),
})

// Values of a URL.
for (const id of ['\ud800', 'a\udc00b']) {
  const read = client.get('/api/messages/{id}', { path: { id } })
  await assert.rejects(read, { name: 'TypeError', message: /^path\.id .* surrogate/ })
}
urls.length = 0
await client.get('/api/messages/{id}', { path: { id: '😀' } })
const several = /** @type {{}} */ ({ type: ['a,b', 'c', undefined, null], limit: [], tenant: 'd' })
await client.get('/api/messages', { query: several })
assert.deepEqual(urls, ['/api/messages/%F0%9F%98%80', '/api/messages?type=a%2Cb&type=c&tenant=d'])

// Nothing is no JSON.
answer = (_request, reply) => reply.writeHead(204).end()
assert.equal(await client.get('/healthz'), undefined)
assert.equal(await client.get('/healthz', { as: 'text' }), '')
answer = (_request, reply) => reply.end()
await assert.rejects(client.get('/healthz'), { code: 'UNEXPECTED_ANSWER', status: 200 })

/** @param {string} [cursor] */
async function listed(cursor) {
  /** @type {unknown[]} */
  const items = []
  let failure
  urls.length = 0
  try {
    for await (const item of client.items('/api/messages', { query: { cursor } })) items.push(item)
  } catch (error) {
    failure = error
  }
  return {
    items,
    failure: /** @type {{ code?: string, request?: string } | undefined} */ (failure),
  }
}

// Lists whose pages go in a circle, or that are none.
/** @type {Record<string, string | null>} */
let nexts = {}
answer = (request, reply) => {
  const cursor = new URL(request.url ?? '', baseUrl).searchParams.get('cursor') ?? 'first'
  reply.end(JSON.stringify({ items: [cursor], next: nexts[cursor] }))
}
for (const [circle, start, expected] of /** @type {const} */ ([
  [{ first: 'a', a: 'a' }, undefined, ['first', 'a']],
  [{ first: 'a', a: 'b', b: 'a' }, undefined, ['first', 'a', 'b']],
  [{ a: 'b', b: 'a' }, 'a', ['a', 'b']],
])) {
  nexts = circle
  const { items, failure } = await listed(start)
  assert.deepEqual(items, expected)
  assert.equal(urls.length, expected.length)
  assert.deepEqual([failure?.code, failure?.request], ['UNEXPECTED_ANSWER', 'GET /api/messages'])
}
nexts = { first: 'a', a: null }
assert.deepEqual(await listed(), { items: ['first', 'a'], failure: undefined })
for (const odd of ['{}', '[]', 'null', '7', '{"items":{}}', '{"items":[],"next":7}', '']) {
  answer = (_request, reply) => reply.end(odd)
  assert.equal((await listed()).failure?.code, 'UNEXPECTED_ANSWER')
}
console.log('all as expected')
process.exit(0)
