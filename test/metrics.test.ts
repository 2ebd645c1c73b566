// /metrics: real runs of every outcome, and then their figures as a scrape reads them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { METRICS } from '../src/metrics/catalogue.ts'
import { createHistogram } from '../src/metrics/histogram.ts'
import { buildApp } from './helpers/build-app.ts'
import type { Scope, TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { parseMetrics, valueOf } from './helpers/prometheus.ts'
import type { Family } from './helpers/prometheus.ts'
import { rawHttp } from './helpers/raw-http.ts'
import { until } from './helpers/until.ts'

async function scrape(app: TestApp): Promise<Map<string, Family>> {
  const response = await app.request('/metrics')
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  return parseMetrics(await response.text())
}

/** Scrapes until the figures are as awaited: an answer is counted when it has left, which its reader may see first. */
async function scrapeUntil(
  app: TestApp,
  reached: (families: Map<string, Family>) => boolean,
): Promise<Map<string, Family>> {
  for (;;) {
    const families = await scrape(app)
    if (reached(families)) return families
  }
}

/** How many runs ended with a code; the empty one is success. */
function runsWith(families: Map<string, Family>, code: string): number {
  return valueOf(families, 'wasmhook_runs_total', { code })
}

function stageCount(families: Map<string, Family>, stage: string): number {
  return valueOf(families, 'wasmhook_run_stage_duration_seconds_count', { stage })
}

/** Listens, and answers nothing to whoever connects. */
async function silentService(scope: Scope): Promise<{ origin: string; arrived: Promise<unknown> }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const arrived = once(server, 'connection')
  scope.after(async () => {
    const [socket] = (await arrived) as [Socket]
    socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, arrived }
}

test('a scrape holds every metric of the catalogue, each with the help and type it has there', async (t) => {
  const app = await buildApp(t)
  // The first scrape is the first answer.
  await scrape(app)
  const families = await scrapeUntil(app, (seen) => seen.has('wasmhook_http_responses_total'))
  assert.deepEqual([...families.keys()], Object.keys(METRICS))
  for (const [name, { type, help, labels }] of Object.entries(METRICS)) {
    const family = families.get(name)
    assert.deepEqual([family?.type, family?.help], [type, help])
    for (const series of family?.series ?? []) {
      const spelled = Object.keys(series.labels).filter((label) => label !== 'le')
      assert.deepEqual(spelled, labels, name)
    }
  }
})

test('every run is counted once, by its outcome, and each stage it came to is timed', async (t) => {
  const app = await buildApp(t, { RUN_TIMEOUT_MS: 500, FETCH_TIMEOUT_MS: 500 })
  const upstream = await httpService(t, ({ path }, reply) => {
    reply.statusCode = path === '/good' ? 200 : 500
    reply.end('fetched')
  })
  const silent = await silentService(t)
  const one = await upload(app, await guest('echo'))
  const good = { SSVM_Fetch: `${upstream.origin}/good`, SSVM_Callback: `${upstream.origin}/good` }

  const before = await scrape(app)
  assert.equal(runsWith(before, ''), 0)
  assert.equal(runsWith(before, 'TRAP'), 0)
  const ended = [
    ['', call(app, one, 'echo', { body: 'hello' })],
    ['', call(app, one, 'echo', { headers: good })],
    ['TRAP', call(app, one, 'fail', { body: 'x' })],
    ['RUN_TIMEOUT', call(app, one, 'spin', { body: 'x' })],
    ['UNKNOWN_FUNCTION', call(app, one, 'sing', { body: 'x' })],
    ['UPSTREAM_FAILED', call(app, one, 'echo', { headers: { SSVM_Fetch: upstream.origin } })],
    ['UPSTREAM_TIMEOUT', call(app, one, 'echo', { headers: { SSVM_Fetch: silent.origin } })],
    [
      'CALLBACK_FAILED',
      call(app, one, 'echo', { body: 'x', headers: { SSVM_Callback: upstream.origin } }),
    ],
    ['ADDRESS_REFUSED', call(app, one, 'echo', { headers: { SSVM_Fetch: 'http://10.0.0.1/' } })],
  ] as const
  for (const [code, answer] of ended) {
    const body = await (await answer).text()
    if (code !== '') assert.equal((JSON.parse(body) as { code: string }).code, code)
  }

  const after = await scrape(app)
  assert.equal(runsWith(after, ''), 2)
  for (const [code] of ended) if (code !== '') assert.equal(runsWith(after, code), 1, code)
  const all = after.get('wasmhook_runs_total')?.series ?? []
  assert.equal(
    all.reduce((sum, { value }) => sum + value, 0),
    ended.length,
  )
  for (const [code, fault] of [
    ['TRAP', 'guest'],
    ['UPSTREAM_FAILED', 'upstream'],
    ['CALLBACK_FAILED', 'target'],
    ['UNKNOWN_FUNCTION', 'caller'],
  ] as const) {
    assert.equal(valueOf(after, 'wasmhook_runs_total', { code, fault, status: 'failed' }), 1)
  }
  assert.equal(valueOf(after, 'wasmhook_run_duration_seconds_count'), ended.length)
  assert.equal(stageCount(after, 'fetch'), 4)
  assert.equal(stageCount(after, 'forward'), 2)
  // Three failed while they were fetched, one before it had an instance.
  assert.equal(stageCount(after, 'queue'), 6)
  assert.equal(stageCount(after, 'run'), 5)
  const sum = 'wasmhook_run_stage_duration_seconds_sum'
  assert.ok(valueOf(after, sum, { stage: 'run' }) >= 0.5)
  assert.ok(valueOf(after, sum, { stage: 'fetch' }) >= 0.5)
  assert.equal(valueOf(after, 'wasmhook_runs_active'), 0)
  assert.equal(valueOf(after, 'wasmhook_buffered_bytes'), 0)
  // The callback's target refused the x; the others that failed had no result.
  assert.equal(valueOf(after, 'wasmhook_run_output_bytes_total'), 'hellofetchedx'.length)
})

test('calls that run, wait and are turned away show while they do', async (t) => {
  const app = await buildApp(t, {
    CONCURRENCY: 1,
    QUEUE_LENGTH: 1,
    QUEUE_WAIT_MS: 60_000,
    RUN_TIMEOUT_MS: 6_000,
    SANDBOX_THREADS: 3,
  })
  const one = await upload(app, await guest('echo'))
  const spinning = call(app, one, 'spin', { body: 'four' })
  await until(app, ({ running }) => running === 1)
  // Which of the two finds the queue full is their own matter.
  const others = [call(app, one, 'echo', { body: 'x' }), call(app, one, 'echo', { body: 'x' })]
  const busy = await scrapeUntil(app, (seen) => runsWith(seen, 'QUEUE_FULL') === 1)
  assert.equal(valueOf(busy, 'wasmhook_sandbox_threads'), 3)
  assert.equal(valueOf(busy, 'wasmhook_sandbox_running_calls'), 1)
  assert.equal(valueOf(busy, 'wasmhook_sandbox_queued_calls'), 1)
  assert.equal(valueOf(busy, 'wasmhook_sandbox_loaded_modules'), 1)
  assert.equal(valueOf(busy, 'wasmhook_buffered_limit_bytes'), 1024 ** 3)
  assert.ok(valueOf(busy, 'wasmhook_buffered_bytes') >= 'four'.length)
  assert.equal(valueOf(busy, 'wasmhook_runs_active'), 2)
  // Whoever is turned away at once did not wait.
  assert.equal(stageCount(busy, 'queue'), 0)

  await refused(await spinning, 504, 'RUN_TIMEOUT')
  await Promise.all(others)
  const after = await scrape(app)
  assert.equal(stageCount(after, 'queue'), 2)
  assert.equal(valueOf(after, 'wasmhook_sandbox_queued_calls'), 0)
})

test('a thousand paths that are no route are one series', async (t) => {
  const app = await buildApp(t)
  const unmatched = { route: 'unmatched', status: '4xx' }
  const name = 'wasmhook_http_responses_total'
  await app.request('/first')
  const before = await scrapeUntil(app, (seen) => valueOf(seen, name, unmatched) === 1)
  for (let n = 0; n < 1000; n += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, m) => {
        const response = await app.request(`/${'x'.repeat(m)}/${n}?q=${n}`)
        await response.arrayBuffer()
        assert.equal(response.status, 404)
      }),
    )
  }
  const after = await scrapeUntil(app, (seen) => valueOf(seen, name, unmatched) === 1001)
  const routes = new Set(after.get(name)?.series.map(({ labels }) => labels.route))
  assert.deepEqual([...routes].sort(), ['/metrics', 'unmatched'])
  for (const [metric, { series }] of before) {
    if (metric !== name) assert.equal(after.get(metric)?.series.length, series.length, metric)
  }
})

test('answers are counted by route pattern and class, the broken requests too', async (t) => {
  const app = await buildApp(t)
  const name = 'wasmhook_http_responses_total'
  for (const id of [1, 2, 3]) await app.request(`/api/executables/${id}`)
  await app.request('/metrics', { method: 'POST' })
  await app.request('/healthz', { method: 'HEAD' })
  await rawHttp(app.origin, 'nonsense\r\n\r\n')
  await rawHttp(app.origin, 'GET /%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n')
  for (const [expected, labels] of [
    [3, { method: 'GET', route: '/api/executables/:id', status: '4xx' }],
    [1, { method: 'other', route: '/metrics', status: '4xx' }],
    [1, { method: 'HEAD', route: '/healthz', status: '2xx' }],
    [2, { method: 'other', route: 'malformed', status: '4xx' }],
  ] as const) {
    await scrapeUntil(app, (seen) => valueOf(seen, name, labels) === expected)
  }
})

test('compilations are counted by outcome, and what was compiled before is not', async (t) => {
  const app = await buildApp(t)
  const wasm = await guest('echo')
  await upload(app, wasm)
  await upload(app, wasm)
  const broken = Buffer.concat([wasm, Buffer.from('rubbish')])
  const answer = await app.request('/api/executables', { method: 'POST', body: broken })
  await refused(answer, 400, 'INVALID_WASM')
  const families = await scrape(app)
  const outcome = (label: string): number =>
    valueOf(families, 'wasmhook_compilations_total', { outcome: label })
  assert.deepEqual([outcome('compiled'), outcome('refused'), outcome('failed')], [1, 1, 0])
  assert.equal(valueOf(families, 'wasmhook_compile_duration_seconds_count'), 2)
  assert.ok(valueOf(families, 'wasmhook_compile_duration_seconds_sum') > 0)
  assert.equal(valueOf(families, 'wasmhook_compile_queued_modules'), 0)
})

test('the process and its event loop tell plausible figures, in base units', async (t) => {
  const app = await buildApp(t)
  const delay = 'wasmhook_event_loop_delay_seconds_count'
  const families = await scrapeUntil(app, (seen) => valueOf(seen, delay) > 0)
  const { rss, heapUsed } = process.memoryUsage()
  const near = (name: string, expected: number): void => {
    const ratio = valueOf(families, name) / expected
    assert.ok(ratio > 0.5 && ratio < 2, `${name}: ${ratio} times ${expected}`)
  }
  near('process_resident_memory_bytes', rss)
  near('nodejs_heap_size_used_bytes', heapUsed)
  near('process_cpu_seconds_total', process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6)
  near('process_start_time_seconds', performance.timeOrigin / 1000)
  assert.ok(valueOf(families, 'process_open_fds') > 3)
  assert.ok(valueOf(families, 'process_max_fds') > valueOf(families, 'process_open_fds'))
  assert.equal(valueOf(families, 'wasmhook_storage_healthy'), 1)
})

test('scrapes under load are whole, and what they count only rises', async (t) => {
  const app = await buildApp(t)
  const one = await upload(app, await guest('echo'))
  const calls = Array.from({ length: 300 }, () => call(app, one, 'echo', { body: 'x' }))
  let last = 0
  const load = Promise.all(
    calls.map(async (answer) => {
      assert.equal(await (await answer).text(), 'x')
    }),
  )
  while (last < calls.length) {
    const several = await Promise.all([scrape(app), scrape(app)])
    for (const families of several) {
      const succeeded = runsWith(families, '')
      // Of one moment: each run that ended has its duration.
      assert.equal(valueOf(families, 'wasmhook_run_duration_seconds_count'), succeeded)
    }
    const now = Math.min(...several.map((families) => runsWith(families, '')))
    assert.ok(now >= last)
    last = now
  }
  await load
})

test('a histogram puts a value at its bound into the bucket of the bound, and the rest into +Inf', () => {
  const histogram = createHistogram([10, 100])
  for (const value of [0, 10, 10.5, 100, 101, 1e9]) histogram.observe(value)
  assert.deepEqual(histogram.read(), {
    buckets: [
      { le: 0.00001, count: 2 },
      { le: 0.0001, count: 4 },
    ],
    sum: (0 + 10 + 10.5 + 100 + 101 + 1e9) / 1e6,
    count: 6,
  })
})
