// Event types with a schema: what they say of themselves, and what becomes of messages that do not satisfy them.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import { POLL } from './helpers/deliveries.ts'

type Json = Record<string, unknown>

const ORDER = {
  type: 'object',
  required: ['id', 'total'],
  properties: { id: { type: 'string', pattern: '^o-[0-9]+$' }, total: { type: 'number' } },
}
const GOOD = { id: 'o-1', total: 9.5 }
const BAD = { id: 'x', total: '9' }
const FOUND = [
  { path: '/id', message: 'does not match "^o-[0-9]+$"' },
  { path: '/total', message: 'is not of type number' },
]

describe('an event type', () => {
  const scope = suiteScope()
  let app: TestApp
  let tenant = ''
  let tenants = 0

  before(async () => {
    app = await buildApp(scope, { ...POLL, EVENT_SCHEMA_BYTES: 2_000, EVENT_SCHEMA_STEPS: 1_000 })
  })
  beforeEach(() => {
    tenant = `tenant-${++tenants}`
  })

  function send(method: string, url: string, body?: object | string): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { 'content-type': 'application/json' }
    return app.request(url, { method, ...(body !== undefined && { headers, body: text }) })
  }

  async function made(response: Response, status: number): Promise<Json> {
    const text = await response.text()
    assert.equal(response.status, status, text)
    return JSON.parse(text) as Json
  }

  const add = (fields: object = {}): Promise<Response> =>
    send('POST', '/api/event-types', { tenant, name: 'order.created', ...fields })

  const url = (): string => `/api/event-types/order.created?tenant=${tenant}`

  const change = (fields: object): Promise<Response> => send('PATCH', url(), fields)

  const publish = (payload: unknown, fields: object = {}): Promise<Response> =>
    send('POST', '/api/messages', { tenant, type: 'order.created', payload, ...fields })

  async function messages(): Promise<Json[]> {
    return (await made(await app.request(`/api/messages?tenant=${tenant}`), 200)).items as Json[]
  }

  test('shows its schema, example and enforcement, and what may be wrong with them', async () => {
    const fields = { schema: { ...ORDER, requierd: 1 }, example: GOOD, enforcement: 'warn' }
    const { warnings, ...shown } = await made(await add(fields), 201)
    assert.deepEqual(warnings, ['The schema\'s keyword "requierd" has no effect.'])
    assert.deepEqual([shown.schema, shown.example], [fields.schema, GOOD])
    assert.deepEqual(await made(await app.request(url()), 200), shown)
    const list = await made(await app.request(`/api/event-types?tenant=${tenant}`), 200)
    assert.deepEqual(list.items, [shown])
  })

  test('shows numbers of its schema and example as they were written', async () => {
    const example = '{"id":"o-1","total":12345678901234567890,"at":[1.50, 1e400]}'
    const schema = '{"properties":{"total":{"maximum":20000000000000000001}}}'
    const written = `"schema":${schema},"example":${example}`
    const body = `{"tenant":"${tenant}","name":"order.created",${written}}`
    const added = await (await send('POST', '/api/event-types', body)).text()
    const changed = await (await send('PATCH', url(), `{${written}}`)).text()
    const read = await (await app.request(url())).text()
    const listed = await (await app.request(`/api/event-types?tenant=${tenant}`)).text()
    for (const text of [added, changed, read, listed]) assert.ok(text.includes(written), text)
  })

  test('without a schema takes every payload', async () => {
    const { schema, example, enforcement } = await made(await add(), 201)
    assert.deepEqual(
      { schema, example, enforcement },
      { schema: null, example: null, enforcement: 'off' },
    )
    for (const payload of [BAD, null, [], 1]) await made(await publish(payload), 202)
    assert.equal(
      (await refused(await change({ enforcement: 'warn' }), 400, 'BAD_REQUEST')).field,
      'enforcement',
    )
  })

  test('that enforces nothing says nothing', async () => {
    await made(await add({ schema: ORDER }), 201)
    assert.deepEqual((await made(await publish(BAD), 202)).warnings, [])
  })

  test('that warns takes the message, and tells what is wrong with it wherever it is shown', async () => {
    await made(await add({ schema: ORDER, enforcement: 'warn' }), 201)
    assert.deepEqual((await made(await publish(GOOD), 202)).warnings, [])
    const { message_id: id, warnings } = await made(await publish(BAD, { id: 'a' }), 202)
    const told = FOUND.map(({ path, message }) => `${path} ${message}.`)
    assert.deepEqual(warnings, told)
    const shown = await made(await app.request(`/api/messages/${String(id)}?tenant=${tenant}`), 200)
    assert.deepEqual([shown.warnings, shown.payload], [told, BAD])
    assert.deepEqual((await messages())[0]?.warnings, told)
    assert.deepEqual((await made(await publish(BAD, { id: 'a' }), 202)).warnings, told)
  })

  test('that rejects stores nothing, and points at what is wrong', async () => {
    await made(await add({ schema: ORDER, enforcement: 'reject' }), 201)
    const { field, problems } = await refused(await publish(BAD), 422, 'PAYLOAD_MISMATCH')
    assert.deepEqual([field, problems], ['payload', FOUND])
    assert.deepEqual(await messages(), [])
    await made(await publish(GOOD), 202)
  })

  test('that is changed judges what is published from then on', async () => {
    await made(await add({ description: 'Orders' }), 201)
    await made(await publish(BAD, { id: 'before' }), 202)
    const { description, enforcement } = await made(
      await change({ schema: ORDER, enforcement: 'reject' }),
      200,
    )
    assert.deepEqual([description, enforcement], ['Orders', 'reject'])
    await refused(await publish(BAD), 422, 'PAYLOAD_MISMATCH')
    const again = await publish(BAD, { id: 'before' })
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    await made(again, 202)
    await refused(await publish({}, { id: 'before' }), 409, 'MESSAGE_ID_REUSED')
    await made(await change({ enforcement: 'off' }), 200)
    await made(await publish(BAD), 202)
    await made(await change({ enforcement: 'reject' }), 200)
    await refused(await publish(BAD), 422, 'PAYLOAD_MISMATCH')
    const off = await made(await change({ schema: null }), 200)
    assert.deepEqual([off.schema, off.enforcement], [null, 'off'])
    await made(await publish(BAD), 202)
  })

  test('that is deleted and made anew is the new one', async () => {
    await made(await add({ schema: ORDER, enforcement: 'reject' }), 201)
    await refused(await publish(BAD), 422, 'PAYLOAD_MISMATCH')
    await made(await send('DELETE', url()), 200)
    await refused(await publish(BAD), 422, 'UNKNOWN_EVENT_TYPE')
    await made(await add(), 201)
    await made(await publish(BAD), 202)
  })

  test('has an example that satisfies its schema, whichever comes later', async () => {
    const told = await refused(await add({ schema: ORDER, example: BAD }), 422, 'PAYLOAD_MISMATCH')
    assert.deepEqual([told.field, told.problems], ['example', FOUND])
    await refused(await app.request(url()), 404, 'NOT_FOUND')
    await made(await add({ example: BAD }), 201)
    assert.equal(
      (await refused(await change({ schema: ORDER }), 422, 'PAYLOAD_MISMATCH')).field,
      'example',
    )
    await made(await change({ schema: ORDER, example: GOOD }), 200)
    await refused(await change({ example: 1 }), 422, 'PAYLOAD_MISMATCH')
    await made(await change({ example: null }), 200)
  })

  test('refuses a schema that is none, and fields that it does not have', async () => {
    const schema = { properties: { id: { type: 'text' } } }
    const told = await refused(await add({ schema }), 422, 'INVALID_SCHEMA')
    assert.deepEqual([told.field, told.pointer], ['schema', '/properties/id/type'])
    const remote = { $ref: 'https://example.com/order.json' }
    await refused(await add({ schema: remote }), 422, 'INVALID_SCHEMA')
    await refused(await add({ schema: ORDER, enforcement: 'strict' }), 400, 'BAD_REQUEST')
    await made(await add(), 201)
    for (const fields of [
      { name: 'other' },
      { tenant: 'x' },
      { enforce: 'off' },
      { description: 1 },
    ])
      await refused(await change(fields), 400, 'BAD_REQUEST')
    await refused(await send('PATCH', '/api/event-types/none?tenant=t', {}), 404, 'NOT_FOUND')
  })

  test('has a schema and an example of at most EVENT_SCHEMA_BYTES, and not nested too deeply', async () => {
    const long = { description: 'x'.repeat(2_000) }
    for (const fields of [{ schema: long }, { example: long }]) {
      const { limit, field } = await refused(await add(fields), 413, 'BODY_TOO_LARGE')
      assert.deepEqual([limit, field], [2_000, Object.keys(fields)[0]])
    }
    const deep = `${'['.repeat(300)}${']'.repeat(300)}`
    const body = `{"tenant":"${tenant}","name":"order.created","schema":{"const":${deep}}}`
    assert.equal(
      (await refused(await send('POST', '/api/event-types', body), 400, 'BAD_REQUEST')).field,
      'schema',
    )
  })

  test('checks a payload in at most EVENT_SCHEMA_STEPS', async () => {
    const payload = Array.from({ length: 2_000 }, () => 1)
    await made(
      await add({ schema: { items: { not: { type: 'null' } } }, enforcement: 'reject' }),
      201,
    )
    const { limit } = await refused(await publish(payload), 422, 'SCHEMA_TOO_COMPLEX')
    assert.equal(limit, 1_000)
    await made(await change({ enforcement: 'warn' }), 200)
    const { warnings } = await made(await publish(payload), 202)
    assert.match((warnings as string[])[0] ?? '', /was not checked/)
    const example = payload.slice(0, 900)
    assert.equal(
      (await refused(await change({ example }), 422, 'SCHEMA_TOO_COMPLEX')).field,
      'example',
    )
  })

  test('takes payloads that are nested as deeply as they may be, or says why not', async () => {
    await made(await add({ schema: { items: { $ref: '#' } }, enforcement: 'reject' }), 201)
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
    const body = `{"tenant":"${tenant}","type":"order.created","payload":${deep}}`
    await refused(await send('POST', '/api/messages', body), 422, 'SCHEMA_TOO_COMPLEX')
  })
})
