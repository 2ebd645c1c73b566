// What is done with a message for one endpoint before it is sent: its payload filter, and the token in its payload.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { before, beforeEach, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded, isAt } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'

describe('a message, before it is sent,', () => {
  const scope = suiteScope()
  let hub: EventHub

  before(async () => {
    hub = await createEventHub(scope)
  })
  beforeEach(() => hub.reset())

  const bodies = (): string[] => hub.target.received.map(({ body }) => body.toString())

  test('is discarded where the payload filter does not want it, which costs no attempt', async () => {
    const { endpoint, publish, deliveryOf, get } = hub
    const filter = { path: 'total', gte: 100 }
    const { endpoint_id: id } = await endpoint({ payload_filter: filter })
    const shown = await get(`/api/endpoints/${id}?tenant=acme`)
    assert.deepEqual(shown.payload_filter, filter)
    const small = await deliveryOf((await publish({ total: 99 })).message_id, hasEnded)
    assert.deepEqual([small.state, small.reason, small.tries], ['discarded', 'filtered', 0])
    const large = await deliveryOf((await publish({ total: 100 })).message_id, hasEnded)
    assert.equal(large.state, 'succeeded')
    assert.equal(hub.target.received.length, 1)
  })

  test('stays discarded when it is sent again, as long as it is not wanted', async () => {
    const { endpoint, publish, deliveryOf, send, made } = hub
    const { endpoint_id: id } = await endpoint({ payload_filter: { path: 'a', exists: true } })
    const { message_id: message } = await publish({ b: 1 })
    const { delivery_id: delivery } = await deliveryOf(message, hasEnded)
    const resend = async (): Promise<Json> => {
      await made(await send('POST', `/api/deliveries/${delivery}/resend`), 202)
      return deliveryOf(message, (one) => !one.resending)
    }
    assert.equal((await resend()).state, 'discarded')
    await made(
      await send('PATCH', `/api/endpoints/${id}?tenant=acme`, { payload_filter: null }),
      200,
    )
    assert.equal((await resend()).state, 'succeeded')
    assert.equal(hub.target.received.length, 1)
  })

  test("gains a token that the receiver verifies with the secret's text, and is signed besides", async () => {
    const { endpoint, publish, deliveryOf } = hub
    const { secret } = await endpoint({ signature_style: 'token' })
    const createdAt = '2026-01-31T12:00:00Z'
    const { message_id: id } = await publish({ id: 'c-1', createdAt, name: 'Ada', token: 'mine' })
    assert.equal((await deliveryOf(id, hasEnded)).state, 'succeeded')
    const [{ body, headers }] = hub.target.received as [(typeof hub.target.received)[0]]
    const { data } = JSON.parse(body.toString()) as { data: Json }
    const token = createHmac('sha256', secret).update(`c-1${createdAt}`).digest('hex')
    assert.deepEqual(data, { id: 'c-1', createdAt, name: 'Ada', token })
    new Webhook(secret).verify(body, headers as Record<string, string>)
  })

  test('keeps every other byte, and is the same on every attempt and resend', async () => {
    const { endpoint, publish, deliveryOf, send, made, clock, answers } = hub
    const options = {
      signature_style: 'token',
      body_style: 'raw',
      retry: { schedule_ms: [60_000] },
    }
    const { secret, endpoint_id: endpointId } = await endpoint(options)
    answers.push(500)
    const payload = '{ "id" : 12345678901234567890, "n": 1.0,\n "createdAt":"x" }'
    const message = `{"tenant":"acme","type":"order.created","payload":${payload}}`
    const { message_id: id } = await made(await send('POST', '/api/messages', message), 202)
    await deliveryOf(id, isAt(1))
    // A new secret makes no other body: what was made once is what is sent.
    await made(
      await send('POST', `/api/endpoints/${endpointId}/secret/rotate?tenant=acme`, {}),
      200,
    )
    clock.nowMs += 60_000
    const { delivery_id: delivery } = await deliveryOf(id, hasEnded)
    await made(await send('POST', `/api/deliveries/${delivery}/resend`), 202)
    await deliveryOf(id, (one) => !one.resending)
    const token = createHmac('sha256', secret).update('12345678901234567890x').digest('hex')
    const expected = `{ "id" : 12345678901234567890, "n": 1.0,\n "createdAt":"x","token":"${token}"}`
    assert.deepEqual(bodies(), [expected, expected, expected])
    const { size_bytes: size } = await deliveryOf(id, hasEnded)
    assert.equal(size, Buffer.byteLength(expected))
    await publish({})
      .then(() => assert.fail())
      .catch((error: unknown) => assert.match(String(error), /TOKEN_FIELDS_MISSING/))
  })

  test('is refused where it cannot be given a token, and nothing is stored', async () => {
    const { endpoint, send, get } = hub
    await endpoint()
    await endpoint({ signature_style: 'token' })
    const before = (await get('/api/messages?tenant=acme')).items
    for (const [payload, field] of [
      [{ id: 1 }, 'payload.createdAt'],
      [{ createdAt: 'x' }, 'payload.id'],
      [{ id: null, createdAt: 'x' }, 'payload.id'],
      [['id', 'createdAt'], 'payload.id'],
      ['text', 'payload.id'],
    ] as const) {
      const body = { tenant: 'acme', type: 'order.created', payload }
      const answer = await refused(
        await send('POST', '/api/messages', body),
        422,
        'TOKEN_FIELDS_MISSING',
      )
      assert.equal(answer.field, field)
    }
    assert.deepEqual((await get('/api/messages?tenant=acme')).items, before)
  })

  test('is not waited for by a filter that is malformed: that is refused, and its place named', async () => {
    const body = { tenant: 'acme', url: 'http://127.0.0.1:9', event_types: ['*'] }
    for (const [filter, field] of [
      [{ and: [{ path: 'a', regex: '.*' }] }, 'payload_filter.and.0'],
      ['total > 1', 'payload_filter'],
    ] as const) {
      const answer = await refused(
        await hub.send('POST', '/api/endpoints', { ...body, payload_filter: filter }),
        400,
        'BAD_REQUEST',
      )
      assert.equal(answer.field, field)
    }
  })
})
