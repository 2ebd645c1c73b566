// The clock is set back, and forth, while the server runs: what waits is sent after the pause that was meant, and
// nothing is sent twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { admin, upload } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  failing,
  handOver,
  hasEnded,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'

const HOUR_MS = 3_600_000
const isDueAt =
  (ms: number) =>
  (delivery: { due_at: string | null }): boolean =>
    delivery.due_at === new Date(ms).toISOString()

test('a clock that is set back delays nothing that waits, but for what is sent later by it', async (t) => {
  const clock = new Clock()
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, (_request, reply) => {
    reply.writeHead(target.received.length === 1 ? 500 : 200).end()
  })
  const id = await failing(app, one, callback(target, { schedule_ms: [5_000] }))
  const later = new Date(clock.ms + 10_000).toISOString()
  const postponed = await handOver(app, one, callback(target, undefined, { deliver_at: later }))
  const held = await httpService(t, (_request, reply) => {
    reply.writeHead(held.received.length === 1 ? 503 : 200).end()
  })
  const slow = await failing(app, one, callback(held, { schedule_ms: [1_000] }))

  clock.ms -= HOUR_MS
  await untilDelivery(app, one, id, isDueAt(clock.ms + 5_000))
  await untilDelivery(app, one, slow, isDueAt(clock.ms + 1_000))
  const { held_until: heldUntil } = await readDelivery(app, one, slow)
  assert.equal(heldUntil, new Date(clock.ms + 5_000).toISOString())
  clock.ms += 5_000
  assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
  assert.equal((await untilDelivery(app, one, slow, hasEnded)).state, 'succeeded')
  assert.equal((await readDelivery(app, one, postponed)).due_at, later)
  assert.equal(target.received.length, 2)
})

test('a clock that is set back and forth has nothing sent twice that is under way', async (t) => {
  const clock = new Clock()
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const arrived = createGate()
  const answer = createGate()
  const target = await httpService(t, (_request, reply) => {
    arrived.open()
    void answer.opened.then(() => reply.end())
  })
  const id = await handOver(app, one, callback(target))
  await arrived.opened
  for (const by of [-HOUR_MS, 2 * HOUR_MS, -3 * HOUR_MS, HOUR_MS]) {
    clock.ms += by
    // What is handed over now is claimed by the clock as it is now, and so the database was looked at.
    const other = await httpService(t, (_request, reply) => reply.end())
    const probe = await handOver(app, one, callback(other))
    assert.equal((await untilDelivery(app, one, probe, hasEnded)).state, 'succeeded')
  }
  answer.open()
  const ended = await untilDelivery(app, one, id, hasEnded)
  assert.deepEqual([ended.state, ended.tries, target.received.length], ['succeeded', 1, 1])
})

test('a clock that is set back moves every row once, however many wait for one target', async (t) => {
  const clock = new Clock()
  const settings = { ...POLL, DELIVERY_TARGET_CONCURRENCY: 1 }
  const app = await buildApp(t, settings, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, (_request, reply) => void reply.writeHead(500).end())
  const spec = callback(target, { schedule_ms: [60_000] })
  for (let n = 0; n < 12; n++) await failing(app, one, spec)
  clock.ms -= HOUR_MS
  const list = async (): Promise<{ due_at: string }[]> => {
    const url = `/api/executables/${one.id}/deliveries`
    const response = await app.request(url, { headers: admin(one) })
    return ((await response.json()) as { items: { due_at: string }[] }).items
  }
  const wanted = new Date(clock.ms + 60_000).toISOString()
  for (;;) {
    const items = await list()
    if (items.every((item) => item.due_at === wanted)) break
  }
  assert.equal((await list()).length, 12)
})
