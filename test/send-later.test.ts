// Callbacks that say when: `deliver_at` and `delay_ms`.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  handOver,
  hasEnded,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'

const MAX_MS = 3_600_000

describe('a result that is sent later', () => {
  const scope = suiteScope()
  const clock = new Clock()
  let app: TestApp
  let one: Uploaded
  let target: HttpService

  before(async () => {
    const settings = { ...POLL, DELIVER_LATER_MS_MAX: MAX_MS }
    app = await buildApp(scope, settings, { now: clock.now, chance: () => 0 })
    one = await upload(app, await guest('echo'))
    target = await httpService(scope, (_request, reply) => reply.end())
  })
  beforeEach(() => {
    target.received.length = 0
  })

  const inMs = (ms: number): string => new Date(clock.ms + ms).toISOString()
  const later = (fields: object): string => callback(target, undefined, fields)

  test('is due at its time or after its pause, and arrives then', async () => {
    const ids = [
      await handOver(app, one, later({ deliver_at: inMs(5_000) })),
      await handOver(app, one, later({ delay_ms: 5_000 })),
    ]
    for (const id of ids) {
      const { state, due_at: dueAt, tries } = await readDelivery(app, one, id)
      assert.deepEqual([state, dueAt, tries], ['scheduled', inMs(5_000), 0])
    }
    clock.ms += 4_999
    const other = await handOver(app, one, callback(target))
    await untilDelivery(app, one, other, hasEnded)
    assert.equal(target.received.length, 1, 'nothing before its time')
    clock.ms += 1
    for (const id of ids) {
      assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
    }
    assert.equal(target.received.length, 3)
  })

  test('is a delivery too where its caller waits, who is answered 202', async () => {
    const headers = { SSVM_Callback: later({ delay_ms: 1_000 }) }
    const response = await call(app, one, 'echo', { body: 'kept', headers })
    assert.equal(response.status, 202)
    const answer = (await response.json()) as Record<string, string>
    assert.deepEqual(answer, {
      run_id: response.headers.get('wasmhook-run'),
      status: 'succeeded',
      delivery_id: response.headers.get('wasmhook-delivery'),
      due_at: inMs(1_000),
    })
    assert.equal(response.headers.get('location'), `/api/runs/${answer.run_id}`)
    const result = await app.request(`/api/runs/${answer.run_id}/result`)
    assert.equal(await result.text(), 'kept')
    const id = String(answer.delivery_id)
    assert.equal((await readDelivery(app, one, id)).state, 'scheduled')
    clock.ms += 1_000
    const ended = await untilDelivery(app, one, id, hasEnded)
    assert.deepEqual([ended.state, ended.attempts.length], ['succeeded', 1])
    assert.equal(target.received[0]?.body.toString(), 'kept')
  })

  test('can be sent at once all the same, and canceled', async () => {
    const id = await handOver(app, one, later({ delay_ms: 60_000 }))
    const ask = (what: string, which: string): Promise<Response> =>
      app.request(`/api/deliveries/${which}/${what}`, { method: 'POST', headers: admin(one) })
    assert.equal((await ask('resend', id)).status, 202)
    assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
    const second = await handOver(app, one, later({ delay_ms: 60_000 }))
    assert.equal((await ask('cancel', second)).status, 200)
    assert.equal((await readDelivery(app, one, second)).state, 'canceled')
  })

  test('is put off by the callback in a result, and by the stored one', async () => {
    const spec = JSON.parse(later({ delay_ms: 2_000 })) as object
    const body = JSON.stringify({ text: 'x', callback: spec })
    const embedded = await call(app, one, 'echo', { body })
    assert.equal(embedded.status, 202)
    const { due_at: dueAt } = (await embedded.json()) as { due_at: string }
    assert.equal(dueAt, inMs(2_000))

    const bad = JSON.stringify({ callback: { ...spec, delay_ms: MAX_MS + 1 } })
    const refusal = await refused(
      await call(app, one, 'echo', { body: bad }),
      500,
      'INVALID_CALLBACK',
    )
    assert.equal(refusal.field, 'delay_ms')

    const stored = await upload(app, await guest('echo'))
    const store = (text: string): Promise<Response> =>
      app.request(`/api/callback/${stored.id}`, {
        method: 'PUT',
        headers: admin(stored),
        body: text,
      })
    assert.equal((await store(later({ delay_ms: 3_000 }))).status, 200)
    const response = await call(app, stored, 'echo', { body: 'x' })
    assert.equal(((await response.json()) as { due_at: string }).due_at, inMs(3_000))
    for (const [fields, field] of [
      [{ deliver_at: inMs(1_000) }, 'deliver_at'],
      [{ delay_ms: MAX_MS + 1 }, 'delay_ms'],
    ] as const) {
      assert.equal((await refused(await store(later(fields)), 400, 'INVALID_SPEC')).field, field)
    }
  })

  test('outlives the server that accepted it', async (t) => {
    const first = await buildApp(t, POLL, { now: clock.now, chance: () => 0 })
    const own = await upload(first, await guest('echo'))
    const id = await handOver(first, own, later({ delay_ms: 7_000 }))
    const second = await first.restart()
    clock.ms += 7_000
    assert.equal((await untilDelivery(second, own, id, hasEnded)).state, 'succeeded')
  })

  test('is refused with nothing stored where it could never be sent so', async () => {
    const fresh = await upload(app, await guest('echo'))
    for (const [fields, field] of [
      [{ deliver_at: inMs(-1) }, 'deliver_at'],
      [{ deliver_at: inMs(MAX_MS + 1) }, 'deliver_at'],
      [{ deliver_at: 'tomorrow' }, 'deliver_at'],
      [{ deliver_at: '2026-02-30T00:00:00Z' }, 'deliver_at'],
      [{ deliver_at: clock.ms }, 'deliver_at'],
      [{ delay_ms: -1 }, 'delay_ms'],
      [{ delay_ms: MAX_MS + 1 }, 'delay_ms'],
      [{ delay_ms: 1.5 }, 'delay_ms'],
      [{ delay_ms: '1000' }, 'delay_ms'],
      [{ delay_ms: 1e300 }, 'delay_ms'],
      [{ delay_ms: 1, deliver_at: inMs(1) }, 'delay_ms'],
    ] as const) {
      for (const more of [{}, { prefer: 'respond-async' }]) {
        const headers = { SSVM_Callback: later(fields), ...more }
        const response = await call(app, fresh, 'echo', { body: 'x', headers })
        const told = JSON.stringify(fields)
        assert.equal((await refused(response, 400, 'INVALID_SPEC')).field, field, told)
      }
    }
    for (const list of ['runs', 'deliveries']) {
      const url = `/api/executables/${fresh.id}/${list}`
      const response = await app.request(url, { headers: admin(fresh) })
      assert.deepEqual(await response.json(), { items: [], next: null })
    }
    assert.equal(target.received.length, 0)
  })
})
