// What every storage engine must do with messages beyond publishing them one by one.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { ResendJob } from '../src/model.ts'
import type { Storage } from '../src/storage/storage.ts'
import { NOW, PER_LANE, bounds, newAttempt } from './storage-deliveries-suite.ts'
import {
  accepted,
  addEndpoint,
  deliveriesOf,
  newMessage,
  withType,
} from './storage-events-suite.ts'

const SUCCEEDED = { state: 'succeeded', reason: null } as const
const AFTER = { nowMs: NOW, perLane: PER_LANE, news: 'none' } as const

/** Of all that was published before. */
function newReplay(endpointId: string): ResendJob {
  return {
    id: uuidv7({ msecs: NOW + 1 }),
    executableId: null,
    tenant: 't',
    kind: 'replay',
    state: 'running',
    filter: { tenant: 't', endpointId },
    ratePerSecond: null,
    cursor: null,
    ...{ matched: 0, resent: 0, skipped: 0, succeeded: 0, failed: 0 },
    createdAtMs: NOW,
    endedAtMs: null,
  }
}

export function testMessages(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  const open = async (t: TestContext): Promise<Storage> => withType(await openEmpty(t))

  describe(`${engine}: messages`, () => {
    test('that are published together are one unit, as far as others can wait for it', async (t) => {
      const storage = await open(t)
      const refusedOnes = [newMessage({ type: 'other' }), newMessage({ type: 'other' })]
      assert.deepEqual(await storage.messages.publishSome(refusedOnes), [
        'unknown_type',
        'unknown_type',
      ])
      for (let n = 0; n < 400; n++) await addEndpoint(storage)
      const messages = [1, 2, 3, 4].map(() => newMessage())
      const some = await storage.messages.publishSome([refusedOnes[0]!, ...messages])
      assert.equal(some[0], 'unknown_type')
      assert.deepEqual(
        some.slice(1).map((one) => accepted(one).message.deliveries),
        [400, 400, 400],
      )
      assert.equal(await storage.messages.get(messages[3]!.id), undefined)
      assert.equal(await storage.messages.get(refusedOnes[0]!.id), undefined)
    })

    test('are expunged from the first mark on, and in steps', async (t) => {
      const storage = await open(t)
      const { deliveries, deliveryRetention: kept, messages } = storage
      for (let n = 0; n < 3; n++) await addEndpoint(storage)
      const message = newMessage()
      await messages.publish(message)
      const [sent, made] = await deliveries.claim(bounds({ limit: 2 }))
      await deliveries.settle(sent!, newAttempt(), SUCCEEDED, AFTER)
      await deliveries.prepared(made!, { body: Buffer.from('made'), contentType: 'a/b' })
      await deliveries.putBack({ ...made!, lane: made!.target }, NOW, PER_LANE)
      assert.equal(await deliveries.resend(sent!.id, NOW), undefined)
      assert.equal(await messages.expunge('other', message.id, NOW), false)
      assert.deepEqual(await messages.expunging(9), [])
      assert.equal(await messages.expunge('t', message.id, NOW), true)
      assert.equal(await messages.expunge('t', message.id, NOW + 1), true)
      assert.deepEqual(await messages.expunging(9), [message.id])
      const shown = await messages.get(message.id)
      assert.deepEqual([shown?.body, shown?.message.expungedAtMs], [null, NOW])
      // A process that died here has nothing of it sent.
      assert.deepEqual(await deliveries.claim(bounds()), [])
      const states = (await deliveriesOf(storage, message.id)).map((one) => [one.state, one.reason])
      const canceled = ['canceled', 'payload_expunged']
      assert.deepEqual(states.sort(), [canceled, canceled, ['succeeded', null]])
      assert.equal(await deliveries.resend(sent!.id, NOW), undefined, 'to be taken back')
      await deliveries.cancelAll({ messageId: message.id }, 'payload_expunged', NOW)
      assert.equal(await kept.dropPayloadsOf(message.id), 3)
      assert.equal(await kept.dropPayloadsOf(message.id), 0)
      await messages.endExpunging(message.id)
      assert.deepEqual(await messages.expunging(9), [])
      assert.equal(await deliveries.resend(sent!.id, NOW), 'payload_gone')
      const [attempt] = (await deliveries.attempts(sent!.id, 9)).items
      assert.equal(attempt?.responseBody.length, 0)
      const ended = await deliveriesOf(storage, message.id)
      assert.ok(ended.every((one) => !one.payloadKept && !one.resending && one.dueAtMs === null))
      assert.equal(await kept.oldestKept('deliveries', 0), undefined)
      assert.equal(await kept.oldestKept('messages', 0), undefined)
    })

    test('that an endpoint was never sent are sent by a step, whose lease is held, once', async (t) => {
      const storage = await open(t)
      const { deliveries, deliveryRetention: kept, messages, resendJobs } = storage
      const unsent = newMessage({ hops: 3 })
      await messages.publish(unsent)
      const first = await addEndpoint(storage)
      const both = newMessage()
      await messages.publish(both)
      const second = await addEndpoint(storage)
      const total = async () =>
        (await kept.keptBytes('messages', 0, NOW + 9)) +
        (await kept.keptBytes('deliveries', 0, NOW + 9))
      const job = newReplay(second.id)
      assert.equal(await resendJobs.add(job, 9), true)
      const [leased] = await resendJobs.claim(bounds())
      const step = { nowMs: NOW, rows: 2, window: 1, fullPauseMs: 7, perLane: 1 }
      assert.equal(await resendJobs.step({ ...leased!, leaseId: uuidv7() }, step), 0)
      assert.equal(await resendJobs.step(leased!, step), 2)
      assert.equal((await messages.get(unsent.id))?.message.deliveries, 1)
      assert.equal((await messages.get(both.id))?.message.deliveries, 2)
      const [again] = await resendJobs.claim(bounds())
      assert.equal(await resendJobs.step(again!, step), 0)
      const done = await resendJobs.get(job.id)
      assert.deepEqual([done?.state, done?.matched, done?.resent], ['finished', 2, 2])
      const repeated = newReplay(second.id)
      await resendJobs.add(repeated, 9)
      const [other] = await resendJobs.claim(bounds())
      assert.equal(await resendJobs.step(other!, { ...step, rows: 9 }), 0)
      const sent = await deliveries.claim(bounds({ limit: 9, bytes: 1e6 }))
      assert.deepEqual(
        sent.map((one) => [one.event?.endpointId, one.event?.messageId]).sort(),
        [
          [first.id, both.id],
          [second.id, both.id],
          [second.id, unsent.id],
        ].sort(),
      )
      assert.ok(sent.every(({ body, sizeBytes }) => body.length === sizeBytes))
      // Each body counts once, with what it is sent by.
      assert.equal(await total(), 0)
      for (const one of sent) await deliveries.settle(one, newAttempt(), SUCCEEDED, AFTER)
      assert.equal(await total(), unsent.body.length + both.body.length + 3 * 2)
    })
  })
}
