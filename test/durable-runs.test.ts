// Runs that nobody waits for (`Prefer: respond-async`): accepted, run, delivered, canceled.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Caller, Uploaded } from './helpers/client.ts'
import { ASYNC, accept, ended, readRun } from './helpers/durable-runs.ts'
import type { Run } from './helpers/durable-runs.ts'
import { configure } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

const POLL = { DELIVERY_POLL_MS: 10 }

describe('a run that nobody waits for', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope, POLL)
    one = await upload(app, await guest('echo'))
  })

  test('is answered 202 and keeps its result', async () => {
    const id = await accept(app, one, 'echo', { body: 'later' })
    assert.equal((await ended(app, id)).status, 'succeeded')
    const result = await app.request(`/api/runs/${id}/result`)
    assert.equal(await result.text(), 'later')
    assert.equal(result.headers.get('content-type'), 'text/plain; charset=utf-8')
  })

  test('takes its inputs from parts and from URLs as any other', async () => {
    const upstream = await httpService(scope, (_request, reply) => reply.end('fetched'))
    const id = await accept(app, one, 'echo', { headers: { SSVM_Fetch: upstream.origin } })
    assert.equal((await ended(app, id)).status, 'succeeded')
    assert.equal(await (await app.request(`/api/runs/${id}/result`)).text(), 'fetched')
    const form = new FormData()
    form.append('input_1', 'in a part')
    const url = `/api/multipart/run/${one.id}/echo/bytes`
    const response = await app.request(url, { method: 'POST', headers: ASYNC, body: form })
    assert.equal(response.status, 202)
    const { run_id: inParts } = (await response.json()) as Run
    await ended(app, inParts)
    const result = await app.request(`/api/runs/${inParts}/result`)
    assert.equal(await result.text(), 'in a part')
  })

  test('has its result delivered, tried again until the target takes it', async () => {
    const target = await httpService(scope, (_request, reply) => {
      reply.writeHead(target.received.length < 3 ? 500 : 200).end()
    })
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: target.port, path: '/in' }
    const headers = {
      SSVM_Callback: JSON.stringify({ ...spec, retry: { schedule_ms: [100, 100] } }),
    }
    const id = await accept(app, one, 'echo', { body: 'sent on', headers })
    const run = await ended(app, id)
    assert.equal(run.status, 'succeeded')
    const [delivery] = run.delivery_ids
    assert.equal(run.delivery_ids.length, 1)
    for (;;) {
      const url = `/api/deliveries/${delivery}`
      const shown = (await (await app.request(url, { headers: admin(one) })).json()) as {
        state: string
        tries: number
      }
      if (shown.state !== 'succeeded') continue
      assert.equal(shown.tries, 3)
      break
    }
    assert.deepEqual(
      target.received.map(({ body }) => body.toString()),
      ['sent on', 'sent on', 'sent on'],
    )
  })

  test('that fails says why, and delivers nothing', async () => {
    const trap = await upload(app, await guest('misbehaves'))
    const run = await ended(app, await accept(app, trap, 'unreachable'))
    assert.deepEqual([run.status, run.code, run.delivery_ids], ['failed', 'TRAP', []])
  })

  test('whose result is too large fails with the code of its limit, and its record says how much is allowed', async () => {
    const small = await upload(app, await guest('echo'))
    await configure(app, small, 'limits', { output_bytes: 10 })
    const run = await ended(app, await accept(app, small, 'echo', { body: 'x'.repeat(11) }))
    assert.deepEqual([run.status, run.code], ['failed', 'OUTPUT_TOO_LARGE'])
    assert.match(run.error ?? '', /\b10 bytes\b/)
    await refused(await app.request(`/api/runs/${run.run_id}/result`), 404, 'NOT_FOUND')
  })

  test('is refused at once where it never could run', async () => {
    const missing = await call(app, { id: 999 }, 'echo', { body: 'x', headers: ASYNC })
    await refused(missing, 404, 'NOT_FOUND')
    await configure(app, one, 'limits', { input_bytes: 10 })
    const large = await call(app, one, 'echo', { body: 'x'.repeat(11), headers: ASYNC })
    await refused(large, 413, 'INPUT_TOO_LARGE')
    await configure(app, one, 'limits', {})
    const looping = { ...ASYNC, 'wasmhook-hops': '9' }
    await refused(
      await call(app, one, 'echo', { body: 'x', headers: looping }),
      508,
      'LOOP_DETECTED',
    )
  })

  test('is known by its preference in any spelling, and unknown preferences are ignored', async () => {
    const spelled = { prefer: 'handling=lenient, Respond-Async; foo=bar' }
    await accept(app, one, 'echo', { body: 'x', headers: spelled })
    const unknown = await call(app, one, 'echo', { body: 'x', headers: { prefer: 'speed=fast' } })
    assert.equal(unknown.status, 200)
    const resembling = { prefer: 'respond-asynchronously' }
    assert.equal((await call(app, one, 'echo', { body: 'x', headers: resembling })).status, 200)
  })

  test('runs the version it was accepted for', async () => {
    const numbered = (n: number): Buffer =>
      assemble(`(module (func (export "answer") (result i32) i32.const ${n}))`)
    const swapped = await upload(app, numbered(1))
    const id = await accept(app, swapped, 'answer')
    const response = await app.request(`/api/update_wasm_binary/${swapped.id}`, {
      method: 'PUT',
      headers: { ...admin(swapped), 'content-type': 'application/octet-stream' },
      body: numbered(2),
    })
    assert.equal(response.status, 200, await response.text())
    await ended(app, id)
    assert.equal(await (await app.request(`/api/runs/${id}/result`)).text(), '1')
  })
})

describe('runs that wait', () => {
  const spin = assemble('(module (func (export "spin") (loop $on (br $on))))')

  test('are refused past DURABLE_RUNS_MAX, and can be canceled until they begin', async (t) => {
    // Two lanes at most: one thread runs the first, and the others wait.
    const app = await buildApp(t, {
      ...POLL,
      DURABLE_RUNS_MAX: 2,
      SANDBOX_THREADS: 1,
      RUN_TIMEOUT_MS: 6_000,
    })
    const one = await upload(app, spin)
    const first = await accept(app, one, 'spin')
    const second = await accept(app, one, 'spin')
    const third = await call(app, one, 'spin', { headers: ASYNC })
    await refused(third, 503, 'DURABLE_RUNS_FULL')
    assert.notEqual(third.headers.get('retry-after'), null)
    const cancel = (id: string): Promise<Response> =>
      app.request(`/api/runs/${id}`, { method: 'DELETE' })
    const canceled = (await (await cancel(second)).json()) as Run
    assert.equal(canceled.status, 'canceled')
    assert.equal((await ended(app, first)).code, 'RUN_TIMEOUT')
    await refused(await cancel(first), 409, 'CONFLICT')
    assert.equal((await readRun(app, second)).status, 'canceled')
  })
})

test('a run that was accepted survives a kill, before and while it runs', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  let asked = (): void => undefined
  const wasAsked = new Promise<void>((resolve) => (asked = resolve))
  let answers = false
  const upstream = await httpService(t, (_request, reply) => {
    if (answers) reply.end('fetched')
    asked()
  })
  const env = { OUTBOUND_ALLOW: '127.0.0.1' }
  const caller = (origin: string): Caller => ({ request: (url, init) => fetch(origin + url, init) })
  const first = await startProcess(t, dataDir, env)
  const one = await upload(caller(first.origin), await guest('echo'))
  const headers = { SSVM_Fetch: upstream.origin }
  const ids = await Promise.all(
    Array.from({ length: 5 }, () => accept(caller(first.origin), one, 'echo', { headers })),
  )
  await wasAsked
  const dead = new Promise((resolve) => first.child.once('exit', resolve))
  first.child.kill('SIGKILL')
  await dead
  answers = true
  const second = await startProcess(t, dataDir, env)
  for (const id of ids) {
    assert.equal((await ended(caller(second.origin), id)).status, 'succeeded')
    const result = await caller(second.origin).request(`/api/runs/${id}/result`)
    assert.equal(await result.text(), 'fetched')
  }
})

test('runs that call this server outlive its restart', async (t) => {
  const app = await buildApp(t, { ...POLL, SANDBOX_THREADS: 4 })
  const one = await upload(app, await guest('echo'))
  const { port } = new URL(app.origin)
  const inner = { protocol: 'http:', hostname: '127.0.0.1', port: Number(port), method: 'POST' }
  const spec = { ...inner, path: `/api/run/${one.id}/echo`, body: 'inner' }
  const headers = { SSVM_Fetch: JSON.stringify(spec) }
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push(await accept(app, one, 'echo', { headers }))
  const again = await app.restart({ PORT: port })
  for (const id of ids) {
    const run = await ended(again, id)
    assert.deepEqual([run.status, run.code], ['succeeded', null])
  }
})
