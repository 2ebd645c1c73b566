// Trying an endpoint out: a test send whose attempt is the answer, and what would be sent of a message.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { before, beforeEach, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { suiteScope } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import type { ShownAttempt } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { guest, saying } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const NOBODY = '01900000-0000-7000-8000-000000000000'

describe('an endpoint that is tried out', () => {
  const scope = suiteScope()
  let hub: EventHub
  let echo: Uploaded
  let says: Uploaded

  before(async () => {
    hub = await createEventHub(scope, { MESSAGE_BYTES: 1_000 })
    echo = await upload(hub.app, await guest('echo'))
    says = await upload(hub.app, saying({ text: 'a "text"', no: 'false' }))
    const example = { tenant: 'acme', name: 'user.made', example: { name: 'Ada' } }
    await hub.made(await hub.send('POST', '/api/event-types', example), 201)
  })
  beforeEach(() => hub.reset())

  const ask = (path: string, body?: object | string, tenant = 'acme'): Promise<Response> =>
    hub.send('POST', `/api/endpoints/${path}?tenant=${tenant}`, body)
  const trial = async (id: string, body?: object | string) =>
    (await hub.made(await ask(`${id}/test`, body), 200)) as Json & { attempt: ShownAttempt | null }
  const preview = async (id: string, body?: object | string): Promise<Json> =>
    hub.made(await ask(`${id}/transform/test`, body), 200)

  test('is sent an example at once, signed and marked, and nothing is stored', async () => {
    const fields = { url: `${hub.target.origin}/secret-path`, headers: { 'X-Key': 'secret' } }
    const { endpoint_id: id, secret } = await hub.endpoint(fields)
    const stored = async () => [
      await hub.get('/api/deliveries'),
      await hub.get('/api/messages?tenant=acme'),
    ]
    const before = await stored()
    const { attempt, ...answer } = await trial(id)
    const [{ body, headers }] = hub.target.received as [(typeof hub.target.received)[0]]
    assert.deepEqual(answer, {
      ...{ endpoint_id: id, webhook_id: headers['webhook-id'], type: 'wasmhook.test' },
      ...{ state: 'succeeded', reason: null },
    })
    assert.deepEqual(
      [headers['wasmhook-test'], headers['wasmhook-delivery'], headers['x-key']],
      ['true', undefined, 'secret'],
    )
    new Webhook(secret).verify(body, headers as Record<string, string>)
    const { type, data } = JSON.parse(body.toString()) as { type: string; data: Json }
    assert.deepEqual([type, data.test], ['wasmhook.test', true])
    assert.deepEqual([attempt?.status, attempt?.response_body], [200, 'taken'])
    assert.ok(!JSON.stringify(attempt).includes('secret'))
    assert.deepEqual(await stored(), before)
  })

  test('tells what failed, whatever the target answered', async () => {
    const { endpoint_id: id } = await hub.endpoint()
    hub.answers.push(503)
    const failed = await trial(id)
    assert.deepEqual([failed.state, failed.attempt?.status], ['failed', 503])
    const { endpoint_id: nobody } = await hub.endpoint({ url: 'http://127.0.0.1:1/' })
    const { state, attempt } = await trial(nobody)
    assert.deepEqual([state, attempt?.status, attempt?.error_class], ['failed', null, 'refused'])
  })

  test('is sent the example of a type that its patterns match, where it names none', async () => {
    const { endpoint_id: id } = await hub.endpoint({ event_types: ['user.*'] })
    const { type, state } = await trial(id)
    const [{ body }] = hub.target.received as [(typeof hub.target.received)[0]]
    const { data } = JSON.parse(body.toString()) as { data: Json }
    assert.deepEqual([type, state, data], ['user.made', 'succeeded', { name: 'Ada' }])
  })

  test('is sent what is given, byte for byte, or the example of its type, though it is off', async () => {
    const { endpoint_id: id } = await hub.endpoint({
      ...{ event_types: ['user.*', 'user.made'], body_style: 'raw', enabled: false },
    })
    await trial(id)
    const payload = '{ "n" : 12345678901234567890.0 }'
    await trial(id, `{"type":"order.created","payload":${payload}}`)
    await trial(id, { payload: null })
    assert.deepEqual(
      hub.target.received.map(({ body }) => body.toString()),
      ['{"name":"Ada"}', payload, 'null'],
    )
    for (const type of ['order.unknown', '*']) {
      const answer = await refused(await ask(`${id}/test`, { type }), 422, 'UNKNOWN_EVENT_TYPE')
      assert.equal(answer.field, 'type')
    }
    const large = { payload: 'x'.repeat(1_000) }
    await refused(await ask(`${id}/test`, large), 413, 'BODY_TOO_LARGE')
    await refused(await ask(`${id}/test`, { more: 1 }), 400, 'BAD_REQUEST')
    await refused(await ask(`${NOBODY}/test`), 404, 'NOT_FOUND')
    await refused(await ask(`${id}/test`, {}, 'other'), 404, 'NOT_FOUND')
  })

  test('is sent what its functions make of it, or told why it is not', async () => {
    const fn = (name: string, of: Uploaded) => ({ wasm_id: of.id, name })
    const made = { transform: fn('text', says), body_style: 'raw' }
    await trial((await hub.endpoint(made)).endpoint_id)
    assert.equal(hub.target.received[0]?.body.toString(), 'a "text"')
    const { endpoint_id: unwanted } = await hub.endpoint({ filter: fn('no', says) })
    const { state, reason, attempt } = await trial(unwanted)
    assert.deepEqual([state, reason, attempt], ['discarded', 'filtered', null])
    const { endpoint_id: traps } = await hub.endpoint({ transform: fn('fail', echo) })
    const failed = await trial(traps)
    assert.deepEqual([failed.state, failed.attempt?.error_class], ['failed', 'transform'])
    assert.equal(hub.target.received.length, 1)
    const { endpoint_id: called } = await hub.endpoint({
      url: undefined,
      function: fn('text', says),
    })
    const answered = (await trial(called)).attempt
    assert.deepEqual([answered?.status, answered?.response_body], [200, 'a "text"'])
  })

  test('is sent what is fetched for its type, which refuses what could not be published', async () => {
    const answers: [number, string][] = [
      [200, '{"id":7,"name":"Ada"}'],
      [404, ''],
      [500, ''],
      [200, '{"id":8}'],
    ]
    const source = await httpService(scope, (_request, reply) => {
      const [status, body] = answers.shift() ?? [500, '']
      reply.writeHead(status).end(body)
    })
    const { hostname, port, protocol } = new URL(source.origin)
    const type = 'candidate.created'
    const fetch = { protocol, hostname, port, path: '/candidates/{{id}}' }
    const schema = { type: 'object', required: ['id'] }
    const rules = { name: type, fetch, schema, enforcement: 'reject' }
    await hub.made(await hub.send('POST', '/api/event-types', { tenant: 'acme', ...rules }), 201)
    const { endpoint_id: id } = await hub.endpoint({ body_style: 'raw' })
    assert.equal((await trial(id, { type, payload: { id: 7 } })).state, 'succeeded')
    assert.equal(hub.target.received[0]?.body.toString(), '{"id":7,"name":"Ada"}')
    const missing = await trial(id, { type, payload: { id: 7 } })
    assert.deepEqual([missing.state, missing.reason], ['discarded', 'resource_missing'])
    const failed = await trial(id, { type, payload: { id: 7 } })
    assert.deepEqual([failed.state, failed.attempt?.error_class], ['failed', 'fetch'])
    const later = new Date(hub.clock.nowMs + 60_000).toISOString()
    const message = await hub.publish({ id: 8 }, { type, deliver_at: later })
    const shown = await preview(id, { message_id: message.message_id })
    assert.deepEqual([shown.outcome, shown.body], ['ready', '{"id":8}'])
    assert.deepEqual(
      source.received.map(({ path }) => path),
      ['/candidates/7', '/candidates/7', '/candidates/7', '/candidates/8'],
    )
    assert.equal(hub.target.received.length, 1)
    const wrong = await ask(`${id}/test`, { type, payload: { name: 'x' } })
    await refused(wrong, 422, 'PAYLOAD_MISMATCH')
  })

  test('is one of a few at a time', async () => {
    const answers: (() => void)[] = []
    let reached = (): void => undefined
    const all = new Promise<void>((resolve) => (reached = resolve))
    const slow = await httpService(scope, (_request, reply) => {
      if (answers.push(() => reply.end()) === 5) reached()
    })
    const { endpoint_id: id } = await hub.endpoint({ url: slow.origin })
    const under = Array.from({ length: 5 }, () => trial(id))
    await all
    const other = await ask(`${id}/test`)
    assert.equal(other.headers.get('retry-after'), '1')
    assert.equal((await refused(other, 429, 'RATE_LIMITED')).limit, 5)
    await refused(await ask(`${id}/transform/test`), 429, 'RATE_LIMITED')
    for (const answer of answers) answer()
    const sent = await Promise.all(under)
    assert.ok(sent.every(({ state }) => state === 'succeeded'))
    const { endpoint_id: free } = await hub.endpoint()
    assert.equal((await trial(free)).state, 'succeeded')
  })

  test('shows what it would be sent of a message, and is sent nothing', async () => {
    const { endpoint_id: plain } = await hub.endpoint()
    const { message_id: id, created_at: at } = await hub.publish({ id: 1, createdAt: 'x' })
    await hub.deliveryOf(id, hasEnded)
    hub.target.received.length = 0
    await hub.made(await hub.send('DELETE', `/api/endpoints/${plain}?tenant=acme`), 200)
    const { endpoint_id: one, secret } = await hub.endpoint({
      ...{ signature_style: 'token', payload_filter: { path: 'id', lt: 2 } },
    })
    const token = createHmac('sha256', secret).update('1x').digest('hex')
    const body = `{"type":"order.created","timestamp":"${String(at)}","data":{"id":1,"createdAt":"x","token":"${token}"}}`
    const shown = await preview(one, { message_id: id })
    assert.deepEqual(
      [shown.outcome, shown.content_type, shown.body, shown.size_bytes, shown.body_base64],
      ['ready', 'application/json', body, body.length, null],
    )
    const unwanted = await preview(one, { type: 'order.created', payload: { id: 2 } })
    assert.deepEqual([unwanted.outcome, unwanted.reason], ['discarded', 'filtered'])
    const lacking = await preview(one, { payload: { id: 1 } })
    assert.deepEqual([lacking.outcome, lacking.reason], ['discarded', 'token_fields_missing'])
    assert.equal(hub.target.received.length, 0)

    await refused(await ask(`${one}/transform/test`, { message_id: NOBODY }), 404, 'NOT_FOUND')
    await refused(await ask(`${one}/transform/test`, { message_id: 'x' }), 404, 'NOT_FOUND')
    const both = { message_id: id, payload: 1 }
    await refused(await ask(`${one}/transform/test`, both), 400, 'BAD_REQUEST')
    await hub.made(await hub.send('DELETE', `/api/messages/${id}/payload?tenant=acme`), 200)
    await refused(await ask(`${one}/transform/test`, { message_id: id }), 410, 'PAYLOAD_GONE')
  })

  test('shows why a function fails, and its log to who named it with the admin key', async () => {
    const failing = { transform: { wasm_id: echo.id, name: 'fail' } }
    const { endpoint_id: own } = await hub.endpoint(failing, admin(echo))
    const shown = await preview(own)
    assert.deepEqual([shown.outcome, shown.error_class], ['failed', 'transform'])
    assert.match(String(shown.error), /^TRAP: /)
    const run = await hub.app.request(`/api/runs/${String(shown.run_id)}`, { headers: admin(echo) })
    assert.equal(((await run.json()) as Json).log ?? '', shown.log)
    const { endpoint_id: others } = await hub.endpoint(failing)
    const told = await preview(others)
    assert.deepEqual([told.log, typeof told.run_id], [null, 'string'])
  })
})
