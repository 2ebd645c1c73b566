// What every storage engine must do with event types, and with what they say of their messages.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { payloadOf, toEnvelope } from '../src/event-envelope.ts'
import type { RequestSpec } from '../src/model.ts'
import type { NewMessage, Published, Storage } from '../src/storage/storage.ts'
import { REVISION, newEventType } from './helpers/event-types.ts'
import { NOW, PER_LANE, bounds, newAttempt } from './storage-deliveries-suite.ts'
import { accepted, addEndpoint, newMessage } from './storage-events-suite.ts'

const AFTER = { nowMs: NOW, perLane: PER_LANE, news: 'none' } as const

const SPEC: RequestSpec = {
  protocol: 'https:',
  hostname: 'a.example',
  port: 443,
  path: '/',
  headers: { 'x-key': 'secret' },
}

export function testEventTypes(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  /** With an event type. */
  async function open(t: TestContext): Promise<Storage> {
    const storage = await openEmpty(t)
    assert.equal(await storage.eventTypes.add(newEventType(), 1), 'added')
    return storage
  }

  async function publish({ messages }: Storage, message: NewMessage): Promise<Published> {
    return accepted(await messages.publish(message))
  }

  describe(`${engine}: event types`, () => {
    test('are there once, up to the most, and listed by name', async (t) => {
      const { eventTypes } = await open(t)
      const fetch = { ...SPEC, path: '/orders/{{id}}' }
      const type = newEventType({ name: 'b', description: 'x', schema: '{}', fetch })
      assert.equal(await eventTypes.add({ ...type, name: 'order.created' }, 9), 'exists')
      assert.equal(await eventTypes.add(type, 1), 'full')
      assert.equal(await eventTypes.add({ ...type, tenant: 'other' }, 1), 'added')
      assert.equal(await eventTypes.add(type, 2), 'added')
      assert.deepEqual(await eventTypes.get('t', 'b'), type)
      const first = await eventTypes.list('t', { limit: 1 })
      assert.deepEqual([first.items[0]?.name, first.next], ['b', 'b'])
      const second = await eventTypes.list('t', { limit: 1, after: 'b' })
      assert.deepEqual([second.items[0]?.name, second.next], ['order.created', null])
      assert.equal(await eventTypes.remove('t', 'b'), true)
      assert.equal(await eventTypes.remove('t', 'b'), false)
    })
  })

  describe(`${engine}: what a type says of its messages`, () => {
    test('is changed once for each revision that was read', async (t) => {
      const { eventTypes } = await open(t)
      const fetch = { ...SPEC, path: '/{{id}}' }
      const changed = newEventType({ enforcement: 'warn', schema: '{}', fetch, revision: 'second' })
      assert.equal(await eventTypes.update(changed, REVISION), true)
      assert.deepEqual(await eventTypes.get('t', 'order.created'), changed)
      assert.equal(await eventTypes.update(newEventType(), REVISION), false)
      assert.equal(await eventTypes.update(newEventType({ name: 'other' }), REVISION), false)
      assert.deepEqual(await eventTypes.get('t', 'order.created'), changed)
    })

    test('holds for a message only while it is the same in the transaction that stores it', async (t) => {
      const storage = await open(t)
      for (const typeRevision of [null, 'earlier']) {
        const message = newMessage({ typeRevision })
        assert.equal(await storage.messages.publish(message), 'type_changed')
        assert.equal(await storage.messages.get(message.id), undefined)
      }
      await publish(storage, newMessage({ callerId: 'a' }))
      const repeated = newMessage({ callerId: 'a', typeRevision: 'earlier' })
      assert.equal((await publish(storage, repeated)).repeated, true)
    })

    test('has its payload fetched by what is kept sealed, and the first that is kept is sent', async (t) => {
      const storage = await open(t)
      const { messages, deliveries } = storage
      for (let n = 0; n < 2; n++) await addEndpoint(storage)
      const made = newMessage({ fetch: SPEC })
      await publish(storage, made)
      const leased = await deliveries.claim(bounds())
      assert.deepEqual(
        leased.map(({ unfetched }) => unfetched),
        [true, true],
      )
      assert.deepEqual(await messages.toFetch(made.id), { spec: SPEC })
      const bodies = ['"first"', '"second"'].map((one) => toEnvelope('a', NOW, one))
      const kept = await Promise.all(
        bodies.map((one) => messages.keepFetched(made.id, one, NOW + 5)),
      )
      assert.deepEqual(kept[0], kept[1], 'both send the same')
      assert.deepEqual(await messages.toFetch(made.id), { body: kept[0] })
      const found = await messages.get(made.id)
      assert.deepEqual([found?.body, found?.message.fetched], [kept[0], NOW + 5])
      assert.equal(found?.message.sizeBytes, kept[0]?.length)
      for (const one of leased) assert.equal(await deliveries.preparedAsIs(one, 'raw', 7), 'kept')
      await deliveries.releaseAll(NOW)
      for (const one of await deliveries.claim(bounds())) {
        assert.deepEqual([one.unfetched, one.unprepared, one.sizeBytes], [false, null, 7])
        assert.deepEqual(one.body, payloadOf(kept[0]!))
        await deliveries.settle(one, newAttempt(), { state: 'succeeded', reason: null }, AFTER)
      }
      const answers = 2 * newAttempt().responseBody.length
      const bytes = await storage.deliveryRetention.keptBytes('deliveries', 0, NOW + 9)
      assert.equal(bytes - answers, kept[0]!.length, 'what was published counts no more')
    })

    test('ends all its deliveries where there is nothing to fetch, but for those that had', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      for (let n = 0; n < 3; n++) await addEndpoint(storage)
      const made = newMessage({ fetch: SPEC })
      await publish(storage, made)
      const [one, another] = await deliveries.claim(bounds({ limit: 2 }))
      await deliveries.discard({ ...one!, lane: one!.target }, 'resource_missing', AFTER)
      await deliveries.discardMessage(made.id, 'resource_missing', NOW + 1)
      const { items } = await deliveries.list({ messageId: made.id }, { limit: 9 })
      assert.deepEqual(
        items.map(({ state, reason }) => [state, reason]),
        [
          ['discarded', 'resource_missing'],
          ['discarded', 'resource_missing'],
          ['discarded', 'resource_missing'],
        ],
      )
      assert.equal(
        await deliveries.preparedAsIs(another!, 'envelope', 1),
        'lease_lost',
        'its lease is lost',
      )
      assert.equal(await deliveries.resend(one!.id, NOW + 2), undefined)
      const [again] = await deliveries.claim(bounds({ nowMs: NOW + 2 }))
      assert.deepEqual([again?.id, again?.unfetched], [one!.id, true])
    })

    test('brings nothing back of a payload that was expunged while it was fetched', async (t) => {
      const storage = await open(t)
      const { messages } = storage
      await addEndpoint(storage)
      const made = newMessage({ fetch: SPEC })
      await publish(storage, made)
      assert.equal(await messages.expunge('t', made.id, NOW), true)
      await messages.endExpunging(made.id)
      const late = Buffer.from('{"data":1}')
      assert.equal(await messages.keepFetched(made.id, late, NOW), undefined)
      assert.equal(await messages.keepFetched(made.id, late, NOW), undefined)
      assert.equal((await messages.get(made.id))?.body, null)
    })

    test('is kept with the message, and told whenever it is', async (t) => {
      const storage = await open(t)
      const fetch = { ...SPEC, path: '/orders/1' }
      const made = newMessage({ callerId: 'a', warnings: ['a is missing.'], fetch })
      const { message } = await publish(storage, made)
      assert.deepEqual([message.warnings, message.fetched], [['a is missing.'], 'waiting'])
      assert.deepEqual((await storage.messages.get(made.id))?.message, message)
      assert.deepEqual((await storage.messages.list('t', {}, { limit: 1 })).items, [message])
      assert.deepEqual((await storage.messages.findByCaller('t', 'a'))?.message, message)
      const { message: plain } = await publish(storage, newMessage())
      assert.deepEqual([plain.warnings, plain.fetched], [[], 'never'])
      assert.deepEqual((await storage.messages.get(plain.id))?.message, plain)
    })
  })
}
