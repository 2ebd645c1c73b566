// What a stop does with attempts that are under way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import {
  POLL,
  callback,
  handOver,
  hasEnded,
  readDelivery,
  untilDelivery,
} from './helpers/deliveries.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { createGate } from './helpers/outbound-peers.ts'

test('an attempt that ends within DRAIN_MS is recorded by the stop, and not made again', async (t) => {
  const app = await buildApp(t, { ...POLL, DRAIN_MS: 60_000 })
  const one = await upload(app, await guest('echo'))
  const arrived = createGate()
  const answer = createGate()
  const target = await httpService(t, (_request, reply) => {
    arrived.open()
    void answer.opened.then(() => reply.end())
  })
  const id = await handOver(app, one, callback(target))
  await arrived.opened
  const closed = app.close()
  // Nobody connects any more: the stop is under way.
  while (
    await app.request('/healthz').then(
      () => true,
      () => false,
    )
  );
  answer.open()
  await closed
  const again = await app.restart()
  const delivery = await readDelivery(again, one, id)
  assert.deepEqual([delivery.state, delivery.attempts.length], ['succeeded', 1])
  assert.equal(target.received.length, 1)
})

test('an attempt that does not is cut, costs no try, and is made again by the next start', async (t) => {
  const app = await buildApp(t, { ...POLL, DRAIN_MS: 50 })
  const one = await upload(app, await guest('echo'))
  const arrived = createGate()
  const cut = createGate()
  const target = await httpService(t, (_request, reply) => {
    if (target.received.length > 1) {
      reply.end()
      return
    }
    reply.on('close', () => cut.open())
    arrived.open()
  })
  // Without retries: a failure would end it.
  const id = await handOver(app, one, callback(target, { schedule_ms: [] }))
  await arrived.opened
  await app.close()
  await cut.opened
  const again = await app.restart()
  const ended = await untilDelivery(again, one, id, hasEnded)
  assert.deepEqual([ended.state, ended.tries, ended.attempts.length], ['succeeded', 1, 1])
  assert.equal(target.received.length, 2)
})
