// Durable runs where several servers share one PostgreSQL: whoever runs them, any of them answers for them.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { accept, ended, readRun, untilRun } from './helpers/durable-runs.ts'
import type { Run } from './helpers/durable-runs.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'
import { until } from './helpers/until.ts'

describe('two servers on one database', () => {
  const scope = suiteScope()
  let first: TestApp
  let second: TestApp
  let one: Uploaded
  let counter: Uploaded

  before(async () => {
    const settings = {
      DATABASE_URL: await emptyDatabase(scope),
      SECRET_KEY,
      DELIVERY_POLL_MS: 50,
      RUN_TIMEOUT_MS: 300_000,
    }
    first = await buildApp(scope, settings)
    second = await buildApp(scope, settings)
    one = await upload(first, await guest('echo'))
    counter = await upload(first, await guest('storage'))
  })

  /** The server that runs something, and the other. */
  async function whoRuns(): Promise<[TestApp, TestApp]> {
    const busy = (app: TestApp): Promise<void> => until(app, ({ running }) => running === 1)
    const runner = await Promise.race([first, second].map((app) => busy(app).then(() => app)))
    return [runner, runner === first ? second : first]
  }

  test('a run is ended by the server that does not run it', async (t) => {
    const target = await httpService(t, (_request, reply) => reply.end())
    const headers = { SSVM_Callback: target.origin }
    const id = await accept(first, one, 'spin', { body: 'x', headers })
    const [runner, other] = await whoRuns()
    await untilRun(other, id, 'running')
    const response = await other.request(`/api/runs/${id}`, { method: 'DELETE' })
    const run = (await response.json()) as Run
    assert.deepEqual([response.status, run.status], [200, 'canceled'])
    assert.equal((await readRun(runner, id)).status, 'canceled')
    await refused(await runner.request(`/api/runs/${id}`, { method: 'DELETE' }), 409, 'CONFLICT')
    assert.equal(target.received.length, 0)
  })

  test('a call under a key is ended by the server that does not run it, and answered the same by both', async () => {
    const headers = { 'Idempotency-Key': 'spins' }
    const calling = call(first, one, 'spin', { body: 'x', headers })
    await until(first, ({ running }) => running === 1)
    const again = await refused(
      await call(second, one, 'spin', { body: 'x', headers }),
      409,
      'IDEMPOTENCY_IN_FLIGHT',
    )
    const url = `/api/runs/${String(again.run_id)}`
    assert.equal((await second.request(url, { method: 'DELETE' })).status, 200)
    const answers = [await calling, await call(second, one, 'spin', { body: 'x', headers })]
    for (const answer of answers) {
      assert.equal((await refused(answer, 409, 'CANCELED')).run_id, again.run_id)
    }
  })

  test('who waits at one server is answered where the other runs it', async () => {
    const prefer = 'respond-async, wait=60'
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => {
        const app = n % 2 === 0 ? first : second
        return call(app, one, 'echo', { headers: { prefer }, body: `${n}` })
      }),
    )
    const bodies = await Promise.all(answers.map((answer) => answer.text()))
    assert.deepEqual(bodies, ['0', '1', '2', '3', '4', '5'])
  })

  test('of one key that both are given at once, one call is run', async () => {
    for (let round = 0; round < 3; round++) {
      const headers = { 'Idempotency-Key': `round ${round}` }
      const ask = async (app: TestApp): Promise<string> => {
        let response = await call(app, counter, 'increment', { headers })
        while (response.status === 409)
          response = await call(app, counter, 'increment', { headers })
        return response.text()
      }
      const answers = await Promise.all([first, second, first, second].map(ask))
      assert.deepEqual(new Set(answers), new Set([String(round + 1)]))
    }
    assert.equal(await textOf(second, counter, 'read'), '3')
  })

  test('a run that failed is tried again by either', async (t) => {
    const upstream = await httpService(t, (_request, reply) => {
      reply.writeHead(upstream.received.length < 4 ? 500 : 200).end('there')
    })
    const policy = JSON.stringify({ schedule_ms: [100, 100, 100] })
    const headers = { 'Wasmhook-Retry': policy, SSVM_Fetch: upstream.origin }
    const id = await accept(second, one, 'echo', { headers })
    const run = (await ended(first, id)) as Run & { tries: number }
    assert.deepEqual([run.status, run.tries], ['succeeded', 4])
  })
})
