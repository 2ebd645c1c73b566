// What is found by index: endpoints that want a type, and deliveries, by run, executable, target, state and time.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  hasEnded,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'
import { DELIVERY_STATES } from '../src/model.ts'
import type { DeliveryFilter, DeliveryState } from '../src/model.ts'
import { pageOfIds } from '../src/storage/delivery-history.ts'
import { endpointsWanting } from '../src/storage/endpoint-patterns.ts'
import type { Schema } from '../src/storage/schema.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { PER_LANE, bounds, newAttempt, newDelivery } from './storage-deliveries-suite.ts'

const TOKEN = 'a-token-of-enough-characters'

describe('deliveries are listed', () => {
  const scope = suiteScope()
  const clock = new Clock()
  const token = { authorization: `Bearer ${TOKEN}` }
  let app: TestApp
  let one: Uploaded
  let two: Uploaded
  let well: HttpService
  let ill: HttpService
  /** Oldest first: two that wait, one that ended well and one that did not, one of another executable. */
  const made: string[] = []

  before(async () => {
    app = await buildApp(scope, { ...POLL, API_TOKEN: TOKEN }, { now: clock.now, chance: () => 0 })
    one = await upload(app, await guest('echo'), token)
    two = await upload(app, await guest('echo'), token)
    let first = true
    ill = await httpService(scope, (_request, reply) => reply.writeHead(500).end())
    well = await httpService(scope, (_request, reply) => {
      reply.writeHead(first ? 500 : 200).end()
      first = false
    })
    const send = async (from: Uploaded, target: HttpService, retry: object): Promise<string> => {
      clock.ms += 1_000
      const headers = { SSVM_Callback: callback(target, retry) }
      const response = await call(app, from, 'echo', { body: 'x', headers })
      const id = String((await refused(response, 502, 'CALLBACK_FAILED')).delivery_id)
      made.push(id)
      return id
    }
    const later = { schedule_ms: [3_600_000] }
    await send(one, ill, later)
    await send(one, ill, later)
    const ends = await send(one, well, { schedule_ms: [100] })
    clock.ms += 100
    await untilDelivery(app, one, ends, hasEnded)
    await send(one, ill, { schedule_ms: [] })
    await send(two, ill, later)
  })

  async function list(query: string, keys: Record<string, string> = token): Promise<string[]> {
    const response = await app.request(`/api/deliveries?${query}`, { headers: keys })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    const { items } = JSON.parse(text) as { items: Shown[] }
    return items.map((item) => item.delivery_id)
  }
  /** The made ones of these places, newest first. */
  const at = (...places: number[]): (string | undefined)[] =>
    places.map((place) => made[place]).reverse()

  test('by executable, target, run and state, one by one and together', async () => {
    const target = encodeURIComponent(ill.origin)
    assert.deepEqual(await list(''), at(0, 1, 2, 3, 4))
    assert.deepEqual(await list(`wasm_id=${one.id}`), at(0, 1, 2, 3))
    assert.deepEqual(await list(`target=${target}`), at(0, 1, 3, 4))
    assert.deepEqual(await list(`target=${target}&wasm_id=${one.id}`), at(0, 1, 3))
    assert.deepEqual(await list(`target=${target}&wasm_id=${one.id}&state=waiting`), at(0, 1))
    assert.deepEqual(await list('state=succeeded'), at(2))
    assert.deepEqual(await list('state=pending'), at(0, 1, 4))
    assert.deepEqual(await list('state=failed'), at(3))
    assert.deepEqual(await list('state=failed,succeeded,exhausted'), at(2, 3))
    assert.deepEqual(await list(`state=leased,canceled,discarded&target=${target}`), [])
    const response = await app.request(`/api/deliveries/${made[1]}`, { headers: token })
    const { run_id: runId } = (await response.json()) as Shown
    assert.deepEqual(await list(`run_id=${runId}`), at(1))
    assert.deepEqual(await list(`run_id=${runId}&state=succeeded`), [])
  })

  test('by time, from one on and before another', async () => {
    const response = await app.request(`/api/deliveries/${made[2]}`, { headers: token })
    const { created_at: third } = (await response.json()) as Shown
    assert.deepEqual(await list(`created_after=${third}`), at(2, 3, 4))
    assert.deepEqual(await list(`created_before=${third}`), at(0, 1))
    assert.deepEqual(await list(`created_before=${third}&state=waiting&wasm_id=${two.id}`), [])
    const elsewhere = encodeURIComponent('1970-01-01T01:00:00+01:00')
    assert.deepEqual(await list(`created_before=${elsewhere}`), [])
  })

  test('page by page with the same filter', async () => {
    const pages: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`
      const url = `/api/executables/${one.id}/deliveries?state=pending,failed&limit=1${cursor}`
      const response = await app.request(url, { headers: admin(one) })
      const page = (await response.json()) as { items: Shown[]; next: string | null }
      pages.push(...page.items.map((item) => item.delivery_id))
      next = page.next
    }
    assert.deepEqual(pages, at(0, 1, 3))
  })

  test('with what the newest attempt came to', async () => {
    const response = await app.request('/api/deliveries?state=succeeded', { headers: token })
    const { items } = (await response.json()) as { items: Shown[] }
    assert.deepEqual(
      items.map((item) => [item.last_status, item.last_error_class, item.tries, item.payload_kept]),
      [[200, null, 2, true]],
    )
  })

  test('to the admin key of their executable, and to no other', async () => {
    assert.deepEqual(await list(`wasm_id=${two.id}`, admin(two)), at(4))
    const as = (keys: Record<string, string>, query: string): Promise<Response> =>
      app.request(`/api/deliveries${query}`, { headers: keys })
    await refused(await as(admin(one), `?wasm_id=${two.id}`), 403, 'WRONG_KEY')
    await refused(await as(admin(one), ''), 403, 'WRONG_KEY')
    await refused(await as({}, ''), 401, 'MISSING_KEY')
  })

  test('unless the filter is none', async () => {
    for (const [query, field] of [
      ['state=done', 'state'],
      ['state=', 'state'],
      ['state=__proto__', 'state'],
      ['target=nowhere', 'target'],
      ['target=https://example.org/path', 'target'],
      ['run_id=1', 'run_id'],
      ['created_after=yesterday', 'created_after'],
      ['created_before=2026-02-30T00:00:00Z', 'created_before'],
      ['created_before=2026-01-01', 'created_before'],
    ] as const) {
      const response = await app.request(`/api/deliveries?${query}`, { headers: token })
      assert.equal((await refused(response, 400, 'BAD_REQUEST')).field, field, query)
    }
    for (const query of ['state=failed&state=pending', 'status=failed', 'limit=0', 'cursor=x']) {
      const response = await app.request(`/api/deliveries?${query}`, { headers: token })
      await refused(response, 400, 'BAD_REQUEST')
    }
    const response = await app.request('/api/deliveries?wasm_id=x', { headers: token })
    await refused(response, 404, 'NOT_FOUND')
  })
})

test('whatever is asked for is found by index, and no more is sorted than a few pages', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'wasmhook-history-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  await (await openSqlite({ dataDir, secretKey: '' })).close()
  const connection = new BetterSqlite3(join(dataDir, 'wasmhook.db'))
  t.after(() => connection.close())
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: connection }) })
  const all: readonly DeliveryState[] = DELIVERY_STATES
  const times = { createdFromMs: 1, createdBeforeMs: 2 }
  const id = '01910000-0000-7000-8000-000000000000'
  for (const carried of [{}, { runId: id }, { messageId: id }])
    for (const executableId of [undefined, 1])
      for (const target of [undefined, 'https://a.example:443'])
        for (const states of [undefined, ...all.map((state) => [state]), all])
          for (const range of [{}, times])
            for (const newest of [true, false])
              plan({ ...carried, executableId, target, states, ...range }, newest)
  for (const states of [undefined, ...all.map((state) => [state]), all]) {
    for (const newest of [true, false]) {
      const told = plan({ tenant: 't', eventType: 'order.created', states }, newest)
      // But for what is leased, which is few.
      const leased = states?.length === 1 && states[0] === 'leased'
      if (!leased)
        assert.match(told, /deliveries_by_event_type \(event_type=\? AND tenant=\? AND state=/)
      plan({ tenant: 't', target: 'https://a.example:443', states }, newest)
    }
  }

  /** Asks SQLite how it would find the page. */
  function plan(filter: DeliveryFilter, newest: boolean): string {
    const bounds = { limit: 101, before: id, after: undefined, newest }
    const { sql, parameters } = pageOfIds(db, filter, bounds).compile()
    const steps = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as {
      id: number
      parent: number
      detail: string
    }[]
    const told = JSON.stringify({ filter, steps: steps.map((step) => step.detail) })
    for (const { detail } of steps) {
      // What is leased at any time is few, and has an index of its own.
      const few = /SCAN deliveries USING (COVERING )?INDEX deliveries_leased/.test(detail)
      assert.ok(few || !/^SCAN deliveries\b/.test(detail), told)
    }
    // A range of an index comes in the order of ids; only what the ranges give is merged.
    const sorted = steps.filter(({ detail }) => /TEMP B-TREE/.test(detail))
    for (const sort of sorted) {
      const beside = steps.filter(
        ({ parent, detail }) => parent === sort.parent && detail !== sort.detail,
      )
      assert.ok(
        beside.every(
          ({ detail }) => !/^SEARCH deliveries/.test(detail) || /deliveries_leased/.test(detail),
        ),
        told,
      )
    }
    return told
  }
})

test('endpoints that want a type are found by index, whatever others want', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'wasmhook-history-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  await (await openSqlite({ dataDir, secretKey: '' })).close()
  const connection = new BetterSqlite3(join(dataDir, 'wasmhook.db'))
  t.after(() => connection.close())
  const plans: string[] = []
  const db = new Kysely<Schema>({
    dialect: new SqliteDialect({ database: connection }),
    log: ({ query: { sql, parameters } }) => {
      const steps = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters)
      plans.push(...(steps as { detail: string }[]).map(({ detail }) => detail))
    },
  })
  assert.deepEqual(await endpointsWanting(db, { tenant: 't', type: 'a.b.c' }), [])
  const all = plans.join('\n')
  assert.match(
    all,
    /SEARCH endpoint_patterns USING (PRIMARY KEY|.*INDEX).*tenant=\? AND pattern=\?/,
  )
  assert.match(all, /SEARCH endpoints USING (PRIMARY KEY|.*INDEX).*id=\?/)
  assert.doesNotMatch(all, /SCAN endpoint/)
})

test('one that was tried very often is shown with its newest attempts, and how many are older', async (t) => {
  const app = await buildApp(t, POLL)
  const one = await upload(app, await guest('echo'))
  await app.close()
  const storage = await openSqlite({ dataDir: app.dataDir, secretKey: '' })
  const nowMs = Date.now()
  const delivery = newDelivery({
    executableId: one.id,
    dueAtMs: nowMs,
    createdAtMs: nowMs,
  })
  const attempts = Array.from({ length: 103 }, () => newAttempt())
  await storage.deliveries.create(delivery)
  for (const attempt of attempts) {
    const [leased] = await storage.deliveries.claim(bounds({ nowMs }))
    const isLast = attempt === attempts.at(-1)
    const after = isLast
      ? ({ state: 'exhausted', reason: null } as const)
      : ({ state: 'waiting', dueAtMs: nowMs } as const)
    const told = { nowMs, perLane: PER_LANE, news: 'none' as const }
    await storage.deliveries.settle(leased!, attempt, after, told)
  }
  await storage.close()
  const shown = await readDelivery(await app.restart(), one, delivery.id)
  assert.equal(shown.attempts_omitted, 3)
  assert.deepEqual(
    shown.attempts.map((attempt) => attempt.attempt_id),
    attempts.slice(3).map(({ id }) => id),
  )
})
