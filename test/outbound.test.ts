// Outbound requests against real servers: what is sent, what is read, TLS, and how a send ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseRequestSpec } from '../src/request-spec.ts'
import {
  build,
  createGate,
  fails,
  options,
  read,
  request,
  send,
  serve,
  serveTls,
} from './helpers/outbound-peers.ts'

test('sends method, path, headers and body, and reads status, headers and body', async (t) => {
  const origin = await serve(t, async (request, response) => {
    const body = await read(request)
    const { method, url, headers } = request
    response.writeHead(201, { 'X-Answer': 'yes', 'Set-Cookie': ['a=1', 'b=2'] })
    response.end(JSON.stringify({ method, url, headers, body }))
  })
  const response = await send(build(t), `${origin}/a/../b?c=d#e`, {
    method: 'PUT',
    body: Buffer.from('hello'),
    headers: { 'Content-Type': 'text/plain' },
    hops: 3,
  })
  assert.equal(response.status, 201)
  assert.equal(response.headers['x-answer'], 'yes')
  assert.equal(response.headers['set-cookie'], 'a=1, b=2')
  assert.equal(response.url, `${origin}/b?c=d`)
  const seen = JSON.parse(response.body.toString()) as Record<string, unknown>
  assert.deepEqual(
    { method: seen.method, url: seen.url, body: seen.body },
    { method: 'PUT', url: '/b?c=d', body: 'hello' },
  )
  assert.deepEqual(seen.headers, {
    accept: '*/*',
    'accept-encoding': 'gzip, br',
    'user-agent': 'Wasmhook/test',
    'content-type': 'text/plain',
    'content-length': '5',
    'wasmhook-hops': '3',
    host: new URL(origin).host,
    connection: 'keep-alive',
  })
})

test("the server's headers win over the spec's, and the spec's over the defaults", async (t) => {
  const origin = await serve(t, (request, response) => {
    response.end(`${request.headers['content-type']} ${request.headers['user-agent']}`)
  })
  const spec = options(origin, { headers: { 'Content-Type': 'a/b', 'User-Agent': 'mine' } })
  const response = await send(build(t), spec, { headers: { 'content-type': 'c/d' } })
  assert.equal(response.body.toString(), 'c/d mine')
})

test("a fetch sends the spec's own body", async (t) => {
  const origin = await serve(t, async (request, response) => {
    response.end(await read(request))
  })
  const response = await send(build(t), options(origin, { body: { a: 1 } }), { method: 'POST' })
  assert.equal(response.body.toString(), '{"a":1}')
})

test('connections are kept and used again', async (t) => {
  let connections = 0
  const origin = await serve(
    t,
    (_request, response) => response.end('x'),
    (server) => server.on('connection', () => (connections += 1)),
  )
  const outbound = build(t)
  for (let index = 0; index < 10; index += 1) await send(outbound, origin)
  // The second may open before the first is known to be free again.
  assert.ok(connections <= 2, `${connections} connections`)
})

test("the caller's signal ends a request, before and during it", async (t) => {
  const arrived = createGate()
  const origin = await serve(t, () => {
    arrived.open()
  })
  const outbound = build(t)
  await fails(send(outbound, origin, { signal: AbortSignal.abort() }), 'aborted')
  const controller = new AbortController()
  const sent = send(outbound, origin, { signal: controller.signal })
  await arrived.opened
  controller.abort()
  await fails(sent, 'aborted')
})

test('close ends what is under way', async (t) => {
  const arrived = createGate()
  const origin = await serve(t, () => {
    arrived.open()
  })
  const outbound = build(t)
  const failed = fails(send(outbound, origin), 'aborted')
  await arrived.opened
  await outbound.close()
  await failed
  await fails(send(outbound, origin), 'aborted')
})

test('TLS against a plain HTTP port suggests protocol: "http:"', async (t) => {
  const origin = await serve(t, (_request, response) => response.end())
  const { port } = new URL(origin)
  const { spec } = parseRequestSpec({ hostname: '127.0.0.1', port }, 'fetch')
  const error = await fails(build(t).send(request(spec)), 'tls')
  assert.match(error.message, /protocol: "http:"/)
})

test('a self-signed certificate is refused', async (t) => {
  const { origin } = await serveTls(t)
  const error = await fails(send(build(t), origin), 'tls')
  assert.doesNotMatch(error.message, /protocol/)
})

test('NODE_EXTRA_CA_CERTS makes a certificate trusted', async (t) => {
  const { origin, cert } = await serveTls(t)
  const folder = await mkdtemp(join(tmpdir(), 'wasmhook-ca-'))
  t.after(async () => {
    await rm(folder, { recursive: true })
  })
  await writeFile(join(folder, 'ca.pem'), cert)
  const program = `
    import { createOutbound, Trace } from ${JSON.stringify(new URL('../src/outbound/outbound.ts', import.meta.url).href)}
    import { parseRequestSpec } from ${JSON.stringify(new URL('../src/request-spec.ts', import.meta.url).href)}
    const outbound = createOutbound({ allow: ['127.0.0.1'], ownOrigins: () => [], userAgent: 'x' })
    const { spec } = parseRequestSpec(${JSON.stringify(origin)}, 'fetch')
    const trace = new Trace()
    const { body } = await outbound.send({ spec, method: 'GET', timeoutMs: 5000, maxBytes: 100, overflow: 'fail', maxRedirects: 0, hops: 0, trace })
    console.log(body.toString(), trace.timings.connectUs > 0, trace.timings.tlsUs > 0)
    await outbound.close()`
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') } },
  )
  child.stderr.pipe(process.stderr)
  assert.equal((await read(child.stdout)).trim(), 'over tls true true')
})
