// Callers who hang up: what has not begun ends, what others wait for goes on, nothing is held for nobody.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { HangUp } from '../src/core/hang-up.ts'
import { buildApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { until } from './helpers/until.ts'

/** One thread for the executable, so that a second call waits. */
const ONE_AT_A_TIME = { CONCURRENCY: 1, RUN_TIMEOUT_MS: 5_000, QUEUE_WAIT_MS: 60_000 }

test('a call that waits leaves the queue with its caller, and is recorded as canceled', async (t) => {
  const app = await buildApp(t, ONE_AT_A_TIME)
  const one = await upload(app, await guest('echo'))
  const spinning = call(app, one, 'spin', { body: 'x' })
  await until(app, ({ running }) => running === 1)
  const gone = new AbortController()
  const url = `/api/run/${one.id}/echo`
  const waiting = app.request(url, { method: 'POST', body: 'x', signal: gone.signal })
  await until(app, ({ queued }) => queued === 1)
  gone.abort()
  await assert.rejects(waiting)
  await until(app, ({ queued }) => queued === 0)
  await refused(await spinning, 504, 'RUN_TIMEOUT')
  const runs = await app.request(`/api/executables/${one.id}/runs`, { headers: admin(one) })
  const { items } = (await runs.json()) as { items: { status: string; code: string }[] }
  assert.ok(items.some(({ status, code }) => status === 'canceled' && code === 'CANCELED'))
})

test('a call with a callback goes on when its caller has left', async (t) => {
  const app = await buildApp(t, ONE_AT_A_TIME)
  let arrive: (body: string) => void
  const arrived = new Promise<string>((resolve) => (arrive = resolve))
  const target = await httpService(t, ({ body }, reply) => {
    reply.end()
    arrive(body.toString())
  })
  const one = await upload(app, await guest('echo'))
  const spinning = call(app, one, 'spin', { body: 'x' })
  await until(app, ({ running }) => running === 1)
  const gone = new AbortController()
  const waiting = app.request(`/api/run/${one.id}/echo`, {
    method: 'POST',
    headers: { SSVM_Callback: target.origin },
    body: 'for the target',
    signal: gone.signal,
  })
  await until(app, ({ queued }) => queued === 1)
  gone.abort()
  await assert.rejects(waiting)
  assert.equal(await arrived, 'for the target')
  await refused(await spinning, 504, 'RUN_TIMEOUT')
})

test('a fetch ends with its caller', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  const stalling = createServer()
  stalling.listen(0, '127.0.0.1')
  await once(stalling, 'listening')
  t.after(() => stalling.close())
  const { port } = stalling.address() as AddressInfo
  const gone = new AbortController()
  const calling = app.request(`/api/run/${one.id}/echo`, {
    method: 'POST',
    headers: { SSVM_Fetch: `http://127.0.0.1:${port}/` },
    signal: gone.signal,
  })
  const [socket] = (await once(stalling, 'connection')) as [Socket]
  socket.resume()
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  gone.abort()
  await assert.rejects(calling)
  await closed
})

test('an upload whose caller has left before its turn is not stored', async (t) => {
  const app = await buildApp(t)
  const wasm = await guest('echo')
  const gone = new AbortController()
  // Others keep the one compiler busy.
  const names = ['counter', 'context', 'raw-numbers', 'wasm-bindgen-61']
  const others = names.map(async (name) => upload(app, await guest(name)))
  const leaving = app.request('/api/executables', {
    method: 'POST',
    body: wasm,
    signal: gone.signal,
  })
  gone.abort()
  await assert.rejects(leaving)
  await Promise.all(others)
  const list = (await (await app.request('/api/executables')).json()) as unknown[]
  assert.equal(list.length, names.length)
})

test('what a call holds counts until it ends, even when its caller has left', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 1_300_000, RUN_TIMEOUT_MS: 5_000 })
  const one = await upload(app, await guest('echo'))
  const gone = new AbortController()
  const body = Buffer.alloc(600_000, 'x')
  const url = `/api/run/${one.id}/spin`
  const leaving = app.request(url, { method: 'POST', body, signal: gone.signal })
  await until(app, ({ running }) => running === 1)
  gone.abort()
  await assert.rejects(leaving)
  await refused(await call(app, one, 'echo', { body }), 503, 'BUFFERS_FULL')
  // The run ends at its time limit; from then on there is room for input and result.
  let status = 503
  while (status === 503) status = (await call(app, one, 'echo', { body })).status
  assert.equal(status, 200)
})

test('uploads beyond the compile queue are turned away at once', async (t) => {
  const app = await buildApp(t, { COMPILE_QUEUE_LENGTH: 1 })
  const wasm = await guest('echo')
  const send = (): Promise<Response> =>
    app.request('/api/executables', { method: 'POST', body: wasm })
  const statuses = (await Promise.all(Array.from({ length: 8 }, send))).map(({ status }) => status)
  assert.ok(statuses.includes(200) && statuses.includes(503), statuses.join())
})

test('a pipelined call behind another is let go with its connection', async (t) => {
  const app = await buildApp(t, { BUFFERED_BYTES: 1_000_000, RUN_TIMEOUT_MS: 5_000 })
  const one = await upload(app, await guest('echo'))
  const body = 'x'.repeat(600_000)
  const post = (fn: string, content: string): string =>
    `POST /api/run/${one.id}/${fn} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${content.length}\r\n\r\n${content}`
  const socket = connect(Number(new URL(app.origin).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(post('spin', 'x') + post('echo', body))
  await until(app, ({ running }) => running === 1)
  socket.destroy()
  // Nothing of it is held for ever.
  let status = 503
  while (status === 503) status = (await call(app, one, 'nothing', { body: body.slice(1) })).status
  assert.notEqual(status, 503)
})

test('a stop waits for runs whose callers have left and whose results go elsewhere', async (t) => {
  const app = await buildApp(t, { DRAIN_MS: 20_000 })
  let answer: () => void = () => undefined
  let arrive: () => void
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  const target = await httpService(t, (_request, reply) => {
    answer = () => reply.end('taken')
    arrive()
  })
  const one = await upload(app, await guest('echo'))
  const gone = new AbortController()
  const leaving = app.request(`/api/run/${one.id}/echo`, {
    method: 'POST',
    headers: { SSVM_Callback: target.origin },
    body: 'x',
    signal: gone.signal,
  })
  await arrived
  gone.abort()
  await assert.rejects(leaving)
  const closing = app.close()
  answer()
  await closing
  const again = await app.restart()
  const runs = await again.request(`/api/executables/${one.id}/runs`, { headers: admin(one) })
  const { items } = (await runs.json()) as { items: { status: string }[] }
  assert.equal(items[0]?.status, 'succeeded')
})

test('a caller who had left before the result named its target ends nothing, an interrupt does', () => {
  const hangUp = new HangUp()
  const before = hangUp.signal
  hangUp.leave()
  assert.deepEqual([hangUp.left, before.aborted], [true, true])
  hangUp.detach()
  const after = hangUp.signal
  assert.deepEqual([hangUp.left, after.aborted], [false, false])
  const told: boolean[] = []
  hangUp.onLeave = (interrupted) => told.push(interrupted)
  hangUp.interrupt()
  hangUp.interrupt()
  assert.deepEqual(
    [hangUp.left, hangUp.interrupted, after.aborted, told],
    [true, true, true, [true]],
  )
})
