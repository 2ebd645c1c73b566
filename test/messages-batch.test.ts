// Several messages in one request: each is accepted or refused for itself, in order, byte for byte.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'

const BATCH_BYTES = 4_000

describe('messages that are published together', () => {
  const scope = suiteScope()
  let hub: EventHub

  before(async () => {
    hub = await createEventHub(scope, { MESSAGE_BYTES: 1_000, MESSAGES_BATCH_BYTES: BATCH_BYTES })
    await hub.endpoint()
  })
  beforeEach(() => void (hub.target.received.length = 0))

  const send = (messages: unknown, fields: object = {}): Promise<Response> =>
    hub.send('POST', '/api/messages/batch', { tenant: hub.tenant, messages, ...fields })
  const itemsOf = async (response: Response, status: number): Promise<Json[]> =>
    (await hub.made(response, status)).items as Json[]
  const stored = async (): Promise<unknown[]> => {
    const { items } = await hub.get(`/api/messages?tenant=${hub.tenant}&limit=100`)
    return (items as Json[]).map(({ message_id: id }) => id)
  }

  test('are answered in their order, and each is sent', async () => {
    const items = await itemsOf(
      await send([1, 2, 3].map((n) => ({ type: 'order.created', payload: { n } }))),
      202,
    )
    assert.deepEqual(
      items.map(({ status, deliveries }) => [status, deliveries]),
      [
        [202, 1],
        [202, 1],
        [202, 1],
      ],
    )
    const ids = items.map(({ message_id: id }) => String(id))
    assert.deepEqual([...ids].sort(), ids, 'ids are in the order of publication')
    for (const id of ids) await hub.deliveryOf(id, hasEnded)
    const sent = hub.target.received.map(({ body }) => JSON.parse(body.toString()) as Json)
    assert.deepEqual(sent.map(({ data }) => (data as Json).n).sort(), [1, 2, 3])
  })

  test('are refused one by one: what is wrong with one loses no other', async () => {
    const before = await stored()
    const good = { type: 'order.created', payload: 1 }
    const far = new Date(hub.clock.nowMs + 365 * 24 * 3_600_000).toISOString()
    const items = await itemsOf(
      await send([
        good,
        { ...good, type: 'order.unknown' },
        { ...good, payload: 'x'.repeat(1_000) },
        { ...good, id: 'é' },
        { ...good, deliver_at: far },
        good,
      ]),
      207,
    )
    assert.deepEqual(
      items.map(({ status, code, field }) => [status, code, field]),
      [
        [202, undefined, undefined],
        [422, 'UNKNOWN_EVENT_TYPE', 'messages.1.type'],
        [413, 'BODY_TOO_LARGE', undefined],
        [400, 'BAD_REQUEST', 'messages.3.id'],
        [400, 'BAD_REQUEST', 'messages.4.deliver_at'],
        [202, undefined, undefined],
      ],
    )
    const [first, , , , , last] = items
    assert.deepEqual(await stored(), [last?.message_id, first?.message_id, ...before])
  })

  test('are published once by their ids, within a batch and across batches', async () => {
    const one = { type: 'order.created', payload: 1, id: 'batch-1' }
    const again = await itemsOf(await send([one, one, { ...one, payload: 2 }]), 207)
    assert.deepEqual(
      again.map(({ status, code, idempotent_replayed: replayed }) => [status, code, replayed]),
      [
        [202, undefined, undefined],
        [202, undefined, true],
        [409, 'MESSAGE_ID_REUSED', undefined],
      ],
    )
    assert.equal(again[0]?.message_id, again[1]?.message_id)
    const [later] = await itemsOf(await send([one]), 202)
    assert.deepEqual([later?.message_id, later?.idempotent_replayed], [again[0]?.message_id, true])
  })

  test('keep every byte of their payloads', async () => {
    const payloads = [
      '{ "n" : 12345678901234567890.0 }',
      '"],\\"[{"',
      '[1 , {"a":[]}]',
      'null',
      '-0.0',
    ]
    const list = payloads
      .map((payload) => `{"payload": ${payload} ,"type":"order.created"}`)
      .join(' ,\n')
    const text = `{"messages":[{"type":"x","payload":0}],"tenant":"${hub.tenant}", "messages" : [ ${list} ] }`
    const items = await itemsOf(await hub.send('POST', '/api/messages/batch', text), 202)
    assert.equal(items.length, payloads.length)
    for (const [n, { message_id: id }] of items.entries()) {
      const shown = await hub.app.request(`/api/messages/${String(id)}?tenant=${hub.tenant}`)
      assert.ok((await shown.text()).endsWith(`"payload":${payloads[n]}}`))
    }
  })

  test('are refused whole where the request is malformed, too many or too large, and nothing is stored', async () => {
    const before = await stored()
    const good = { type: 'order.created', payload: 1 }
    for (const [messages, fields] of [
      [[], {}],
      [good, {}],
      [[good, {}], {}],
      [[good, { ...good, more: 1 }], {}],
      [[good, { ...good, deliver_at: 'tomorrow' }], {}],
      [[{ ...good, tenant: hub.tenant }], {}],
      [[good], { more: 1 }],
      [[good], { tenant: '-' }],
      [Array.from({ length: 101 }, () => ({ type: 'a', payload: 1 })), {}],
    ] as const) {
      await refused(await send(messages, fields), 400, 'BAD_REQUEST')
    }
    const large = { ...good, payload: 'x'.repeat(900) }
    const answer = await refused(
      await send(Array.from({ length: 5 }, () => large)),
      413,
      'BODY_TOO_LARGE',
    )
    assert.equal(answer.limit_bytes, BATCH_BYTES)
    assert.deepEqual(await stored(), before)
    assert.equal((await itemsOf(await send(Array.from({ length: 4 }, () => large)), 202)).length, 4)
  })
})
