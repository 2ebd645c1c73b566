// Redirects: counted, guarded, and carrying nothing to where it does not belong.
import assert from 'node:assert/strict'
import { type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { nextHop } from '../src/outbound/redirect.ts'
import { build, fails, options, read, send, serve } from './helpers/outbound-peers.ts'

test('redirects change the method as HTTP says', async (t) => {
  const origin = await serve(t, async (request, response) => {
    const status = Number(request.url?.slice(1))
    if (status > 0) return response.writeHead(status, { Location: '/' }).end('see /')
    return response.end(
      `${request.method} ${request.headers['content-type']} ${await read(request)}`,
    )
  })
  const outbound = build(t)
  const post = { method: 'POST', body: Buffer.from('x'), headers: { 'content-type': 'a/b' } }
  for (const status of [301, 302, 303]) {
    const response = await send(outbound, `${origin}/${status}`, post)
    assert.equal(response.body.toString(), 'GET undefined ')
  }
  for (const status of [307, 308]) {
    const response = await send(outbound, `${origin}/${status}`, post)
    assert.equal(response.body.toString(), 'POST a/b x')
  }
  const head = await send(outbound, `${origin}/303`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.url], [200, `${origin}/`])
  for (const status of [300, 304]) {
    assert.equal((await send(outbound, `${origin}/${status}`)).status, status)
  }
})

test('without redirects allowed a redirect is the answer', async (t) => {
  const origin = await serve(t, (_request, response) => {
    response.writeHead(302, { Location: '/elsewhere' }).end('moved')
  })
  const response = await send(build(t), origin, { maxRedirects: 0 })
  assert.deepEqual([response.status, response.body.toString()], [302, 'moved'])
})

test('redirects are counted, and an endless chain fails', async (t) => {
  let requests = 0
  const origin = await serve(t, (request, response) => {
    requests += 1
    const left = Number(request.url?.slice(1))
    if (left === 0) response.end('there')
    else response.writeHead(302, { Location: `/${left - 1}` }).end()
  })
  const outbound = build(t)
  assert.equal((await send(outbound, `${origin}/5`, { maxRedirects: 5 })).body.toString(), 'there')
  requests = 0
  await fails(send(outbound, `${origin}/6`, { maxRedirects: 5 }), 'redirects')
  assert.equal(requests, 6)
  const spec = options(`${origin}/2`, { maxRedirects: 1 })
  await fails(send(outbound, spec, { maxRedirects: 5 }), 'redirects')
})

test('a redirect to another origin drops what the caller gave, for good', async (t) => {
  const seen: IncomingMessage[] = []
  const second = await serve(t, (request, response) => {
    seen.push(request)
    response.writeHead(302, { Location: request.headers.referer ?? `${first}/back` }).end()
  })
  const first: string = await serve(t, (request, response) => {
    seen.push(request)
    if (request.url === '/back') response.end('done')
    else response.writeHead(307, { Location: request.url === '/' ? '/same' : second }).end()
  })
  const spec = options(first, { auth: 'u:p', headers: { 'X-Secret': 's', 'User-Agent': 'mine' } })
  await send(build(t), spec, { method: 'PUT', body: Buffer.from('x'), headers: { 'X-Ours': 'o' } })
  const secrets = seen.map(({ headers }) => [headers.authorization, headers['x-secret']].join())
  assert.deepEqual(secrets, ['Basic dTpw,s', 'Basic dTpw,s', ',', ','])
  assert.deepEqual(
    seen.map(({ headers }) => headers['user-agent']),
    ['mine', 'mine', 'Wasmhook/test', 'Wasmhook/test'],
  )
  assert.equal(seen[2]?.headers['x-ours'], 'o')
})

test('a redirect to a private address, another protocol or no URL is not followed', async (t) => {
  const origin = await serve(t, (request, response) => {
    const location = decodeURIComponent(request.url?.slice(1) ?? '')
    response.writeHead(302, { Location: location }).end()
  })
  const outbound = build(t)
  const to = async (url: string) => await send(outbound, `${origin}/${encodeURIComponent(url)}`)
  await fails(to('http://169.254.169.254/latest/meta-data'), 'guard')
  await fails(to('http://[::1]/'), 'guard')
  await fails(to('file:///etc/passwd'), 'redirects')
  await fails(to('http://a b/'), 'redirects')
})

test('credentials in a Location are not used', async (t) => {
  const origin: string = await serve(t, (request, response) => {
    if (request.url === '/there') response.end(String(request.headers.authorization))
    else response.writeHead(302, { Location: `http://u:p@${new URL(origin).host}/there` }).end()
  })
  assert.equal((await send(build(t), origin)).body.toString(), 'undefined')
})

test('a redirect from https to plain http keeps no header and never a body', () => {
  const hop = {
    url: new URL('https://a.example/'),
    method: 'POST',
    body: Buffer.from('secret'),
    callerHeaders: { authorization: 's' },
    ownHeaders: { 'webhook-signature': 's' },
  }
  const next = nextHop(hop, 302, 'http://a.example/')
  assert.deepEqual(
    [next?.method, next?.body, next?.callerHeaders, next?.ownHeaders],
    ['GET', undefined, {}, {}],
  )
  assert.throws(() => nextHop(hop, 307, 'http://a.example/'), { class: 'redirects' })
})
