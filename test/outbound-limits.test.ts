// What a hostile or broken peer can do to an outbound request: each has its limit and its class.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import {
  answering,
  build,
  endlessly,
  fails,
  send,
  serve,
  serveTcp,
} from './helpers/outbound-peers.ts'

for (const [coding, encode] of [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['gzip, br', (data: Buffer) => brotliCompressSync(gzipSync(data))],
  ['identity', (data: Buffer) => data],
] as const) {
  test(`a body in ${coding} arrives decompressed`, async (t) => {
    const plain = Buffer.alloc(100_000, 'text ')
    const origin = await serve(t, (_request, response) => {
      response.writeHead(200, { 'Content-Encoding': coding }).end(encode(plain))
    })
    const response = await send(build(t), origin)
    assert.deepEqual(response.body, plain)
    assert.equal(response.headers['content-encoding'], coding)
  })
}

test('an answer without a body may name a content coding', async (t) => {
  const origin = await serve(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    const length = status === 200 ? { 'Content-Length': 0 } : {}
    response.writeHead(status, { 'Content-Encoding': 'gzip', ...length }).end()
  })
  for (const status of [200, 204, 304]) {
    assert.equal((await send(build(t), `${origin}/${status}`)).body.length, 0)
  }
  assert.equal((await send(build(t), `${origin}/202`, { method: 'HEAD' })).body.length, 0)
})

test('an unknown coding, too many of them and damaged data are encoding failures', async (t) => {
  const origin = await serve(t, (request, response) => {
    const [coding = '', data = ''] = decodeURIComponent(request.url ?? '')
      .slice(1)
      .split('|')
    response.writeHead(200, { 'Content-Encoding': coding }).end(Buffer.from(data, 'base64'))
  })
  const truncated = gzipSync('hello').subarray(0, 12).toString('base64')
  for (const path of ['zstd|AAAA', 'gzip|AAAA', 'br|////', `gzip|${truncated}`, 'br,br,br|AAAA']) {
    await fails(send(build(t), `${origin}/${encodeURIComponent(path)}`), 'encoding')
  }
})

test('the cap is on the decompressed body, exact to the byte', async (t) => {
  const origin = await serve(t, (request, response) => {
    const data = Buffer.alloc(1000, 'x')
    const gzip = request.url === '/gzip'
    response.writeHead(200, gzip ? { 'Content-Encoding': 'gzip' } : {})
    response.end(gzip ? gzipSync(data) : data)
  })
  for (const path of ['/plain', '/gzip']) {
    const whole = await send(build(t), origin + path, { maxBytes: 1000 })
    assert.deepEqual([whole.body.length, whole.truncated], [1000, false])
    await fails(send(build(t), origin + path, { maxBytes: 999 }), 'too_large')
    const cut = await send(build(t), origin + path, { maxBytes: 999, overflow: 'cut' })
    assert.deepEqual([cut.body.length, cut.truncated], [999, true])
    const none = await send(build(t), origin + path, { maxBytes: 0, overflow: 'cut' })
    assert.deepEqual([none.body.length, none.truncated], [0, true])
  }
})

test('a compressed bomb ends at the cap with little memory', async (t) => {
  // One gzip member of 64 MiB of zeros, sent again and again: 1,000 to 1.
  const member = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  const origin = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Encoding': 'gzip' })
    endlessly(response, member)
  })
  const before = process.memoryUsage.rss()
  await fails(send(build(t), origin, { maxBytes: 1024 * 1024 }), 'too_large')
  const grown = process.memoryUsage.rss() - before
  assert.ok(grown < 64 * 1024 * 1024, `grew by ${grown} bytes`)
})

test('compressed data without content ends at the cap on the wire', async (t) => {
  const empty = gzipSync('')
  const origin = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Encoding': 'gzip' })
    endlessly(response, Buffer.concat(Array<Buffer>(1000).fill(empty)))
  })
  await fails(send(build(t), origin, { maxBytes: 1000 }), 'too_large')
})

test('a body in one-byte chunks costs its bytes, not an object for each', async (t) => {
  const piece = Buffer.from('1\r\nx\r\n'.repeat(10_000))
  const origin = await serveTcp(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      endlessly(socket, piece)
    })
  })
  const cut = await send(build(t), origin, { maxBytes: 500_000, overflow: 'cut' })
  assert.equal(cut.body.length, 500_000)
})

test('one deadline covers connect, headers, a dripping body and a stalled one', async (t) => {
  const stall = await serveTcp(t, () => undefined)
  const origin = await serve(t, (request, response) => {
    if (request.url === '/silent') return
    response.writeHead(200, { 'Content-Length': '1000000' })
    response.write('x')
    if (request.url === '/stall') return
    const drip = setInterval(() => response.write('x'), 10)
    response.on('close', () => {
      clearInterval(drip)
    })
  })
  const outbound = build(t)
  for (const url of [stall, `${origin}/silent`, `${origin}/stall`, `${origin}/drip`]) {
    const error = await fails(send(outbound, url, { timeoutMs: 100 }), 'timeout')
    assert.match(error.message, /100 ms/)
  }
})

test('the deadline covers a name that never resolves', async (t) => {
  const outbound = build(t, { resolve: async () => await new Promise(() => undefined) })
  await fails(send(outbound, 'http://slow.example/', { timeoutMs: 50 }), 'timeout')
})

test('the deadline covers a TLS greeting that is never answered', async (t) => {
  const stall = await serveTcp(t, () => undefined)
  await fails(send(build(t), stall.replace('http:', 'https:'), { timeoutMs: 50 }), 'timeout')
})

test('the deadline is over all redirects together', async (t) => {
  const origin = await serve(t, (_request, response) => {
    setTimeout(() => response.writeHead(302, { Location: '/again' }).end(), 30)
  })
  await fails(send(build(t), origin, { timeoutMs: 200, maxRedirects: 1000 }), 'timeout')
})

test('a body that is not as long as announced, and an early close, are resets', async (t) => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Le',
    '',
  ]) {
    await fails(send(build(t), await answering(t, answer)), 'reset')
  }
})

test('a body longer than its Content-Length is not read past it', async (t) => {
  const origin = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200')
  assert.equal((await send(build(t), origin)).body.toString(), 'hello')
})

test('what is not HTTP is a protocol failure', async (t) => {
  for (const answer of [
    'SSH-2.0-OpenSSH_9.9\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello',
  ]) {
    await fails(send(build(t), await answering(t, answer)), 'protocol')
  }
})

test('response headers past their cap are headers_too_large', async (t) => {
  const origin = await answering(t, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`)
  await fails(send(build(t), origin), 'headers_too_large')
})

test('a closed port is refused, an unknown name is dns', async (t) => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await fails(send(build(t), `http://127.0.0.1:${port}/`), 'refused')
  const resolve = async (): Promise<never> =>
    await Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
  await fails(send(build(t, { resolve }), 'http://nowhere.example/'), 'dns')
  await fails(
    send(build(t, { resolve: async () => await Promise.resolve([]) }), 'http://a.b/'),
    'dns',
  )
})
