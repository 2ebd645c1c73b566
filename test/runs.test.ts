// Run records: what is kept of each call, and how it is read, listed and pruned.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

type Json = Record<string, unknown>

interface Run extends Json {
  run_id: string
  status: string
  timings_us: Record<string, number | null>
}

interface Page {
  items: Run[]
  next: string | null
}

describe('a run record', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope, { LOG_BYTES: 1000, RUN_TIMEOUT_MS: 1_000 })
    one = await upload(app, await guest('echo'))
  })

  async function recordOf(response: Response): Promise<Run> {
    await response.arrayBuffer()
    const record = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
    assert.equal(record.status, 200)
    return (await record.json()) as Run
  }

  test('of a plain call tells version, bytes and the time of each stage, the moment it is answered', async () => {
    const run = await recordOf(await call(app, one, 'echo', { body: 'twelve bytes' }))
    const { timings_us: timings, created_at, ended_at, run_id, memory_bytes, ...rest } = run
    assert.deepEqual(rest, {
      wasm_id: one.id,
      version: 1,
      function: 'echo',
      status: 'succeeded',
      error: null,
      code: null,
      input_bytes: 12,
      output_bytes: 12,
      fuel_used: null,
      forwarded_to: null,
      came_from: null,
      inputs: null,
      result_kept: false,
      log: '',
      log_truncated: false,
      tries: 1,
      failed_tries: [],
      due_at: null,
      cancel_requested: false,
      delivery_ids: [],
    })
    assert.match(run_id, /^[0-9a-f-]{36}$/)
    assert.match(String(created_at), TIME)
    assert.match(String(ended_at), TIME)
    assert.equal(memory_bytes, 32 * 65_536)
    assert.deepEqual([timings.fetch, timings.forward], [null, null])
    for (const stage of ['queue', 'instantiate', 'run']) {
      assert.ok(Number.isInteger(timings[stage]) && timings[stage]! >= 0, stage)
    }
  })

  test('of a call that fetches and forwards has those stages and the origin, never path or query', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.end('five!'))
    const url = `${service.origin}/p?token=SECRET`
    const run = await recordOf(
      await call(app, one, 'echo', { headers: { SSVM_Fetch: url, SSVM_Callback: url } }),
    )
    assert.deepEqual([run.status, run.input_bytes, run.output_bytes], ['succeeded', 5, 5])
    assert.equal(run.forwarded_to, service.origin)
    assert.deepEqual(run.inputs, [{ origin: service.origin, bytes: 5 }])
    assert.ok(run.timings_us.fetch! > 0 && run.timings_us.forward! > 0)
    assert.doesNotMatch(JSON.stringify(run), /SECRET/)
  })

  test('of a failure tells code and sentence, and stages that were not reached are null', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.writeHead(404).end())
    const fetching = await recordOf(
      await call(app, one, 'echo', { headers: { SSVM_Fetch: service.origin } }),
    )
    assert.deepEqual([fetching.status, fetching.code], ['failed', 'UPSTREAM_FAILED'])
    assert.ok(fetching.timings_us.fetch! > 0)
    assert.deepEqual(fetching.inputs, [{ origin: service.origin, bytes: null }])
    assert.deepEqual([fetching.timings_us.run, fetching.timings_us.forward], [null, null])

    const forwarding = await recordOf(
      await call(app, one, 'echo', { headers: { SSVM_Callback: service.origin }, body: 'x' }),
    )
    assert.deepEqual([forwarding.status, forwarding.code], ['failed', 'CALLBACK_FAILED'])
    assert.match(String(forwarding.error), /404/)

    const spinning = await recordOf(await call(app, one, 'spin', { body: 'x' }))
    assert.deepEqual([spinning.status, spinning.code], ['failed', 'RUN_TIMEOUT'])
    assert.ok(spinning.timings_us.run! >= 200_000)

    const unknown = await recordOf(await call(app, one, 'sing', { body: 'x' }))
    assert.deepEqual([unknown.status, unknown.code], ['failed', 'UNKNOWN_FUNCTION'])
  })

  test('of several inputs tells where each came from, also of a run that nobody waited for', async (t) => {
    const service = await httpService(t, (_request, reply) => reply.end('five!'))
    for (const headers of [{}, { prefer: 'respond-async, wait=10' }]) {
      const body = new FormData()
      body.append('input_1', 'one')
      body.append('fetch_2', `${service.origin}/?token=SECRET`)
      const url = `/api/multipart/run/${one.id}/join`
      const response = await app.request(url, { method: 'POST', headers, body })
      const run = await recordOf(response)
      assert.deepEqual(run.inputs, [
        { origin: null, bytes: 3 },
        { origin: service.origin, bytes: 5 },
      ])
    }
  })

  test('keeps what the function wrote to standard error, up to LOG_BYTES', async () => {
    const program = await upload(app, await guest('wasi-program'))
    const form = new FormData()
    form.set('input_1', 'standard input')
    form.set('input_2', 'exit')
    const path = `/api/multipart/run/${program.id}/run`
    const exited = await recordOf(await app.request(path, { method: 'POST', body: form }))
    assert.deepEqual(
      [exited.code, exited.log, exited.log_truncated],
      ['EXIT_CODE', 'it failed', false],
    )
    const flooding = await upload(app, await guest('flood-log'))
    const flood = await recordOf(await call(app, flooding, 'answer'))
    assert.deepEqual([flood.status, flood.log_truncated], ['succeeded', true])
    assert.equal(String(flood.log).length, 1000)
  })

  test('that is none, or of a malformed id, is 404', async () => {
    for (const id of ['01900000-0000-7000-8000-000000000000', 'x', '1', '__proto__', '%00']) {
      await refused(await app.request(`/api/runs/${id}`), 404, 'NOT_FOUND')
      await refused(await app.request(`/api/runs/${id}/result`), 404, 'NOT_FOUND')
    }
  })

  test('outlives a restart', async (t) => {
    const first = await buildApp(t)
    const { id } = await upload(first, await guest('echo'))
    const response = await call(first, id, 'echo', { body: 'x' })
    const path = `/api/runs/${response.headers.get('wasmhook-run')}`
    const before = await (await first.request(path)).json()
    const second = await first.restart()
    assert.deepEqual(await (await second.request(path)).json(), before)
  })
})

describe('a list of runs', () => {
  const scope = suiteScope()
  const COUNT = 25
  let app: TestApp
  let one: Uploaded
  let ids: string[]

  before(async () => {
    app = await buildApp(scope, { RUNS_KEPT: 5, FAILED_RUNS_KEPT: 2 })
    one = await upload(app, await guest('echo'))
    ids = []
    for (let n = 0; n < COUNT; n++) {
      const response = await call(app, one, 'echo', { body: `${n}` })
      await response.arrayBuffer()
      ids.unshift(response.headers.get('wasmhook-run')!)
    }
  })

  function list(query = '', of = one): Promise<Response> {
    return app.request(`/api/executables/${of.id}/runs${query}`, { headers: admin(of) })
  }

  async function page(query = '', of = one): Promise<Page> {
    const response = await list(query, of)
    const answer = (await response.json()) as Page
    assert.equal(response.status, 200, JSON.stringify(answer))
    return answer
  }

  test('has the newest first, twenty a page, and `next` leads through all without gap or repeat', async () => {
    const first = await page()
    assert.equal(first.items.length, 20)
    assert.ok(first.items.every((run) => !('log' in run)))
    const second = await page(`?cursor=${first.next}`)
    assert.equal(second.next, null)
    assert.deepEqual(
      [...first.items, ...second.items].map((run) => run.run_id),
      ids,
    )
    const walked: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const step: Page = await page(`?limit=7${next === '' ? '' : `&cursor=${next}`}`)
      walked.push(...step.items.map((run) => run.run_id))
      next = step.next
    }
    assert.deepEqual(walked, ids)
  })

  test('takes a limit from 1 to 100 and a cursor it gave, and nothing else', async () => {
    assert.equal((await page('?limit=1')).items.length, 1)
    assert.equal((await page('?limit=100')).items.length, COUNT)
    for (const query of [
      '?limit=0',
      '?limit=101',
      '?limit=-1',
      '?limit=x',
      '?limit=1.5',
      '?limit=',
      '?limit=1&limit=2',
      '?cursor=x',
      '?cursor=',
      "?cursor='--",
      '?other=1',
    ]) {
      await refused(await list(query), 400, 'BAD_REQUEST')
    }
  })

  test('is empty for a new executable, and holds no run of another', async () => {
    const other = await upload(app, await guest('echo'))
    assert.deepEqual(await page('', other), { items: [], next: null })
    await refused(
      await app.request('/api/executables/999/runs', { headers: admin(one) }),
      404,
      'NOT_FOUND',
    )
  })

  test('ends at RUNS_KEPT, but for newer failures, which stay besides', async () => {
    const other = await upload(app, await guest('echo'))
    for (let n = 0; n < 4; n++) await (await call(app, other, 'fail', { body: 'x' })).arrayBuffer()
    for (let n = 0; n < 96; n++) await (await call(app, other, 'echo', { body: 'x' })).arrayBuffer()
    // Old runs are looked for after every hundredth; the log row waits for what was pending.
    await app.request(`/api/log/${other.id}`, { headers: admin(other) })
    const { items, next } = await page('?limit=100', other)
    assert.equal(next, null)
    assert.deepEqual(
      items.map((run) => run.status),
      [...Array<string>(5).fill('succeeded'), ...Array<string>(2).fill('failed')],
    )
  })

  test("gives the original's log row of the last call, which filterBy narrows", async () => {
    const log = (query = ''): Promise<Response> =>
      app.request(`/api/log/${one.id}${query}`, { headers: admin(one) })
    const row = (await (await log()).json()) as Json
    assert.deepEqual(Object.keys(row), [
      'log_id',
      'wasm_executable_id',
      'wasm_executable_state',
      'execution_timestamp',
      'execution_object',
    ])
    assert.ok(Number.isInteger(row.log_id))
    assert.deepEqual([row.wasm_executable_id, row.wasm_executable_state], [one.id, '{}'])
    assert.equal((row.execution_object as Run).run_id, ids[0])
    const some = await log(`?filterBy=${encodeURIComponent('["log_id","execution_timestamp"]')}`)
    const { log_id, execution_timestamp } = row
    assert.deepEqual(await some.json(), { log_id, execution_timestamp })
    for (const filter of ['["other"]', '["__proto__"]', 'log_id', '{}', '[1]', '["log_id"', '']) {
      const answer = await refused(
        await log(`?filterBy=${encodeURIComponent(filter)}`),
        400,
        'UNKNOWN_FILTER',
      )
      assert.ok((answer.filters as string[]).includes('log_id'))
    }
    const fresh = await upload(app, await guest('echo'))
    const none = await app.request(`/api/log/${fresh.id}`, { headers: admin(fresh) })
    await refused(none, 404, 'NOT_FOUND')
  })
})
