// Functions in the way of an event: one that filters, one that transforms, and one that is the target.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { suiteScope } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { hasEnded, isAt } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { guest, saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const WASM = saying({
  yes: 'true',
  no: ' false\n',
  perhaps: 'perhaps',
  json: '{"made":1.0,"callback":{"hostname":"localhost"}}',
  text: 'a "text"',
  image: Buffer.from([0xc2, 0x89]),
  large: '"' + 'x'.repeat(2_000) + '"',
})
const RETRY = { schedule_ms: [60_000] }

describe('an event', () => {
  const scope = suiteScope()
  let hub: EventHub
  let made: Uploaded
  let echo: Uploaded

  before(async () => {
    hub = await createEventHub(scope, { MESSAGE_BYTES: 1_000 })
    made = await upload(hub.app, WASM)
    echo = await upload(hub.app, await guest('echo'))
    const types = { image: { params: ['text'], result: 'bytes' } }
    const headers = { ...admin(made), 'content-type': 'application/json' }
    const body = JSON.stringify(types)
    const declared = await hub.app.request(`/api/executables/${made.id}/types`, {
      ...{ method: 'PUT', headers, body },
    })
    assert.equal(declared.status, 200)
  })
  beforeEach(() => hub.reset())

  const fn = (name: string, of: Uploaded = made) => ({ wasm_id: of.id, name })

  const sentTo = async (fields: object, payload: unknown = { n: 1 }) => {
    await hub.endpoint({ retry: RETRY, ...fields })
    const { message_id: id } = await hub.publish(payload)
    const delivery = await hub.deliveryOf(id, (one) => hasEnded(one) || one.tries > 0)
    const [received] = hub.target.received
    return { id, delivery, body: received?.body.toString(), headers: received?.headers }
  }

  test('is sent where its filter says true', async () => {
    const passed = await sentTo({ filter: fn('yes') })
    assert.equal(passed.delivery.state, 'succeeded')
    assert.deepEqual((JSON.parse(passed.body!) as Json).data, { n: 1 })
  })

  test('is discarded where its filter says false, after no attempt', async () => {
    const { delivery } = await sentTo({ filter: fn('no') })
    assert.deepEqual(
      [delivery.state, delivery.reason, delivery.tries],
      ['discarded', 'filtered', 0],
    )
    assert.equal(hub.target.received.length, 0)
  })

  test('whose filter says neither, or traps, has failed an attempt, which is made again', async () => {
    for (const [filter, said] of [
      [fn('perhaps'), /neither true nor false/],
      [fn('fail', echo), /^TRAP: /],
    ] as const) {
      const { delivery } = await sentTo({ filter })
      assert.equal(delivery.state, 'waiting')
      assert.equal(delivery.last_error_class, 'filter')
      const [attempt] = delivery.attempts
      assert.match(attempt?.error ?? '', said)
      assert.deepEqual([attempt?.request, attempt?.status], [null, null])
      assert.equal(hub.target.received.length, 0)
      await hub.made(await hub.send('POST', `/api/deliveries/${delivery.delivery_id}/cancel`), 200)
      await hub.reset()
    }
  })

  for (const [name, style, body, type] of [
    ['json', 'envelope', '{"made":1.0,"callback":{"hostname":"localhost"}}', 'application/json'],
    ['json', 'raw', '{"made":1.0,"callback":{"hostname":"localhost"}}', 'application/json'],
    ['text', 'envelope', '"a \\"text\\""', 'application/json'],
    ['text', 'raw', 'a "text"', 'text/plain; charset=utf-8'],
    [
      'image',
      'envelope',
      '{"content_type":"application/octet-stream","base64":"wok="}',
      'application/json',
    ],
  ] as const) {
    test(`is sent as ${name} that its transform made of it, ${style}`, async () => {
      const sent = await sentTo({ transform: fn(name), body_style: style })
      assert.equal(sent.delivery.state, 'succeeded')
      assert.equal(sent.headers?.['content-type'], type)
      if (style === 'raw') assert.equal(sent.body, body)
      else assert.ok(sent.body?.endsWith(`,"data":${body}}`), sent.body)
      assert.equal(sent.delivery.content_type, type)
    })
  }

  test('is given to functions as an endpoint gets it, and is transformed once for all attempts', async () => {
    hub.answers.push(500)
    const { id, body } = await sentTo({ transform: fn('echo', echo), body_style: 'raw' })
    const { type, data } = JSON.parse(body!) as Json
    assert.deepEqual([type, data], ['order.created', { n: 1 }])
    const runs = async (): Promise<number> => {
      const url = `/api/executables/${echo.id}/runs`
      const response = await hub.app.request(url, { headers: admin(echo) })
      return ((await response.json()) as { items: unknown[] }).items.length
    }
    const before = await runs()
    hub.clock.nowMs += 60_000
    const { delivery_id: delivery } = await hub.deliveryOf(id, hasEnded)
    await hub.made(await hub.send('POST', `/api/deliveries/${delivery}/resend`), 202)
    await hub.deliveryOf(id, (one) => !one.resending)
    assert.deepEqual(
      hub.target.received.map((received) => received.body.toString()),
      [body, body, body],
    )
    assert.equal(await runs(), before)
  })

  test('whose transform traps, or makes too much, has failed an attempt', async () => {
    for (const [transform, said] of [
      [fn('fail', echo), /^TRAP: /],
      [fn('large'), /MESSAGE_BYTES/],
    ] as const) {
      const { endpoint_id: id } = await hub.endpoint({ transform, retry: RETRY })
      const { message_id: message } = await hub.publish({})
      const delivery = await hub.deliveryOf(message, isAt(1))
      assert.deepEqual([delivery.state, delivery.last_error_class], ['waiting', 'transform'])
      assert.match(delivery.attempts[0]?.error ?? '', said)
      await hub.made(await hub.send('DELETE', `/api/endpoints/${id}?tenant=acme`), 200)
    }
  })

  test('is delivered to a function, which is an attempt as any other', async () => {
    await hub.endpoint({ url: undefined, function: fn('echo', echo) })
    const { message_id: id } = await hub.publish({ n: 7 })
    const delivery = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual([delivery.state, delivery.target], ['succeeded', `function:${echo.id}`])
    const [attempt] = delivery.attempts
    assert.deepEqual([attempt?.request?.url, attempt?.status], [`/api/run/${echo.id}/echo`, 200])
    assert.deepEqual((JSON.parse(attempt?.response_body ?? '') as Json).data, { n: 7 })
    const run = attempt?.response_headers['wasmhook-run'] ?? ''
    const shown = await hub.app.request(`/api/runs/${run}`, { headers: admin(echo) })
    const { status, came_from: from } = (await shown.json()) as Json & { came_from: Json }
    assert.equal(status, 'succeeded')
    assert.deepEqual([from.kind, from.delivery_id], ['delivery', delivery.delivery_id])
    const of = await hub.get(`/api/deliveries?target=function:${echo.id}`)
    assert.equal((of.items as unknown[]).length, 1)
  })

  test('to a function that fails is tried again, and exhausted', async () => {
    await hub.endpoint({
      url: undefined,
      function: fn('fail', echo),
      retry: { schedule_ms: [100] },
    })
    const { message_id: id } = await hub.publish({})
    await hub.deliveryOf(id, isAt(1))
    hub.clock.nowMs += 100
    const delivery = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual(
      [delivery.state, delivery.last_error_class, delivery.last_status],
      ['exhausted', 'function', 500],
    )
  })

  test('goes from a function on to its callback, where the endpoint says so', async () => {
    const next = await httpService(scope, (_request, reply) => reply.writeHead(200).end('on'))
    const one = await upload(hub.app, WASM)
    const callback = { protocol: 'http:', hostname: '127.0.0.1', port: next.port, path: '/on' }
    const stored = await hub.app.request(`/api/callback/${one.id}`, {
      ...{ method: 'PUT', headers: admin(one), body: JSON.stringify(callback) },
    })
    assert.equal(stored.status, 200)
    for (const [goesOn, arrived] of [
      [false, 0],
      [true, 1],
    ] as const) {
      const { endpoint_id: id } = await hub.endpoint({
        url: undefined,
        function: { ...fn('text', one), callback: goesOn },
      })
      const { message_id: message } = await hub.publish({})
      assert.equal((await hub.deliveryOf(message, hasEnded)).state, 'succeeded')
      assert.equal(next.received.length, arrived)
      await hub.made(await hub.send('DELETE', `/api/endpoints/${id}?tenant=acme`), 200)
    }
    assert.equal(next.received[0]?.body.toString(), 'a "text"')
  })

  test('may go to a function whose key was shown, as long as that key holds', async () => {
    const closed = await upload(hub.app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    const body = {
      ...{ tenant: 'acme', event_types: ['order.*'], retry: RETRY },
      function: fn('echo', closed),
    }
    const add = (keys: object): Promise<Response> => hub.send('POST', '/api/endpoints', body, keys)
    const none = await refused(await add({}), 401, 'MISSING_KEY')
    assert.equal(none.field, 'function')
    await refused(await add({ SSVM_Usage_Key: made.adminKey }), 403, 'WRONG_KEY')
    await hub.made(await add({ SSVM_Usage_Key: closed.usageKey }), 201)
    const first = await hub.publish({})
    assert.equal((await hub.deliveryOf(first.message_id, hasEnded)).state, 'succeeded')
    const replaced = await hub.app.request(`/api/keys/${closed.id}/usage_key`, {
      ...{ method: 'PUT', headers: admin(closed) },
    })
    assert.equal(replaced.status, 200, await replaced.text())
    const second = await hub.publish({})
    const delivery = await hub.deliveryOf(second.message_id, hasEnded)
    assert.deepEqual([delivery.state, delivery.reason], ['discarded', 'grant_ended'])
  })

  test('to a function whose executable was deleted is discarded', async () => {
    const one = await upload(hub.app, WASM)
    await hub.endpoint({ url: undefined, function: fn('text', one) })
    const removed = await hub.app.request(`/api/executables/${one.id}`, {
      ...{ method: 'DELETE', headers: admin(one) },
    })
    assert.equal(removed.status, 200)
    const { message_id: id } = await hub.publish({})
    const delivery = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual([delivery.state, delivery.reason], ['discarded', 'executable_deleted'])
  })

  test('waits for a function that has no room, which costs no attempt', async () => {
    const busy = await upload(hub.app, await guest('echo'))
    const limit = async (limits: object): Promise<void> => {
      const set = await hub.app.request(`/api/executables/${busy.id}/limits`, {
        method: 'PUT',
        headers: { ...admin(busy), 'content-type': 'application/json' },
        body: JSON.stringify(limits),
      })
      assert.equal(set.status, 200, await set.text())
    }
    const endless = { concurrency: 1, run_timeout_ms: 300_000 }
    await limit(endless)
    const spinning = hub.app.request(`/api/run/${busy.id}/spin`, {
      ...{ method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' },
    })
    const { endpoint_id: endpoint } = await hub.endpoint({
      url: undefined,
      function: fn('echo', busy),
    })
    const running = async (): Promise<string> => {
      for (;;) {
        const url = `/api/executables/${busy.id}/runs`
        const response = await hub.app.request(url, { headers: admin(busy) })
        const { items } = (await response.json()) as { items: Json[] }
        const [one] = items
        if (one?.status === 'running') return String(one.run_id)
      }
    }
    const run = await running()
    // Only now, or the first might be turned away on a busy machine.
    await limit({ ...endless, queue_wait_ms: 1 })
    const { message_id: id } = await hub.publish({})
    const dueAtMs = (one: Json): number => Date.parse(String(one.due_at))
    const waits = await hub.deliveryOf(id, (one) => dueAtMs(one as never) > hub.clock.nowMs)
    assert.deepEqual([waits.state, waits.tries, waits.endpoint_id], ['scheduled', 0, endpoint])
    await hub.app.request(`/api/runs/${run}`, { method: 'DELETE', headers: admin(busy) })
    await (await spinning).text()
    await limit({})
    hub.clock.nowMs += 60_000
    const delivery = await hub.deliveryOf(id, hasEnded)
    assert.deepEqual([delivery.state, delivery.tries], ['succeeded', 1])
  })

  test('is not sent to what its endpoint says wrongly: that is refused, and the field named', async () => {
    const body = { tenant: 'acme', event_types: ['*'] }
    for (const [fields, status, code, field] of [
      [{}, 400, 'INVALID_SPEC', 'url'],
      [{ url: 'http://127.0.0.1:9', function: fn('text') }, 400, 'BAD_REQUEST', 'url'],
      [{ function: fn('text'), headers: { a: 'b' } }, 400, 'BAD_REQUEST', 'headers'],
      [{ function: fn('text'), timeout_ms: 1 }, 400, 'BAD_REQUEST', 'timeout_ms'],
      [{ function: fn('nothing-of-it') }, 404, 'UNKNOWN_FUNCTION', 'function'],
      [{ function: { wasm_id: 999_999, name: 'x' } }, 404, 'NOT_FOUND', 'function'],
      [{ url: 'http://127.0.0.1:9', filter: fn('x') }, 404, 'UNKNOWN_FUNCTION', 'filter'],
      [{ url: 'http://127.0.0.1:9', transform: fn('x') }, 404, 'UNKNOWN_FUNCTION', 'transform'],
    ] as const) {
      const answer = await refused(
        await hub.send('POST', '/api/endpoints', { ...body, ...fields }),
        status,
        code,
      )
      assert.equal(answer.field, field)
    }
  })

  test('goes to a URL again after its endpoint was a function, and the other way round', async () => {
    const { endpoint_id: id } = await hub.endpoint()
    const change = async (fields: object): Promise<Json> =>
      hub.made(await hub.send('PATCH', `/api/endpoints/${id}?tenant=acme`, fields), 200)
    const asFunction = await change({ function: fn('text') })
    assert.deepEqual(
      [asFunction.url, asFunction.function],
      [null, { ...fn('text'), callback: false }],
    )
    const asUrl = await change({ url: `${hub.target.origin}/again` })
    assert.deepEqual([asUrl.url, asUrl.function], [`${hub.target.origin}/***`, null])
  })
})
