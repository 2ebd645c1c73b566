// What a tenant's token opens of the routes of events and deliveries: its tenant's things, as far as its rights go;
// others' are not there.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import { POLL } from './helpers/deliveries.ts'
import { example } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'

const OPERATOR = 'a-token-of-enough-characters'

type Json = Record<string, unknown>

describe("a tenant's token", () => {
  const scope = suiteScope()
  let app: TestApp
  let target: HttpService
  /** Of acme, by right; and of another tenant, with every right. */
  const tokens = { read: '', publish: '', manage: '', other: '' }

  before(async () => {
    app = await buildApp(scope, { ...POLL, API_TOKEN: OPERATOR })
    target = await httpService(scope, (_request, reply) => reply.writeHead(500).end())
    const make = async (tenant: string, right: string): Promise<string> => {
      const { token } = await done(OPERATOR, 'POST', '/api/tokens', { tenant, rights: [right] })
      return String(token)
    }
    for (const right of ['read', 'publish', 'manage'] as const) {
      tokens[right] = await make('acme', right)
    }
    tokens.other = await make('other', 'manage')
  })

  function send(token: string, method: string, url: string, body?: object): Promise<Response> {
    return app.request(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async function done(...of: Parameters<typeof send>): Promise<Json> {
    const response = await send(...of)
    const text = await response.text()
    assert.ok(response.ok, text)
    return JSON.parse(text) as Json
  }

  /** Its type, endpoint, message and delivery, made without naming the tenant. */
  async function makeAll(name: string) {
    const { read, publish, manage } = tokens
    await done(manage, 'POST', '/api/event-types', { name })
    const { endpoint_id: endpoint } = await done(manage, 'POST', '/api/endpoints', {
      url: target.origin,
      event_types: [name],
      retry: { schedule_ms: [60_000] },
    })
    const { message_id: message } = await done(publish, 'POST', '/api/messages', {
      ...{ type: name, payload: {} },
    })
    const { delivery_ids: ids } = await done(read, 'GET', `/api/messages/${String(message)}`)
    return {
      endpoint: String(endpoint),
      message: String(message),
      delivery: String((ids as unknown[])[0]),
    }
  }

  test("opens its tenant's things without naming the tenant, or naming it", async () => {
    const { endpoint, message, delivery } = await makeAll('order.one')
    for (const path of [
      '/api/event-types/order.one',
      `/api/endpoints/${endpoint}`,
      `/api/messages/${message}`,
    ]) {
      for (const query of ['', '?tenant=acme']) {
        assert.equal((await done(tokens.read, 'GET', path + query)).tenant, 'acme')
      }
    }
    for (const path of ['event-types', 'endpoints', 'messages', 'deliveries']) {
      const { items } = await done(tokens.read, 'GET', `/api/${path}`)
      assert.ok((items as Json[]).every(({ tenant }) => tenant === 'acme'))
      assert.ok((items as Json[]).length > 0)
    }
    assert.equal((await done(tokens.read, 'GET', `/api/deliveries/${delivery}`)).tenant, 'acme')
  })

  test('without the right is refused, whatever it asks for', async () => {
    const { endpoint, delivery } = await makeAll('order.two')
    for (const [token, method, path, body] of [
      [tokens.publish, 'GET', '/api/endpoints'],
      [tokens.publish, 'GET', `/api/deliveries/${delivery}`],
      [tokens.publish, 'GET', '/api/deliveries'],
      [tokens.publish, 'GET', '/api/resend-jobs'],
      [tokens.read, 'POST', '/api/messages', { type: 'order.two', payload: 1 }],
      [tokens.read, 'DELETE', `/api/endpoints/${endpoint}`],
      [tokens.read, 'POST', `/api/deliveries/${delivery}/cancel`],
      [tokens.read, 'POST', '/api/deliveries/resend', {}],
    ] as const) {
      await refused(await send(token, method, path, body), 403, 'MISSING_RIGHT')
    }
  })

  test("finds nothing of another tenant's, by id or by name", async () => {
    const { endpoint, message, delivery } = await makeAll('order.three')
    const job = await done(tokens.manage, 'POST', '/api/deliveries/resend', {})
    for (const [method, path, body] of [
      ['GET', '/api/event-types/order.three'],
      ['PATCH', '/api/event-types/order.three', {}],
      ['DELETE', '/api/event-types/order.three'],
      ['GET', `/api/endpoints/${endpoint}`],
      ['PATCH', `/api/endpoints/${endpoint}`, {}],
      ['POST', `/api/endpoints/${endpoint}/secret/rotate`],
      ['DELETE', `/api/endpoints/${endpoint}`],
      ['GET', `/api/messages/${message}`],
      ['GET', `/api/deliveries/${delivery}`],
      ['POST', `/api/deliveries/${delivery}/cancel`],
      ['POST', `/api/deliveries/${delivery}/resend`],
      ['GET', `/api/resend-jobs/${String(job.job_id)}`],
      ['POST', `/api/resend-jobs/${String(job.job_id)}/cancel`],
      ['GET', '/api/endpoints?tenant=acme'],
      ['GET', '/api/messages?tenant=acme'],
      ['GET', '/api/deliveries?tenant=acme'],
      ['POST', '/api/event-types', { tenant: 'acme', name: 'a' }],
      ['POST', '/api/messages', { tenant: 'acme', type: 'order.three', payload: 1 }],
      ['POST', '/api/deliveries/resend', { tenant: 'acme' }],
    ] as const) {
      await refused(await send(tokens.other, method, path, body), 404, 'NOT_FOUND')
    }
    for (const path of ['event-types', 'endpoints', 'messages', 'deliveries', 'resend-jobs']) {
      assert.deepEqual((await done(tokens.other, 'GET', `/api/${path}`)).items, [])
    }
    const { items } = await done(tokens.read, 'GET', '/api/resend-jobs')
    assert.deepEqual(
      (items as Json[]).map(({ job_id: id, tenant }) => [id, tenant]),
      [[job.job_id, 'acme']],
    )
  })

  test("opens nothing of an executable's", async () => {
    const one = await upload(app, await example('hello'), { authorization: `Bearer ${OPERATOR}` })
    const to = await httpService(scope, (_request, reply) => reply.writeHead(500).end())
    const failing = {
      SSVM_Callback: JSON.stringify({
        protocol: 'http:',
        hostname: '127.0.0.1',
        port: to.port,
        retry: { schedule_ms: [60_000] },
      }),
    }
    const run = await call(app, one, 'say', { headers: failing, body: 'x' })
    const { delivery_id: id } = (await run.json()) as Json
    for (const [method, path] of [
      ['GET', `/api/deliveries/${String(id)}`],
      ['POST', `/api/deliveries/${String(id)}/cancel`],
      ['GET', `/api/deliveries?wasm_id=${one.id}`],
      ['GET', `/api/resend-jobs?wasm_id=${one.id}`],
    ] as const) {
      await refused(await send(tokens.manage, method, path), 404, 'NOT_FOUND')
    }
    await refused(await send(tokens.manage, 'GET', '/api/executables'), 403, 'WRONG_KEY')
  })

  test('the operator says whose things are meant, and is told where that is missing', async () => {
    for (const [method, path, body] of [
      ['GET', '/api/endpoints'],
      ['POST', '/api/event-types', { name: 'a' }],
      ['POST', '/api/messages', { type: 'a', payload: 1 }],
    ] as const) {
      const answer = await refused(await send(OPERATOR, method, path, body), 400, 'BAD_REQUEST')
      assert.equal(answer.field, 'tenant')
    }
  })
})
