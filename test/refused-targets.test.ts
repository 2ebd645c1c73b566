// Targets and policies that are refused: as soon as they are named, or, where only DNS can tell, as an attempt that
// failed.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import {
  Clock,
  POLL,
  callback,
  failing,
  handOver,
  hasEnded,
  untilDelivery,
} from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService } from './helpers/http-service.ts'

const scope = suiteScope()
const clock = new Clock()
let app: TestApp
let one: Uploaded
let target: HttpService
/** Where a name leads that its owner moves. */
let address = '10.0.0.1'

before(async () => {
  const resolve = () => Promise.resolve([{ address, family: 4 }])
  app = await buildApp(scope, POLL, { now: clock.now, chance: () => 0, resolve })
  one = await upload(app, await guest('echo'))
  target = await httpService(scope, (_request, reply) => reply.end())
})

describe('a target that DNS leads where nobody may call', () => {
  const named = (hostname: string): string =>
    callback(target, { schedule_ms: [1_000, 1_000] }, { hostname })

  test('is a failed attempt, tried again as its policy says', async () => {
    address = '10.0.0.1'
    const id = await handOver(app, one, named('moving.example'))
    const first = await untilDelivery(app, one, id, ({ tries }) => tries === 1)
    assert.deepEqual([first.state, first.attempts[0]?.error_class], ['waiting', 'guard'])
    address = '127.0.0.1'
    clock.ms += 1_000
    assert.equal((await untilDelivery(app, one, id, hasEnded)).state, 'succeeded')
  })

  test('goes on after a caller was told 400, where its callback says retry', async () => {
    address = '169.254.169.254'
    const id = await failing(app, one, named('inside.example'), [400, 'ADDRESS_REFUSED'])
    for (let tries = 2; tries <= 3; tries++) {
      clock.ms += 1_000
      await untilDelivery(app, one, id, (delivery) => delivery.tries === tries)
    }
    const ended = await untilDelivery(app, one, id, hasEnded)
    assert.equal(ended.state, 'exhausted')
    assert.deepEqual(
      ended.attempts.map((attempt) => attempt.error_class),
      ['guard', 'guard', 'guard'],
    )
  })
})

test('a background run whose result names an address that may not be called fails, and keeps its result', async () => {
  const named = { kept: 1, callback: { protocol: 'http:', hostname: '10.0.0.1' } }
  const response = await call(app, one, 'echo', {
    body: JSON.stringify(named),
    headers: { prefer: 'respond-async, wait=30' },
  })
  const answer = await refused(response, 400, 'ADDRESS_REFUSED')
  const result = await app.request(`/api/runs/${String(answer.run_id)}/result`)
  assert.equal(await result.text(), '{"kept":1}')
})

test('a policy that is absurd is refused with its field, wherever a callback is named', async () => {
  const policy = { interval_ms: 100, backoff: 1_000, retries: 3 }
  const field = 'retry.backoff'
  for (const prefer of ['', 'respond-async']) {
    const headers = { SSVM_Callback: callback(target, policy), prefer }
    const named = await refused(
      await call(app, one, 'echo', { headers, body: 'x' }),
      400,
      'INVALID_SPEC',
    )
    assert.equal(named.field, field)
  }
  const form = new FormData()
  form.append('input_1', 'x')
  form.append('SSVM_Callback', callback(target, policy))
  const parts = await app.request(`/api/multipart/run/${one.id}/echo`, {
    method: 'POST',
    body: form,
  })
  assert.equal((await refused(parts, 400, 'INVALID_SPEC')).field, field)
  const stored = await app.request(`/api/callback/${one.id}`, {
    method: 'PUT',
    headers: admin(one),
    body: callback(target, policy),
  })
  assert.equal((await refused(stored, 400, 'INVALID_SPEC')).field, field)
  const body = `{"callback":${callback(target, policy)}}`
  const embedded = await refused(await call(app, one, 'echo', { body }), 500, 'INVALID_CALLBACK')
  assert.equal(embedded.field, field)
})
