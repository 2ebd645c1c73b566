// Servers on one PostgreSQL: what one accepts another does, what one changes another sees, and what is accepted
// arrives through kills, cut connections and a database that is away.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { Scope, Settings, TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { CallInit, Caller, Uploaded } from './helpers/client.ts'
import { listStored } from './helpers/function-storage.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import {
  SECRET_KEY,
  ask,
  cutConnections,
  emptyDatabase,
  postgresServer,
} from './helpers/postgres.ts'
import { startProcess } from './helpers/server-process.ts'

const POLL = { DELIVERY_POLL_MS: 10 }

/** Servers on one new database. */
async function buildApps(scope: Scope, count: number, settings: Settings = {}) {
  const url = await emptyDatabase(scope)
  const shared = { ...POLL, DATABASE_URL: url, SECRET_KEY, ...settings }
  const apps: TestApp[] = []
  for (let n = 0; n < count; n++) apps.push(await buildApp(scope, shared))
  return { url, apps: apps as [TestApp, TestApp] }
}

function to(target: HttpService, fields: object = {}): Record<string, string> {
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port: target.port, ...fields }
  return { SSVM_Callback: JSON.stringify(spec) }
}

/** The id of a run that was accepted. */
async function accept(app: Caller, one: Uploaded, init: CallInit): Promise<string> {
  const headers = { prefer: 'respond-async', ...init.headers }
  const response = await call(app, one, 'echo', { ...init, headers })
  const text = await response.text()
  assert.equal(response.status, 202, text)
  return (JSON.parse(text) as { run_id: string }).run_id
}

async function statusOf(app: Caller, run: string): Promise<string> {
  const response = await app.request(`/api/runs/${run}`)
  return ((await response.json()) as { status: string }).status
}

async function ended(app: Caller, run: string): Promise<string> {
  for (;;) {
    const status = await statusOf(app, run)
    if (!['queued', 'running'].includes(status)) return status
  }
}

/** Asks until it is so. */
async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await reached())) await setImmediate()
}

const idOf = ({ headers }: HttpService['received'][number]): unknown => headers['wasmhook-delivery']

describe('one server on PostgreSQL', () => {
  const scope = suiteScope()
  let app: TestApp
  let url: string
  before(async () => {
    const built = await buildApps(scope, 1)
    app = built.apps[0]
    url = built.url
  })

  test('uploads, calls, keeps, forgets and remembers as on SQLite', async () => {
    const one = await upload(app, await guest('storage'))
    assert.equal(await textOf(app, one, 'increment'), '1')
    app = await app.restart()
    assert.equal(await textOf(app, one, 'increment'), '2')
    assert.equal((await listStored(app, one)).total.keys, 1)
    await app.request(`/api/executables/${one.id}`, { method: 'DELETE', headers: admin(one) })
    await refused(await call(app, one, 'read'), 404, 'NOT_FOUND')
  })

  test('delivers what nobody waits for, tried again until the target takes it', async () => {
    const one = await upload(app, await guest('echo'))
    const target = await httpService(scope, (_request, reply) =>
      reply.writeHead(target.received.length < 3 ? 500 : 200).end(),
    )
    const headers = to(target, { retry: { interval_ms: 100, retries: 5 } })
    const run = await accept(app, one, { headers, body: 'later \0 \uFDD0' })
    assert.equal(await ended(app, run), 'succeeded')
    await until(() => target.received.length === 3)
    for (const { body } of target.received) assert.equal(body.toString(), 'later \0 \uFDD0')
    assert.equal(new Set(target.received.map(idOf)).size, 1)
    const response = await app.request(`/api/executables/${one.id}/deliveries`, {
      headers: admin(one),
    })
    const { items } = (await response.json()) as { items: { run_id: string }[] }
    assert.deepEqual(
      items.map((item) => item.run_id),
      [run],
    )
  })

  test("waits by the database's clock", async () => {
    const one = await upload(app, await guest('echo'))
    const target = await httpService(scope, (_request, reply) =>
      reply.writeHead(target.received.length < 2 ? 500 : 200).end(),
    )
    const retry = { interval_ms: 3_600_000, retries: 1 }
    await accept(app, one, { headers: to(target, { retry }), body: 'x' })
    const waiting = `select 1 from deliveries where state = 'waiting' and tries = 1`
    await until(async () => (await ask(url, waiting)).length === 1)
    // Chance adds up to a fifth.
    await ask(
      url,
      `alter database ${new URL(url).pathname.slice(1)}
      set wasmhook.clock_offset_ms = '4400000'`,
    )
    await cutConnections(url, 'wasmhook listener')
    await until(() => target.received.length === 2)
  })
})

describe('two servers on one database', () => {
  const scope = suiteScope()
  let apps: [TestApp, TestApp]
  let url: string
  before(async () => {
    const settings = { SANDBOX_THREADS: 2, DELIVERY_TARGET_CONCURRENCY: 3, RUN_FLUSH_MS: 1 }
    const built = await buildApps(scope, 2, settings)
    apps = built.apps
    url = built.url
  })

  /** What the second server describes of it, which comes from what it remembers. */
  async function described(one: Uploaded): Promise<string> {
    const [, other] = apps
    const response = await other.request(`/api/executables/${one.id}`, { headers: admin(one) })
    return ((await response.json()) as { wasm_description: string }).wasm_description
  }

  async function describeAs(one: Uploaded, description: string): Promise<void> {
    const response = await apps[0].request(`/api/executables/${one.id}`, {
      method: 'PATCH',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body: JSON.stringify({ description }),
    })
    assert.equal(response.status, 200, await response.text())
  }

  test('what one changes the other sees', async () => {
    const one = await upload(apps[0], await guest('echo'), { SSVM_Description: 'before' })
    assert.equal(await described(one), 'before')
    await describeAs(one, 'after')
    await until(async () => (await described(one)) === 'after')
  })

  test('a change is seen even where nobody could be told of it', async () => {
    const one = await upload(apps[0], await guest('echo'), { SSVM_Description: 'before' })
    assert.equal(await described(one), 'before')
    const cutting = cutConnections(url, 'wasmhook listener')
    await describeAs(one, 'after')
    await cutting
    await until(async () => (await described(one)) === 'after')
  })

  test('what one accepts both run', async () => {
    const one = await upload(apps[0], await guest('echo'))
    // Each has one thread for what waits: only when both run something, anybody is answered.
    const held: ServerResponse[] = []
    const upstream = await httpService(scope, (_request, reply) => {
      held.push(reply)
      if (held.length >= 2) for (const waiting of held.splice(0)) waiting.end('fetched')
    })
    const runs = await Promise.all(
      Array.from({ length: 4 }, () =>
        accept(apps[0], one, { headers: { SSVM_Fetch: upstream.origin } }),
      ),
    )
    for (const run of runs) assert.equal(await ended(apps[1], run), 'succeeded')
  })

  test('every delivery arrives once, and a target gets no more at once than it may', async () => {
    const one = await upload(apps[0], await guest('echo'))
    let underWay = 0
    let most = 0
    const target = await httpService(scope, (_request, reply) => {
      most = Math.max(most, ++underWay)
      // Long enough for others to come meanwhile.
      setTimeout(() => {
        underWay--
        reply.end()
      }, 5)
    })
    const runs = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        accept(apps[n % 2 === 0 ? 0 : 1], one, { headers: to(target), body: String(n) }),
      ),
    )
    for (const run of runs) assert.equal(await ended(apps[0], run), 'succeeded')
    const open = `select 1 from deliveries where ended_at_ms is null and executable_id = ${one.id}`
    await until(async () => (await ask(url, open)).length === 0)
    const bodies = target.received.map(({ body }) => Number(body)).sort((a, b) => a - b)
    assert.deepEqual(
      bodies,
      Array.from({ length: 60 }, (_, n) => n),
    )
    assert.ok(most <= 3, `${most} at once`)
  })

  test('a counter that calls to both increment at once counts them all', async () => {
    const one = await upload(apps[0], await guest('storage'))
    const calls = Array.from({ length: 40 }, (_, n) =>
      textOf(apps[n % 2 === 0 ? 0 : 1], one, 'increment'),
    )
    const seen = (await Promise.all(calls)).map(Number).sort((a, b) => a - b)
    assert.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, n) => n + 1),
    )
    // What the one wrote last, the other reads at once.
    for (let n = 41; n < 45; n++) {
      assert.equal(await textOf(apps[n % 2 === 0 ? 0 : 1], one, 'increment'), String(n))
      assert.equal(await textOf(apps[n % 2 === 0 ? 1 : 0], one, 'read'), String(n))
    }
  })

  test('a run that one has recorded the other can read', async () => {
    const one = await upload(apps[0], await guest('echo'))
    const response = await call(apps[0], one, 'echo', { body: 'x' })
    const run = response.headers.get('wasmhook-run') ?? ''
    await until(async () => (await apps[1].request(`/api/runs/${run}`)).status === 200)
    assert.equal(await statusOf(apps[1], run), 'succeeded')
  })
})

test('what a killed server had under way another takes up', async (t) => {
  const settings = { DELIVERY_LEASE_MS: 1_000 }
  const { url, apps } = await buildApps(t, 1, settings)
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-killed-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const { child, origin } = await startProcess(t, dataDir, {
    DATABASE_URL: url,
    SECRET_KEY,
    OUTBOUND_ALLOW: '127.0.0.1',
    DELIVERY_LEASE_MS: '1000',
  })
  const killed: Caller = { request: (at, init) => fetch(origin + at, init) }
  const one = await upload(killed, await guest('echo'))
  // The other server is stopped meanwhile, so that the one to be killed runs it.
  await apps[0].close()
  const upstream = await httpService(t, (_request, reply) => {
    if (upstream.received.length > 1) reply.end('fetched')
  })
  const run = await accept(killed, one, { headers: { SSVM_Fetch: upstream.origin } })
  await until(() => upstream.received.length === 1)
  child.kill('SIGKILL')
  const app = await apps[0].restart()
  assert.equal(await ended(app, run), 'succeeded')
  assert.equal(upstream.received.length, 2)
})

test('what a stop cuts off waits for no lease to end', async (t) => {
  const { apps } = await buildApps(t, 1, { DELIVERY_LEASE_MS: 3_600_000, DRAIN_MS: 50 })
  const one = await upload(apps[0], await guest('echo'))
  const upstream = await httpService(t, (_request, reply) => {
    if (upstream.received.length > 1) reply.end('fetched')
  })
  const run = await accept(apps[0], one, { headers: { SSVM_Fetch: upstream.origin } })
  await until(() => upstream.received.length === 1)
  const app = await apps[0].restart()
  assert.equal(await ended(app, run), 'succeeded')
})

/** Accepts runs until it is told to stop; only what was accepted counts. */
async function underLoad(
  apps: readonly Caller[],
  one: Uploaded,
  target: HttpService,
  work: () => Promise<void>,
): Promise<string[]> {
  const accepted: string[] = []
  let stop = false
  const load = apps.map(async (app) => {
    while (!stop) {
      const headers = { prefer: 'respond-async', ...to(target) }
      const response = await call(app, one, 'echo', { headers, body: 'x' })
      const text = await response.text()
      if (response.status === 202) accepted.push((JSON.parse(text) as { run_id: string }).run_id)
      else assert.ok([500, 503].includes(response.status), text)
    }
  })
  try {
    await work()
  } finally {
    stop = true
    await Promise.all(load)
  }
  return accepted
}

async function allDelivered(t: TestContext, url: string, accepted: string[], target: HttpService) {
  const open = `select 1 from deliveries where ended_at_ms is null union all select 1 from queued_runs`
  await until(async () => (await ask(url, open)).length === 0)
  const delivered = await ask(url, `select id, run_id from deliveries where state = 'succeeded'`)
  const arrived = new Set(target.received.map(idOf))
  const byRun = new Map(delivered.map(({ id, run_id }) => [run_id, id]))
  for (const run of accepted) assert.ok(arrived.has(byRun.get(run)), `${run} is lost`)
  t.diagnostic(`${accepted.length} accepted, ${target.received.length} arrived`)
}

test('nothing that was accepted is lost where connections are cut under load', async (t) => {
  const { url, apps } = await buildApps(t, 2, { DELIVERY_LEASE_MS: 1_000 })
  const one = await upload(apps[0], await guest('echo'))
  const target = await httpService(t, (_request, reply) => reply.end())
  const accepted = await underLoad(apps, one, target, async () => {
    for (let cut = 0; cut < 10; cut++) {
      const before = target.received.length
      await until(() => target.received.length > before + 2)
      await cutConnections(url)
    }
  })
  assert.ok(accepted.length > 0)
  await allDelivered(t, url, accepted, target)
})

test('while the database is away callers and /readyz are told so, and nothing accepted is lost', async (t) => {
  const { url, apps } = await buildApps(t, 2, { DELIVERY_LEASE_MS: 1_000 })
  const one = await upload(apps[0], await guest('echo'))
  const target = await httpService(t, (_request, reply) => reply.end())
  const server = await postgresServer()
  const isReady = async (): Promise<boolean> => (await apps[0].request('/readyz')).status === 200
  const accepted = await underLoad(apps, one, target, async () => {
    await until(() => target.received.length > 5)
    await server.stop('crash')
    await until(async () => !(await isReady()))
    // Nobody can know what it may do by now.
    await refused(await call(apps[0], one, 'echo', { body: 'x' }), 503, 'STORAGE_UNAVAILABLE')
    await refused(
      await apps[0].request('/api/executables', {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: await guest('echo'),
      }),
      503,
      'STORAGE_UNAVAILABLE',
    )
    await server.start()
    await until(isReady)
    const before = target.received.length
    await until(() => target.received.length > before + 5)
  })
  await allDelivered(t, url, accepted, target)
})
