// At what pace an endpoint is sent events: no faster than it says, later, and where it redirects to; and what it can be
// told by a public key.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { httpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'
import { verifiesEd25519, verifiesHmac } from './helpers/signatures.ts'

const DAY_MS = 24 * 3_600_000

describe('an endpoint', () => {
  const scope = suiteScope()
  let hub: EventHub

  before(async () => {
    const settings = { DELIVERY_TARGET_CONCURRENCY: 4, DELIVER_LATER_MS_MAX: DAY_MS }
    hub = await createEventHub(scope, settings)
  })
  beforeEach(async () => {
    hub.target.received.length = 0
    const { items } = await hub.get(`/api/endpoints?tenant=${hub.tenant}`)
    for (const one of items as Json[]) {
      await hub.send('DELETE', `/api/endpoints/${String(one.endpoint_id)}?tenant=${hub.tenant}`)
    }
  })

  const list = async (query: string): Promise<Shown[]> =>
    (await hub.get(`/api/deliveries?tenant=${hub.tenant}&${query}`)).items as Shown[]

  /** What of an endpoint's deliveries has ended, as soon as it is so many. */
  async function ended(endpoint: { endpoint_id: string }, count: number): Promise<Shown[]> {
    for (;;) {
      const found = await list(`endpoint_id=${endpoint.endpoint_id}&state=succeeded`)
      assert.ok(found.length <= count)
      if (found.length === count) return found
    }
  }

  const patch = async (endpoint: { endpoint_id: string }, fields: object): Promise<Json> => {
    const url = `/api/endpoints/${endpoint.endpoint_id}?tenant=${hub.tenant}`
    return hub.made(await hub.send('PATCH', url, fields), 200)
  }

  test('is sent no more than its rate, costs what waits no try, and holds up no other', async () => {
    const slow = await hub.endpoint({ rate_limit: { attempts: 2, per_ms: 10_000 } })
    const other = await hub.endpoint({ url: `${hub.target.origin}/other` })
    for (let n = 0; n < 5; n++) await hub.publish({ n })
    await ended(other, 5)
    await ended(slow, 2)
    const waiting = await list(`endpoint_id=${slow.endpoint_id}&state=pending`)
    assert.deepEqual(
      waiting.map(({ state, tries, target }) => [state, tries, target]),
      Array.from({ length: 3 }, () => [
        'scheduled',
        0,
        hub.target.origin.replace('localhost', '127.0.0.1'),
      ]),
    )
    const found = await list(`target=${encodeURIComponent(hub.target.origin)}&limit=100`)
    assert.ok(waiting.every(({ delivery_id: id }) => found.some((one) => one.delivery_id === id)))
    hub.clock.nowMs += 4_999
    await hub.publish({ n: 5 })
    await ended(other, 6)
    assert.equal((await list(`endpoint_id=${slow.endpoint_id}&state=succeeded`)).length, 2)
    hub.clock.nowMs += 1
    await ended(slow, 3)
    // Raised, it holds at once; one of them was just taken.
    const changed = await patch(slow, { rate_limit: { attempts: 100, per_ms: 1_000 } })
    assert.deepEqual(changed.rate_limit, { attempts: 100, per_ms: 1_000 })
    await ended(slow, 6)
    assert.equal((await patch(slow, { rate_limit: null })).rate_limit, null)
  })

  test('has no more under way than it says', async () => {
    const open = createGate()
    let underWay = 0
    let most = 0
    const target = await httpService(scope, (_request, reply) => {
      most = Math.max(most, ++underWay)
      void open.opened.then(() => {
        underWay--
        reply.end()
      })
    })
    const one = await hub.endpoint({ url: `${target.origin}/in`, max_in_flight: 2 })
    for (let n = 0; n < 6; n++) await hub.publish({ n })
    while (target.received.length < 2) await list('limit=1')
    open.open()
    await ended(one, 6)
    assert.equal(most, 2)
  })

  test('is sent what was published after its delay, counted from deliver_at where there is one', async () => {
    const late = await hub.endpoint({ delay_ms: 60_000 })
    assert.equal(late.delay_ms, 60_000)
    const { nowMs } = hub.clock
    const { message_id: soon } = await hub.publish({ n: 1 })
    const at = new Date(nowMs + 3_600_000).toISOString()
    const { message_id: later } = await hub.publish({ n: 2 }, { deliver_at: at })
    const due = async (id: string): Promise<string | null> =>
      (await hub.deliveryOf(id, () => true)).due_at
    assert.equal(await due(soon), new Date(nowMs + 60_000).toISOString())
    assert.equal(await due(later), new Date(nowMs + 3_660_000).toISOString())
    hub.clock.nowMs += 60_000
    assert.equal((await hub.deliveryOf(soon, hasEnded)).state, 'succeeded')
    assert.equal((await hub.deliveryOf(later, () => true)).state, 'scheduled')
  })

  test('that redirects is followed as far as it says, each hop guarded', async () => {
    const target = await httpService(scope, (request, reply) => {
      const next = { '/a': '/b', '/b': '/c', '/away': 'http://10.0.0.1/in' }[request.path]
      if (next === undefined) reply.end()
      else reply.writeHead(307, { location: next }).end()
    })
    const sent = async (path: string, fields: object): Promise<Shown> => {
      const one = await hub.endpoint({
        ...{ url: target.origin + path, retry: { schedule_ms: [] } },
        ...fields,
      })
      assert.equal(one.max_redirects, (fields as Json).max_redirects ?? 0)
      const delivery = await hub.deliveryOf((await hub.publish({})).message_id, hasEnded)
      await hub.send('DELETE', `/api/endpoints/${one.endpoint_id}?tenant=${hub.tenant}`)
      return delivery
    }
    const refusedToGo = await sent('/a', {})
    assert.deepEqual([refusedToGo.state, refusedToGo.last_status], ['exhausted', 307])
    assert.equal((await sent('/a', { max_redirects: 1 })).last_error_class, 'redirects')
    assert.equal((await sent('/a', { max_redirects: 2 })).state, 'succeeded')
    assert.deepEqual(target.received.at(-1)?.path, '/c')
    assert.match(target.received.at(-1)?.headers['user-agent'] ?? '', /^Wasmhook\/\d/)
    assert.equal((await sent('/away', { max_redirects: 20 })).last_error_class, 'guard')
  })

  test('has a key pair with its secret where it says so, and signs with both', async () => {
    const jwks = async ({ endpoint_id: id }: Json): Promise<unknown[]> =>
      (await hub.get(`/.well-known/jwks/${String(id)}.json`)).keys as unknown[]
    const plain = await hub.endpoint()
    assert.equal(plain.public_key, null)
    assert.deepEqual(await jwks(plain), [])
    const rotate = async (one: Json, body: object): Promise<Json & { public_key: string }> => {
      const url = `/api/endpoints/${String(one.endpoint_id)}/secret/rotate?tenant=${hub.tenant}`
      return (await hub.made(await hub.send('POST', url, body), 200)) as Json & {
        public_key: string
      }
    }
    const turned = await rotate(plain, { v1a: true })
    assert.match(turned.public_key, /^whpk_/)
    const again = await rotate(plain, {})
    assert.notEqual(again.public_key, turned.public_key)
    assert.equal((await jwks(plain)).length, 2)
    await hub.deliveryOf((await hub.publish({})).message_id, hasEnded)
    const [received] = hub.target.received
    for (const { secret, public_key: key } of [turned, again]) {
      assert.ok(verifiesHmac(received!, String(secret)) && verifiesEd25519(received!, key))
    }
    assert.equal((await rotate(plain, { v1a: false })).public_key, null)
    const born = await hub.endpoint({ v1a: true })
    assert.match(String(born.public_key), /^whpk_/)
    const nobody = '01900000-0000-7000-8000-000000000000'
    await refused(await hub.app.request(`/.well-known/jwks/${nobody}.json`), 404, 'NOT_FOUND')
  })

  test('and its deliveries are found by the type of their event', async () => {
    await hub.made(
      await hub.send('POST', '/api/event-types', { tenant: hub.tenant, name: 'order.paid' }),
      201,
    )
    const one = await hub.endpoint()
    const { message_id: paid } = await hub.publish({}, { type: 'order.paid' })
    await hub.publish({})
    const found = await list('event_type=order.paid')
    assert.deepEqual(
      found.map((delivery) => (delivery as Shown & Json).message_id),
      [paid],
    )
    const own = await list(`endpoint_id=${one.endpoint_id}&event_type=order.created`)
    assert.equal(own.length, 1)
    const job = await hub.made(
      await hub.send('POST', '/api/deliveries/resend', {
        ...{ tenant: hub.tenant, event_type: 'order.paid', state: 'succeeded' },
      }),
      202,
    )
    assert.equal((job.filter as Json).event_type, 'order.paid')
    const alone = await hub.app.request('/api/deliveries?event_type=order.paid')
    assert.equal((await refused(alone, 400, 'BAD_REQUEST')).field, 'event_type')
  })

  test('is refused a pace that is none', async () => {
    const url = `${hub.target.origin}/in`
    for (const [field, value] of [
      ['rate_limit', { attempts: 0, per_ms: 1 }],
      ['rate_limit', { attempts: 10_001, per_ms: 1 }],
      ['rate_limit', { attempts: 1, per_ms: DAY_MS + 1 }],
      ['rate_limit', { attempts: 1 }],
      ['max_in_flight', 0],
      ['max_in_flight', 5],
      ['delay_ms', -1],
      ['delay_ms', DAY_MS + 1],
      ['max_redirects', 21],
    ] as const) {
      const body = { tenant: hub.tenant, url, event_types: ['*'], [field]: value }
      const answer = await refused(
        await hub.send('POST', '/api/endpoints', body),
        400,
        'BAD_REQUEST',
      )
      assert.match(answer.error, new RegExp(field), JSON.stringify(value))
    }
    await hub.endpoint({ max_in_flight: 4, delay_ms: DAY_MS, max_redirects: 20 })
  })
})

test('the rate of an endpoint holds over a restart', async (t) => {
  const hub = await createEventHub(t)
  const one = await hub.endpoint({ rate_limit: { attempts: 1, per_ms: 60_000 } })
  const { message_id: first } = await hub.publish({ n: 1 })
  await hub.deliveryOf(first, hasEnded)
  const { message_id: second } = await hub.publish({ n: 2 })
  const app = await hub.app.restart()
  const shown = async (): Promise<Shown> => {
    const url = `/api/deliveries?endpoint_id=${one.endpoint_id}&message_id=${second}`
    return ((await (await app.request(url)).json()) as { items: Shown[] }).items[0]!
  }
  hub.clock.nowMs += 59_999
  assert.deepEqual([(await shown()).state, hub.target.received.length], ['scheduled', 1])
  hub.clock.nowMs += 1
  while ((await shown()).state !== 'succeeded');
  assert.equal(hub.target.received.length, 2)
})
