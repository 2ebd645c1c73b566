// What every storage engine must do with event types, and with what they say of their messages.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import type { RequestSpec } from '../src/model.ts'
import type { NewMessage, Published, Storage } from '../src/storage/storage.ts'
import { REVISION, newEventType } from './helpers/event-types.ts'
import { accepted, newMessage } from './storage-events-suite.ts'

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
