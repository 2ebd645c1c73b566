// Events: one message to very many endpoints, until it is committed, and very many messages to some endpoints, until
// all have arrived, with what the server holds meanwhile.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { v7 as uuidv7 } from 'uuid'
import { startEngines } from '../engines.ts'
import type { Engine } from '../engines.ts'
import { startReceiver } from '../paced/paced.ts'
import type { Receiver } from '../paced/paced.ts'
import { memoryOf } from '../process-usage.ts'
import { median, ratioOf, spreadOf } from '../statistics.ts'
import type { Bench, Figure, Workload } from '../workload.ts'
import type { Wasmhook } from '../wasmhook.ts'

const TENANT = 'bench'
const TARGETS = 10
/** Endpoints of the message that goes to many. */
const WIDE = 1_000
const WIDE_QUICK = 100
/** Messages of a round; their median is its figure. */
const PUBLISHED = 5
const MESSAGES = 10_000
const MESSAGES_QUICK = 300
/** Before anything is sampled: heaps and caches fill. */
const WARM_UP_SHARE = 0.1
/** Callers at once. */
const LANES = 16
const SAMPLE_MS = 250

export const fanout: Workload = {
  name: 'fanout',
  summary:
    `One message to ${WIDE} endpoints, from the request to the 202; ${MESSAGES} messages to ${TARGETS} endpoints, ` +
    'from the first to the last arrival.',
  async run(bench) {
    const receiver = bench.own(await startReceiver(Array(TARGETS).fill('healthy')))
    const figures: Figure[] = []
    for (const engine of await startEngines(bench)) {
      figures.push(...(await wide(bench, engine, receiver)))
      figures.push(...(await many(bench, engine, receiver)))
    }
    return { measured: [], figures, notes: NOTES }
  },
}

const NOTES = [
  'The rows by hand are as many as there are endpoints, in one transaction of better-sqlite3, as durable, with one index.',
  `Memory is sampled from a tenth of the messages on, every ${SAMPLE_MS} ms, until all have arrived.`,
]

/** One message to very many: how long until it is committed, beside the rows alone. */
async function wide(bench: Bench, engine: Engine, receiver: Receiver): Promise<Figure[]> {
  const { quick, rounds } = bench.options
  const endpoints = quick ? WIDE_QUICK : WIDE
  const { server } = await engine.wasmhook()
  await subscribe(server, receiver, endpoints)
  const byHand = rowsByHand(endpoints)
  await publishAndWait(server)
  const committedMs: number[] = []
  const byHandMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const took: number[] = []
    const rows: number[] = []
    for (let turn = 0; turn < PUBLISHED; turn++) {
      rows.push(byHand.insert())
      took.push(await publishAndWait(server))
    }
    committedMs.push(median(took))
    byHandMs.push(median(rows))
    bench.progress(`${engine.name}, round ${round + 1} of ${rounds}: ${median(took).toFixed(1)} ms`)
  }
  byHand.close()
  const variant = engine.name
  const figure: Figure = {
    name: `one message to ${endpoints} endpoints: until the 202`,
    variant,
    value: spreadOf(committedMs),
    unit: 'ms',
  }
  return [
    // A target of SQLite's, and of the whole number.
    engine.name === 'SQLite' && !quick ? { target: 'fanout/committed', ...figure } : figure,
    {
      name: 'of that, rows by hand',
      variant,
      value: ratioOf(committedMs, byHandMs),
      unit: '×',
    },
  ]
}

/** Very many messages: how fast they arrive, and what the server holds meanwhile. */
async function many(bench: Bench, engine: Engine, receiver: Receiver): Promise<Figure[]> {
  const count = bench.options.quick ? MESSAGES_QUICK : MESSAGES
  const { server } = await engine.wasmhook()
  await subscribe(server, receiver, TARGETS)
  const before = await receiver.requests()
  const expected = count * TARGETS
  const residentBytes: number[] = []
  const begun = performance.now()
  const publishing = publishAll(server, count).then(() => performance.now() - begun)
  for (;;) {
    const arrived = (await receiver.requests()) - before
    if (arrived >= expected * WARM_UP_SHARE) residentBytes.push(memoryOf(server.pid).residentBytes)
    if (arrived >= expected) break
    if (residentBytes.length % 40 === 1) bench.progress(`${engine.name}: ${arrived} of ${expected}`)
    await Promise.race([wait(SAMPLE_MS), publishing.then(() => wait(SAMPLE_MS))])
  }
  const seconds = (performance.now() - begun) / 1000
  const publishedSeconds = (await publishing) / 1000
  const third = Math.max(1, Math.floor(residentBytes.length / 3))
  const growth = mean(residentBytes.slice(-third)) / mean(residentBytes.slice(0, third))
  const figure = (name: string, values: number[], unit: string): Figure => ({
    name,
    variant: engine.name,
    value: spreadOf(values),
    unit,
  })
  return [
    figure(
      `${count} messages to ${TARGETS} endpoints: published`,
      [count / publishedSeconds],
      '/s',
    ),
    figure('of these deliveries, from the first to the last', [expected / seconds], '/s'),
    figure(
      'resident memory',
      residentBytes.map((bytes) => bytes / 1e6),
      'MB',
    ),
    {
      // A few messages end before heaps and caches are full.
      ...(bench.options.quick ? {} : { target: 'fanout/memory' as const }),
      ...figure('resident memory, last third / first', [growth], '×'),
    },
  ]
}

async function subscribe({ origin }: Wasmhook, receiver: Receiver, count: number): Promise<void> {
  await post(origin, '/api/event-types', { tenant: TENANT, name: 'thing.happened' })
  await inLanes(count, async (n) => {
    const url = `${receiver.targets[n % receiver.targets.length]}/${n}`
    await post(origin, '/api/endpoints', { tenant: TENANT, url, event_types: ['thing.*'] })
  })
}

function publish({ origin }: Wasmhook): Promise<void> {
  return post(origin, '/api/messages', {
    tenant: TENANT,
    type: 'thing.happened',
    payload: { order: 1, lines: ['a', 'b', 'c'] },
  })
}

function publishAll(server: Wasmhook, count: number): Promise<void> {
  return inLanes(count, () => publish(server))
}

/** Milliseconds to the 202; resolves once all is delivered and settled, so that the next finds nothing under way. */
async function publishAndWait(server: Wasmhook): Promise<number> {
  const begun = performance.now()
  await publish(server)
  const took = performance.now() - begun
  const query = `tenant=${TENANT}&state=pending&limit=1`
  for (;;) {
    const answer = await fetch(`${server.origin}/api/deliveries?${query}`)
    const { items } = (await answer.json()) as { items: unknown[] }
    if (items.length === 0) return took
    await wait(20)
  }
}

async function post(origin: string, url: string, body: object): Promise<void> {
  const answer = await fetch(origin + url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`POST ${url}: ${answer.status} ${text}`)
}

async function inLanes(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(LANES, count) }, lane))
}

/** What no sender that keeps a row for each delivery can do without. */
function rowsByHand(count: number): { insert: () => number; close: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmhook-rows-'))
  const db = new BetterSqlite3(path.join(folder, 'rows.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(
    'create table rows (id text primary key, message text, endpoint text, target text, due integer);' +
      'create index rows_due on rows (target, due)',
  )
  const row = db.prepare('insert into rows values (?, ?, ?, ?, ?)')
  const all = db.transaction((message: string) => {
    for (let n = 0; n < count; n++) row.run(uuidv7(), message, uuidv7(), `http://t${n % 10}`, n)
  })
  return {
    insert() {
      const begun = performance.now()
      all(uuidv7())
      return performance.now() - begun
    },
    close() {
      db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
