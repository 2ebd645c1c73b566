// Limits of an executable's own: within the operator's ceilings, in force from the next call on. What the
// defaults refuse stands in test/hostile-*.test.ts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { configure, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { lastAnswer } from './helpers/raw-http.ts'
import { until } from './helpers/until.ts'

interface Told {
  value: number
  own: number | null
  default: number
  floor: number
  ceiling: number
  unit: string
}

async function limitsOf(app: TestApp, one: Uploaded): Promise<Record<string, Told>> {
  const response = await app.request(`/api/executables/${one.id}/limits`, { headers: admin(one) })
  const answer = (await response.json()) as { wasm_id: number; limits: Record<string, Told> }
  assert.equal(answer.wasm_id, one.id)
  return answer.limits
}

function put(app: TestApp, one: Uploaded, body: string): Promise<Response> {
  return app.request(`/api/executables/${one.id}/limits`, {
    method: 'PUT',
    headers: { ...admin(one), 'content-type': 'application/json' },
    body,
  })
}

describe("an executable's own limit", () => {
  const scope = suiteScope()
  let app: TestApp

  before(async () => {
    app = await buildApp(scope, { SANDBOX_THREADS: 4, RUN_TIMEOUT_MS: 5_000 })
  })

  type Row = readonly [
    limits: Record<string, number>,
    guest: string,
    fn: string,
    body: string | undefined,
    status: number,
    code: string,
  ]
  const BEYOND: readonly Row[] = [
    [{ run_timeout_ms: 50 }, 'misbehaves', 'spin', undefined, 504, 'RUN_TIMEOUT'],
    [{ run_memory_bytes: 131_072 }, 'misbehaves', 'grow_memory', undefined, 500, 'MEMORY_LIMIT'],
    [{ table_elements: 1_500 }, 'misbehaves', 'grow_table', undefined, 500, 'TABLE_LIMIT'],
    [{ input_bytes: 10 }, 'echo', 'echo', 'x'.repeat(11), 413, 'INPUT_TOO_LARGE'],
    [{ output_bytes: 10 }, 'echo', 'echo', 'x'.repeat(11), 500, 'OUTPUT_TOO_LARGE'],
    // Seven bytes of key and four of value.
    [{ store_bytes: 10 }, 'storage', 'increment', undefined, 507, 'STORE_FULL'],
    [{ store_keys: 0 }, 'storage', 'increment', undefined, 507, 'STORE_FULL'],
  ]
  for (const [limits, name, fn, body, status, code] of BEYOND) {
    const said = JSON.stringify(limits)
    test(`of ${said} ends what passes it, with ${status} ${code}, and nobody else's`, async () => {
      const one = await upload(app, await guest(name))
      const neighbour = await upload(app, await guest('echo'))
      await configure(app, one, 'limits', limits)
      const answer = await refused(
        await call(app, one, fn, body === undefined ? {} : { body }),
        status,
        code,
      )
      if (code === 'INPUT_TOO_LARGE') assert.equal(answer.limit_bytes, 10)
      assert.equal(await textOf(app, neighbour, 'echo', ['x'.repeat(11)]), 'x'.repeat(11))
    })
  }

  test('may widen a default, up to the ceiling', async (t) => {
    const tight = await buildApp(t, { INPUT_BYTES: 10, OUTPUT_BYTES: 10 })
    const one = await upload(tight, await guest('echo'))
    const body = 'x'.repeat(1_000)
    await refused(await call(tight, one, 'echo', { body }), 413, 'INPUT_TOO_LARGE')
    await configure(tight, one, 'limits', { input_bytes: 1_000, output_bytes: 1_000 })
    assert.equal(await textOf(tight, one, 'echo', [body]), body)
  })

  test('of fetched inputs holds for what an upstream sends', async (t) => {
    const one = await upload(app, await guest('echo'))
    await configure(app, one, 'limits', { input_bytes: 10 })
    const upstream = await httpService(t, (_request, reply) => reply.end('x'.repeat(11)))
    const fetched = await call(app, one, 'echo', { headers: { SSVM_Fetch: upstream.origin } })
    await refused(fetched, 502, 'UPSTREAM_TOO_LARGE')
  })

  test("of the output bounds a target's answer too", async (t) => {
    const one = await upload(app, await guest('echo'))
    await configure(app, one, 'limits', { output_bytes: 10 })
    const target = await httpService(t, (_request, reply) => reply.end('x'.repeat(11)))
    const headers = { SSVM_Callback: target.origin }
    const response = await call(app, one, 'echo', { headers, body: 'short' })
    await refused(response, 502, 'TARGET_TOO_LARGE')
  })

  test('of the log cuts it there', async () => {
    const one = await upload(app, await guest('flood-log'))
    await configure(app, one, 'limits', { log_bytes: 7 })
    const response = await call(app, one, 'answer')
    const run = await app.request(`/api/runs/${response.headers.get('wasmhook-run')}`)
    const record = (await run.json()) as Record<string, unknown>
    assert.equal(String(record.log).length, 7)
    assert.equal(record.log_truncated, true)
  })

  test('of concurrency, queue and wait holds for its calls together', async () => {
    const one = await upload(app, await guest('misbehaves'))
    await configure(app, one, 'limits', { concurrency: 1, queue_length: 1, queue_wait_ms: 50 })
    const spinning = call(app, one, 'spin')
    await until(app, ({ running }) => running === 1)
    const others = await Promise.all([call(app, one, 'spin'), call(app, one, 'spin')])
    for (const response of others) assert.equal(response.headers.get('retry-after'), '1')
    const codes = others.map(async (response) => ((await response.json()) as { code: string }).code)
    assert.deepEqual((await Promise.all(codes)).sort(), ['QUEUE_FULL', 'QUEUE_TIMEOUT'])
    await configure(app, one, 'limits', { queue_length: 0 })
    await refused(await spinning, 504, 'RUN_TIMEOUT')
  })

  test('of a queue length of 0 turns away what cannot run at once', async () => {
    const one = await upload(app, await guest('misbehaves'))
    await configure(app, one, 'limits', { concurrency: 1, queue_length: 0, run_timeout_ms: 1_000 })
    const spinning = call(app, one, 'spin')
    await until(app, ({ running }) => running === 1)
    await refused(await call(app, one, 'spin'), 503, 'QUEUE_FULL')
    await refused(await spinning, 504, 'RUN_TIMEOUT')
  })
})

describe('setting limits', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope, { SANDBOX_THREADS: 8 })
  })
  beforeEach(async () => {
    one = await upload(app, await guest('echo'))
  })

  test('tells of each limit what holds, the default, the bounds and the unit', async () => {
    const fresh = await limitsOf(app, one)
    assert.deepEqual(Object.keys(fresh), [
      'run_timeout_ms',
      'run_memory_bytes',
      'table_elements',
      'input_bytes',
      'output_bytes',
      'log_bytes',
      'concurrency',
      'queue_length',
      'queue_wait_ms',
      'run_fuel',
      'reuse_calls',
      'reuse_age_ms',
      'store_bytes',
      'store_keys',
    ])
    assert.deepEqual(fresh.run_timeout_ms, {
      value: 10_000,
      own: null,
      default: 10_000,
      floor: 1,
      ceiling: 300_000,
      unit: 'ms',
    })
    // Half of the threads.
    assert.equal(fresh.concurrency?.default, 4)
    assert.equal(fresh.concurrency.ceiling, 4)
    const answer = await put(app, one, '{"run_timeout_ms":20000}')
    assert.equal(answer.status, 200)
    const set = {
      ...fresh,
      run_timeout_ms: { ...fresh.run_timeout_ms, value: 20_000, own: 20_000 },
    }
    assert.deepEqual(await answer.json(), { wasm_id: one.id, limits: set })
    assert.deepEqual(await limitsOf(app, one), set)
    const described = `/api/executables/${one.id}?filterBy=["limits"]`
    await refused(await app.request(described), 401, 'MISSING_KEY')
    const shown = await app.request(described, { headers: admin(one) })
    const { limits } = (await shown.json()) as { limits: Record<string, number> }
    assert.equal(limits.run_timeout_ms, 20_000)
    assert.equal(limits.queue_wait_ms, 5_000)
  })

  test('replaces all of them; null and absence mean the default', async () => {
    await put(app, one, '{"run_timeout_ms":20000,"log_bytes":5}')
    await put(app, one, '{"input_bytes":7,"log_bytes":null}')
    const own = Object.entries(await limitsOf(app, one)).filter(([, told]) => told.own !== null)
    assert.deepEqual(
      own.map(([name, told]) => [name, told.own]),
      [['input_bytes', 7]],
    )
  })

  test('past a ceiling or below a floor is refused by name, for every limit, and changes nothing', async () => {
    await put(app, one, '{"log_bytes":5}')
    for (const [name, { floor, ceiling }] of Object.entries(await limitsOf(app, one))) {
      for (const value of [floor - 1, ceiling + 1]) {
        const body = JSON.stringify({ [name]: value, log_bytes: 6, ...{ [name]: value } })
        const answer = await refused(await put(app, one, body), 400, 'LIMIT_OUT_OF_RANGE')
        assert.equal(answer.ceiling_setting, `${name.toUpperCase()}_MAX`)
        assert.equal(answer.ceiling, ceiling)
        assert.equal(answer.limit, name)
        assert.match(answer.error, new RegExp(`${name} is ${value};.*${name.toUpperCase()}_MAX`))
      }
      for (const value of [floor, ceiling]) {
        assert.equal((await put(app, one, JSON.stringify({ [name]: value }))).status, 200)
      }
      await put(app, one, '{"log_bytes":5}')
    }
    assert.equal((await limitsOf(app, one)).log_bytes?.own, 5)
  })

  test('to what is no whole number, or that there is not, is refused', async () => {
    for (const body of [
      '{"run_timeout_ms":"5"}',
      '{"run_timeout_ms":1.5}',
      '{"run_timeout_ms":true}',
      '{"run_timeout_ms":[5]}',
      '{"run_timeout":5}',
      '{"timeoutMs":5}',
      '{"stack_bytes":65536}',
      '{"__proto__":{"run_timeout_ms":5}}',
      '[]',
      'null',
      '5',
    ]) {
      const response = await put(app, one, body)
      assert.equal(response.status, 400, `${body}: ${await response.text()}`)
    }
    for (const huge of ['1e400', '-1e400', '99999999999999999999']) {
      const response = await put(app, one, `{"run_timeout_ms":${huge}}`)
      assert.equal(response.status, 400, `${huge}: ${await response.text()}`)
    }
  })

  test('outlasts a restart, and a ceiling that was lowered meanwhile holds', async (t) => {
    const first = await buildApp(t)
    const kept = await upload(first, await guest('misbehaves'))
    await configure(first, kept, 'limits', { run_timeout_ms: 200_000, log_bytes: 5 })
    const second = await first.restart({ RUN_TIMEOUT_MS: 50, RUN_TIMEOUT_MS_MAX: 100 })
    const { run_timeout_ms: timeout, log_bytes: log } = await limitsOf(second, kept)
    assert.equal(timeout?.own, 200_000)
    assert.equal(timeout.value, 100)
    assert.equal(log?.value, 5)
    await refused(await call(second, kept, 'spin'), 504, 'RUN_TIMEOUT')
  })

  test('reuse and metered are off, are switched by name, and are told to the owner alone', async () => {
    const url = `/api/executables/${one.id}`
    const shown = async (): Promise<Record<string, unknown>> => {
      const response = await app.request(url, { headers: admin(one) })
      return (await response.json()) as Record<string, unknown>
    }
    const patch = (body: string): Promise<Response> =>
      app.request(url, {
        method: 'PATCH',
        headers: { ...admin(one), 'content-type': 'application/json' },
        body,
      })
    const { reuse, metered } = await shown()
    assert.deepEqual({ reuse, metered }, { reuse: false, metered: false })
    assert.equal((await patch('{"reuse":true}')).status, 200)
    assert.equal((await shown()).reuse, true)
    assert.equal((await patch('{"metered":true}')).status, 200)
    const both = await shown()
    assert.deepEqual([both.reuse, both.metered], [true, true])
    assert.equal(await textOf(app, one, 'echo', ['still there']), 'still there')
    assert.equal((await patch('{"reuse":false,"metered":false}')).status, 200)
    assert.equal((await shown()).metered, false)
    await refused(await patch('{"reuse":"on"}'), 400, 'BAD_REQUEST')
    await refused(await patch('{"metered":1}'), 400, 'BAD_REQUEST')
    const stranger = (await (await app.request(url)).json()) as Record<string, unknown>
    assert.ok(!('reuse' in stranger) && !('metered' in stranger))
  })
})

test('a body past INPUT_BYTES_MAX is refused as it arrives, whatever the executable allows', async (t) => {
  const app = await buildApp(t, { INPUT_BYTES: 1_000, INPUT_BYTES_MAX: 2_000 })
  const one = await upload(app, await guest('echo'))
  await configure(app, one, 'limits', { input_bytes: 2_000 })
  assert.equal((await textOf(app, one, 'echo', ['x'.repeat(2_000)])).length, 2_000)
  const response = await call(app, one, 'echo', { body: 'x'.repeat(2_001) })
  const answer = await refused(response, 413, 'BODY_TOO_LARGE')
  assert.equal(answer.limit_bytes, 2_000)
})

test('what comes on an open connection while the server stops gets 503 CLOSED with Retry-After', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 5_000, DRAIN_MS: 20_000 })
  const one = await upload(app, await guest('misbehaves'))
  const { hostname, port } = new URL(app.origin)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(`POST /api/run/${one.id}/spin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  await until(app, ({ running }) => running === 1)
  const closing = app.close()
  // The server stops when it takes no connection any more.
  for (let taken = true; taken;) {
    const knock = connect(Number(port), hostname)
    taken = await Promise.race([
      once(knock, 'connect').then(() => true),
      once(knock, 'error').then(() => false),
    ]).catch(() => false)
    knock.destroy()
  }
  socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await once(socket, 'close')
  const text = Buffer.concat(chunks).toString('latin1')
  const { status, body } = lastAnswer(text)
  assert.equal(status, 503, text)
  assert.equal(body.code, 'CLOSED')
  assert.match(text.slice(text.lastIndexOf('HTTP/1.1 ')), /retry-after: 1\r\n/i)
  await closing
})

describe('a body or a path of the new routes', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded

  before(async () => {
    app = await buildApp(scope)
    one = await upload(app, await guest('echo'))
  })

  function numbered(count: number, value: unknown): string {
    const names = Array.from({ length: count }, (_, at) => [`n${at}`, value])
    return JSON.stringify(Object.fromEntries(names))
  }
  async function set(what: string, body: string): Promise<Response> {
    return app.request(`/api/executables/${one.id}/${what}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body,
    })
  }

  const ROWS: readonly (readonly [claim: string, what: string, fits: string, beyond: string])[] = [
    ['1,000 variables', 'variables', numbered(1_000, ''), numbered(1_001, '')],
    ['1,000 typed functions', 'types', numbered(1_000, []), numbered(1_001, [])],
    ['64 types of a function', 'types', typed(64), typed(65)],
  ]
  function typed(count: number): string {
    return JSON.stringify({ f: new Array<string>(count).fill('i32') })
  }
  for (const [claim, what, fits, beyond] of ROWS) {
    test(`past ${claim} gets 400`, async () => {
      assert.equal((await set(what, fits)).status, 200)
      await refused(await set(what, beyond), 400, 'BAD_REQUEST')
    })
  }

  test('past 1 MiB of JSON gets 413', async () => {
    const beyond = `{"log_bytes":5${' '.repeat(1024 * 1024)}}`
    await refused(await set('limits', beyond), 413, 'BODY_TOO_LARGE')
  })

  test('past 512 characters of a path segment gets 400', async () => {
    await refused(await call(app, one, 'f'.repeat(512)), 404, 'UNKNOWN_FUNCTION')
    await refused(await call(app, one, 'f'.repeat(513)), 400, 'BAD_REQUEST')
  })
})
