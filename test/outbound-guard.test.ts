// The address guard in real requests: names that change, own origins, and a proxy.
import assert from 'node:assert/strict'
import { type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { LOOPBACK, build, fails, send, serve } from './helpers/outbound-peers.ts'

test('a name that changes its address after the first answer is judged when dialled', async (t) => {
  let served = 0
  const origin = await serve(t, (_request, response) => {
    served += 1
    response.shouldKeepAlive = false
    response.end()
  })
  const answers = ['127.0.0.1', '127.0.0.2']
  const outbound = build(t, {
    resolve: async () => await Promise.resolve([{ address: answers.shift() ?? '::1', family: 4 }]),
  })
  const url = `http://rebind.example:${new URL(origin).port}/`
  await send(outbound, url)
  await fails(send(outbound, url), 'guard')
  await fails(send(outbound, url), 'guard')
  assert.equal(served, 1)
})

test('of several addresses only those that may be called are dialled', async (t) => {
  const origin = await serve(t, (_request, response) => response.end('x'))
  const addresses = ['10.0.0.1', '127.0.0.1', '::1'].map((address) => ({ address, family: 4 }))
  const outbound = build(t, { resolve: async () => await Promise.resolve(addresses) })
  const response = await send(outbound, `http://mixed.example:${new URL(origin).port}/`)
  assert.equal(response.status, 200)
})

test('own origins may be called on the paths of chaining only, whatever is allowed', async (t) => {
  const paths: string[] = []
  const own: string = await serve(t, (request, response) => {
    paths.push(request.url ?? '')
    response.end()
  })
  const other = await serve(t, (request, response) => {
    response.writeHead(302, { Location: `${own}${request.url}` }).end()
  })
  const { port } = new URL(own)
  for (const allow of [LOOPBACK, ['127.0.0.0/8', '::/0', 'localhost', '0.0.0.0/0']]) {
    const outbound = build(t, { allow, ownOrigins: () => [own] })
    const open = ['/api/run/1/f', '/api/multipart/run/1/f', '/hooks/1', '/bin/1', '/hooks?x=1']
    for (const path of open) await send(outbound, own + path)
    await send(outbound, `${own}/x/../hooks/%2e%2e/bin/2`)
    await send(outbound, `${other}/bin/3`)
    assert.deepEqual(paths.splice(0), [...open, '/bin/2', '/bin/3'])

    for (const path of [
      '/',
      '/api/executables',
      '/api/runs/1',
      '/api/running',
      '/hooksx',
      '/HOOKS/1',
      '//hooks/1',
      '/bin/../api/executables',
      '/bin/%2e%2e/api/executables',
      '/bin/.%2E/api/executables',
      '/bin\\..\\api/executables',
      '/bin/..%2fapi/executables',
      '/bin/..%5capi/executables',
      '/bin/%252e%252e/api/executables',
      '/%68ooks/1',
    ]) {
      await fails(send(outbound, own + path), 'guard')
    }
    await fails(send(outbound, `${other}/api/executables`), 'guard')
    for (const host of [
      'localhost',
      '127.1',
      '0x7f.1',
      '2130706433',
      '127.0.0.2',
      '0.0.0.0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::]',
    ]) {
      if (new URL(`http://${host}`).hostname === '127.0.0.1') continue
      const error = await fails(send(outbound, `http://${host}:${port}/hooks/1`), 'guard')
      assert.doesNotMatch(error.message, /resolve/)
    }
    await fails(send(outbound, `https://127.0.0.1:${port}/hooks/1`), 'guard')
    assert.deepEqual(paths, [])
  }
})

test('an own origin needs no allowance', async (t) => {
  const own = await serve(t, (_request, response) => response.end('chained'))
  const outbound = build(t, { allow: [], ownOrigins: () => [own] })
  assert.equal((await send(outbound, `${own}/api/run/1/f`)).body.toString(), 'chained')
})

test('a proxy carries everything but own origins, after names were checked here', async (t) => {
  const tunnels: string[] = []
  const origin = await serve(t, (_request, response) => response.end('through'))
  const own = await serve(t, (_request, response) => response.end('direct'))
  const proxy = await serve(
    t,
    (_request, response) => response.end(),
    (server) =>
      server.on('connect', (request: IncomingMessage, socket: Socket) => {
        tunnels.push(request.url ?? '')
        if (request.url?.startsWith('denied') === true) {
          socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
          return
        }
        const target = connect(Number(new URL(origin).port), '127.0.0.1')
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        socket.pipe(target).pipe(socket)
        socket.on('error', () => target.destroy())
        target.on('error', () => socket.destroy())
      }),
  )
  const addresses: Record<string, string[]> = {
    'public.example': ['93.184.215.14'],
    'denied.example': ['93.184.215.14'],
    'mixed.example': ['93.184.215.14', '10.0.0.1'],
  }
  const outbound = build(t, {
    proxy,
    ownOrigins: () => [own],
    resolve: async (name) =>
      await Promise.resolve((addresses[name] ?? []).map((address) => ({ address, family: 4 }))),
  })
  assert.equal((await send(outbound, 'http://public.example/')).body.toString(), 'through')
  assert.equal((await send(outbound, `${own}/bin/1`)).body.toString(), 'direct')
  await fails(send(outbound, 'http://denied.example/'), 'refused')
  await fails(send(outbound, 'http://mixed.example/'), 'guard')
  await fails(send(outbound, 'http://169.254.169.254/'), 'guard')
  assert.deepEqual(tunnels, ['public.example:80', 'denied.example:80'])
  for (const bad of ['proxy:3128', 'socks5://proxy', 'nonsense']) {
    assert.throws(() => build(t, { proxy: bad }), /OUTBOUND_PROXY/)
  }
})
