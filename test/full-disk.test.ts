// A disk that fills up while work is handed over, runs and is delivered: nothing is half stored, nothing is lost,
// and what was done is not done again once there is room.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { catchConnections, fillDisk, freeDisk } from './helpers/sqlite-connections.ts'

const ASYNC = { prefer: 'respond-async' }
/** More than the free space of the pages there are. */
const LARGE = 'x'.repeat(500_000)

interface Disk {
  app: TestApp
  one: Uploaded
  fill: () => void
  free: () => void
  count: (table: string) => number
}

async function build(t: TestContext): Promise<Disk> {
  const connections = catchConnections(t)
  const app = await buildApp(t, { DELIVERY_POLL_MS: 10 })
  const connection = connections.at(-1)!
  return {
    app,
    one: await upload(app, await guest('echo')),
    fill: () => fillDisk(connection),
    free: () => freeDisk(connection),
    count: (table) => connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
  }
}

async function accept(
  app: TestApp,
  one: Uploaded,
  headers: Record<string, string>,
  body?: string,
): Promise<string> {
  const init = { headers: { ...ASYNC, ...headers }, ...(body === undefined ? {} : { body }) }
  const response = await call(app, one, 'echo', init)
  const text = await response.text()
  assert.equal(response.status, 202, text)
  return (JSON.parse(text) as { run_id: string }).run_id
}

async function json<T>(app: TestApp, url: string, headers = {}): Promise<T> {
  return (await (await app.request(url, { headers })).json()) as T
}

async function untilReady(app: TestApp, status: number): Promise<void> {
  while ((await app.request('/readyz')).status !== status);
}

/** A service that answers nobody until it is let. */
async function gate(
  t: TestContext,
  answer: (reply: ServerResponse) => void,
): Promise<HttpService & { open: () => void }> {
  let open = false
  const waiting: ServerResponse[] = []
  const service = await httpService(t, (_request, reply) => {
    if (open) answer(reply)
    else waiting.push(reply)
  })
  return {
    ...service,
    open() {
      open = true
      waiting.forEach(answer)
    },
  }
}

test('a run that finds no room on the disk is refused, and nothing of it is stored', async (t) => {
  const { app, one, fill, free, count } = await build(t)
  fill()
  const response = await call(app, one, 'echo', { headers: ASYNC, body: LARGE })
  const runId = response.headers.get('wasmhook-run')!
  await refused(response, 507, 'STORAGE_FULL')
  for (const table of ['runs', 'queued_runs', 'queued_inputs']) assert.equal(count(table), 0, table)
  assert.equal((await app.request(`/api/runs/${runId}`)).status, 404)
  // Where the caller waits, no room is needed.
  assert.equal(await (await call(app, one, 'echo', { body: 'works' })).text(), 'works')
  free()
  const again = await accept(app, one, {}, LARGE)
  while ((await json<{ status: string }>(app, `/api/runs/${again}`)).status !== 'succeeded');
})

test('attempts that ended while the disk was full are written once there is room, and sent once', async (t) => {
  const { app, one, fill, free } = await build(t)
  // What is kept of an answer takes room too.
  const target = await gate(t, (reply) => reply.end(LARGE))
  const callback = { SSVM_Callback: `${target.origin}/in` }
  const ids: string[] = []
  for (let n = 0; n < 10; n++) ids.push(await accept(app, one, callback, `item ${n}`))
  while (target.received.length < ids.length) await new Promise(setImmediate)
  fill()
  target.open()
  await untilReady(app, 503)
  free()
  await untilReady(app, 200)
  for (const id of ids) {
    const run = await json<{ delivery_ids: string[] }>(app, `/api/runs/${id}`)
    assert.equal(run.delivery_ids.length, 1)
    const url = `/api/deliveries/${run.delivery_ids[0]}`
    const read = () => json<{ state: string; attempts: unknown[] }>(app, url, admin(one))
    while ((await read()).state !== 'succeeded');
    assert.equal((await read()).attempts.length, 1)
  }
  const bodies = target.received.map(({ body }) => body.toString())
  assert.deepEqual(
    bodies.sort(),
    ids.map((_, n) => `item ${n}`),
  )
})

test('runs that ended while the disk was full are written once there is room, and run once', async (t) => {
  const { app, one, fill, free } = await build(t)
  const upstream = await gate(t, (reply) => reply.end(LARGE))
  const headers = { SSVM_Fetch: upstream.origin }
  const ids = [await accept(app, one, headers), await accept(app, one, headers)]
  while (upstream.received.length < ids.length) await new Promise(setImmediate)
  fill()
  upstream.open()
  await untilReady(app, 503)
  const read = (id: string) => json<{ status: string }>(app, `/api/runs/${id}`)
  for (const id of ids) assert.ok(['queued', 'running'].includes((await read(id)).status))
  free()
  for (const id of ids) {
    while ((await read(id)).status !== 'succeeded');
    assert.equal(await (await app.request(`/api/runs/${id}/result`)).text(), LARGE)
  }
  await untilReady(app, 200)
  assert.equal(upstream.received.length, ids.length)
})

test('a failed forward whose delivery finds no room says so, and is sent no more', async (t) => {
  const { app, one, fill, free, count } = await build(t)
  const target = await httpService(t, (_request, reply) => reply.writeHead(500).end())
  const { port } = target
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/' }
  const retry = { schedule_ms: [100, 100] }
  fill()
  const headers = { SSVM_Callback: JSON.stringify({ ...spec, retry }) }
  const answer = await refused(
    await call(app, one, 'echo', { headers, body: LARGE }),
    507,
    'STORAGE_FULL',
  )
  assert.equal(answer.delivery_id, undefined)
  assert.equal(count('deliveries') + count('delivery_payloads') + count('attempts'), 0)
  free()
  // What goes on is delivered; of the other there is nothing to deliver.
  const other = await refused(
    await call(app, one, 'echo', { headers, body: 'x' }),
    502,
    'CALLBACK_FAILED',
  )
  const url = `/api/deliveries/${String(other.delivery_id)}`
  while ((await json<{ state: string }>(app, url, admin(one))).state !== 'exhausted');
  assert.deepEqual(
    target.received.map(({ body }) => body.length),
    [LARGE.length, 1, 1, 1],
  )
})
