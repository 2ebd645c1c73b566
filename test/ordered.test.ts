// Endpoints that get their events in order, against real receivers.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { FILTER_CHARS_MAX } from '../src/payload-filter.ts'
import { createChance } from './crash/chance.ts'
import { buildApp } from './helpers/build-app.ts'
import { POLL } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { Json } from './helpers/event-hub.ts'
import { httpService } from './helpers/http-service.ts'

type Ordered = Shown & { order_key: string | null; order_state: string | null }

describe('an ordered endpoint', () => {
  test('says how it is ordered, and refuses what is no such thing', async (t) => {
    const { endpoint, get, made, send } = await createEventHub(t)
    const ordered = { key: 'customer.id', on_exhaustion: 'block' }
    const { endpoint_id: id } = await endpoint({ ordered })
    const url = `/api/endpoints/${id}?tenant=acme`
    assert.deepEqual((await get(url)).ordered, ordered)
    const change = async (to: unknown) => made(await send('PATCH', url, { ordered: to }), 200)
    const skipped = await change({ key: 'customer.id', on_exhaustion: 'skip' })
    assert.deepEqual(skipped.warnings, [])
    const whole = await change({ on_exhaustion: 'park' })
    assert.deepEqual(whole.ordered, { on_exhaustion: 'park' })
    assert.match(String(whole.warnings), /keeps to the order that it had/)
    assert.equal((await change(null)).ordered, null)
    const key = 'x'.repeat(FILTER_CHARS_MAX)
    await change({ key, on_exhaustion: 'skip' })
    for (const bad of [
      { key: `${key}x`, on_exhaustion: 'skip' },
      { key: '', on_exhaustion: 'skip' },
      { key: 'a' },
      { key: 'a', on_exhaustion: 'wait' },
      { on_exhaustion: 'skip', more: 1 },
      true,
    ]) {
      const refused = await made(await send('PATCH', url, { ordered: bad }), 400)
      assert.equal(refused.code, 'BAD_REQUEST')
    }
  })

  test('waits behind one that failed until somebody cancels it, and tells so', async (t) => {
    const hub = await createEventHub(t)
    const { answers, deliveryOf, endpoint, made, publish, send, target } = hub
    await endpoint({
      ordered: { key: 'k', on_exhaustion: 'block' },
      retry: { schedule_ms: [] },
    })
    answers.push(500)
    const first = await publish({ k: 1, n: 1 })
    const failed = (await deliveryOf(
      first.message_id,
      ({ ended_at: at }) => at !== null,
    )) as unknown as Ordered
    assert.deepEqual([failed.state, failed.order_state], ['exhausted', 'blocks'])
    const second = await publish({ k: 1, n: 2 })
    const waits = (await deliveryOf(second.message_id, () => true)) as unknown as Ordered
    assert.deepEqual([waits.order_key, waits.order_state, waits.due_at], ['1', 'waits', null])
    const early = await made(await send('POST', `/api/deliveries/${waits.delivery_id}/resend`), 409)
    assert.equal(early.reason, 'in_line')
    const other = await publish({ k: 2, n: 3 })
    await deliveryOf(other.message_id, ({ state }) => state === 'succeeded')
    await made(await send('POST', `/api/deliveries/${failed.delivery_id}/cancel`), 200)
    await deliveryOf(second.message_id, ({ state }) => state === 'succeeded')
    const again = await made(
      await send('POST', `/api/deliveries/${failed.delivery_id}/cancel`),
      409,
    )
    assert.equal(again.state, 'exhausted')
    assert.equal(target.received.length, 3)
  })

  test('filters and transforms in order too', async (t) => {
    const { deliveryOf, endpoint, publish, target } = await createEventHub(t)
    await endpoint({
      ordered: { on_exhaustion: 'block' },
      payload_filter: { path: 'wanted', equals: true },
    })
    const published = []
    for (let n = 0; n < 6; n++) published.push(await publish({ n, wanted: n % 2 === 1 }))
    for (const { message_id: id } of published)
      await deliveryOf(id, ({ ended_at: at }) => at !== null)
    assert.deepEqual(target.received.map(numberOf), [1, 3, 5])
  })

  test('is sent what it missed in the order of its publish', async (t) => {
    const hub = await createEventHub(t)
    const { clock, deliveryOf, endpoint, made, publish, send, target, tenant } = hub
    const since = new Date(clock.nowMs - 60_000).toISOString()
    const published = []
    for (let n = 0; n < 4; n++) published.push(await publish({ n }))
    const { endpoint_id: id } = await endpoint({ ordered: { key: 'k', on_exhaustion: 'block' } })
    await made(await send('POST', `/api/endpoints/${id}/replay?tenant=${tenant}`, { since }), 202)
    for (const { message_id: one } of published) {
      for (;;) {
        const { items } = await made(await send('GET', `/api/deliveries?message_id=${one}`), 200)
        if ((items as Json[]).length > 0) break
      }
      await deliveryOf(one, ({ state }) => state === 'succeeded')
    }
    assert.deepEqual(target.received.map(numberOf), [0, 1, 2, 3])
  })
})

describe('deliveries arrive in the order of publish, and all end, whatever is done to them', () => {
  for (const [seed, policy] of [
    [1, 'block'],
    [2, 'skip'],
    [3, 'park'],
    [4, 'block'],
  ] as const) {
    test(`failed, canceled, sent again and restarted by seed ${seed}, ${policy}`, (t) =>
      checkOrder(t, seed, policy))
  }
})

/** Publishes, fails, cancels, sends again and restarts by chance; then looks at what arrived first of each. */
async function checkOrder(t: TestContext, seed: number, policy: string): Promise<void> {
  const chance = createChance(seed)
  const answers = chance.fork('answers')
  const clock = { nowMs: Date.now() }
  const arrived: Json[] = []
  const target = await httpService(t, ({ body }, reply) => {
    const { data } = JSON.parse(body.toString()) as { data: Json }
    if (!arrived.some(({ n }) => n === data.n)) arrived.push(data)
    reply.writeHead(answers.next() < 0.35 ? 500 : 200).end()
  })
  let app = await buildApp(t, POLL, { now: () => clock.nowMs, chance: () => 0 })
  const send = async (method: string, url: string, body?: object): Promise<Json> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
    return (await (await app.request(url, init)).json()) as Json
  }
  const list = async (state: string): Promise<Ordered[]> =>
    (await send('GET', `/api/deliveries?tenant=acme&state=${state}&limit=100`)).items as Ordered[]
  await send('POST', '/api/event-types', { tenant: 'acme', name: 'a' })
  await send('POST', '/api/endpoints', {
    tenant: 'acme',
    url: target.origin,
    event_types: ['a'],
    retry: { schedule_ms: [100, 200] },
    ordered: { key: 'k', on_exhaustion: policy },
  })
  const canceled = new Set<unknown>()
  const cancel = async ({
    delivery_id: id,
    message_id: message,
  }: Ordered & { message_id?: string }) => {
    canceled.add(message)
    await send('POST', `/api/deliveries/${id}/cancel`)
  }
  const lastSeen = new Map<unknown, number>()
  const idOf = new Map<unknown, unknown>()
  for (let n = 0; n < 60; n++) {
    const payload = { k: Math.floor(chance.next() * 4), n }
    const { message_id: id } = await send('POST', '/api/messages', {
      tenant: 'acme',
      type: 'a',
      payload,
    })
    idOf.set(n, id)
    clock.nowMs += Math.floor(chance.next() * 100)
    const what = chance.next()
    if (what < 0.1) {
      const open = await list('pending')
      const one = open[Math.floor(chance.next() * open.length)]
      if (one !== undefined) await cancel(one)
    } else if (what < 0.15) app = await app.restart()
  }
  for (;;) {
    clock.nowMs += 250
    const held = (await list('failed,succeeded')).filter(({ order_state: state }) =>
      ['blocks', 'parks'].includes(String(state)),
    )
    for (const one of held) {
      if (one.resending) continue
      const resend = one.state !== 'succeeded' && chance.next() < 0.7
      if (resend) await send('POST', `/api/deliveries/${one.delivery_id}/resend`)
      else await send('POST', `/api/deliveries/${one.delivery_id}/cancel`)
    }
    if (held.length === 0 && (await list('pending')).length === 0) break
  }
  for (const { k, n } of arrived) {
    if (canceled.has(idOf.get(n))) continue
    assert.ok(Number(n) > (lastSeen.get(k) ?? -1), `${String(n)} of key ${String(k)} came in order`)
    lastSeen.set(k, Number(n))
  }
  const missed = [...idOf].filter(
    ([n, id]) => !canceled.has(id) && !arrived.some((one) => one.n === n),
  )
  assert.deepEqual(missed, [])
}

function numberOf({ body }: { body: Buffer }): unknown {
  return (JSON.parse(body.toString()) as { data: Json }).data.n
}
