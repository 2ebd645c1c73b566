// Bodies that arrive in pieces, as a hostile sender would cut them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { parseMetrics } from './helpers/prometheus.ts'
import { lastAnswer, rawHttp } from './helpers/raw-http.ts'

const CHUNKS = 20_000
const ONE_BYTE = '1\r\nx\r\n'

function head(path: string, type = 'text/plain'): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
}

test('a body in chunks of every size arrives as it was sent', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  const sizes = [1, 1, 1023, 1024, 1, 16_384, 1, 1000, 1000, 16_000, 5, 70_000, 1]
  const body = sizes.map((size, n) => String.fromCharCode(97 + n).repeat(size))
  const chunks = body.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  const answer = await rawHttp(app.origin, head(`/api/run/${one.id}/echo`), ...chunks, '0\r\n\r\n')
  assert.ok(answer.endsWith(`\r\n\r\n${body.join('')}`))
})

test('a body in chunks of one byte is counted by what it takes', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  await isCounted(t, app, head(`/api/run/${one.id}/echo`))
})

test('so is one of JSON', async (t) => {
  await isCounted(t, await buildApp(t), head('/api/messages', 'application/json'))
})

async function isCounted(t: TestContext, app: TestApp, beginning: string): Promise<void> {
  const socket = connect(Number(new URL(app.origin).port), '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(beginning + ONE_BYTE.repeat(CHUNKS))
  for (;;) {
    const metrics = parseMetrics(await (await app.request('/metrics')).text())
    const held = metrics.get('wasmhook_buffered_bytes')?.series[0]?.value
    // The first byte as it came, the others in blocks of 1, 2, 4, 8 and 16 KiB.
    const expected = 1 + 31 * 1024
    if (held === expected) break
    assert.ok((held ?? 0) < expected, String(held))
  }
}

test('a message is refused where its body, and the text that is kept of it, find no room', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 20_000 })
  const publish = (bytes: number): Promise<Response> =>
    app.request('/api/messages', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 't', type: 'a', payload: 'x'.repeat(bytes) }),
    })
  for (const bytes of [25_000, 12_000]) await refused(await publish(bytes), 503, 'BUFFERS_FULL')
  await refused(await publish(9_000), 422, 'UNKNOWN_EVENT_TYPE')
  await refused(await publish(9_000), 422, 'UNKNOWN_EVENT_TYPE')
})

test('a body in chunks of one byte is refused where it takes more than there is', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 20_000 })
  const one = await upload(app, await guest('raw-numbers'))
  const text = await rawHttp(
    app.origin,
    head(`/api/run/${one.id}/add`) + ONE_BYTE.repeat(CHUNKS) + '0\r\n\r\n',
  )
  const { status, body } = lastAnswer(text)
  await refused(new Response(JSON.stringify(body), { status }), 503, 'BUFFERS_FULL')
})

test('a small body in two pieces takes little more than its bytes', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  const narrow = await app.restart({ BUFFERED_BYTES: 2_000 })
  const halves = ['left ', 'right'].map((half) => `${half.length}\r\n${half}\r\n`)
  const text = await rawHttp(narrow.origin, head(`/api/run/${one.id}/echo`), ...halves, '0\r\n\r\n')
  assert.ok(text.endsWith('\r\n\r\nleft right'), text)
})
