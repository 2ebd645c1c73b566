// `Prefer: respond-async, wait=N`: handed over, and answered with the outcome where it comes in time.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { createRunWaits } from '../src/core/run-waits.ts'
import { asyncPreference } from '../src/http/prefer.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { ended, resultOf } from './helpers/durable-runs.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { newExecutable, newRun } from './storage-suite.ts'

const WAITING = { prefer: 'respond-async, wait=60' }

describe('a preference', () => {
  const READINGS: readonly (readonly [string, number | null | undefined])[] = [
    ['respond-async', undefined],
    ['respond-async, wait=5', 5],
    ['wait=5, respond-async', 5],
    ['Respond-Async; x=1, WAIT = "7"; y', 7],
    ['respond-async, wait=5, wait=6', 5],
    ['handling="a, wait=9", respond-async', undefined],
    ['wait=5', null],
    ['respond-asynchronously, wait=5', null],
    ['respond-async=no', null],
    ['"respond-async"', null],
    ['respond-async, wait=-1', undefined],
    ['respond-async, wait=1.5', undefined],
    ['respond-async, wait="5', undefined],
    ['respond-async, wait', undefined],
    ['', null],
    [',;=,"', null],
  ]
  for (const [prefer, expected] of READINGS) {
    test(`of ${JSON.stringify(prefer)} is read as ${expected === null ? 'none' : `wait ${expected}`}`, () => {
      const read = asyncPreference({ prefer })
      assert.deepEqual(read, expected === null ? undefined : { waitS: expected })
    })
  }
})

describe('a run that is waited for for some seconds', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope, { DELIVERY_POLL_MS: 10 })
    one = await upload(app, await guest('echo'))
  })

  test('is answered with its result where that comes in time', async () => {
    const response = await call(app, one, 'echo', { headers: WAITING, body: 'in time' })
    assert.equal(await response.text(), 'in time')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(response.headers.get('preference-applied'), 'wait=60')
    assert.equal(response.headers.get('location'), null)
    const id = response.headers.get('wasmhook-run') ?? ''
    assert.equal(await resultOf(app, id), 'in time', 'it is durable all the same')
  })

  test('is answered as it would be to a caller who waits where it fails in time', async () => {
    const trap = await upload(app, await guest('misbehaves'))
    for (const headers of [{}, WAITING]) {
      const response = await call(app, trap, 'unreachable', { headers })
      const { run_id: id } = await refused(response, 500, 'TRAP')
      assert.equal(id, response.headers.get('wasmhook-run'))
    }
    const upstream = await httpService(scope, (_request, reply) => reply.writeHead(404).end())
    const headers = { ...WAITING, SSVM_Fetch: upstream.origin }
    const answer = await refused(await call(app, one, 'echo', { headers }), 502, 'UPSTREAM_FAILED')
    assert.match(answer.error, /404/)
  })

  test('is answered 202 where the time is over, and ends by itself', async () => {
    let answer = (): void => undefined
    const upstream = await httpService(scope, (_request, reply) => {
      answer = () => reply.end('late')
    })
    const headers = { prefer: 'respond-async, wait=0', SSVM_Fetch: upstream.origin }
    const response = await call(app, one, 'echo', { headers })
    assert.equal(response.status, 202)
    assert.equal(response.headers.get('preference-applied'), 'respond-async, wait=0')
    const { run_id: id } = (await response.json()) as { run_id: string }
    assert.equal(response.headers.get('location'), `/api/runs/${id}`)
    while (upstream.received.length === 0) await new Promise(setImmediate)
    answer()
    await ended(app, id)
    assert.equal(await resultOf(app, id), 'late')
  })

  test('with a callback is answered with its result, and names the delivery that goes on', async () => {
    const target = await httpService(scope, (_request, reply) => reply.end('the target'))
    const headers = { ...WAITING, SSVM_Callback: target.origin }
    const response = await call(app, one, 'echo', { headers, body: 'for both' })
    assert.equal(await response.text(), 'for both')
    const run = await ended(app, response.headers.get('wasmhook-run') ?? '')
    assert.deepEqual(run.delivery_ids, [response.headers.get('wasmhook-delivery')])
    while (target.received.length === 0) await new Promise(setImmediate)
    assert.equal(target.received[0]?.body.toString(), 'for both')
    assert.equal(target.received[0].headers['wasmhook-delivery'], run.delivery_ids[0])
  })

  test('goes on when its caller has left', async () => {
    const gone = new AbortController()
    let answer = (): void => undefined
    const upstream = await httpService(scope, (_request, reply) => {
      answer = () => reply.end('for nobody')
      gone.abort()
    })
    const headers = { ...WAITING, SSVM_Fetch: upstream.origin }
    const leaving = app.request(`/api/run/${one.id}/echo`, {
      method: 'POST',
      headers,
      signal: gone.signal,
    })
    await assert.rejects(leaving)
    answer()
    const url = `/api/executables/${one.id}/runs?limit=1`
    const runs = await app.request(url, { headers: { SSVM_Admin_Key: one.adminKey } })
    const { items } = (await runs.json()) as { items: { run_id: string }[] }
    const run = await ended(app, items[0]?.run_id ?? '')
    assert.equal(run.status, 'succeeded')
    assert.equal(await resultOf(app, run.run_id), 'for nobody')
  })

  test('by wait alone is waited for to its end', async () => {
    const headers = { prefer: 'wait=0' }
    const response = await call(app, one, 'echo', { headers, body: 'x' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('preference-applied'), null)
  })
})

test('nobody waits longer than PREFER_WAIT_MS_MAX', async (t) => {
  const app = await buildApp(t, { PREFER_WAIT_MS_MAX: 1_001, DELIVERY_POLL_MS: 10 })
  const one = await upload(app, await guest('echo'))
  const upstream = await httpService(t, () => undefined)
  for (const wait of ['2', '9'.repeat(400)]) {
    const headers = { prefer: `respond-async, wait=${wait}`, SSVM_Fetch: upstream.origin }
    const response = await call(app, one, 'echo', { headers })
    assert.equal(response.status, 202)
    assert.equal(response.headers.get('preference-applied'), 'respond-async, wait=1')
  }
})

test('a run that another process ended is heard of', async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-waits-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const storage = await openSqlite({ dataDir, secretKey: '' })
  t.after(() => storage.close())
  const { id: executableId } = await storage.executables.create(newExecutable())
  const run = newRun(executableId, { status: 'queued', endedAtMs: null })
  await storage.runs.save([run])
  const waits = createRunWaits({ storage, onError: assert.ifError })
  const others = [waits.ended(run.id, { ms: 60_000 }), waits.ended(run.id, { ms: 60_000 })]
  assert.equal(await waits.ended(run.id, { ms: 0 }), undefined, 'not yet')
  const over = { ...run, status: 'succeeded' as const, endedAtMs: 5 }
  await storage.runs.save([over])
  assert.deepEqual(await Promise.all(others), [over, over])
  assert.deepEqual(await waits.ended(run.id, { ms: 60_000 }), over, 'also long after')
  assert.equal(await waits.ended(run.id, { ms: 60_000, signal: AbortSignal.abort() }), undefined)
})
