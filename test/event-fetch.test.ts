// Event types with a fetch: an id is published, and what its endpoints are sent is fetched by it, once.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'

interface Answer {
  status?: number
  body?: string | Buffer
  headers?: Record<string, string>
}

const CANDIDATE = '{ "id": "c-1",  "n": 12345678901234567890, "name": "Zoë" }'
const MESSAGE_BYTES = 2_000
const HOUR_MS = 3_600_000

describe('a message of a type with a fetch', () => {
  const scope = suiteScope()
  let hub: EventHub
  let source: HttpService
  /** What is answered next; the candidate when nothing is left. */
  const answers: Answer[] = []
  /** Resolves the answers that are held back. */
  let hold: Promise<void> | undefined

  before(async () => {
    hub = await createEventHub(scope, { MESSAGE_BYTES })
    source = await httpService(scope, (_request, reply) => {
      const { status = 200, body = CANDIDATE, headers = {} } = answers.shift() ?? {}
      void (hold ?? Promise.resolve()).then(() => {
        reply.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
      })
    })
    await change({ fetch: { ...options(), path: '/candidates/{{id}}?at={{@type}}' } })
  })
  beforeEach(async () => {
    const { items } = await hub.get('/api/endpoints?tenant=acme&limit=100')
    for (const { endpoint_id: id } of items as Json[])
      await hub.made(await hub.send('DELETE', `/api/endpoints/${String(id)}?tenant=acme`), 200)
    answers.length = 0
    hold = undefined
    source.received.length = 0
    hub.target.received.length = 0
    hub.answers.length = 0
  })

  const url = '/api/event-types/order.created?tenant=acme'

  const options = () => {
    const { hostname, port, protocol } = new URL(source.origin)
    return { protocol, hostname, port, headers: { 'x-key': 'SECRET-OF-SOURCE' } }
  }

  async function change(fields: object): Promise<Json> {
    return hub.made(await hub.send('PATCH', url, fields), 200)
  }

  const send = (payload: unknown, fields: object = {}): Promise<Response> =>
    hub.send('POST', '/api/messages', { tenant: 'acme', type: 'order.created', payload, ...fields })

  async function allOf(
    messageId: string,
    reached: (one: Shown) => boolean,
  ): Promise<(Shown & Json)[]> {
    for (;;) {
      const { items } = await hub.get(`/api/deliveries?message_id=${messageId}`)
      if ((items as Shown[]).every(reached)) return items as (Shown & Json)[]
    }
  }

  const shown = (id: string): Promise<Json> => hub.get(`/api/messages/${id}?tenant=acme`)

  const textOf = async (id: string): Promise<string> =>
    (await hub.app.request(`/api/messages/${id}?tenant=acme`)).text()

  test('is sent what was fetched, byte for byte, which becomes its payload', async () => {
    await hub.endpoint()
    const published = await hub.publish({ id: 'c 1' })
    assert.deepEqual([published.awaits_fetch, published.fetched_at], [true, null])
    const delivery = await hub.deliveryOf(published.message_id, hasEnded)
    assert.equal(delivery.state, 'succeeded')
    const [asked] = source.received
    assert.deepEqual(
      [asked?.method, asked?.path, asked?.headers['x-key']],
      ['GET', '/candidates/c%201?at=order.created', 'SECRET-OF-SOURCE'],
    )
    const { type, created_at: timestamp } = published
    const sent = `{"type":"${String(type)}","timestamp":"${String(timestamp)}","data":${CANDIDATE}}`
    assert.equal(hub.target.received[0]?.body.toString(), sent)
    const message = await shown(published.message_id)
    assert.deepEqual([message.awaits_fetch, message.size_bytes], [false, Buffer.byteLength(sent)])
    assert.ok(Date.parse(String(message.fetched_at)) > 0)
    assert.ok((await textOf(published.message_id)).endsWith(`"payload":${CANDIDATE}}`))
  })

  test('is fetched once for all its endpoints, and each gets it as it asks for it', async () => {
    let release = (): void => undefined
    hold = new Promise((resolve) => (release = resolve))
    await hub.endpoint({ url: `${hub.target.origin}/1` })
    await hub.endpoint({ url: `${hub.target.origin}/2`, body_style: 'raw' })
    await hub.endpoint({
      url: `${hub.target.origin}/3`,
      payload_filter: { path: 'name', equals: 'nobody' },
    })
    await hub.endpoint({
      url: `${hub.target.origin}/4`,
      payload_filter: { path: 'id', equals: 'c-1' },
    })
    const { message_id: id, deliveries } = await hub.publish({ id: 'c-1' })
    assert.equal(deliveries, 4)
    release()
    const all = await allOf(id, hasEnded)
    assert.equal(source.received.length, 1)
    assert.deepEqual(all.map(({ state }) => state).sort(), [
      'discarded',
      'succeeded',
      'succeeded',
      'succeeded',
    ])
    const bodyAt = (path: string) =>
      hub.target.received.find((one) => one.path === path)?.body.toString()
    assert.equal(bodyAt('/2'), CANDIDATE)
    assert.equal(bodyAt('/3'), undefined)
    assert.equal(bodyAt('/1'), bodyAt('/4'))
    for (const { delivery_id: deliveryId } of all.filter(({ state }) => state === 'succeeded')) {
      await hub.made(await hub.send('POST', `/api/deliveries/${deliveryId}/resend`), 202)
    }
    while (hub.target.received.length < 6) await shown(id)
    assert.equal(bodyAt('/2'), CANDIDATE)
    assert.equal(source.received.length, 1, 'what is sent again is not fetched again')
  })

  test('that could not be fetched is tried again by the policy of its endpoint', async () => {
    answers.push(
      { status: 503, headers: { 'retry-after': '5' } },
      { body: 'no JSON' },
      { status: 204, body: '' },
    )
    answers.push(
      { body: `"${'x'.repeat(MESSAGE_BYTES)}"` },
      { body: Buffer.from([0x22, 0xff, 0x22]) },
    )
    await hub.endpoint({ retry: { schedule_ms: [100, 100, 100, 100, 100] } })
    const { message_id: id } = await hub.publish({ id: 'c-1' })
    for (let tries = 1; tries <= 5; tries++) {
      const waiting = await hub.deliveryOf(
        id,
        (one) => one.tries === tries && one.state === 'waiting',
      )
      assert.equal(waiting.last_error_class, 'fetch')
      assert.equal(waiting.last_status, null)
      hub.clock.nowMs += HOUR_MS
    }
    const delivery = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual([delivery.state, delivery.tries, source.received.length], ['succeeded', 6, 6])
    assert.equal(hub.target.received.length, 1)
    const { attempts } = delivery
    const told = attempts.map(({ error }) => error)
    assert.equal(told[0], 'The payload could not be fetched: It answered 503.')
    assert.match(told[1] ?? '', /not JSON/)
    assert.equal(told[5], null)
    assert.deepEqual(attempts.map((one) => one.error_class).slice(0, 5), Array(5).fill('fetch'))
    assert.doesNotMatch(JSON.stringify(attempts), /SECRET-OF-SOURCE|candidates/)
  })

  test('of something that is not there ends with all its deliveries, and may be sent again', async () => {
    for (const status of [404, 410]) {
      answers.push({ status })
      await hub.endpoint()
      const { message_id: id } = await hub.publish({ id: 'c-1' })
      const all = await allOf(id, hasEnded)
      for (const one of all) {
        assert.deepEqual([one.state, one.reason, one.tries], ['discarded', 'resource_missing', 0])
      }
      assert.equal((await shown(id)).awaits_fetch, true)
    }
    assert.equal(source.received.length, 2)
    assert.equal(hub.target.received.length, 0)
    const { items } = await hub.get('/api/deliveries?tenant=acme&state=discarded&limit=1')
    const [{ delivery_id: deliveryId } = { delivery_id: '' }] = items as Shown[]
    await hub.made(await hub.send('POST', `/api/deliveries/${deliveryId}/resend`), 202)
    for (;;)
      if (((await hub.get(`/api/deliveries/${deliveryId}`)).state as string) === 'succeeded') break
    assert.match(hub.target.received[0]?.body.toString() ?? '', /Zoë/)
  })

  test('whose payload lacks a value is refused, and nothing is stored', async () => {
    const before = await hub.get('/api/messages?tenant=acme')
    for (const payload of [{}, { id: null }, { id: '' }, { id: '..' }, 'c-1']) {
      const told = await refused(await send(payload), 422, 'FETCH_VALUE_REFUSED')
      assert.deepEqual([told.field, told.placeholder], ['payload', 'id'])
    }
    assert.deepEqual(await hub.get('/api/messages?tenant=acme'), before)
  })

  test('is judged by its schema as it is published, not as it is fetched', async () => {
    const schema = {
      required: ['id'],
      additionalProperties: false,
      properties: { id: { type: 'string' } },
    }
    await change({ schema, enforcement: 'reject' })
    await hub.endpoint()
    await refused(await send({ id: 1 }), 422, 'PAYLOAD_MISMATCH')
    const { message_id: id } = await hub.publish({ id: 'c-1' })
    assert.equal((await hub.deliveryOf(id, hasEnded)).state, 'succeeded')
    await change({ schema: null })
  })

  test('with an endpoint that sends tokens is one whose fields are fetched', async () => {
    await hub.endpoint({ signature_style: 'token' })
    const { message_id: id } = await hub.publish({ id: 'c-1' })
    const { state, reason } = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual([state, reason], ['discarded', 'token_fields_missing'])
    answers.push({ body: '{"id":"c-1","createdAt":"2026-01-31T12:00:00Z"}' })
    const { message_id: other } = await hub.publish({ id: 'c-1' })
    assert.equal((await hub.deliveryOf(other, hasEnded)).state, 'succeeded')
    assert.match(hub.target.received[0]?.body.toString() ?? '', /"token":/)
  })

  test('is fetched by what its type said when it was published', async () => {
    await hub.endpoint()
    const at = new Date(hub.clock.nowMs + HOUR_MS).toISOString()
    const { message_id: id } = await hub.publish({ id: 'c-1' }, { deliver_at: at })
    await change({ fetch: { ...options(), path: '/changed/{{id}}' } })
    hub.clock.nowMs += HOUR_MS
    await hub.deliveryOf(id, hasEnded)
    assert.equal(source.received[0]?.path, '/candidates/c-1?at=order.created')
    const { message_id: other } = await hub.publish({ id: 'c-1' })
    await hub.deliveryOf(other, hasEnded)
    assert.equal(source.received[1]?.path, '/changed/c-1')
    await change({ fetch: null })
    const { message_id: plain } = await hub.publish({ id: 'c-1' })
    await hub.deliveryOf(plain, hasEnded)
    assert.equal(source.received.length, 2)
    await change({ fetch: { ...options(), path: '/candidates/{{id}}?at={{@type}}' } })
  })

  test('that nobody was sent is fetched when an endpoint asks for it', async () => {
    const { message_id: id } = await hub.publish({ id: 'c-1' })
    const { endpoint_id: endpointId } = await hub.endpoint()
    const since = new Date(hub.clock.nowMs - 1).toISOString()
    const replay = `/api/endpoints/${endpointId}/replay?tenant=acme`
    await hub.made(await hub.send('POST', replay, { since }), 202)
    while (hub.target.received.length === 0) await shown(id)
    assert.match(hub.target.received[0]?.body.toString() ?? '', /Zoë/)
  })

  test('tells of its fetch without what is secret in it', async () => {
    const type = await hub.get(url)
    assert.deepEqual(type.fetch, {
      url: `${source.origin}/***`,
      method: 'GET',
      headers: { 'x-key': '***' },
      placeholders: ['id', '@type'],
      timeout_ms: null,
      max_redirects: null,
    })
  })

  test('has no fetch that could never be made', async () => {
    const bad: [unknown, string][] = [
      ['https://{{host}}/x', 'INVALID_SPEC'],
      ['https://a.example/{{', 'INVALID_SPEC'],
      [{ path: '/{{id}}' }, 'INVALID_SPEC'],
      [7, 'INVALID_SPEC'],
      ['http://169.254.169.254/{{id}}', 'ADDRESS_REFUSED'],
    ]
    for (const [fetch, code] of bad) {
      await refused(await hub.send('PATCH', url, { fetch }), 400, code)
      const made = { tenant: 'acme', name: 'other', fetch }
      await refused(await hub.send('POST', '/api/event-types', made), 400, code)
    }
    await refused(await hub.app.request('/api/event-types/other?tenant=acme'), 404, 'NOT_FOUND')
  })

  test('stays to be fetched when the server ends in the middle of it', async () => {
    let release = (): void => undefined
    hold = new Promise((resolve) => (release = resolve))
    await hub.endpoint()
    const { message_id: id } = await hub.publish({ id: 'c-1' })
    while (source.received.length === 0) await shown(id)
    const app = await hub.app.restart()
    release()
    hold = undefined
    for (;;) {
      const { items } = (await (await app.request(`/api/deliveries?message_id=${id}`)).json()) as {
        items: Shown[]
      }
      if (items[0]?.state === 'succeeded') break
    }
    assert.equal(source.received.length, 2)
    assert.equal(hub.target.received.length, 1)
  })
})
