// The bench's rounds at a pace: what is sent, received, counted and shown. What they measure is no matter of
// tests.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { formatItem, parseItem } from '../bench/paced/item.ts'
import { pacedRound, startReceiver } from '../bench/paced/paced.ts'
import type { Paced, PacedRound } from '../bench/paced/paced.ts'
import type { Outcome } from '../bench/report.ts'
import { partsOf, workloadTables } from '../bench/report.ts'
import { TARGETS, reached } from '../bench/targets.ts'

test('an item is read from the end of the text that it has become', () => {
  const item = { round: 'round-7', number: 12, dueUs: 3_000_000 }
  assert.deepEqual(parseItem(`hello ${formatItem(item)}`), item)
  assert.equal(parseItem('hello world'), undefined)
})

test('a round counts what was accepted, refused, arrived, arrived again and never came', async (t) => {
  const receiver = await startReceiver(['healthy', 'dead', 'healthy'])
  t.after(() => receiver.close())
  // Item n goes to target n modulo 3.
  const origin = await listen(t, async (target, text) => {
    const { number } = parseItem(text)!
    if (number === 3) return 503
    const times = number === 5 ? 2 : number === 6 ? 0 : 1
    for (let time = 0; time < times; time++) {
      const signal = AbortSignal.timeout(100)
      await fetch(target, { method: 'POST', body: `hello ${text}`, signal }).catch(() => undefined)
    }
    return 202
  })
  const one = { name: 'a queue', origin, path: '/', headers: {}, pids: () => [process.pid] }

  const round = await pacedRound(one, receiver, { perSecond: 90, seconds: 0.1, patienceMs: 0 })

  // Nine were sent: one refused; of five accepted for healthy targets one never came.
  assert.deepEqual(
    [round.failed, round.missing, round.again, (await receiver.arrivals('none')).arrivedUs],
    [1, 1, 1, []],
  )
  assert.ok(round.accepted.p50 > 0 && round.accepted.p50 <= round.accepted.p99)
  assert.ok(round.arrived.p50 > 0 && round.arrivedPerSecond > 0 && round.cpuUs >= 0)
})

test('a table tells of each pace how long items took, and what did not arrive', () => {
  const times = { p50: 2_000, p95: 4_000, p99: 8_000 }
  const round: PacedRound = {
    accepted: times,
    arrived: { p50: 3_000, p95: 6_000, p99: 9_000 },
    acceptedPerSecond: 200,
    arrivedPerSecond: 199,
    cpuUs: 500,
    failed: 1,
    missing: 2,
    again: 0,
  }
  const paced: Paced[] = [{ name: 'wasmhook', note: 'SQLite', perSecond: 2_000, rounds: [round] }]
  assert.match(
    workloadTables({ measured: [], paced, figures: [], notes: [] }),
    /^\| wasmhook, SQLite \| 2,000 +\| 2 \/ 4 \/ 8 ms \| 3 \/ 6 \/ 9 ms \| 199 +\| 500 µs +\| 3 +\|$/m,
  )
})

test('a target is a ceiling or a floor', () => {
  assert.equal(reached(TARGETS['deliveries/accept'], 5), true)
  assert.equal(reached(TARGETS['deliveries/accept'], 5.1), false)
  assert.equal(reached(TARGETS['deliveries/sustained'], 1_960), true)
  assert.equal(reached(TARGETS['deliveries/sustained'], 1_959), false)
})

test('a report leaves the tables alone of which a file has none', () => {
  const result = { summary: '', measured: [], figures: [], notes: [] }
  const outcome = { workloads: { hello: result, history: result } } as unknown as Outcome
  const parts = partsOf(outcome, { deliveries: ['history'] })
  assert.deepEqual(Object.keys(parts.table!.workloads), ['hello'])
  assert.deepEqual(Object.keys(parts.deliveries!.workloads), ['history'])
  const only = { workloads: { history: result } } as unknown as Outcome
  assert.deepEqual(Object.keys(partsOf(only, { deliveries: ['history'] })), ['deliveries'])
})

/** Hands every request to `take`, whose status is the answer. */
async function listen(
  t: TestContext,
  take: (target: string, text: string) => Promise<number>,
): Promise<string> {
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      void take(request.headers.ssvm_callback as string, text).then((status) => {
        response.writeHead(status).end()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
