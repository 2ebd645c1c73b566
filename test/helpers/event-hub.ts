// A server with a tenant whose events go to a real receiver.
import assert from 'node:assert/strict'
import { buildApp } from './build-app.ts'
import type { Scope, TestApp } from './build-app.ts'
import { POLL } from './deliveries.ts'
import type { Shown } from './deliveries.ts'
import { httpService } from './http-service.ts'
import type { HttpService } from './http-service.ts'

export type Json = Record<string, unknown>

export interface EventHub {
  app: TestApp
  target: HttpService
  /** What the target answers next; 200 when nothing is left. */
  answers: number[]
  /** Milliseconds since 1970, which tests set. */
  clock: { nowMs: number }
  tenant: string
  /** A text is sent as it is. */
  send: (method: string, url: string, body?: object | string, keys?: object) => Promise<Response>
  /** Its answer, which has that status. */
  made: (response: Response, status: number) => Promise<Json>
  get: (url: string) => Promise<Json>
  /** Added for the tenant, to the target unless said otherwise. */
  endpoint: (
    fields?: object,
    keys?: object,
  ) => Promise<Json & { endpoint_id: string; secret: string }>
  publish: (payload: unknown, fields?: object) => Promise<Json & { message_id: string }>
  /** Takes all endpoints away, and what the target received and was to answer. */
  reset: () => Promise<void>
  /** The message's only delivery, as soon as it is so. */
  deliveryOf: (messageId: unknown, reached: (one: Shown) => boolean) => Promise<Shown & Json>
}

/** Its tenant has the event type order.created. */
export async function createEventHub(
  scope: Scope,
  settings: Parameters<typeof buildApp>[1] = {},
): Promise<EventHub> {
  const clock = { nowMs: Date.now() }
  const answers: number[] = []
  const app = await buildApp(
    scope,
    { ...POLL, ...settings },
    { now: () => clock.nowMs, chance: () => 0 },
  )
  const target = await httpService(scope, (_request, reply) => {
    reply.writeHead(answers.shift() ?? 200).end('taken')
  })
  const tenant = 'acme'

  const send: EventHub['send'] = (method, url, body, keys = {}) =>
    app.request(url, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...keys },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })

  const made: EventHub['made'] = async (response, status) => {
    const text = await response.text()
    assert.equal(response.status, status, text)
    return JSON.parse(text) as Json
  }

  const get: EventHub['get'] = async (url) => made(await app.request(url), 200)
  await made(await send('POST', '/api/event-types', { tenant, name: 'order.created' }), 201)

  return {
    ...{ app, target, answers, clock, tenant, send, made, get },
    async endpoint(fields = {}, keys = {}) {
      const body = { tenant, url: `${target.origin}/in`, event_types: ['order.*'], ...fields }
      const one = await made(await send('POST', '/api/endpoints', body, keys), 201)
      return one as Json & { endpoint_id: string; secret: string }
    },
    async reset() {
      target.received.length = 0
      answers.length = 0
      const { items } = await get(`/api/endpoints?tenant=${tenant}`)
      for (const { endpoint_id: id } of items as Json[]) {
        const removed = await send('DELETE', `/api/endpoints/${String(id)}?tenant=${tenant}`)
        await made(removed, 200)
      }
    },
    async publish(payload, fields = {}) {
      const body = { tenant, type: 'order.created', payload, ...fields }
      const one = await made(await send('POST', '/api/messages', body), 202)
      return one as Json & { message_id: string }
    },
    async deliveryOf(messageId, reached) {
      for (;;) {
        const { items } = await get(`/api/deliveries?message_id=${String(messageId)}`)
        const [one] = items as Shown[]
        assert.ok(one !== undefined)
        if (reached(one)) {
          return (await get(`/api/deliveries/${one.delivery_id}`)) as Shown & Json
        }
      }
    },
  }
}
