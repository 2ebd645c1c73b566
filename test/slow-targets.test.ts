// Targets that ask for less (429, 503, Retry-After) are left alone, and then tried carefully; and an owner of
// many targets leaves room for others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterMs } from '../src/core/attempt.ts'
import { buildApp } from './helpers/build-app.ts'
import { admin, upload } from './helpers/client.ts'
import {
  BEGAN_MS,
  Clock,
  POLL,
  callback,
  failing,
  handOver,
  hasEnded,
  isAt,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'

const DAY_MS = 24 * 3_600_000

test('Retry-After is seconds or a date of HTTP, cut at its ceiling, and anything else is nothing', () => {
  const cases: [string | undefined, number][] = [
    ['120', 120_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thursday, 01-Jan-26 00:01:00 GMT', 60_000],
    ['Thu Jan  1 00:01:00 2026', 60_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['Thu, 01 Jan 2099 00:00:00 GMT', DAY_MS],
    ['99999999999999999999999', DAY_MS],
    [undefined, 0],
    ['', 0],
    ['-5', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['5, 5', 0],
    ['soon', 0],
    ['January 2099', 0],
    ['2099', 2_099_000],
    ['2099-01-01T00:00:00Z', 0],
    ['Xxx, 99 Xxx 2099 99:99:99 GMT', 0],
  ]
  for (const [value, ms] of cases) assert.equal(retryAfterMs(value, BEGAN_MS, DAY_MS), ms, value)
})

test('Retry-After counts for failed attempts up to RETRY_AFTER_MS_MAX, and garbage for nothing', async (t) => {
  const clock = new Clock()
  const settings = { ...POLL, RETRY_AFTER_MS_MAX: 50_000 }
  const app = await buildApp(t, settings, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const answers = ['60', 'garbage']
  const target = await httpService(t, (_request, reply) => {
    const asked = answers.shift()
    reply.writeHead(asked === undefined ? 200 : 500, { 'retry-after': asked ?? '60' }).end()
  })
  const retry = { schedule_ms: [1_000, 1_000] }
  const id = await failing(app, one, callback(target, retry))
  const dueIn = async (): Promise<number> =>
    Date.parse((await readDelivery(app, one, id)).due_at!) - clock.ms
  assert.equal(await dueIn(), 50_000)
  clock.ms += 50_000
  await untilDelivery(app, one, id, isAt(2))
  assert.equal(await dueIn(), 1_000)
  clock.ms += 1_000
  assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
})

test('a target that answers 503 is left alone, then tried by one attempt at a time until one succeeds', async (t) => {
  const clock = new Clock()
  const settings = { ...POLL, DELIVERY_TARGET_CONCURRENCY: 4 }
  const app = await buildApp(t, settings, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const all = createGate()
  let well = false
  let underWay = 0
  let most = 0
  const target = await httpService(t, (_request, reply) => {
    const answer = (): void => {
      underWay--
      reply.writeHead(well ? 200 : 503, well ? {} : { 'retry-after': '20' }).end()
    }
    underWay++
    most = Math.max(most, underWay)
    // The first four are under way together; each later one ends by itself.
    if (target.received.length === 4) all.open()
    void all.opened.then(answer)
  })
  const spec = callback(target, { schedule_ms: [1_000, 1_000, 1_000] })
  const ids: string[] = []
  for (let n = 0; n < 8; n++) ids.push(await handOver(app, one, spec))
  const first = await untilDelivery(app, one, ids[0]!, isAt(1))
  assert.equal(target.received.length, 4, 'those that were under way, and no more')
  const untilMs = clock.ms + 20_000
  const waiting = await readDelivery(app, one, ids[7]!)
  assert.equal(waiting.held_until, new Date(untilMs).toISOString())
  assert.deepEqual([waiting.tries, waiting.due_at], [0, new Date(BEGAN_MS).toISOString()])
  assert.equal(first.due_at, new Date(untilMs).toISOString())

  most = 0
  clock.ms = untilMs
  // The probe fails, and the target is left alone for longer.
  for (;;) {
    const shown = await readDelivery(app, one, ids[7]!)
    if (shown.held_until === new Date(untilMs + 20_000).toISOString()) break
  }
  assert.equal(target.received.length, 5)
  well = true
  clock.ms += 20_000
  for (const id of ids) {
    const ended = await untilDelivery(app, one, id, hasEnded)
    assert.equal(ended.state, 'succeeded')
    assert.equal(ended.held_until, null)
  }
  const tried = await Promise.all(ids.map(async (id) => (await readDelivery(app, one, id)).tries))
  assert.equal(
    tried.reduce((sum, tries) => sum + tries),
    target.received.length,
    'waiting costs no attempt',
  )
  assert.equal(target.received.length, 5 + 8)
})

test('a forward that a caller waited for slows its target too, and is not slowed itself', async (t) => {
  const clock = new Clock()
  const app = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, (_request, reply) => {
    reply.writeHead(target.received.length <= 2 ? 429 : 200).end()
  })
  const spec = callback(target, { schedule_ms: [100] })
  const id = await failing(app, one, spec)
  const shown = await readDelivery(app, one, id)
  assert.equal(shown.held_until, new Date(clock.ms + 5_000).toISOString())
  await failing(app, one, spec)
  assert.equal(target.received.length, 2)
  clock.ms += 5_000
  assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
})

test('an executable with many targets that stall leaves room for another', async (t) => {
  const settings = { ...POLL, DELIVERY_CONCURRENCY: 4, CALLBACK_TIMEOUT_MS: 60_000 }
  const app = await buildApp(t, settings)
  const [greedy, modest] = [
    await upload(app, await guest('echo')),
    await upload(app, await guest('echo')),
  ]
  const stalled: string[] = []
  for (let n = 0; n < 8; n++) {
    const stalling = await httpService(t, () => stalled.push(stalling.origin))
    await handOver(app, greedy, callback(stalling))
  }
  const well = await httpService(t, (_request, reply) => reply.end())
  const id = await handOver(app, modest, callback(well))
  assert.equal((await untilDelivery(app, modest, id, hasEnded)).state, 'succeeded')
  assert.equal(stalled.length, 2, 'half of DELIVERY_CONCURRENCY')
  const list = await app.request(`/api/executables/${greedy.id}/deliveries`, {
    headers: admin(greedy),
  })
  const { items } = (await list.json()) as { items: { state: string }[] }
  assert.equal(items.filter(({ state }) => state === 'scheduled').length, 6)
})
