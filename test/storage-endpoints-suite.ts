// What every storage engine must do with endpoints: their patterns, where they point, and their secrets.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { newEventType } from './helpers/event-types.ts'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import type { NewEndpoint, Storage } from '../src/storage/storage.ts'
import { NOW, PER_LANE, bounds, idsOf, newAttempt } from './storage-deliveries-suite.ts'
import {
  AFTER,
  SUCCEEDED,
  accepted,
  addEndpoint,
  deliveriesOf,
  newEndpoint,
  newMessage,
  newSecret,
  withType,
} from './storage-events-suite.ts'

/** What an owner says of an endpoint, and whose it is. */
function partsOf({ id, secret, tenant, createdAtMs, ...fields }: NewEndpoint) {
  return { id, fields, made: { secret, tenant, createdAtMs } }
}

export function testEndpoints(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  const open = async (t: TestContext): Promise<Storage> => withType(await openEmpty(t))

  describe(`${engine}: endpoints`, () => {
    test('are kept whole, tenants apart, up to the most', async (t) => {
      const storage = await open(t)
      const made = await addEndpoint(storage)
      const { secret, target, ...kept } = made
      const expected = {
        ...kept,
        secrets: [{ ...secret, privateKey: null, expiresAtMs: null }],
        ...{ disabled: null, failingSinceMs: null, updatedAtMs: NOW },
      }
      assert.notEqual(target, '')
      assert.deepEqual(await storage.endpoints.get(made.id), expected)
      assert.equal(await storage.endpoints.add(newEndpoint(), 1), false)
      assert.deepEqual(await storage.endpoints.list('t', { limit: 1 }), {
        items: [expected],
        next: null,
      })
      assert.deepEqual((await storage.endpoints.list('other', { limit: 1 })).items, [])
    })

    test('are changed by who saw the last change, and what waits goes along', async (t) => {
      const storage = await open(t)
      const { id, fields } = partsOf(await addEndpoint(storage))
      const message = newMessage()
      await storage.messages.publish(message)
      const moved = { ...fields, target: 'https://b.example:443' }
      const times = { changedAtMs: NOW, nowMs: NOW }
      assert.equal(await storage.endpoints.update(id, moved, times), true)
      assert.equal(await storage.endpoints.update(id, fields, times), false)
      const [delivery] = await deliveriesOf(storage, message.id)
      assert.equal(delivery?.target, moved.target)
      assert.deepEqual(idsOf(await storage.deliveries.claim(bounds())), [delivery.id])
    })

    test('and event types are no more than the most where many are made at once', async (t) => {
      const { endpoints, eventTypes } = await open(t)
      const made: Promise<boolean | string>[] = []
      for (let n = 0; n < 60; n++) {
        const type = newEventType({ name: `type-${n}` })
        made.push(endpoints.add(newEndpoint(), 5), eventTypes.add(type, 5))
        // So that several writers are at work.
        if (n % 6 === 0) await setImmediate()
      }
      const outcomes = await Promise.all(made)
      assert.equal(outcomes.filter((one) => one === true).length, 5)
      assert.equal(outcomes.filter((one) => one === 'added').length, 4, 'and one of before')
    })

    test('want what their patterns say now, each once, and nothing once they are gone', async (t) => {
      const storage = await open(t)
      const { eventTypes, endpoints, messages } = storage
      const type = newEventType({ name: 'a.b.c' })
      await eventTypes.add(type, 9)
      const made = await addEndpoint(storage, { eventTypes: ['a.*', 'a.*.c', 'a.*', '*.b.c'] })
      const { id, fields } = partsOf(made)
      const publish = async (name: string): Promise<number> =>
        accepted(await messages.publish(newMessage({ type: name }))).message.deliveries
      let changedAtMs = NOW
      const want = async (...patterns: string[]): Promise<number[]> => {
        const change = { ...fields, eventTypes: patterns }
        const times = { changedAtMs, nowMs: ++changedAtMs }
        assert.equal(await endpoints.update(id, change, times), true)
        return [await publish('a.b.c'), await publish('order.created')]
      }
      assert.deepEqual([await publish('a.b.c'), await publish('order.created')], [1, 0])
      assert.deepEqual(await want('order.*', 'a.*.c'), [1, 1])
      assert.deepEqual(await want('order.*'), [0, 1])
      assert.deepEqual(await want('a.b'), [0, 0])
      const stale = { ...fields, eventTypes: ['*'] }
      assert.equal(await endpoints.update(id, stale, { changedAtMs: NOW, nowMs: NOW }), false)
      assert.equal(await publish('a.b.c'), 0)
      assert.deepEqual(await want('*'), [1, 1])
      await endpoints.remove(id, NOW)
      assert.equal(await publish('a.b.c'), 0)
    })

    test('that are changed twice at once have all that waits where the last change points', async (t) => {
      const storage = await open(t)
      const { id, fields } = partsOf(await addEndpoint(storage))
      for (let n = 0; n < 250; n++) await storage.messages.publish(newMessage())
      const first = { ...fields, target: 'https://b.example:443' }
      const last = { ...fields, target: 'https://c.example:443' }
      const changes = [
        storage.endpoints.update(id, first, { changedAtMs: NOW, nowMs: NOW + 1 }),
        storage.endpoints.update(id, last, { changedAtMs: NOW + 1, nowMs: NOW + 2 }),
      ]
      assert.deepEqual(await Promise.all(changes), [true, true])
      const { items } = await storage.deliveries.list({ target: last.target }, { limit: 250 })
      assert.equal(items.length, 250)
    })

    test('that point elsewhere are sent nothing in the lane of before', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const { id, fields } = partsOf(await addEndpoint(storage))
      for (let n = 0; n < PER_LANE; n++) await storage.messages.publish(newMessage())
      const [ended, lost, fails] = await deliveries.claim(bounds())
      await deliveries.settle(ended!, newAttempt(), SUCCEEDED, AFTER)
      const moved = { ...fields, target: 'https://b.example:443' }
      await storage.endpoints.update(id, moved, { changedAtMs: NOW, nowMs: NOW })
      // One whose outcome nobody knows, one that failed, and one that is sent again.
      await deliveries.release([lost!], NOW)
      const slow = { askedMs: 60_000, maxMs: 60_000 }
      const after = { state: 'waiting', dueAtMs: NOW } as const
      assert.deepEqual(await deliveries.claim(bounds()), [], 'one goes back into its lane')
      await deliveries.settle(fails!, newAttempt(), after, { ...AFTER, news: slow })
      assert.equal(await deliveries.resend(ended!.id, NOW), undefined)
      assert.equal(await deliveries.heldUntil(fails!.id), null, 'it left')
      const again = await deliveries.claim(bounds())
      assert.deepEqual(new Set(idsOf(again)), new Set(idsOf([ended!, lost!, fails!])))
      assert.deepEqual(new Set(again.map(({ target }) => target)), new Set([moved.target]))
      for (const leased of again) {
        const manual = leased.resending
        const then = manual ? ({ state: 'unchanged' } as const) : SUCCEEDED
        assert.equal(await deliveries.settle(leased, newAttempt({ manual }), then, AFTER), true)
      }
      const shown = await deliveries.get(ended!.id)
      assert.deepEqual([shown?.state, shown?.resending], ['succeeded', false])
    })

    test('that point elsewhere leave the room where they pointed', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const { id, fields } = partsOf(await addEndpoint(storage))
      const stays = await addEndpoint(storage, { eventTypes: ['order.*'] })
      for (let n = 0; n < PER_LANE; n++) await storage.messages.publish(newMessage())
      const first = await deliveries.claim(bounds())
      const moved = { ...fields, target: 'https://b.example:443' }
      await storage.endpoints.update(id, moved, { changedAtMs: NOW, nowMs: NOW })
      const later = bounds({ nowMs: NOW + 1_000 })
      const lost = first.filter(({ event }) => event?.endpointId === id)
      assert.ok(lost.length > 0)
      let left = 2 * PER_LANE
      for (let round = 0; left > 0; round++) {
        assert.ok(round < 9, 'a lane was forgotten')
        for (const leased of await deliveries.claim({ ...later, leaseId: uuidv7() })) {
          const { target } = leased.event?.endpointId === stays.id ? stays : moved
          assert.equal(leased.target, target)
          await deliveries.settle(leased, newAttempt(), SUCCEEDED, { ...AFTER, nowMs: later.nowMs })
          left--
        }
      }
    })

    test('have secrets that end when they were replaced, no more than the most', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      const times = { nowMs: NOW, previousUntilMs: NOW + 10, previousMax: 1 }
      await storage.endpoints.rotate(id, newSecret(), times)
      const ends = (await storage.endpoints.get(id))?.secrets.map((one) => one.expiresAtMs)
      assert.deepEqual(ends, [null, NOW + 10])
      const tooMany = storage.endpoints.rotate(id, newSecret(), times)
      await assert.rejects(tooMany, { code: 'CONFLICT' })
      assert.equal((await storage.endpoints.get(id))?.secrets.length, 2)
      const gone = storage.endpoints.rotate(uuidv7(), newSecret(), times)
      await assert.rejects(gone, { code: 'NOT_FOUND' })
    })
  })
}
