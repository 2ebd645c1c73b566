// Events end to end: published once, sent to every endpoint that wants them, signed, repeated, found again.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { before, beforeEach, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { POLL, hasEnded, isAt } from './helpers/deliveries.ts'
import type { Shown } from './helpers/deliveries.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService, Received } from './helpers/http-service.ts'

type Json = Record<string, unknown>

const HOUR_MS = 3_600_000
const NOBODY = '01900000-0000-7000-8000-000000000000'

describe('a message', () => {
  const scope = suiteScope()
  let app: TestApp
  let target: HttpService
  let nowMs = Date.now()
  let tenant = ''
  let tenants = 0
  /** What the target answers next; 200 when nothing is left. */
  const answers: number[] = []

  before(async () => {
    const settings = { ...POLL, MESSAGE_BYTES: 1_000, ENDPOINTS_MAX: 3, EVENT_TYPES_MAX: 2 }
    app = await buildApp(scope, settings, { now: () => nowMs, chance: () => 0 })
    target = await httpService(scope, (_request, reply) => {
      reply.writeHead(answers.shift() ?? 200).end('taken')
    })
  })
  beforeEach(async () => {
    nowMs = Date.now()
    answers.length = 0
    target.received.length = 0
    tenant = `tenant-${++tenants}`
    await made(await send('POST', '/api/event-types', { tenant, name: 'order.created' }), 201)
  })

  /** A text is sent as it is. */
  function send(method: string, url: string, body?: object | string): Promise<Response> {
    return app.request(url, {
      method,
      ...(body === undefined
        ? {}
        : {
            headers: { 'content-type': 'application/json' },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
    })
  }

  async function made(response: Response, status: number): Promise<Json> {
    const text = await response.text()
    assert.equal(response.status, status, text)
    return JSON.parse(text) as Json
  }

  const get = async (url: string): Promise<Json> => made(await app.request(url), 200)

  async function endpoint(fields: object = {}): Promise<Json> {
    const body = { tenant, url: `${target.origin}/in`, event_types: ['order.*'], ...fields }
    return made(await send('POST', '/api/endpoints', body), 201)
  }

  const publish = (fields: object = {}): Promise<Response> =>
    send('POST', '/api/messages', { tenant, type: 'order.created', payload: { n: 1 }, ...fields })

  async function publishNow(fields: object = {}): Promise<Json & { message_id: string }> {
    return (await made(await publish(fields), 202)) as Json & { message_id: string }
  }

  async function deliveryOf(messageId: unknown, reached: (one: Shown) => boolean): Promise<Shown> {
    for (;;) {
      const { items } = await get(`/api/deliveries?message_id=${String(messageId)}`)
      const [one] = items as Shown[]
      assert.ok(one !== undefined)
      if (reached(one)) return (await get(`/api/deliveries/${one.delivery_id}`)) as unknown as Shown
    }
  }

  /** A receiver with the secret takes it. */
  function verify({ headers, body }: Received, secret: unknown): void {
    new Webhook(String(secret)).verify(body, headers as Record<string, string>)
  }

  test('reaches every endpoint that wants its type, with the same bytes, each signed by its secret', async () => {
    const first = await endpoint({ headers: { 'X-Key': 'one', 'User-Agent': 'me' } })
    const second = await endpoint({ url: `${target.origin}/second`, event_types: ['*'] })
    await endpoint({ url: `${target.origin}/third`, event_types: ['order', 'invoice.*'] })
    const message = await publishNow()
    assert.equal(message.deliveries, 2)
    const shown = await get(`/api/messages/${message.message_id}?tenant=${tenant}`)
    const ids = shown.delivery_ids as string[]
    assert.equal(ids.length, 2)
    for (const id of ids) {
      for (;;) if (hasEnded((await get(`/api/deliveries/${id}`)) as unknown as Shown)) break
    }
    assert.equal(target.received.length, 2)
    const one = target.received.find((received) => received.path === '/in')!
    const two = target.received.find((received) => received.path === '/second')!
    const expected = { type: 'order.created', timestamp: message.created_at, data: { n: 1 } }
    assert.deepEqual(JSON.parse(one.body.toString()), expected)
    assert.deepEqual(one.body, two.body)
    for (const { headers } of [one, two]) {
      assert.equal(headers['webhook-id'], message.message_id)
      assert.equal(headers['content-type'], 'application/json')
      assert.ok(ids.includes(String(headers['wasmhook-delivery'])))
    }
    assert.equal(one.headers['x-key'], 'one')
    assert.equal(one.headers['user-agent'], 'me')
    assert.match(two.headers['user-agent'] ?? '', /^Wasmhook\//)
    verify(one, first.secret)
    verify(two, second.secret)
    assert.throws(() => verify(one, second.secret))
  })

  test('is sent as its payload alone, byte for byte, to an endpoint of that body style', async () => {
    const { secret } = await endpoint({ body_style: 'raw' })
    const payload = '{"n": 1.0, "größe": 12345678901234567890}'
    const body = `{"tenant":"${tenant}","type":"order.created","payload":${payload}}`
    const { message_id: id } = await made(await send('POST', '/api/messages', body), 202)
    const sent = await deliveryOf(id, hasEnded)
    assert.equal(sent.state, 'succeeded')
    assert.equal((sent as unknown as Json).size_bytes, Buffer.byteLength(payload))
    assert.equal(target.received[0]!.body.toString(), payload)
    verify(target.received[0]!, secret)
    await refused(await send('POST', '/api/endpoints', { body_style: 'other' }), 400, 'BAD_REQUEST')
  })

  test('is sent again after a failure and by hand under the same id, signed anew', async () => {
    const { secret, endpoint_id: endpointId } = await endpoint({ retry: { schedule_ms: [60_000] } })
    answers.push(500)
    const { message_id: id } = await publishNow()
    const waiting = await deliveryOf(id, isAt(1))
    assert.equal(waiting.state, 'waiting')
    assert.deepEqual(waiting.retry, { schedule_ms: [60_000] })
    nowMs += 60_000
    const ended = await deliveryOf(id, hasEnded)
    assert.equal(ended.state, 'succeeded')
    const told = ended as unknown as Json
    assert.deepEqual(
      [told.run_id, told.wasm_id, told.tenant, told.message_id, told.endpoint_id, told.event_type],
      [null, null, tenant, id, endpointId, 'order.created'],
    )
    await made(await send('POST', `/api/deliveries/${ended.delivery_id}/resend`), 202)
    await deliveryOf(id, (one) => !one.resending)
    assert.equal(target.received.length, 3)
    assert.equal(new Set(target.received.map(({ headers }) => headers['webhook-id'])).size, 1)
    for (const received of target.received.slice(1)) verify(received, secret)
    assert.deepEqual(target.received[2]?.body, target.received[0]?.body)
  })

  test('is sent byte for byte as it was published, and shown so', async () => {
    await endpoint()
    const payload = '{ "big": 12345678901234567890.0, "é": "\\u00e9", "a":1, "a":2 }'
    const text = `{"tenant":"${tenant}","payload": ${payload} ,"type":"order.created"}`
    const { message_id: id } = await made(await send('POST', '/api/messages', text), 202)
    await deliveryOf(id, hasEnded)
    assert.ok(target.received[0]?.body.toString().endsWith(`"data":${payload}}`))
    const shown = await app.request(`/api/messages/${String(id)}?tenant=${tenant}`)
    assert.ok((await shown.text()).endsWith(`"payload":${payload}}`))
    for (const plain of [null, 'x', 0, [], false]) {
      const { message_id: other } = await publishNow({ payload: plain })
      assert.deepEqual((await get(`/api/messages/${other}?tenant=${tenant}`)).payload, plain)
    }
  })

  test('that is malformed is refused, and its place is named, also in a batch', async () => {
    const one = { type: 'order.created', payload: 1 }
    for (const [url, body, field] of [
      ['/api/messages', { tenant, ...one, colour: 'red' }, 'colour'],
      ['/api/messages', { tenant, type: 'order.created' }, 'payload'],
      ['/api/messages', { tenant, ...one, type: 1 }, 'type'],
      ['/api/messages/batch', { tenant, messages: [one, { ...one, id: 7 }] }, 'messages.1.id'],
      ['/api/messages/batch', { tenant, messages: [{ payload: 1 }] }, 'messages.0.type'],
    ] as const) {
      const answer = await refused(await send('POST', url, body), 400, 'BAD_REQUEST')
      assert.equal(answer.field, field)
    }
    assert.deepEqual((await get(`/api/messages?tenant=${tenant}`)).items, [])
  })

  test('published again under its id is answered again, and another under it is refused', async () => {
    await endpoint()
    const first = await publish({ id: 'evt-1' })
    assert.equal(first.headers.get('idempotent-replayed'), null)
    const answer = await made(first, 202)
    const again = await publish({ id: 'evt-1' })
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    assert.deepEqual(await made(again, 202), answer)
    const other = await refused(
      await publish({ id: 'evt-1', payload: 2 }),
      409,
      'MESSAGE_ID_REUSED',
    )
    assert.equal(other.message_id, answer.message_id)
    // What was accepted stays so when its type is gone.
    await made(await send('DELETE', `/api/event-types/order.created?tenant=${tenant}`), 200)
    assert.equal((await publish({ id: 'evt-1' })).status, 202)
    const { items } = await get(`/api/deliveries?tenant=${tenant}`)
    assert.equal((items as unknown[]).length, 1)
  })

  test('that nobody wants is kept and shown; one of an unknown type is refused', async () => {
    const message = await publishNow()
    assert.equal(message.deliveries, 0)
    const list = await get(`/api/messages?tenant=${tenant}&type=order.created`)
    assert.deepEqual(list, { items: [message], next: null })
    assert.deepEqual((await get(`/api/messages?tenant=${tenant}&type=x`)).items, [])
    const unknown = await refused(await publish({ type: 'order.paid' }), 422, 'UNKNOWN_EVENT_TYPE')
    assert.equal(unknown.field, 'type')
  })

  test('of one tenant is not there for another', async () => {
    const { endpoint_id: endpointId } = await endpoint()
    const { message_id: id } = await publishNow()
    await deliveryOf(id, hasEnded)
    const of = '?tenant=somebody-else'
    for (const url of [`/api/messages/${id}${of}`, `/api/endpoints/${String(endpointId)}${of}`])
      await refused(await app.request(url), 404, 'NOT_FOUND')
    for (const url of [`/api/messages${of}`, `/api/endpoints${of}`, `/api/event-types${of}`])
      assert.deepEqual((await get(url)).items, [])
    await refused(
      await send('DELETE', `/api/endpoints/${String(endpointId)}${of}`),
      404,
      'NOT_FOUND',
    )
    assert.deepEqual((await get(`/api/deliveries${of}`)).items, [])
    // What is still sent would be taken for what a later test sends.
    await deliveryOf(id, hasEnded)
  })

  test('that is put off is not sent before its time, however often it is published', async () => {
    await endpoint()
    const deliverAt = new Date(nowMs + HOUR_MS).toISOString()
    const later = { id: 'later', deliver_at: deliverAt }
    const { message_id: id } = await publishNow(later)
    const one = await deliveryOf(id, () => true)
    assert.deepEqual([one.state, one.due_at], ['scheduled', deliverAt])
    await deliveryOf((await publishNow()).message_id, hasEnded)
    assert.equal(target.received.length, 1)
    nowMs += HOUR_MS
    assert.equal((await publishNow(later)).message_id, id)
    await deliveryOf(id, hasEnded)
    assert.equal(target.received.length, 2)
    const far = new Date(nowMs + 365 * 24 * HOUR_MS).toISOString()
    for (const wrong of [far, 'tomorrow']) {
      const answer = await refused(await publish({ deliver_at: wrong }), 400, 'BAD_REQUEST')
      assert.equal(answer.field, 'deliver_at')
    }
  })

  test('of more than MESSAGE_BYTES is refused, and one that is no message', async () => {
    await publishNow({ payload: 'x'.repeat(998) })
    await refused(await publish({ payload: 'x'.repeat(999) }), 413, 'BODY_TOO_LARGE')
    await refused(await publish({ payload: 'x'.repeat(20_000) }), 413, 'BODY_TOO_LARGE')
    for (const wrong of [
      { id: '' },
      { id: 'x'.repeat(256) },
      { id: 'é' },
      { tenant: '' },
      { tenant: '-a' },
      { tenant: 'x'.repeat(65) },
      { type: 1 },
      { more: 1 },
    ])
      await refused(await publish(wrong), 400, 'BAD_REQUEST')
    await refused(await send('POST', '/api/messages', { tenant, type: 'a' }), 400, 'BAD_REQUEST')
    await publishNow({ id: 'x'.repeat(255) })
    await refused(await app.request(`/api/messages/${NOBODY}?tenant=a`), 404, 'NOT_FOUND')
    await refused(await app.request('/api/messages/1?tenant=a'), 404, 'NOT_FOUND')
  })

  test('that goes in a circle ends', async () => {
    const publishAt = (hops: number): Promise<Response> =>
      app.request('/api/messages', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'wasmhook-hops': String(hops) },
        body: JSON.stringify({ tenant, type: 'order.created', payload: 1 }),
      })
    assert.equal((await publishAt(7)).status, 202)
    await refused(await publishAt(8), 508, 'LOOP_DETECTED')
  })

  describe('and its endpoint', () => {
    test('keep secret what is secret', async () => {
      const url = `${target.origin}/MARKER-path?token=MARKER-query`
      const { endpoint_id: id, secret } = await endpoint({
        url,
        headers: { 'X-Key': 'MARKER-header', Accept: 'x/y' },
      })
      const response = await app.request(`/api/endpoints/${String(id)}?tenant=${tenant}`)
      const text = await response.text()
      assert.doesNotMatch(text, /MARKER|whsec/)
      const shown = JSON.parse(text) as Json
      assert.deepEqual(shown.headers, { 'x-key': '***', accept: 'x/y' })
      assert.equal(shown.url, `${target.origin}/***`)
      await publishNow()
      for (const name of await readdir(app.dataDir, { recursive: true })) {
        const bytes = await readFile(path.join(app.dataDir, name)).catch(() => Buffer.alloc(0))
        assert.ok(!bytes.includes('MARKER'), name)
        assert.ok(!bytes.includes(String(secret).slice('whsec_'.length)), name)
      }
    })

    test('that is changed: what waits goes where it points then', async () => {
      const elsewhere = await httpService(scope, (_request, reply) => reply.end())
      const { endpoint_id: id } = await endpoint({ retry: { schedule_ms: [60_000] } })
      answers.push(500)
      const { message_id: messageId } = await publishNow()
      await deliveryOf(messageId, isAt(1))
      const change = {
        url: `${elsewhere.origin}/new`,
        timeout_ms: 500,
        retry: null,
      }
      const at = `/api/endpoints/${String(id)}?tenant=${tenant}`
      const changed = await made(await send('PATCH', at, change), 200)
      assert.equal(changed.timeout_ms, 500)
      assert.deepEqual(changed.event_types, ['order.*'])
      nowMs += 60_000
      const ended = await deliveryOf(messageId, hasEnded)
      assert.deepEqual([ended.state, ended.target], ['succeeded', elsewhere.origin])
      assert.equal(elsewhere.received.length, 1)
    })

    test('whose secret is replaced: old and new sign side by side for the overlap', async () => {
      const { endpoint_id: id, secret: old } = await endpoint()
      const url = `/api/endpoints/${String(id)}/secret/rotate?tenant=${tenant}`
      const rotated = await made(await send('POST', url, { overlap_ms: 1_000 }), 200)
      assert.equal((rotated.secrets as unknown[]).length, 2)
      await deliveryOf((await publishNow()).message_id, hasEnded)
      verify(target.received[0]!, old)
      verify(target.received[0]!, rotated.secret)
      nowMs += 1_000
      await deliveryOf((await publishNow()).message_id, hasEnded)
      assert.throws(() => verify(target.received[1]!, old))
      verify(target.received[1]!, rotated.secret)
      for (let n = 0; n < 5; n++) await made(await send('POST', url), 200)
      await refused(await send('POST', url), 409, 'CONFLICT')
    })

    test('that is deleted: what was not delivered is canceled', async () => {
      const { endpoint_id: id } = await endpoint({ retry: { schedule_ms: [60_000] } })
      answers.push(500)
      const { message_id: messageId } = await publishNow()
      await deliveryOf(messageId, isAt(1))
      const at = `/api/endpoints/${String(id)}?tenant=${tenant}`
      await made(await send('DELETE', at), 200)
      await refused(await app.request(at), 404, 'NOT_FOUND')
      const { state, reason, delivery_id: one } = await deliveryOf(messageId, () => true)
      assert.deepEqual([state, reason], ['canceled', 'endpoint_deleted'])
      const again = await send('POST', `/api/deliveries/${one}/resend`)
      assert.equal((await refused(again, 409, 'CONFLICT')).reason, 'endpoint_deleted')
      const { items } = await get(`/api/deliveries?endpoint_id=${String(id)}`)
      assert.equal((items as unknown[]).length, 1)
    })

    test('that may not be, or of which there are too many, is refused', async () => {
      const post = (fields: object): Promise<Response> => {
        const body = { tenant, url: target.origin, event_types: ['*'], ...fields }
        return send('POST', '/api/endpoints', body)
      }
      await refused(await post({ url: 'http://169.254.169.254/' }), 400, 'ADDRESS_REFUSED')
      for (const url of ['', 'x', 'ftp://a.example', 'https://user:pass@a.example']) {
        assert.equal((await refused(await post({ url }), 400, 'INVALID_SPEC')).field, 'url')
      }
      await refused(await post({ headers: { 'X-Key': 'a\nb' } }), 400, 'INVALID_SPEC')
      await refused(await post({ retry: { schedule_ms: [1] } }), 400, 'INVALID_SPEC')
      for (const wrong of ['', 'a.', '.a', 'a..b', 'a b', 'a*', 'x'.repeat(129)]) {
        const answer = await refused(await post({ event_types: ['a', wrong] }), 400, 'BAD_REQUEST')
        assert.equal(answer.field, 'event_types.1')
      }
      const many = Array.from({ length: 101 }, () => '*')
      for (const fields of [
        { event_types: [] },
        { event_types: many },
        { timeout_ms: 0 },
        { x: 1 },
      ])
        await refused(await post(fields), 400, 'BAD_REQUEST')
      await refused(await post({ description: 'x'.repeat(1_001) }), 400, 'BAD_REQUEST')
      for (let n = 0; n < 3; n++) assert.equal((await post({})).status, 201)
      assert.equal((await refused(await post({}), 409, 'CONFLICT')).limit, 3)
    })

    test('event types are words with dots, there once, up to the most', async () => {
      const post = (fields: object): Promise<Response> =>
        send('POST', '/api/event-types', { tenant, ...fields })
      for (const name of ['', 'a.', '*', 'a b', 'é', 'x'.repeat(129)]) {
        assert.equal((await refused(await post({ name }), 400, 'BAD_REQUEST')).field, 'name')
      }
      const long = 'x'.repeat(1_001)
      await refused(await post({ name: 'a', description: long }), 400, 'BAD_REQUEST')
      await refused(await post({ name: 'order.created' }), 409, 'CONFLICT')
      const name = 'x'.repeat(128)
      await made(await post({ name, description: 'long' }), 201)
      assert.equal((await refused(await post({ name: 'third' }), 409, 'CONFLICT')).limit, 2)
      const { items, next } = await get(`/api/event-types?tenant=${tenant}&limit=1`)
      assert.equal((items as Json[])[0]?.name, 'order.created')
      const rest = await get(`/api/event-types?tenant=${tenant}&cursor=${String(next)}`)
      assert.equal((rest.items as Json[])[0]?.name, name)
      assert.equal((await get(`/api/event-types/${name}?tenant=${tenant}`)).description, 'long')
      await refused(await app.request('/api/event-types?tenant=-'), 400, 'BAD_REQUEST')
      await refused(await app.request('/api/event-types'), 400, 'BAD_REQUEST')
    })
  })
})
