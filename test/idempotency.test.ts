// `Idempotency-Key`: the same call with the same key gets the first answer again, and runs nothing.
import assert from 'node:assert/strict'
import { request as rawRequest } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { fingerprintOf } from '../src/http/idempotency-key.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { CallInit, Caller, Uploaded } from './helpers/client.ts'
import { ended, readRun, resultOf, untilRun } from './helpers/durable-runs.ts'
import type { Run } from './helpers/durable-runs.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { startProcess } from './helpers/server-process.ts'

const POLL = { DELIVERY_POLL_MS: 10 }
let keys = 0

/** A key that no other test uses. */
function newKey(): Record<string, string> {
  return { 'Idempotency-Key': `key ${++keys}` }
}

/** Status, type, body, run, and whether it was replayed. */
async function told(response: Response): Promise<readonly unknown[]> {
  const { status, headers } = response
  const body = await response.text()
  return [
    [status, headers.get('content-type'), body, headers.get('wasmhook-run')],
    headers.get('idempotent-replayed') === 'true',
  ]
}

/** Calls twice: the second gets the first's answer again. Tells the first. */
async function replays(
  app: Caller,
  one: Uploaded,
  fn: string,
  init: CallInit,
): Promise<readonly unknown[]> {
  const [first, fresh] = await told(await call(app, one, fn, init))
  const [second, replayed] = await told(await call(app, one, fn, init))
  assert.deepEqual(second, first)
  assert.deepEqual([fresh, replayed], [false, true])
  return first as unknown[]
}

describe('a call with a key', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded
  let counter: Uploaded

  before(async () => {
    app = await buildApp(scope, { ...POLL, RUN_TIMEOUT_MS: 60_000 })
    one = await upload(app, await guest('echo'))
    counter = await upload(app, await guest('storage'))
  })

  test('is run once, and gets the first answer again', async () => {
    const headers = newKey()
    assert.deepEqual((await replays(app, counter, 'increment', { headers })).slice(0, 3), [
      200,
      'text/plain; charset=utf-8',
      '1',
    ])
    assert.equal(await textOf(app, counter, 'read'), '1')
    const bytes = { headers: newKey(), body: Buffer.from([0, 255]), bytes: true }
    const [, type] = await replays(app, one, 'echo', bytes)
    assert.equal(type, 'application/octet-stream')
    const empty = { headers: newKey(), body: '', bytes: true }
    assert.deepEqual((await replays(app, one, 'echo', empty)).slice(0, 1), [200])
  })

  test('is one of its function: another function, or another executable, knows nothing of its key', async () => {
    const headers = newKey()
    const other = await upload(app, await guest('echo'))
    for (const [executable, fn] of [
      [one, 'echo'],
      [one, 'join'],
      [other, 'echo'],
    ] as const) {
      const response = await call(app, executable, fn, { headers, body: 'x' })
      await response.arrayBuffer()
      assert.equal(response.headers.get('idempotent-replayed'), null, fn)
    }
  })

  test('for anything else is refused with 422, and for other keys to the function is not', async () => {
    const upstream = await httpService(scope, (_request, reply) => reply.end('x'))
    const headers = newKey()
    const spec = { SSVM_Fetch: upstream.origin }
    await replays(app, one, 'echo', { headers: { ...headers, ...spec } })
    const others: CallInit[] = [
      { body: 'x' },
      { headers: { SSVM_Fetch: `${upstream.origin}/other` } },
      { headers: { ...spec, SSVM_Callback: upstream.origin } },
      { headers: { ...spec, SSVM_Callback: '{}' } },
      { headers: spec, bytes: true },
      { headers: { ...spec, prefer: 'respond-async' }, body: 'x', bytes: true },
      {
        headers: {
          ...spec,
          prefer: 'respond-async',
          'wasmhook-retry': '{"interval_ms":100,"retries":1}',
        },
      },
    ]
    for (const init of others) {
      const sent = { ...init, headers: { ...init.headers, ...headers } }
      await refused(await call(app, one, 'echo', sent), 422, 'IDEMPOTENCY_MISMATCH')
    }
    assert.equal(upstream.received.length, 1)
    const keyed = { ...spec, ...headers, ...admin(one) }
    const again = await call(app, one, 'echo', { headers: keyed })
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
  })

  test('by parts is the same by its arguments, whatever the boundary', async () => {
    const headers = newKey()
    const send = (...inputs: string[]): Promise<Response> => {
      const form = new FormData()
      for (const [at, input] of inputs.entries()) form.append(`input_${at + 1}`, input)
      return app.request(`/api/multipart/run/${one.id}/echo`, {
        method: 'POST',
        headers,
        body: form,
      })
    }
    const [first] = await told(await send('a'))
    assert.deepEqual(await told(await send('a')), [first, true])
    await refused(await send('a', ''), 422, 'IDEMPOTENCY_MISMATCH')
  })

  test('that is still under way is refused with 409, and of several at once one runs', async () => {
    const headers = newKey()
    const ask = (): Promise<Response> => call(app, counter, 'increment_and_spin', { headers })
    const calls = Array.from({ length: 5 }, ask)
    const refusals: string[] = []
    const counted = calls.map(async (calling) => {
      const response = await calling
      const answer = (await response.json()) as { code: string; run_id: string }
      if (answer.code !== 'CANCELED') {
        assert.notEqual(response.headers.get('retry-after'), null)
        refusals.push(answer.run_id)
      }
      return `${response.status} ${answer.code}`
    })
    while (refusals.length < 4) await new Promise(setImmediate)
    assert.equal(new Set(refusals).size, 1, 'all name the one that runs')
    await app.request(`/api/runs/${refusals[0]}`, { method: 'DELETE' })
    const inFlight = Array.from({ length: 4 }, () => '409 IDEMPOTENCY_IN_FLIGHT')
    assert.deepEqual((await Promise.all(counted)).sort(), ['409 CANCELED', ...inFlight])
    // What was canceled stays so.
    const again = await ask()
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    await refused(again, 409, 'CANCELED')
  })

  test('that fails by its caller or its own choice fails the same again, other failures free the key', async () => {
    const missing = { headers: newKey() }
    assert.deepEqual((await replays(app, one, 'no_such', missing)).slice(0, 1), [404])
    let status = 500
    const upstream = await httpService(scope, (_request, reply) =>
      reply.writeHead(status).end('there'),
    )
    const headers = { ...newKey(), SSVM_Fetch: upstream.origin }
    const failed = await call(app, one, 'echo', { headers })
    const answer = await refused(failed, 502, 'UPSTREAM_FAILED')
    assert.equal((answer.upstream as { status: number }).status, 500)
    status = 200
    assert.deepEqual((await replays(app, one, 'echo', { headers })).slice(0, 1), [200])
    assert.equal(upstream.received.length, 2)
  })

  test("gets the target's first answer again, which is sent nothing more", async () => {
    const target = await httpService(scope, (_request, reply) => {
      reply.writeHead(201, { 'content-type': 'text/x-own' }).end(`answer ${target.received.length}`)
    })
    const headers = { ...newKey(), SSVM_Callback: target.origin }
    const [status, type, body] = await replays(app, one, 'echo', { headers, body: 'x' })
    assert.deepEqual([status, type, body], [201, 'text/x-own', 'answer 1'])
    assert.equal(target.received.length, 1)
  })

  test('whose result is sent later names the same delivery again', async () => {
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: 9, delay_ms: 3_600_000 }
    const headers = { ...newKey(), SSVM_Callback: JSON.stringify(spec) }
    const [first, second] = [
      await call(app, one, 'echo', { headers, body: 'x' }),
      await call(app, one, 'echo', { headers, body: 'x' }),
    ]
    for (const name of ['location', 'wasmhook-delivery', 'wasmhook-run']) {
      assert.notEqual(first.headers.get(name), null)
      assert.equal(second.headers.get(name), first.headers.get(name))
    }
    const [told1] = await told(first)
    assert.deepEqual(await told(second), [told1, true])
  })

  test('goes on when its caller hangs up, and whoever asks again finds its answer', async () => {
    const gone = new AbortController()
    let answer = (): void => undefined
    const upstream = await httpService(scope, (_request, reply) => {
      answer = () => reply.end('fetched')
      gone.abort()
    })
    const headers = { ...newKey(), SSVM_Fetch: upstream.origin }
    const url = `/api/run/${one.id}/echo`
    await assert.rejects(app.request(url, { method: 'POST', headers, signal: gone.signal }))
    answer()
    let again = await call(app, one, 'echo', { headers })
    while (again.status === 409) again = await call(app, one, 'echo', { headers })
    assert.equal(await again.text(), 'fetched')
    assert.equal(upstream.received.length, 1)
  })

  test('that is handed over is accepted once, and any preference finds its run', async () => {
    const headers = newKey()
    const async = { ...headers, prefer: 'respond-async' }
    const [first] = await told(await call(app, counter, 'increment', { headers: async }))
    const [status, , body, id] = first as [number, string, string, string]
    assert.deepEqual([status, body], [202, JSON.stringify({ run_id: id, status: 'queued' })])
    await ended(app, id)
    const again = await call(app, counter, 'increment', { headers: async })
    assert.equal(again.headers.get('location'), `/api/runs/${id}`)
    assert.deepEqual(await told(again), [first, true])
    const result = await resultOf(app, id)
    for (const prefer of ['respond-async, wait=5', 'nothing']) {
      const response = await call(app, counter, 'increment', { headers: { ...headers, prefer } })
      assert.equal(await response.text(), result, prefer)
      assert.equal(response.headers.get('wasmhook-run'), id)
    }
    assert.equal(await textOf(app, counter, 'read'), result)
  })

  test('that somebody waits for is found by one who would not wait so long', async () => {
    let answer = (): void => undefined
    const upstream = await httpService(scope, (_request, reply) => {
      answer = () => reply.end('late')
    })
    const headers = { ...newKey(), SSVM_Fetch: upstream.origin }
    const first = call(app, one, 'echo', { headers })
    while (upstream.received.length === 0) await new Promise(setImmediate)
    const ask = (prefer: string): Promise<Response> =>
      call(app, one, 'echo', { headers: { ...headers, prefer } })
    for (const prefer of ['respond-async', 'respond-async, wait=0']) {
      const response = await ask(prefer)
      assert.equal(response.status, 202)
      const { run_id: id } = (await response.json()) as Run
      assert.equal((await readRun(app, id)).status, 'running')
    }
    const waiting = ask('respond-async, wait=60')
    answer()
    assert.equal(await (await first).text(), 'late')
    assert.equal(await (await waiting).text(), 'late')
    assert.equal(await (await ask('respond-async')).text(), 'late', 'its answer is known now')
  })
})

test('a malformed key is refused before anything runs', async (t) => {
  const app = await buildApp(t, POLL)
  const one = await upload(app, await guest('echo'))
  const longest = 'k'.repeat(255)
  const fine = await call(app, one, 'echo', { headers: { 'Idempotency-Key': longest }, body: 'x' })
  assert.equal(fine.status, 200)
  for (const key of ['', `${longest}k`, 'tab\there', 'caf\u00e9', 'k'.repeat(50_000)]) {
    const response = await call(app, one, 'echo', {
      headers: { 'Idempotency-Key': key },
      body: 'x',
    })
    await refused(response, 400, 'BAD_REQUEST')
  }
  const url = `${app.origin}/api/run/${one.id}/echo`
  const twice = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'Idempotency-Key': ['a', 'b'] }
    rawRequest(url, { method: 'POST', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end('x')
  })
  assert.equal(twice, 400)
})

test('who may not run a function learns nothing of its keys', async (t) => {
  const app = await buildApp(t, POLL)
  const one = await upload(app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
  const stranger = newKey()
  const headers = { ...stranger, SSVM_Usage_Key: one.usageKey }
  await replays(app, one, 'echo', { headers, body: 'mine' })
  await refused(
    await call(app, one, 'echo', { headers: stranger, body: 'mine' }),
    401,
    'MISSING_KEY',
  )
  const wrong = { ...stranger, SSVM_Usage_Key: '3f8a6f0e-0000-4000-8000-000000000000' }
  await refused(await call(app, one, 'echo', { headers: wrong, body: 'mine' }), 403, 'WRONG_KEY')
})

test('a key names nothing any more after IDEMPOTENCY_KEPT_MS', async (t) => {
  let nowMs = Date.now()
  const app = await buildApp(t, { ...POLL, IDEMPOTENCY_KEPT_MS: 5_000 }, { now: () => nowMs })
  const counter = await upload(app, await guest('storage'))
  const headers = newKey()
  const [, , first] = await replays(app, counter, 'increment', { headers })
  nowMs += 4_999
  assert.equal(await (await call(app, counter, 'increment', { headers })).text(), first)
  nowMs += 1
  assert.equal(await (await call(app, counter, 'increment', { headers })).text(), '2')
})

test('past IDEMPOTENCY_KEYS_MAX a new key is refused, and known ones still serve', async (t) => {
  const app = await buildApp(t, { ...POLL, IDEMPOTENCY_KEYS_MAX: 2 })
  const one = await upload(app, await guest('echo'))
  const known = [newKey(), newKey()]
  for (const headers of known) await replays(app, one, 'echo', { headers, body: 'x' })
  for (const prefer of ['nothing', 'respond-async']) {
    const response = await call(app, one, 'echo', { headers: { ...newKey(), prefer }, body: 'x' })
    assert.notEqual(response.headers.get('retry-after'), null)
    await refused(response, 503, 'IDEMPOTENCY_FULL')
  }
  for (const headers of known) {
    assert.equal((await call(app, one, 'echo', { headers, body: 'x' })).status, 200)
  }
  const other = await upload(app, await guest('echo'))
  await replays(app, other, 'echo', { headers: newKey(), body: 'x' })
})

test('past IDEMPOTENCY_BYTES the oldest answers go, and nothing is run again for that', async (t) => {
  const app = await buildApp(t, { ...POLL, IDEMPOTENCY_BYTES: 10 })
  const one = await upload(app, await guest('echo'))
  const ask = (headers: Record<string, string>, body: string): Promise<Response> =>
    call(app, one, 'echo', { headers, body })
  const [older, newer, large] = [newKey(), newKey(), newKey()]
  await ask(older, '12345678')
  await replays(app, one, 'echo', { headers: newer, body: 'abcdefgh' })
  let dropped = await ask(older, '12345678')
  while (dropped.status === 200) dropped = await ask(older, '12345678')
  const answer = await refused(dropped, 410, 'IDEMPOTENCY_ANSWER_DROPPED')
  assert.equal((await readRun(app, String(answer.run_id))).status, 'succeeded')
  // One that is too large by itself drops no others.
  assert.equal((await ask(large, 'x'.repeat(11))).status, 200)
  await refused(await ask(large, 'x'.repeat(11)), 410, 'IDEMPOTENCY_ANSWER_DROPPED')
  assert.equal(await (await ask(newer, 'abcdefgh')).text(), 'abcdefgh')
})

test('a call with a key that a kill cut short is taken up again, and answered to whoever asks', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  let answers = false
  let asked = (): void => undefined
  const wasAsked = new Promise<void>((resolve) => (asked = resolve))
  const upstream = await httpService(t, (_request, reply) => {
    if (answers) reply.end('fetched')
    asked()
  })
  const target = await httpService(t, ({ body }, reply) => reply.end(`took ${body.toString()}`))
  const env = { OUTBOUND_ALLOW: '127.0.0.1', DELIVERY_POLL_MS: '10' }
  const caller = (origin: string): Caller => ({ request: (url, init) => fetch(origin + url, init) })
  const first = await startProcess(t, dataDir, env)
  const one = await upload(caller(first.origin), await guest('echo'))
  const kept = { headers: newKey(), body: 'before the kill' }
  const [before] = await told(await call(caller(first.origin), one, 'echo', kept))
  const headers = { ...newKey(), SSVM_Fetch: upstream.origin, SSVM_Callback: target.origin }
  const cutShort = assert.rejects(call(caller(first.origin), one, 'echo', { headers }))
  await wasAsked
  first.child.kill('SIGKILL')
  await cutShort
  answers = true
  const app = caller((await startProcess(t, dataDir, env)).origin)
  assert.deepEqual(await told(await call(app, one, 'echo', kept)), [before, true])
  let again = await call(app, one, 'echo', { headers })
  while (again.status === 409) again = await call(app, one, 'echo', { headers })
  const id = again.headers.get('wasmhook-run') ?? ''
  assert.equal(await again.text(), 'took fetched')
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.equal((await untilRun(app, id, 'succeeded')).run_id, id)
  assert.deepEqual([upstream.received.length, target.received.length], [2, 1])
})

test('a stop leaves a call with a key to the next start', async (t) => {
  const app = await buildApp(t, { ...POLL, DRAIN_MS: 100 })
  const one = await upload(app, await guest('echo'))
  let answers = false
  const upstream = await httpService(t, (_request, reply) => {
    if (answers) reply.end('fetched')
  })
  const headers = { ...newKey(), SSVM_Fetch: upstream.origin }
  const calling = call(app, one, 'echo', { headers })
  while (upstream.received.length === 0) await new Promise(setImmediate)
  const restarting = app.restart()
  await refused(await calling, 503, 'CLOSED')
  answers = true
  const next = await restarting
  let again = await call(next, one, 'echo', { headers })
  while (again.status === 409) again = await call(next, one, 'echo', { headers })
  assert.equal(await again.text(), 'fetched')
})

test('a fingerprint tells inputs apart, however they are cut', async () => {
  const bytes = (...texts: string[]) =>
    texts.map((text) => ({ kind: 'bytes' as const, bytes: Buffer.from(text) }))
  const large = Buffer.alloc(3 * 1024 * 1024 + 1, 'x')
  const calls = [
    bytes(),
    bytes(''),
    bytes('ab'),
    bytes('a', 'b'),
    bytes('a', '', 'b'),
    bytes('abytes 1\nb'),
    [{ kind: 'bytes' as const, bytes: large }],
    [{ kind: 'bytes' as const, bytes: Buffer.concat([large, large]) }],
  ]
  const prints = await Promise.all(
    calls.map((inputs) =>
      fingerprintOf('/r', { inputs, callback: undefined, warnings: [] }, undefined),
    ),
  )
  assert.equal(new Set(prints).size, calls.length)
})
