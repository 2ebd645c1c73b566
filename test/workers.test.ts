// Several processes on one port and one SQLite file: whoever is asked, they are one server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import type { Scope } from './helpers/build-app.ts'
import { admin, call, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { WORKERS, eventually, startCrew } from './helpers/crew.ts'
import type { Crew } from './helpers/crew.ts'
import { accept, ended, readRun } from './helpers/durable-runs.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'
import { parseMetrics, valueOf } from './helpers/prometheus.ts'

async function folder(scope: Scope): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-workers-'))
  scope.after(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

/** One request to each process, and a few more. */
function toAll<T>(work: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: 3 * WORKERS }, (_, n) => work(n)))
}

interface Engine {
  name: string
  settings: (scope: Scope) => Promise<Record<string, string>>
  /** A change is seen by all before its answer leaves, not only soon after. */
  strict: boolean
}

const ENGINES: readonly Engine[] = [
  { name: 'SQLite', settings: () => Promise.resolve({}), strict: true },
  {
    name: 'PostgreSQL',
    settings: async (scope) => ({
      DATABASE_URL: await emptyDatabase(scope),
      SECRET_KEY,
    }),
    strict: false,
  },
]

for (const engine of ENGINES) describeCrew(engine)

function describeCrew({ name, settings, strict }: Engine): void {
  describe(`several processes on one port: ${name}`, () => {
    const scope = suiteScope()
    let crew: Crew
    /** Which process answered each request so far. */
    const answered: number[] = []

    before(async () => {
      const database = await settings(scope)
      crew = await startCrew(scope, await folder(scope), { SANDBOX_THREADS: '12', ...database })
      crew.child.stdout?.on('data', (chunk: Buffer) => {
        for (const [, pid] of chunk.toString().matchAll(/"pid":(\d+).*"msg":"answered"/g))
          answered.push(Number(pid))
      })
    })

    const setLimits = async (one: Uploaded, limits: object): Promise<void> => {
      const response = await crew.request(`/api/executables/${one.id}/limits`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', ...admin(one) },
        body: JSON.stringify(limits),
      })
      assert.equal(response.status, 200, await response.text())
    }

    const scrape = async () => parseMetrics(await (await crew.request('/metrics')).text())

    test('each answers, and runs what was uploaded through one', async () => {
      const one = await upload(crew, await guest('counter'))
      answered.length = 0
      const counts = await toAll(() => textOf(crew, one, 'count'))
      assert.deepEqual(new Set(counts), new Set(['[1,1,1]']))
      const workers = await crew.workers()
      assert.equal(workers.length, WORKERS)
      await eventually(() => workers.every((pid) => answered.includes(pid)))
    })

    test(`a change through any is seen by all ${strict ? 'before its answer leaves' : 'soon'}`, async () => {
      const one = await upload(crew, await guest('counter'))
      for (let ms = 100; ms < 100 + 3 * WORKERS; ms++) {
        await setLimits(one, { run_timeout_ms: ms })
        const look = () =>
          toAll(async () => {
            const response = await crew.request(`/api/executables/${one.id}/limits`, {
              headers: admin(one),
            })
            const { limits } = (await response.json()) as {
              limits: { run_timeout_ms: { value: number } }
            }
            return limits.run_timeout_ms.value
          })
        if (!strict) await eventually(async () => (await look()).every((seen) => seen === ms))
        assert.deepEqual(new Set(await look()), new Set([ms]))
      }
      const removed = await crew.request(`/api/executables/${one.id}`, {
        method: 'DELETE',
        headers: admin(one),
      })
      assert.equal(removed.status, 200)
      const statuses = () => toAll(async () => (await call(crew, one, 'count')).status)
      if (!strict) await eventually(async () => (await statuses()).every((seen) => seen === 404))
      assert.deepEqual(new Set(await statuses()), new Set([404]))
    })

    test(`a token that is revoked through any opens nothing in all ${strict ? 'before its answer leaves' : 'soon'}`, async () => {
      const made = await crew.request('/api/tokens', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"tenant":"t","rights":["read"]}',
      })
      const { token, token_id: id } = (await made.json()) as { token: string; token_id: string }
      const headers = { authorization: `Bearer ${token}` }
      const statuses = () =>
        toAll(async () => (await crew.request('/api/token', { headers })).status)
      // Twice, so that each process has it in its cache.
      for (let n = 0; n < 2; n++) assert.deepEqual(new Set(await statuses()), new Set([200]))
      const revoked = await crew.request(`/api/tokens/${id}`, { method: 'DELETE' })
      assert.equal(revoked.status, 200)
      if (!strict) await eventually(async () => (await statuses()).every((seen) => seen === 403))
      assert.deepEqual(new Set(await statuses()), new Set([403]))
    })

    test('an executable that may run one call at a time runs one in all of them', async () => {
      const one = await upload(crew, await guest('occupies'))
      await setLimits(one, { concurrency: 1 })
      const us = 50_000
      const begun = await toAll(async () => Number(await textOf(crew, one, 'occupy', [String(us)])))
      const inOrder = begun.toSorted((a, b) => a - b)
      for (const [at, time] of inOrder.slice(1).entries()) {
        assert.ok(time - inOrder[at]! >= us, inOrder.join())
      }
    })

    test('a cap that is large enough is divided among them', async () => {
      const one = await upload(crew, await guest('misbehaves'))
      await setLimits(one, { run_timeout_ms: 300, concurrency: 6 })
      let over = false
      // So many that each process gets more than it may run at once.
      const calls = Promise.all(
        Array.from({ length: 10 * WORKERS }, async () => (await call(crew, one, 'spin')).status),
      )
      void calls.then(() => (over = true))
      const seen: number[] = []
      await eventually(async () => {
        seen.push(valueOf(await scrape(), 'wasmhook_sandbox_running_calls'))
        return over
      })
      assert.equal(Math.max(...seen), 6, seen.join())
      assert.deepEqual(new Set(await calls), new Set([504]))
    })

    test('figures are totals, whoever is asked', async () => {
      const one = await upload(crew, await guest('counter'))
      const succeeded = { status: 'succeeded' }
      const runs = async () => valueOf(await scrape(), 'wasmhook_runs_total', succeeded)
      const earlier = await runs()
      const made = await toAll(() => textOf(crew, one, 'count'))
      const seen = await toAll(() => runs())
      assert.deepEqual(new Set(seen), new Set([earlier + made.length]))
      const families = await scrape()
      assert.equal(valueOf(families, 'wasmhook_sandbox_threads'), 12)
      assert.equal(valueOf(families, 'wasmhook_processes'), WORKERS + 1)
      assert.equal(valueOf(families, 'wasmhook_storage_healthy'), 1)
      assert.equal(valueOf(families, 'wasmhook_buffered_limit_bytes'), 1024 ** 3)
    })

    test('a counter that all increment at once loses no increment', async () => {
      const one = await upload(crew, await guest('storage'))
      const made = Array.from({ length: 20 * WORKERS }, () => textOf(crew, one, 'increment'))
      assert.equal(new Set(await Promise.all(made)).size, made.length)
      const read = await toAll(() => textOf(crew, one, 'read'))
      assert.deepEqual(new Set(read), new Set([String(made.length)]))
    })

    test('what is handed over is run, and its result delivered, exactly once', async (t) => {
      const one = await upload(crew, await guest('echo'))
      const target = await httpService(t, (_request, reply) => reply.end())
      const bodies = Array.from({ length: 20 * WORKERS }, (_, n) => `result ${n}`)
      const ids = await Promise.all(
        bodies.map((body) =>
          accept(crew, one, 'echo', { body, headers: { SSVM_Callback: target.origin } }),
        ),
      )
      for (const id of ids) assert.equal((await ended(crew, id)).status, 'succeeded')
      await eventually(() => target.received.length >= bodies.length)
      for (const id of ids) {
        const { delivery_ids: deliveries } = await readRun(crew, id)
        assert.equal(deliveries.length, 1)
        const state = async (): Promise<string> => {
          const response = await crew.request(`/api/deliveries/${deliveries[0]!}`, {
            headers: admin(one),
          })
          return ((await response.json()) as { state: string }).state
        }
        await eventually(async () => (await state()) === 'succeeded')
      }
      assert.deepEqual(target.received.map(({ body }) => body.toString()).sort(), bodies.sort())
    })

    test('an Idempotency-Key names one run, and its answer or error, whoever is asked', async () => {
      const one = await upload(crew, await guest('counter'))
      for (const [fn, status, said] of [
        ['count', 200, /^\[1,1,1\]$/],
        ['none', 404, /"code":"UNKNOWN_FUNCTION"/],
      ] as const) {
        const ask = async (): Promise<string> => {
          const headers = { 'idempotency-key': `once-${fn}` }
          const response = await call(crew, one, fn, { headers })
          const text = await response.text()
          assert.equal(response.status, status, text)
          assert.match(text, said)
          return response.headers.get('wasmhook-run') ?? ''
        }
        const first = await ask()
        assert.deepEqual(new Set(await toAll(ask)), new Set([first]))
      }
    })

    test('a signal drains all of them: what is under way is answered, and nothing stays', async (t) => {
      const one = await upload(crew, await guest('echo'))
      const held: (() => void)[] = []
      const upstream = await httpService(t, (_request, reply) => {
        held.push(() => reply.end('late'))
      })
      const calls = Array.from({ length: WORKERS }, () =>
        call(crew, one, 'echo', { headers: { SSVM_Fetch: upstream.origin } }),
      )
      await eventually(() => held.length === WORKERS)
      const workers = await crew.workers()
      const exit = once(crew.child, 'exit')
      crew.child.kill('SIGTERM')
      for (const answer of held) answer()
      const texts = await Promise.all(calls.map(async (answer) => (await answer).text()))
      assert.deepEqual(new Set(texts), new Set(['late']))
      assert.deepEqual(await exit, [0, null])
      assert.equal(workers.length, WORKERS)
      assert.deepEqual(await crew.workers(), [])
    })
  })
}
