// What stays of ended deliveries: by age and by bytes, in small steps, in a file that stops growing.
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { v7 as uuidv7 } from 'uuid'
import { createDeliveryRetention } from '../src/core/delivery-retention.ts'
import type { RetentionDeps } from '../src/core/delivery-retention.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { Storage } from '../src/storage/storage.ts'
import { buildApp } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import { Clock, POLL, callback, failing, readDelivery } from './helpers/deliveries.ts'
import { newEventType } from './helpers/event-types.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { PER_LANE, bounds, newAttempt, newDelivery } from './storage-deliveries-suite.ts'
import { newEndpoint, newMessage } from './storage-events-suite.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const ALL: RetentionDeps['config'] = {
  DELIVERIES_KEPT_MS: 24 * HOUR_MS,
  ENDPOINT_STATS_KEPT_MS: 48 * HOUR_MS,
  DELIVERY_PAYLOADS_KEPT_MS: 12 * HOUR_MS,
  MESSAGE_PAYLOADS_KEPT_MS: 12 * HOUR_MS,
  DELIVERIES_KEPT_BYTES: 1024 ** 3,
}

async function open(t: TestContext): Promise<{ storage: Storage; dataDir: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'wasmhook-retention-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const storage = await openSqlite({ dataDir, secretKey: '' })
  t.after(() => storage.close())
  return { storage, dataDir }
}

function retain(
  storage: Storage,
  now: () => number,
  change: Partial<RetentionDeps['config']> = {},
) {
  const onError = (error: unknown): never => {
    throw error
  }
  return createDeliveryRetention({ storage, config: { ...ALL, ...change }, now, onError })
}

/** Ended then, with a body of so many bytes. */
async function ended(storage: Storage, endedAtMs: number, bytes: number): Promise<string> {
  const body = Buffer.alloc(bytes, 'x')
  const delivery = newDelivery({ state: 'exhausted', dueAtMs: null, endedAtMs })
  const id = uuidv7()
  await storage.deliveries.create({
    ...delivery,
    id,
    body,
    first: { attempt: newAttempt(), news: 'none', nowMs: 0 },
  })
  return id
}

test('payloads go at their age and rows at theirs', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  const id = await ended(storage, clock.ms, 100)
  const waits = newDelivery({ dueAtMs: clock.ms })
  await storage.deliveries.create(waits)
  const retention = retain(storage, clock.now)
  clock.ms += 12 * HOUR_MS
  await retention.round()
  assert.equal((await storage.deliveries.get(id))?.payloadKept, true)
  clock.ms += 1
  await retention.round()
  assert.equal((await storage.deliveries.get(id))?.payloadKept, false)
  assert.equal((await storage.deliveries.attempts(id, 9)).items.length, 1)
  clock.ms += 12 * HOUR_MS
  await retention.round()
  assert.equal(await storage.deliveries.get(id), undefined)
  assert.equal((await storage.deliveries.get(waits.id))?.payloadKept, true, 'it has not ended')
})

test('past their bytes the oldest payloads go first, to the minute', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  const ids: string[] = []
  for (let minute = 0; minute < 5; minute++) {
    ids.push(await ended(storage, clock.ms, 1_000), await ended(storage, clock.ms + 1, 1_000))
    clock.ms += MINUTE_MS
  }
  clock.ms += 2 * MINUTE_MS
  const kept = async (): Promise<boolean[]> => {
    const found = await Promise.all(ids.map((id) => storage.deliveries.get(id)))
    return found.map((delivery) => delivery?.payloadKept === true)
  }
  const then = (gone: number, stay: number): boolean[] =>
    Array.from({ length: gone + stay }, (_, at) => at >= gone)
  const within = retain(storage, clock.now, { DELIVERIES_KEPT_BYTES: 5_900 })
  await within.round()
  assert.deepEqual(await kept(), then(6, 4))
  ids.push(await ended(storage, clock.ms, 2_500))
  clock.ms += 3 * MINUTE_MS
  await within.round()
  assert.deepEqual(await kept(), then(8, 3))
  await retain(storage, clock.now, { DELIVERIES_KEPT_BYTES: 0 }).round()
  assert.deepEqual(await kept(), then(11, 0))
})

test('bodies of messages count once, for as long as they are kept, those too that nobody is sent', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  await storage.eventTypes.add(newEventType(), 1)
  const publish = async (): Promise<string> => {
    const id = uuidv7({ msecs: clock.ms })
    const body = Buffer.alloc(1_000, 'x')
    const times = { createdAtMs: clock.ms, dueAtMs: clock.ms }
    await storage.messages.publish(newMessage({ id, body, ...times }))
    return id
  }
  const unsent: string[] = []
  for (let minute = 0; minute < 4; minute++) {
    unsent.push(await publish())
    clock.ms += MINUTE_MS
  }
  await storage.endpoints.add(newEndpoint(), 9)
  await storage.endpoints.add(newEndpoint(), 9)
  const sent = await publish()
  for (let n = 0; n < 2; n++) {
    const nowMs = clock.ms
    const [leased] = await storage.deliveries.claim(bounds({ nowMs, limit: 1 }))
    const after = { state: 'succeeded', reason: null } as const
    const told = { nowMs, perLane: PER_LANE, news: 'none' } as const
    await storage.deliveries.settle(leased!, newAttempt(), after, told)
    clock.ms += MINUTE_MS
  }
  clock.ms += 2 * MINUTE_MS
  const bodies = async (...ids: string[]): Promise<boolean[]> =>
    Promise.all(ids.map(async (id) => (await storage.messages.get(id))?.body !== null))
  // Two of those that nobody is sent, the body of the other, and two answers of two bytes.
  const within = retain(storage, clock.now, { DELIVERIES_KEPT_BYTES: 3_004 })
  await within.round()
  assert.deepEqual(await bodies(...unsent, sent), [false, false, true, true, true])
  const less = retain(storage, clock.now, { DELIVERIES_KEPT_BYTES: 1_003 })
  await less.round()
  assert.deepEqual(await bodies(...unsent, sent), [false, false, false, false, true])
  const [first, second] = (await storage.deliveries.list({ messageId: sent }, { limit: 2 })).items
  const kept = [first, second].sort((a, b) => a!.endedAtMs! - b!.endedAtMs!)
  assert.deepEqual(
    kept.map((one) => one!.payloadKept),
    [false, true],
  )
  await less.round()
  assert.deepEqual(await bodies(sent), [true], 'the second keeps it, and has room')
  await retain(storage, clock.now, { DELIVERIES_KEPT_BYTES: 1_001 }).round()
  assert.deepEqual(await bodies(sent), [false])
})

test('payloads of messages go at an age of their own, once nothing is to be sent of them', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  await storage.eventTypes.add(newEventType(), 1)
  await storage.endpoints.add(newEndpoint(), 9)
  const publish = async (): Promise<string> => {
    const id = uuidv7({ msecs: clock.ms })
    await storage.messages.publish(
      newMessage({ id, createdAtMs: clock.ms, dueAtMs: clock.ms, body: Buffer.alloc(1_000, 'x') }),
    )
    return id
  }
  const settle = async (state: 'succeeded' | 'waiting'): Promise<void> => {
    const nowMs = clock.ms
    const [leased] = await storage.deliveries.claim(bounds({ nowMs, limit: 1 }))
    const waiting = { state: 'waiting', dueAtMs: nowMs + 15 * HOUR_MS } as const
    const after = state === 'waiting' ? waiting : ({ state, reason: null } as const)
    const told = { nowMs, perLane: PER_LANE, news: 'none' } as const
    await storage.deliveries.settle(leased!, newAttempt(), after, told)
  }
  /** Of each message its body, and the payload of its delivery. */
  const kept = async (...ids: string[]): Promise<(boolean | undefined)[][]> =>
    Promise.all(
      ids.map(async (messageId) => {
        const [one] = (await storage.deliveries.list({ messageId }, { limit: 1 })).items
        return [(await storage.messages.get(messageId))?.body !== null, one?.payloadKept]
      }),
    )
  const sent = await publish()
  await settle('succeeded')
  const waits = await publish()
  await settle('waiting')
  clock.ms += 3 * HOUR_MS

  const shorter = retain(storage, clock.now, { MESSAGE_PAYLOADS_KEPT_MS: 3 * HOUR_MS })
  await shorter.round()
  assert.deepEqual(await kept(sent, waits), [
    [true, true],
    [true, true],
  ])
  clock.ms += 1
  await shorter.round()
  assert.deepEqual(await kept(sent, waits), [
    [false, false],
    [true, true],
  ])

  const other = await publish()
  await settle('succeeded')
  const longer = { MESSAGE_PAYLOADS_KEPT_MS: 20 * HOUR_MS, DELIVERIES_KEPT_BYTES: 1_500 }
  clock.ms += 12 * HOUR_MS + 1
  const retention = retain(storage, clock.now, longer)
  await retention.round()
  assert.deepEqual(await kept(other), [[true, false]], 'the body counts by itself')
  clock.ms += 9 * MINUTE_MS
  await settle('succeeded')
  clock.ms += 3 * MINUTE_MS
  await retention.round()
  assert.deepEqual(await kept(other, waits), [
    [false, false],
    [true, true],
  ])
  clock.ms += 21 * HOUR_MS
  await retention.round()
  assert.deepEqual(await kept(waits), [[false, false]])
})

test('what a crash left of a payload that was expunged goes', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  await storage.eventTypes.add(newEventType(), 1)
  await storage.endpoints.add(newEndpoint(), 9)
  const message = newMessage({ id: uuidv7({ msecs: clock.ms }), createdAtMs: clock.ms })
  await storage.messages.publish(message)
  await storage.messages.expunge('t', message.id, clock.ms)
  assert.equal((await storage.messages.expunging(1)).length, 1)
  await retain(storage, clock.now).round()
  assert.deepEqual(await storage.messages.expunging(1), [])
  const [one] = (await storage.deliveries.list({ messageId: message.id }, { limit: 1 })).items
  assert.deepEqual([one?.state, one?.payloadKept], ['canceled', false])
})

test('many and large ones go in steps of few rows and few bytes', async (t) => {
  const { storage } = await open(t)
  const clock = new Clock()
  for (let n = 0; n < 250; n++) await ended(storage, clock.ms, 10)
  for (let n = 0; n < 3; n++) await ended(storage, clock.ms + 1, 5 * 1024 * 1024)
  const steps: number[] = []
  const { deliveryRetention: kept } = storage
  for (let step = -1; step !== 0;) {
    step = (await kept.dropPayloads({ endedMs: clock.ms + 2, madeMs: 0 })).dropped
    steps.push(step)
  }
  assert.deepEqual(steps, [100, 100, 51, 1, 1, 0])
  for (let step = -1; step !== 0;) {
    step = await kept.deleteRows(clock.ms + 2)
    assert.ok(step <= 100)
  }
})

test('a lane that nothing is sent in any more is removed, and one that waits is not', async (t) => {
  const { storage, dataDir } = await open(t)
  const clock = new Clock()
  const { id: executableId } = await storage.executables.create({
    description: '',
    adminKeyHash: 'x',
    usageKeyHash: null,
    storageKey: 'x',
    version: {
      sha256: 'x',
      wasm: Buffer.alloc(1),
      interface: { kind: 'raw', functions: [], missing_imports: [], warnings: [], abi: {} },
      createdAtMs: clock.ms,
    },
  })
  for (let n = 0; n < 450; n++) {
    const target = `https://t${n}.example:443`
    const dueAtMs = n === 7 ? clock.ms + HOUR_MS : clock.ms
    await storage.deliveries.create(newDelivery({ executableId, target, dueAtMs }))
  }
  const perLane = 1
  for (;;) {
    const leaseId = uuidv7()
    const claimed = await storage.deliveries.claim({
      ...{ nowMs: clock.ms, leasedUntilMs: clock.ms + HOUR_MS, limit: 100, bytes: 1e6 },
      ...{ perLane, leaseId },
    })
    if (claimed.length === 0) break
    for (const leased of claimed) {
      const after = { state: 'succeeded', reason: null } as const
      const bounds = { nowMs: clock.ms, perLane, news: 'none' } as const
      await storage.deliveries.settle(leased, newAttempt(), after, bounds)
    }
  }
  const db = new BetterSqlite3(join(dataDir, 'wasmhook.db'), { readonly: true })
  t.after(() => db.close())
  const lanes = (): unknown[] => db.prepare('SELECT lane FROM lanes').pluck().all()
  assert.equal(lanes().length, 450)
  await retain(storage, clock.now).round()
  assert.deepEqual(lanes(), ['https://t7.example:443'])
})

test('the database stops growing where what is made and what goes are in balance', async (t) => {
  const { storage, dataDir } = await open(t)
  const clock = new Clock()
  const retention = retain(storage, clock.now, {
    DELIVERY_PAYLOADS_KEPT_MS: HOUR_MS,
    DELIVERIES_KEPT_MS: HOUR_MS,
  })
  const sizes: number[] = []
  const db = new BetterSqlite3(join(dataDir, 'wasmhook.db'))
  t.after(() => db.close())
  for (let cycle = 0; cycle < 6; cycle++) {
    for (let n = 0; n < 60; n++) await ended(storage, clock.ms, 20_000)
    clock.ms += HOUR_MS + 1
    await retention.round()
    db.pragma('wal_checkpoint(TRUNCATE)')
    sizes.push((await stat(join(dataDir, 'wasmhook.db'))).size)
  }
  assert.ok(sizes[0]! > 60 * 20_000)
  assert.ok(sizes.at(-1)! <= sizes[1]! * 1.05, sizes.join())
})

test('a resend of what is kept no more says so', async (t) => {
  const clock = new Clock()
  const target = await httpService(t, (_request, reply) => reply.writeHead(500).end('no'))
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const id = await failing(app, one, callback(target, { schedule_ms: [] }))
  await app.close()
  const storage = await openSqlite({ dataDir: app.dataDir, secretKey: '' })
  clock.ms += 13 * HOUR_MS
  await retain(storage, clock.now).round()
  await storage.close()
  const again = await app.restart()
  const shown = await readDelivery(again, one, id)
  assert.deepEqual([shown.state, shown.payload_kept], ['exhausted', false])
  assert.deepEqual([shown.attempts[0]?.status, shown.attempts[0]?.response_body], [500, ''])
  const url = `/api/deliveries/${id}/resend`
  await refused(
    await again.request(url, { method: 'POST', headers: admin(one) }),
    410,
    'PAYLOAD_GONE',
  )
})
