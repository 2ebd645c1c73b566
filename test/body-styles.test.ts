// Messages that are sent as CloudEvents: what receivers read of them with the SDK, on both engines, and that it is the
// same on every attempt and resend, whatever was made of the payload.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { CloudEvent, HTTP } from 'cloudevents'
import { suiteScope } from './helpers/build-app.ts'
import type { Scope } from './helpers/build-app.ts'
import { admin, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { hasEnded, isAt } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { guest, saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { Received } from './helpers/http-service.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'
import { verifiesHmac } from './helpers/signatures.ts'

const STYLES = ['cloudevents', 'cloudevents_binary'] as const
const STRUCTURED = 'application/cloudevents+json'
const PAYLOAD = '{ "n" : 1.50, "big":12345678901234567890, "größe":[] }'
const WASM = saying({
  json: '{"made":1.0}',
  text: 'a "text"',
  image: Buffer.from([0xc2, 0x89]),
})

const ENGINES = {
  SQLite: () => Promise.resolve({}),
  PostgreSQL: async (scope: Scope) => ({ DATABASE_URL: await emptyDatabase(scope), SECRET_KEY }),
}

/** What a receiver makes of it. */
function read({ headers, body }: Received): CloudEvent<unknown> {
  const isText = /json|text/.test(headers['content-type'] ?? '')
  const event = HTTP.toEvent({ headers, body: isText ? body.toString() : body })
  assert.ok(event instanceof CloudEvent)
  assert.ok(event.validate())
  return event
}

/** All that it is, apart from what each attempt has of its own. */
function told({ headers, body }: Received): unknown {
  const names = Object.keys(headers).filter((name) => /^(ce-|content-|webhook-id)/.test(name))
  return [names.sort().map((name) => [name, headers[name]]), body.toString('latin1')]
}

for (const [engine, settingsOf] of Object.entries(ENGINES)) {
  describe(`${engine}: a message as a CloudEvent`, () => {
    const scope = suiteScope()
    let hub: EventHub
    let says: Uploaded
    let echo: Uploaded

    before(async () => {
      hub = await createEventHub(scope, await settingsOf(scope))
      says = await upload(hub.app, WASM)
      echo = await upload(hub.app, await guest('echo'))
      const types = JSON.stringify({ image: { params: ['text'], result: 'bytes' } })
      const headers = { ...admin(says), 'content-type': 'application/json' }
      const url = `/api/executables/${says.id}/types`
      await hub.made(await hub.app.request(url, { method: 'PUT', headers, body: types }), 200)
    })
    beforeEach(() => hub.reset())

    const fn = (name: string, of: Uploaded = says) => ({ wasm_id: of.id, name })
    const publish = async (payload = PAYLOAD): Promise<string> => {
      const body = `{"tenant":"acme","type":"order.created","payload":${payload}}`
      const { message_id: id } = await hub.made(await hub.send('POST', '/api/messages', body), 202)
      return String(id)
    }

    /** A failure, then a success after its endpoint was changed, then a resend: all three told the same. */
    async function sentThrice(fields: object, payload?: string) {
      const { endpoint_id: endpointId, secret } = await hub.endpoint({
        retry: { schedule_ms: [100] },
        ...fields,
      })
      hub.answers.push(500)
      const id = await publish(payload)
      await hub.deliveryOf(id, isAt(1))
      const changed = { body_style: 'envelope' }
      await hub.made(
        await hub.send('PATCH', `/api/endpoints/${endpointId}?tenant=acme`, changed),
        200,
      )
      hub.clock.nowMs += 100
      const { delivery_id: deliveryId } = await hub.deliveryOf(id, hasEnded)
      await hub.made(await hub.send('POST', `/api/deliveries/${deliveryId}/resend`), 202)
      const delivery = await hub.deliveryOf(id, (one) => !one.resending)
      const received = hub.target.received
      assert.equal(received.length, 3)
      for (const one of received) {
        assert.deepEqual(told(one), told(received[0]!))
        assert.ok(verifiesHmac(one, secret))
      }
      const [first] = received
      assert.deepEqual(
        [delivery.content_type, delivery.size_bytes],
        [first!.headers['content-type'], first!.body.length],
      )
      return { id, first: first!, delivery }
    }

    async function attributes(id: string): Promise<Json> {
      const { created_at: time } = await hub.get(`/api/messages/${id}?tenant=acme`)
      return { specversion: '1.0', id, source: '/tenants/acme', type: 'order.created', time }
    }

    test('in the structured mode has the payload byte for byte as its data', async () => {
      const { id, first } = await sentThrice({ body_style: 'cloudevents' })
      const head = JSON.stringify({
        ...(await attributes(id)),
        datacontenttype: 'application/json',
      }).slice(0, -1)
      assert.equal(first.body.toString(), `${head},"data":${PAYLOAD}}`)
      assert.equal(first.headers['content-type'], STRUCTURED)
      assert.deepEqual(read(first).data, JSON.parse(PAYLOAD))
      assert.ok(!Object.keys(first.headers).some((name) => name.startsWith('ce-')))
    })

    test('in the binary mode is the payload byte for byte, and headers', async () => {
      const { id, first } = await sentThrice({ body_style: 'cloudevents_binary' })
      assert.equal(first.body.toString(), PAYLOAD)
      assert.equal(first.headers['content-type'], 'application/json')
      const expected = await attributes(id)
      const sent = Object.entries(first.headers).filter(([name]) => name.startsWith('ce-'))
      assert.deepEqual(
        Object.fromEntries(sent),
        Object.fromEntries(Object.entries(expected).map(([name, value]) => [`ce-${name}`, value])),
      )
      const event = read(first)
      assert.deepEqual([event.id, event.time, event.data], [id, expected.time, JSON.parse(PAYLOAD)])
    })

    for (const [name, type, data] of [
      ['json', 'application/json', { made: 1 }],
      ['text', 'text/plain; charset=utf-8', 'a "text"'],
      ['image', 'application/octet-stream', Buffer.from([0xc2, 0x89])],
    ] as const) {
      test(`has as its data the ${name} that its transform made`, async () => {
        for (const body_style of STYLES) {
          const { id, first } = await sentThrice({ transform: fn(name), body_style })
          const event = read(first)
          const { specversion, source, type: eventType, datacontenttype, time } = event
          const said = { specversion, id: event.id, source, type: eventType, time }
          assert.deepEqual(said, await attributes(id))
          assert.equal(datacontenttype, type)
          if (name === 'json') assert.deepEqual(event.data, data)
          else if (body_style === 'cloudevents_binary')
            assert.deepEqual(first.body, Buffer.from(data as string))
          else if (name === 'text') assert.equal(event.data, data)
          else assert.equal(event.data_base64, Buffer.from(data as Buffer).toString('base64'))
          await hub.reset()
        }
      })
    }

    test('has a token in its data where the endpoint asks for one', async () => {
      for (const body_style of STYLES) {
        const { first } = await sentThrice(
          { body_style, signature_style: 'token' },
          '{"id":"c-1","createdAt":"x"}',
        )
        const { token, ...rest } = read(first).data as Json
        assert.deepEqual(rest, { id: 'c-1', createdAt: 'x' })
        assert.match(String(token), /^[0-9a-f]{64}$/)
        await hub.reset()
      }
    })

    test('has what was fetched for its type as its data', async () => {
      const fetched = '{"fetched" : 1.0}'
      const source = await httpService(scope, (_request, reply) => {
        reply.writeHead(200, { 'content-type': 'application/json' }).end(fetched)
      })
      const type = { tenant: 'acme', name: `order.fetched`, fetch: source.origin }
      await hub.made(await hub.send('POST', '/api/event-types', type), 201)
      for (const body_style of STYLES) {
        await hub.endpoint({ body_style })
        const { message_id: id } = await hub.publish({}, { type: type.name })
        const { content_type: told, size_bytes: size } = await hub.deliveryOf(id, hasEnded)
        const [first] = hub.target.received as [Received]
        assert.deepEqual([told, size], [first.headers['content-type'], first.body.length])
        const event = read(first)
        assert.deepEqual([event.id, event.type, event.data], [id, type.name, { fetched: 1 }])
        assert.ok(first.body.toString().includes(fetched))
        await hub.reset()
      }
    })

    test('is what a test sends, and what is previewed', async () => {
      for (const body_style of STYLES) {
        const { endpoint_id: id } = await hub.endpoint({ body_style })
        const ask = async (what: string): Promise<Json> => {
          const body = `{"type":"order.created","payload":${PAYLOAD}}`
          return hub.made(
            await hub.send('POST', `/api/endpoints/${id}/${what}?tenant=acme`, body),
            200,
          )
        }
        const { webhook_id: webhookId, state } = await ask('test')
        assert.equal(state, 'succeeded')
        const [first] = hub.target.received as [Received]
        const event = read(first)
        assert.deepEqual([event.id, event.data], [webhookId, JSON.parse(PAYLOAD)])
        const { body, content_type: type } = await ask('transform/test')
        assert.equal(type, first.headers['content-type'])
        assert.ok(String(body).includes(PAYLOAD))
        await hub.reset()
      }
    })

    test('goes to a function as well, which has no headers', async () => {
      const to = { url: undefined, function: fn('echo', echo) }
      for (const body_style of STYLES) {
        await hub.endpoint({ ...to, body_style })
        const id = await publish()
        const { attempts } = await hub.deliveryOf(id, hasEnded)
        const answer = attempts[0]?.response_body ?? ''
        if (body_style === 'cloudevents_binary') assert.equal(answer, PAYLOAD)
        else assert.equal((JSON.parse(answer) as Json).specversion, '1.0')
        await hub.reset()
      }
    })
  })
}
