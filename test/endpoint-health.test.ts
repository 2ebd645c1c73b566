// Endpoints that are disabled, by their owner or because they take nothing, and what tenants are told of it; on a clock
// that only tests move, on both engines.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { OPERATIONAL_ENDPOINTS_MAX } from '../src/event-pattern.ts'
import { refused, upload } from './helpers/client.ts'
import { hasEnded, isAt } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'

const HOUR_MS = 3_600_000
const RETRY = { schedule_ms: [HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS] }

const ENGINES = {
  SQLite: () => Promise.resolve({}),
  PostgreSQL: async (t: TestContext) => ({ DATABASE_URL: await emptyDatabase(t), SECRET_KEY }),
}

for (const [engine, settingsOf] of Object.entries(ENGINES)) {
  describe(`${engine}: an endpoint`, () => {
    async function start(t: TestContext) {
      const settings = { ENDPOINT_DISABLED_AFTER_MS: 2 * HOUR_MS, ...(await settingsOf(t)) }
      const hub = await createEventHub(t, settings)
      const at = (id: string): string => `/api/endpoints/${id}?tenant=acme`
      const post = async (id: string, what: string, status = 200): Promise<Json> =>
        hub.made(await hub.send('POST', `/api/endpoints/${id}/${what}?tenant=acme`), status)
      return { hub, post, show: (id: string) => hub.get(at(id)), at }
    }

    /** What a listener was told, oldest first. */
    async function listen(t: TestContext, hub: EventHub, types: readonly string[]) {
      const told: { type: string; data: Json }[] = []
      const listener = await httpService(t, ({ body }, reply) => {
        told.push(JSON.parse(body.toString()) as { type: string; data: Json })
        reply.end()
      })
      await hub.endpoint({ url: listener.origin, event_types: types })
      return told
    }

    test('that its owner disables pauses what waits, and gets nothing of what is published', async (t) => {
      const { hub, post, show } = await start(t)
      const { endpoint_id: id } = await hub.endpoint({ delay_ms: 1_000, retry: RETRY })
      const { message_id: waits } = await hub.publish({ n: 1 })
      const off = await post(id, 'disable')
      assert.deepEqual([off.enabled, off.disabled_reason], [false, 'owner'])
      assert.equal(Date.parse(String(off.disabled_at)), hub.clock.nowMs)
      const paused = await hub.deliveryOf(waits, (one) => one.state === 'paused')
      assert.equal(paused.due_at, null)
      assert.equal((await hub.publish({ n: 2 })).deliveries, 0)
      hub.clock.nowMs += HOUR_MS
      assert.equal((await show(id)).paused, 1)
      assert.equal(((await hub.get('/api/deliveries?state=pending')).items as Json[]).length, 0)
      const refusedResume = await hub.send('POST', `/api/endpoints/${id}/resume?tenant=acme`)
      await refused(refusedResume, 409, 'CONFLICT')
      const on = await post(id, 'enable')
      assert.deepEqual([on.enabled, on.disabled_reason, on.disabled_at], [true, null, null])
      assert.equal((await hub.deliveryOf(waits, () => true)).state, 'paused')
      assert.deepEqual(await post(id, 'resume'), { endpoint_id: id, resumed: 1 })
      assert.equal((await hub.deliveryOf(waits, hasEnded)).state, 'succeeded')
      assert.equal(hub.target.received.length, 1)
      assert.equal((await show(id)).paused, 0)
    })

    test('that is resumed is sent nothing before its time', async (t) => {
      const { hub, post } = await start(t)
      const { endpoint_id: id } = await hub.endpoint()
      const deliverAt = new Date(hub.clock.nowMs + HOUR_MS).toISOString()
      const { message_id: message } = await hub.publish({}, { deliver_at: deliverAt })
      await post(id, 'disable')
      await hub.deliveryOf(message, (one) => one.state === 'paused')
      await post(id, 'enable')
      await post(id, 'resume')
      const waits = await hub.deliveryOf(message, (one) => one.state === 'scheduled')
      assert.equal(Date.parse(String(waits.due_at)), Date.parse(deliverAt))
      assert.equal(hub.target.received.length, 0)
      hub.clock.nowMs += HOUR_MS
      await hub.deliveryOf(message, hasEnded)
      assert.equal(hub.target.received.length, 1)
    })

    test('whose payloads cannot be made is not disabled for it', async (t) => {
      const { hub, show } = await start(t)
      const never = upload(hub.app, saying({ neither: 'perhaps' }))
      const filter = { wasm_id: (await never).id, name: 'neither' }
      const { endpoint_id: id } = await hub.endpoint({ filter, retry: RETRY })
      const { message_id: message } = await hub.publish({})
      for (let tries = 1; tries <= 4; tries++) {
        await hub.deliveryOf(message, isAt(tries))
        hub.clock.nowMs += HOUR_MS
      }
      const { enabled, failing_since: since } = await show(id)
      assert.deepEqual([enabled, since], [true, null])
    })

    test('that is disabled while a message is made ready is not sent it', async (t) => {
      const { hub, post } = await start(t)
      let answer = (): void => undefined
      const source = await httpService(t, (_request, reply) => {
        answer = () => reply.writeHead(200).end('{"whole":true}')
      })
      const type = { tenant: 'acme', name: 'order.fetched', fetch: `${source.origin}/{{id}}` }
      await hub.made(await hub.send('POST', '/api/event-types', type), 201)
      const { endpoint_id: id } = await hub.endpoint()
      const { message_id: message } = await hub.publish({ id: 1 }, { type: 'order.fetched' })
      while (source.received.length === 0) await hub.get('/healthz')
      await post(id, 'disable')
      answer()
      const paused = await hub.deliveryOf(message, (one) => one.state === 'paused')
      assert.equal(paused.tries, 0)
      assert.equal(hub.target.received.length, 0)
      await post(id, 'enable')
      await post(id, 'resume')
      await hub.deliveryOf(message, hasEnded)
      const [received] = hub.target.received
      assert.deepEqual((JSON.parse(received!.body.toString()) as Json).data, { whole: true })
    })

    test('gets nothing of a message that is expunged while its payload is fetched, and holds up nobody', async (t) => {
      const { hub } = await start(t)
      let answer = (): void => undefined
      const source = await httpService(t, (_request, reply) => {
        answer = () => reply.writeHead(200).end('{"whole":true}')
      })
      const type = { tenant: 'acme', name: 'order.fetched', fetch: `${source.origin}/{{id}}` }
      await hub.made(await hub.send('POST', '/api/event-types', type), 201)
      await hub.endpoint()
      const { message_id: message } = await hub.publish({ id: 1 }, { type: 'order.fetched' })
      while (source.received.length === 0) await hub.get('/healthz')
      const payload = `/api/messages/${message}/payload?tenant=acme`
      await hub.made(await hub.send('DELETE', payload), 200)
      answer()
      const ended = await hub.deliveryOf(message, hasEnded)
      assert.deepEqual([ended.state, ended.reason], ['canceled', 'payload_expunged'])
      assert.equal(hub.target.received.length, 0)
      assert.equal((await hub.app.request('/readyz')).status, 200)
    })

    test('that is disabled while an attempt is under way pauses it where it fails', async (t) => {
      const { hub, post } = await start(t)
      let answer = (): void => undefined
      const slow = await httpService(t, (_request, reply) => {
        answer = () => reply.writeHead(500).end()
      })
      const { endpoint_id: id } = await hub.endpoint({ url: slow.origin, retry: RETRY })
      const { message_id: message } = await hub.publish({})
      await hub.deliveryOf(message, (one) => one.state === 'leased' && slow.received.length === 1)
      await post(id, 'disable')
      answer()
      const paused = await hub.deliveryOf(message, (one) => one.tries === 1)
      assert.deepEqual([paused.state, paused.due_at], ['paused', null])
      // It may be sent by hand, and canceled.
      await hub.made(await hub.send('POST', `/api/deliveries/${paused.delivery_id}/resend`), 202)
      while (slow.received.length < 2) await hub.get('/healthz')
      answer()
      const after = await hub.deliveryOf(message, (one) => !one.resending)
      assert.equal(after.state, 'paused')
      await hub.made(await hub.send('POST', `/api/deliveries/${paused.delivery_id}/cancel`), 200)
      assert.equal((await hub.deliveryOf(message, hasEnded)).state, 'canceled')
    })

    test('that answers 410 is disabled at once, and whoever listens is told', async (t) => {
      const { hub, show } = await start(t)
      const told = await listen(t, hub, ['endpoint.disabled'])
      hub.answers.push(410)
      const { endpoint_id: id } = await hub.endpoint({ retry: RETRY })
      const { message_id: message } = await hub.publish({})
      const ended = await hub.deliveryOf(message, hasEnded)
      assert.deepEqual([ended.state, ended.reason], ['discarded', 'gone'])
      const { enabled, disabled_reason: reason } = await show(id)
      assert.deepEqual([enabled, reason], [false, 'gone'])
      while (told.length === 0) await hub.get('/healthz')
      const [{ type, data }] = told as [(typeof told)[0]]
      assert.equal(type, 'endpoint.disabled')
      assert.deepEqual([data.endpoint_id, data.reason], [id, 'gone'])
      assert.match(String(data.id), /^[0-9a-f-]{36}$/)
      assert.equal(typeof data.createdAt, 'string')
    })

    test('that takes nothing for as long as may be is disabled, and a success begins anew', async (t) => {
      const { hub, show } = await start(t)
      hub.answers.push(500, 500, 200, 500, 500, 500)
      const { endpoint_id: id } = await hub.endpoint({ retry: RETRY })
      const { message_id: first } = await hub.publish({})
      await hub.deliveryOf(first, isAt(1))
      const sinceMs = hub.clock.nowMs
      assert.equal(Date.parse(String((await show(id)).failing_since)), sinceMs)
      hub.clock.nowMs += HOUR_MS
      await hub.deliveryOf(first, isAt(2))
      hub.clock.nowMs += HOUR_MS
      await hub.deliveryOf(first, hasEnded)
      assert.equal((await show(id)).failing_since, null)
      const { message_id: second } = await hub.publish({})
      for (let tries = 1; tries <= 3; tries++) {
        await hub.deliveryOf(second, isAt(tries))
        assert.equal((await show(id)).enabled, tries < 3)
        hub.clock.nowMs += HOUR_MS
      }
      const { disabled_reason: reason, paused } = await show(id)
      assert.equal(reason, 'failing')
      assert.equal(paused, 1)
      assert.equal((await hub.deliveryOf(second, () => true)).state, 'paused')
    })

    test('tells who listens of deliveries that are exhausted and arrive after all, and of none of these', async (t) => {
      const { hub } = await start(t)
      const types = ['delivery.exhausted', 'delivery.recovered', 'endpoint.disabled']
      const told = await listen(t, hub, types)
      // Whoever listens to all of the tenant's own types is told nothing of it.
      const all = await httpService(t, (_request, reply) => reply.end())
      await hub.endpoint({ url: all.origin, event_types: ['*'] })
      const deaf = await httpService(t, (_request, reply) => reply.writeHead(500).end())
      const once = { schedule_ms: [] }
      await hub.endpoint({ url: deaf.origin, event_types: types, retry: once })
      hub.answers.push(500)
      const { endpoint_id: endpoint } = await hub.endpoint({ retry: once })
      const { message_id: message } = await hub.publish({})
      const find = async (): Promise<Json> => {
        for (;;) {
          const { items } = await hub.get(`/api/deliveries?endpoint_id=${endpoint}&state=exhausted`)
          const [one] = items as Json[]
          if (one !== undefined) return one
        }
      }
      const exhausted = await find()
      await hub.made(
        await hub.send('POST', `/api/deliveries/${String(exhausted.delivery_id)}/resend`),
        202,
      )
      while (told.length < 2) await hub.get('/healthz')
      const about = {
        delivery_id: exhausted.delivery_id,
        endpoint_id: endpoint,
        message_id: message,
        event_type: 'order.created',
        tries: 1,
      }
      for (const [n, type, status] of [
        [0, 'delivery.exhausted', 500],
        [1, 'delivery.recovered', 200],
      ] as const) {
        const { data, type: saidType } = told[n]!
        const { id, createdAt } = data
        const after = { last_status: status, last_error_class: null }
        assert.equal(saidType, type)
        assert.deepEqual(data, { id, createdAt, ...about, ...after })
      }
      while (deaf.received.length < 2) await hub.get('/healthz')
      for (;;) {
        const { items } = await hub.get('/api/deliveries?state=pending')
        if ((items as Json[]).length === 0) break
      }
      assert.equal(told.length, 2, 'what failed at the deaf one is told to nobody')
      assert.equal(all.received.length, 1)
    })
  })
}

test('what nobody listens to is not stored, and its types are no tenant’s own', async (t) => {
  const hub = await createEventHub(t)
  hub.answers.push(410)
  await hub.endpoint()
  const { message_id: message } = await hub.publish({})
  await hub.deliveryOf(message, hasEnded)
  const { items } = await hub.get('/api/messages?tenant=acme')
  assert.equal((items as Json[]).length, 1)
  for (const name of ['endpoint.disabled', 'delivery.exhausted', 'delivery.recovered']) {
    const type = { tenant: 'acme', name }
    await refused(await hub.send('POST', '/api/event-types', type), 400, 'BAD_REQUEST')
    const body = { tenant: 'acme', type: name, payload: 1 }
    await refused(await hub.send('POST', '/api/messages', body), 422, 'UNKNOWN_EVENT_TYPE')
  }
})

test('no more endpoints of a tenant are told of its failures than may be', async (t) => {
  const hub = await createEventHub(t)
  const types = { event_types: ['order.*', 'delivery.exhausted'] }
  for (let n = 0; n < OPERATIONAL_ENDPOINTS_MAX; n++) await hub.endpoint(types)
  const body = { tenant: 'acme', url: hub.target.origin, ...types }
  const past = await refused(await hub.send('POST', '/api/endpoints', body), 409, 'CONFLICT')
  assert.equal(past.limit, OPERATIONAL_ENDPOINTS_MAX)
  const { endpoint_id: id } = await hub.endpoint()
  const change = await hub.send('PATCH', `/api/endpoints/${id}?tenant=acme`, types)
  await refused(change, 409, 'CONFLICT')
  const { event_types: kept } = await hub.get(`/api/endpoints/${id}?tenant=acme`)
  assert.deepEqual(kept, ['order.*'])
})

test('with ENDPOINT_DISABLED_AFTER_MS=0 an endpoint may fail for ever', async (t) => {
  const hub = await createEventHub(t, { ENDPOINT_DISABLED_AFTER_MS: 0 })
  hub.answers.push(500, 500)
  const { endpoint_id: id } = await hub.endpoint({ retry: { schedule_ms: [604_800_000] } })
  const { message_id: message } = await hub.publish({})
  await hub.deliveryOf(message, isAt(1))
  hub.clock.nowMs += 604_800_000
  assert.equal((await hub.deliveryOf(message, hasEnded)).state, 'exhausted')
  assert.equal((await hub.get(`/api/endpoints/${id}?tenant=acme`)).enabled, true)
})
