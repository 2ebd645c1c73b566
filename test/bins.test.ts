// Request bins: whatever is sent to one is there to be looked at, by its owner alone, and not for long.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'

const HOUR_MS = 3_600_000
const NOBODY = '01900000-0000-7000-8000-000000000000'

interface Bin {
  bin_id: string
  tenant: string
  url: string
  created_at: string
  expires_at: string
}

interface Kept {
  request_id: string
  received_at: string
  method: string
  path: string
  query: string
  headers: { name: string; value: string }[]
  size_bytes: number
  body_cut: boolean
  body: string | null
  body_base64: string | null
}

async function json<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text()
  assert.equal(response.status, status, text)
  return JSON.parse(text) as T
}

function newBin(app: TestApp, tenant = 'acme'): Promise<Response> {
  return app.request('/api/bins', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tenant }),
  })
}

async function made(app: TestApp, tenant?: string): Promise<Bin> {
  return json(await newBin(app, tenant), 201)
}

async function requests(app: TestApp, { bin_id: id, tenant }: Bin, more = ''): Promise<Kept[]> {
  const url = `/api/bins/${id}/requests?tenant=${tenant}${more}`
  return (await json<{ items: Kept[] }>(await app.request(url))).items
}

/** Past fetch, which has its own ideas of methods, paths and headers. */
function send(
  url: string,
  init: { method: string; headers?: Record<string, string | string[]>; body?: string | Buffer },
): Promise<{ status: number | undefined; type: string | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const { origin } = new URL(url)
    const { method, headers = {}, body } = init
    const sent = request(origin, { path: url.slice(origin.length), method, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => (text += chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode, type: answer.headers['content-type'], text }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

test('a bin takes any method and any path below it, and shows them as they were sent', async (t) => {
  const app = await buildApp(t)
  const bin = await made(app)
  assert.equal(bin.url, `${app.origin}/bin/${bin.bin_id}`)
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']
  for (const method of methods) {
    const answer = await send(bin.url, { method })
    assert.deepEqual([method, answer.status], [method, 200])
    assert.equal(answer.type, 'text/plain; charset=utf-8')
    assert.equal(answer.text, method === 'HEAD' ? '' : 'The bin has kept it.\n')
  }
  const kept = await requests(app, bin)
  assert.deepEqual(kept.map(({ method }) => method).reverse(), methods)
  await send(`${bin.url}/a//b%2F/../c/?x=1&x=%20?`, {
    method: 'POST',
    headers: {
      'X-Twice': ['first', 'second'],
      Authorization: 'Bearer of-its-sender',
      'Content-Type': 'no type at all',
      'X-Name': Buffer.from('naïve').toString('latin1'),
    },
    // A text would have Node.js encode the headers with it.
    body: Buffer.from('{"n":1}'),
  })
  const [newest] = await requests(app, bin, '&limit=1')
  assert.ok(newest)
  assert.deepEqual([newest.path, newest.query], ['/a//b%2F/../c/', 'x=1&x=%20?'])
  assert.deepEqual([newest.body, newest.body_base64], ['{"n":1}', null])
  assert.deepEqual([newest.size_bytes, newest.body_cut], [7, false])
  const shown = newest.headers.map(({ name, value }) => `${name}: ${value}`)
  assert.deepEqual(shown.slice(0, 5), [
    'X-Twice: first',
    'X-Twice: second',
    'Authorization: Bearer of-its-sender',
    'Content-Type: no type at all',
    'X-Name: naïve',
  ])
})

test('a bin keeps bytes that are no text, and the beginning of a long body', async (t) => {
  const app = await buildApp(t, { BIN_BODY_BYTES: 1_000, BUFFERED_BYTES: 2_000_000 })
  const bin = await made(app)
  const bytes = Buffer.from([0xff, 0, 1])
  await send(bin.url, { method: 'PUT', body: bytes })
  const long = 'x'.repeat(5_000_000)
  for (const body of [long, long.slice(0, 1_000)]) {
    assert.equal((await send(bin.url, { method: 'POST', body })).status, 200)
  }
  const [exact, cut, raw] = await requests(app, bin, '&limit=3')
  assert.deepEqual([exact?.size_bytes, exact?.body_cut], [1_000, false])
  assert.deepEqual([cut?.size_bytes, cut?.body_cut], [5_000_000, true])
  assert.equal(cut?.body, 'x'.repeat(1_000))
  assert.deepEqual([raw?.body, raw?.body_base64], [null, bytes.toString('base64')])
})

test('a text that is cut within a character is shown as text', async (t) => {
  const app = await buildApp(t, { BIN_BODY_BYTES: 10 })
  const bin = await made(app)
  for (const body of ['123456789éé', '1234567€€', 'ééééé']) {
    await app.request(`/bin/${bin.bin_id}`, { method: 'POST', body })
  }
  await app.request(`/bin/${bin.bin_id}`, { method: 'POST', body: Buffer.from([195]) })
  const kept = await requests(app, bin)
  const shown = kept.map(({ body, body_base64, body_cut }) => [body, body_base64, body_cut])
  assert.deepEqual(shown.reverse(), [
    ['123456789', null, true],
    ['1234567€', null, true],
    ['ééééé', null, false],
    [null, 'ww==', false],
  ])
})

test('a page of long bodies has fewer of them', async (t) => {
  const app = await buildApp(t, { BIN_BODY_BYTES: 1024 * 1024 })
  const bin = await made(app)
  // The longest as JSON: \u0001.
  const body = Buffer.alloc(900_000, 1)
  for (let n = 0; n < 5; n++) await app.request(`/bin/${bin.bin_id}`, { method: 'POST', body })
  const url = `/api/bins/${bin.bin_id}/requests?tenant=acme&limit=100`
  const pages: number[] = []
  let next: string | null = ''
  while (next !== null) {
    const cursor: string = next === '' ? '' : `&cursor=${next}`
    const page = await json<{ items: Kept[]; next: string | null }>(await app.request(url + cursor))
    pages.push(page.items.length)
    next = page.next
  }
  assert.deepEqual(pages, [2, 2, 1])
})

test('path and query are kept however the address is written', async (t) => {
  const app = await buildApp(t)
  const bin = await made(app)
  const targets = [`${app.origin}/bin`, '/%62in', '/bin'].map((start) => `${start}/${bin.bin_id}`)
  for (const target of targets) {
    const sent = request(app.origin, { path: `${target}/a/b?c=/d?e` })
    const answered = once(sent, 'response')
    sent.end()
    const [answer] = (await answered) as [IncomingMessage]
    assert.equal(answer.resume().statusCode, 200)
  }
  const kept = await requests(app, bin)
  for (const { path, query } of kept) assert.deepEqual([path, query], ['/a/b', 'c=/d?e'])
  assert.equal(kept.length, targets.length)
})

test('a bin keeps the newest, and pages go back from there', async (t) => {
  const app = await buildApp(t, { BIN_REQUESTS_MAX: 3 })
  const bin = await made(app)
  for (let n = 0; n < 5; n++) await app.request(`/bin/${bin.bin_id}/${n}`)
  const url = `/api/bins/${bin.bin_id}/requests?tenant=acme&limit=2`
  const first = await json<{ items: Kept[]; next: string }>(await app.request(url))
  const second = await json<{ items: Kept[]; next: string | null }>(
    await app.request(`${url}&cursor=${first.next}`),
  )
  const paths = [...first.items, ...second.items].map(({ path }) => path)
  assert.deepEqual([paths, second.next], [['/4', '/3', '/2'], null])
})

test('what a run is forwarded to may be a bin', async (t) => {
  const app = await buildApp(t, { OUTBOUND_ALLOW: '' })
  const bin = await made(app)
  const echo = await upload(app, await guest('echo'))
  const headers = { SSVM_Callback: `${bin.url}/from-a-run` }
  const response = await call(app, echo, 'echo', { body: 'hello', headers })
  assert.deepEqual([response.status, await response.text()], [200, 'The bin has kept it.\n'])
  const [kept] = await requests(app, bin)
  assert.deepEqual([kept?.path, kept?.body], ['/from-a-run', 'hello'])
})

test('bins are one tenant’s, so many, and whoever else asks finds none', async (t) => {
  const app = await buildApp(t, { BINS_MAX: 2 })
  const bins = [await made(app), await made(app)]
  const other = await made(app, 'other')
  const tooMany = await refused(await newBin(app), 409, 'CONFLICT')
  assert.equal(tooMany.limit, 2)
  const listed = await json<{ items: Bin[] }>(await app.request('/api/bins?tenant=acme'))
  assert.deepEqual(listed.items, bins.reverse())
  const [bin] = bins
  assert.ok(bin)
  const asOther = `/api/bins/${bin.bin_id}?tenant=other`
  await refused(await app.request(asOther), 404, 'NOT_FOUND')
  await refused(await app.request(asOther, { method: 'DELETE' }), 404, 'NOT_FOUND')
  const requestsOf = `/api/bins/${bin.bin_id}/requests?tenant=`
  await refused(await app.request(`${requestsOf}other`), 404, 'NOT_FOUND')
  const asOwner = `/api/bins/${bin.bin_id}?tenant=acme`
  assert.deepEqual(await json(await app.request(asOwner)), bin)
  await app.request(`/bin/${bin.bin_id}`)
  const gone = await json<object>(await app.request(asOwner, { method: 'DELETE' }))
  assert.deepEqual(gone, { bin_id: bin.bin_id })
  await refused(await app.request(`${requestsOf}acme`), 404, 'NOT_FOUND')
  await refused(await app.request(`/bin/${bin.bin_id}`), 404, 'NOT_FOUND')
  await made(app)
  assert.equal((await app.request(`/bin/${other.bin_id}`)).status, 200)
})

test('a bin ends by itself, and nothing is one that is none', async (t) => {
  let nowMs = Date.now()
  const app = await buildApp(t, { BIN_TTL_MS: HOUR_MS, BINS_MAX: 1 }, { now: () => nowMs })
  const bin = await made(app)
  assert.equal(Date.parse(bin.expires_at) - Date.parse(bin.created_at), HOUR_MS)
  nowMs += HOUR_MS - 1
  assert.equal((await app.request(`/bin/${bin.bin_id}`)).status, 200)
  nowMs += 1
  const body = Buffer.alloc(100_000)
  for (const id of [bin.bin_id, NOBODY, 'none', '..%2f']) {
    await refused(await app.request(`/bin/${id}`, { method: 'POST', body }), 404, 'NOT_FOUND')
    await refused(await app.request(`/bin/${id}/below`), 404, 'NOT_FOUND')
  }
  await refused(await app.request('/bin'), 404, 'NOT_FOUND')
  const listed = await json<{ items: Bin[] }>(await app.request('/api/bins?tenant=acme'))
  assert.deepEqual(listed.items, [])
  await made(app)
})
