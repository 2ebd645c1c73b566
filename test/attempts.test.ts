// What an attempt records of both sides, and how it ends with hostile targets: each class of failure, made
// through a delivery by a real peer.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { POLL, callback, handOver, hasEnded, untilDelivery } from './helpers/deliveries.ts'
import type { Shown, ShownAttempt } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { answering, endlessly, serve, serveTcp, serveTls } from './helpers/outbound-peers.ts'

const KEPT_BYTES = 16 * 1024
const NO_RETRY = { schedule_ms: [] }
const scope = suiteScope()
let app: TestApp
let one: Uploaded

/** A name that is found, one that is not, and one that leads where nobody may call. */
async function resolve(hostname: string): Promise<{ address: string; family: number }[]> {
  await Promise.resolve()
  if (hostname === 'found.example') return [{ address: '127.0.0.1', family: 4 }]
  if (hostname === 'inside.example') return [{ address: '10.0.0.1', family: 4 }]
  throw Object.assign(new Error('there is none'), { code: 'ENOTFOUND' })
}

before(async () => {
  app = await buildApp(scope, POLL, { resolve })
  one = await upload(app, await guest('echo'))
})

function specOf(origin: string, fields: object = {}): string {
  const { protocol, hostname, port } = new URL(origin)
  return callback({ port: Number(port) }, NO_RETRY, { protocol, hostname, ...fields })
}

/** A delivery that is sent once, as it ended. */
async function sentOnce(origin: string, fields: object = {}): Promise<Shown> {
  const id = await handOver(app, one, specOf(origin, fields))
  return untilDelivery(app, one, id, hasEnded)
}

async function attemptOf(origin: string, fields: object = {}): Promise<ShownAttempt> {
  const { attempts } = await sentOnce(origin, fields)
  assert.equal(attempts.length, 1)
  return attempts[0]!
}

describe('an attempt records', () => {
  test('what was sent, with its secrets masked', async () => {
    const target = await httpService(scope, (_request, reply) => reply.end())
    const attempt = await attemptOf(target.origin, {
      path: '/hooks/MARKED?token=MARKED',
      method: 'PUT',
      auth: 'user:MARKED',
      headers: { Cookie: 'MARKED', 'X-Key': 'MARKED', 'User-Agent': 'mine', Accept: 'a/b' },
    })
    assert.equal(target.received[0]?.path, '/hooks/MARKED?token=MARKED')
    const { request } = attempt
    assert.deepEqual([request?.method, request?.url], ['PUT', `${target.origin}/***`])
    const { headers = {} } = request ?? {}
    assert.equal(headers['user-agent'], 'mine')
    assert.equal(headers.accept, 'a/b')
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(headers['wasmhook-hops'], '1')
    assert.match(headers['wasmhook-delivery'] ?? '', /^[0-9a-f-]{36}$/)
    for (const name of ['authorization', 'cookie', 'x-key']) assert.equal(headers[name], '***')
    assert.ok(!JSON.stringify(attempt).includes('MARKED'))
  })

  test('the answer, with its secrets masked', async () => {
    const target = await httpService(scope, (_request, reply) => {
      const secrets = {
        'Set-Cookie': ['a=MARKED', 'b=MARKED'],
        Location: '/MARKED',
        'X-Api-Key': 'MARKED',
        'X-Amz-Security-Token': 'MARKED',
      }
      reply.writeHead(404, { ...secrets, 'X-Request-Id': 'seen' }).end('not here')
    })
    const attempt = await attemptOf(target.origin)
    assert.equal(attempt.status, 404)
    assert.equal(attempt.response_headers['x-request-id'], 'seen')
    assert.equal(attempt.response_headers['set-cookie'], '***')
    assert.equal(attempt.response_body, 'not here')
    assert.equal(attempt.response_cut, false)
    assert.ok(!JSON.stringify(attempt).includes('MARKED'))
  })

  test('the times of a connection, which are null where one was kept', async () => {
    const target = await httpService(scope, (_request, reply) => reply.end())
    const origin = `http://found.example:${target.port}`
    const first = await attemptOf(origin)
    const { dns_us: dns, connect_us: connect, tls_us: tls } = first.timings
    assert.ok(dns !== null && dns > 0 && connect !== null && connect > 0, JSON.stringify(first))
    assert.equal(tls, null)
    assert.ok(first.timings.first_byte_us! >= dns + connect)
    assert.ok(first.timings.total_us! >= first.timings.first_byte_us!)
    assert.equal(first.peer, `127.0.0.1:${target.port}`)
    const second = await attemptOf(origin)
    assert.deepEqual(
      [second.timings.dns_us, second.timings.connect_us, second.peer],
      [null, null, first.peer],
    )
    assert.ok(second.timings.first_byte_us! > 0)
  })

  test('the first 16 KiB of a body, text or not', async () => {
    // Each cut falls into the midst of a character.
    const text = 'a' + 'é'.repeat(KEPT_BYTES)
    const bytes = Buffer.from([0xff, 0x00, 0xfe])
    const bodies = [Buffer.from(text), bytes, Buffer.from('caf\u00e9'), Buffer.from([0x61, 0xc3])]
    const target = await httpService(scope, (_request, reply) => {
      reply.end(bodies[target.received.length - 1])
    })
    const long = await attemptOf(target.origin)
    assert.equal(long.response_cut, true)
    assert.equal(long.response_body, text.slice(0, KEPT_BYTES / 2))
    const binary = await attemptOf(target.origin)
    assert.deepEqual([binary.response_body, binary.response_cut], [null, false])
    assert.equal(binary.response_body_base64, bytes.toString('base64'))
    assert.equal((await attemptOf(target.origin)).response_body, 'café')
    const broken = await attemptOf(target.origin)
    assert.equal(broken.response_body_base64, Buffer.from([0x61, 0xc3]).toString('base64'))
  })
})

describe('an attempt fails with the class', () => {
  async function fails(errorClass: string, origin: string, fields: object = {}) {
    const delivery = await sentOnce(origin, fields)
    assert.equal(delivery.state, 'exhausted')
    const attempt = delivery.attempts[0]!
    assert.equal(attempt.error_class, errorClass, attempt.error ?? '')
    assert.equal(typeof attempt.error, 'string')
    return attempt
  }

  test('dns, of a name that does not exist', async () => {
    const { timings, peer } = await fails('dns', 'http://nowhere.example:81')
    assert.ok(timings.dns_us! > 0)
    assert.deepEqual([timings.connect_us, peer], [null, null])
  })

  test('guard, of a name that leads to an address that may not be called', async () => {
    const { peer, error } = await fails('guard', 'http://inside.example:81')
    assert.equal(peer, null)
    assert.ok(!error!.includes('10.0.0.1'), 'what a name resolves to is not told')
  })

  test('refused, of a port that nobody listens at', async () => {
    const attempt = await fails('refused', 'http://127.0.0.1:1')
    assert.deepEqual([attempt.status, attempt.timings.connect_us], [null, null])
  })

  test('tls, of a certificate that nobody vouches for, and of a port that speaks plain HTTP', async (t) => {
    const { origin } = await serveTls(t)
    const untrusted = await fails('tls', origin)
    assert.ok(untrusted.timings.connect_us! > 0)
    assert.equal(untrusted.timings.tls_us, null)
    assert.equal(untrusted.peer, new URL(origin).host)
    const plain = await serve(t, (_request, response) => response.end())
    await fails('tls', plain.replace('http:', 'https:'))
  })

  test('reset, of a connection that ends before the answer, or within it', async (t) => {
    await fails('reset', await answering(t, ''))
    const within = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
    assert.equal((await fails('reset', within)).status, 200, 'the status that came is kept')
    const head = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n'
    const begun = Buffer.concat([Buffer.from(head), gzipSync('compressed').subarray(0, 15)])
    const compressed = await serveTcp(t, (socket) => socket.once('data', () => socket.end(begun)))
    await fails('reset', compressed)
    const hangUp = await serveTcp(t, (socket) =>
      socket.once('data', () => socket.resetAndDestroy()),
    )
    await fails('reset', hangUp)
  })

  test('headers_too_large', async (t) => {
    const bomb = `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`
    await fails('headers_too_large', await answering(t, bomb))
  })

  test('protocol, of an answer that is not HTTP', async (t) => {
    await fails('protocol', await answering(t, 'SSH-2.0-OpenSSH_9.9\r\n'))
  })

  test('timeout, where connection, headers or the last byte of a body do not come in time', async (t) => {
    const mute = await serveTcp(t, () => undefined)
    const timeout = { timeout: 200 }
    await fails('timeout', mute, timeout)
    await fails('timeout', mute.replace('http:', 'https:'), timeout)
    const slow = await serve(t, (request, response) => {
      if (request.url === '/headers') return
      response.writeHead(200, { 'Content-Length': '1000' }).write('x')
      if (request.url === '/stall') return
      const drip = setInterval(() => response.write('x'), 5)
      response.on('close', () => clearInterval(drip))
    })
    const silent = await fails('timeout', slow, { ...timeout, path: '/headers' })
    assert.equal(silent.status, null)
    for (const path of ['/stall', '/drip']) {
      const { status, timings } = await fails('timeout', slow, { ...timeout, path })
      assert.equal(status, 200, 'the answer that began')
      assert.ok(timings.first_byte_us! < timings.total_us!)
    }
  })
})

describe('a 2xx answer stays one', () => {
  async function arrives(origin: string): Promise<ShownAttempt> {
    const delivery = await sentOnce(origin)
    assert.equal(delivery.state, 'succeeded')
    assert.equal(delivery.attempts[0]?.status, 200)
    return delivery.attempts[0]
  }

  test('whose body never ends: it is cut', async (t) => {
    const endless = await serve(t, (_request, response) => {
      endlessly(response, Buffer.alloc(10_000, 'x'))
    })
    const attempt = await arrives(endless)
    assert.deepEqual([attempt.response_cut, attempt.error_class], [true, null])
    assert.equal(attempt.response_body?.length, KEPT_BYTES)
  })

  test('whose compressed body is cut', async (t) => {
    const large = Buffer.alloc(1_000_000, 'compressed well ')
    for (const [coding, body] of [
      ['gzip', gzipSync(large)],
      ['br', brotliCompressSync(large)],
    ] as const) {
      const origin = await serve(t, (_request, response) => {
        response.writeHead(200, { 'Content-Encoding': coding }).end(body)
      })
      const attempt = await arrives(origin)
      assert.deepEqual([attempt.response_cut, attempt.error_class], [true, null])
      assert.equal(attempt.response_body, large.toString('utf8', 0, KEPT_BYTES))
      assert.equal(attempt.response_headers['content-encoding'], coding)
    }
  })

  test('whose body cannot be decompressed: it says so', async (t) => {
    for (const [coding, body] of [
      ['zstd', Buffer.from('anything')],
      ['gzip', Buffer.from('anything')],
      ['gzip', gzipSync('compressed').subarray(0, 15)],
    ] as const) {
      const origin = await serve(t, (_request, response) => {
        response.writeHead(200, { 'Content-Encoding': coding, 'Content-Length': body.length })
        response.end(body)
      })
      assert.equal((await arrives(origin)).error_class, 'encoding')
    }
  })
})

describe('a forward that a caller waits for', () => {
  test('is over once it arrived, though its answer cannot be handed on', async (t) => {
    const small = await buildApp(t, { ...POLL, OUTPUT_BYTES: 1_000 })
    const other = await upload(small, await guest('echo'))
    const target = await httpService(t, (request, reply) => {
      if (request.path === '/large') reply.end(Buffer.alloc(1_001))
      else reply.writeHead(200, { 'content-encoding': 'zstd' }).end('x')
    })
    for (const [path, code] of [
      ['/large', 'TARGET_TOO_LARGE'],
      ['/odd', 'CALLBACK_FAILED'],
    ] as const) {
      const headers = { SSVM_Callback: callback(target, { schedule_ms: [100] }, { path }) }
      const response = await call(small, other, 'echo', { body: 'x', headers })
      const answer = await refused(response, 502, code)
      assert.equal(answer.delivery_id, undefined, 'it counts as delivered')
    }
    assert.equal(target.received.length, 2)
  })
})
