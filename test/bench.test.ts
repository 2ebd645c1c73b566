// The bench's own workings: statistics, reports, accounting. What it measures is no matter of tests.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cpuRatio } from '../bench/contest.ts'
import type { Measured } from '../bench/contest.ts'
import { createLoad } from '../bench/load.ts'
import { cpuUs, memoryOf } from '../bench/process-usage.ts'
import { fold } from '../bench/profile.ts'
import { putBetweenMarkers, targetTable, workloadTables } from '../bench/report.ts'
import type { Outcome } from '../bench/report.ts'
import { median, percentile, ratioOf, spreadOf } from '../bench/statistics.ts'
import { WORKLOADS, DEFAULT_WORKLOADS } from '../bench/workloads/all.ts'

test('a median is the middle value, or lies between the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.throws(() => median([]), RangeError)
})

test('a spread keeps every value in the order of measurement', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3, values: [3, 1, 2] })
})

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 200 }, (_, at) => at + 1)
  assert.equal(percentile(values, 0.5), 100)
  assert.equal(percentile(values, 0.99), 198)
  assert.equal(percentile([7], 0.99), 7)
})

test('a ratio is taken within each round', () => {
  // The machine was three times slower in the last round, for both.
  assert.deepEqual(ratioOf([2, 4, 12], [1, 2, 6]).values, [2, 2, 2])
  assert.throws(() => ratioOf([1], [1, 2]), RangeError)
})

test('a target is met or missed by the median', () => {
  const text = targetTable(outcome({ ours: [16, 18, 17], echo: [10, 10, 10] }))
  assert.match(
    text,
    /bare Fastify route, pagemap scan on +\| \*\*1\.7 ×\*\* +\| 1\.6 to 1\.8 × +\|/,
  )
  assert.match(text, /\| ≤ 1\.7 × +\| met +\|/)
  assert.match(targetTable(outcome({ ours: [18], echo: [10] })), /\| missed \|/)
})

test('a table tells each contestant with its median, its spread and what failed', () => {
  const { workloads } = outcome({ ours: [16, 18, 17], echo: [10, 10, 10] })
  const text = workloadTables(workloads.hello!)
  assert.match(text, /^\| wasmhook, pagemap scan on +\| 17 µs +\| 16 to 18 µs +\| 1,000 +\|/m)
  assert.match(
    text,
    /^\| bare Fastify route +\| 10 µs +\| +\| 1,000 +\| 0\.5 ms +\| 2 ms +\| 3 +\|$/m,
  )
  assert.match(text, /^- one is left out$/m)
})

test('a report replaces what stands between its markers and nothing else', () => {
  const page = 'before\n<!-- bench:table -->\nold\n<!-- /bench:table -->\nafter\n'
  const once = putBetweenMarkers(page, 'table', 'new')
  assert.equal(once, 'before\n<!-- bench:table -->\n\nnew\n\n<!-- /bench:table -->\nafter\n')
  assert.equal(putBetweenMarkers(once, 'table', 'new'), once)
  assert.throws(() => putBetweenMarkers('a page without', 'table', 'new'), /bench:table/)
})

test('CPU time counts what this process has used', () => {
  const before = cpuUs(process.pid)
  const begun = process.cpuUsage()
  while (process.cpuUsage(begun).user + process.cpuUsage(begun).system < 200_000);
  // /proc counts in hundredths of a second.
  assert.ok(cpuUs(process.pid) - before >= 180_000)
})

test('memory at rest and mapped is told apart', () => {
  const { residentBytes, anonymousBytes, fileBytes } = memoryOf(process.pid)
  assert.ok(anonymousBytes > 0 && fileBytes > 0)
  assert.ok(anonymousBytes + fileBytes <= residentBytes)
})

for (const tool of ['wrk or what stands in', 'autocannon']) {
  test(`load by ${tool} sends what it was told and counts the answers`, async (t) => {
    const seen = await listen(t)
    // The variable names the command; one that does not exist leaves autocannon.
    const named = process.env.WRK
    if (tool === 'autocannon') process.env.WRK = 'no-such-command'
    const load = createLoad()
    if (named === undefined) delete process.env.WRK
    else process.env.WRK = named
    t.after(load.close)

    const result = await load.run(
      {
        origin: seen.origin,
        paths: ['/one', '/two'],
        headers: { 'content-type': 'text/plain', 'x-quoted': 'a "b" \\c' },
        body: Buffer.from('a body'),
      },
      { connections: 2, seconds: 1 },
    )

    assert.deepEqual([...seen.requests].sort(), [
      'POST /one text/plain a "b" \\c a body',
      'POST /two text/plain a "b" \\c a body',
    ])
    assert.ok(result.requests > 0 && result.requests <= seen.count())
    assert.deepEqual([result.refused, result.broken], [0, 0])
    assert.ok(result.p50Us <= result.p99Us)
  })
}

test('samples of perf are folded by their stack, outermost first', () => {
  const script =
    'node \n\t    7f01 inner;most\n\t    7f02 outer+0x1\n\n' +
    'node \n\t    7f03 inner;most\n\t    7f04 outer+0x1\n\nother \n\t 1 alone\n\n'
  assert.deepEqual(
    [...fold(script)],
    [
      ['node;outer+0x1;inner:most', 2],
      ['other;alone', 1],
    ],
  )
})

test('every workload has its own name, and those run by default exist', () => {
  const names = WORKLOADS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(
    DEFAULT_WORKLOADS.filter((name) => !names.includes(name)),
    [],
  )
})

function outcome({ ours, echo }: { ours: number[]; echo: number[] }): Outcome {
  const measured = (name: string, note: string, cpu: number[]): Measured => ({
    name,
    note,
    rounds: cpu.map((us) => ({
      cpuUs: us,
      requests: 2000,
      seconds: 2,
      refused: note === '' ? 1 : 0,
      broken: 0,
      p50Us: 500,
      p99Us: 2000,
    })),
  })
  const rows = [
    measured('wasmhook', 'pagemap scan on', ours),
    measured('bare Fastify route', '', echo),
  ] as const
  const value = cpuRatio(...rows)
  return {
    machine: {
      date: '2026-11-22T00:00:00.000Z',
      cpu: 'a processor',
      cores: 2,
      memoryBytes: 1,
      kernel: 'Linux',
      node: 'v20',
      commit: 'abc',
      changed: false,
    },
    load: 'wrk',
    options: { rounds: 3, seconds: 1, warmUpSeconds: 1, connections: 2, quick: true },
    workloads: {
      hello: {
        summary: 'a hello',
        measured: [...rows],
        figures: [
          { target: 'hello/echo', name: 'CPU', variant: 'pagemap scan on', value, unit: '×' },
        ],
        notes: ['one is left out'],
      },
    },
  }
}

interface Seen {
  origin: string
  /** Each kind of request once. */
  requests: Set<string>
  count: () => number
}

async function listen(t: TestContext): Promise<Seen> {
  const requests = new Set<string>()
  let count = 0
  const server = createServer((message, reply) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const { 'content-type': type, 'x-quoted': quoted } = message.headers
      const body = Buffer.concat(chunks).toString('utf8')
      requests.add([message.method, message.url, type, quoted, body].join(' '))
      count++
      reply.end('ok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, requests, count: () => count }
}
