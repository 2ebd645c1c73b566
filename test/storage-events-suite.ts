// What every storage engine must do with event types, endpoints and messages.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { DEFAULT_SETTINGS } from '../src/endpoint-settings.ts'
import type { Delivery } from '../src/model.ts'
import type {
  LeasedDelivery,
  NewEndpoint,
  NewMessage,
  Published,
  PublishRefusal,
  Storage,
} from '../src/storage/storage.ts'
import { REVISION, newEventType } from './helpers/event-types.ts'
import {
  NOW,
  PER_LANE,
  bounds,
  idsOf,
  newAttempt,
  newDelivery,
} from './storage-deliveries-suite.ts'

export const SUCCEEDED = { state: 'succeeded', reason: null } as const
export const AFTER = { nowMs: NOW, perLane: PER_LANE, news: 'none' } as const

export function newSecret() {
  return { id: uuidv7(), hmacKey: Buffer.alloc(32, 7), privateKey: null, createdAtMs: NOW }
}

export function newEndpoint(change: Partial<NewEndpoint> = {}): NewEndpoint {
  const spec = { protocol: 'https:', hostname: 'a.example', port: 443, path: '/in' } as const
  return {
    id: uuidv7(),
    tenant: 't',
    description: '',
    eventTypes: ['*'],
    spec: { ...spec, headers: { 'x-key': 'secret' } },
    settings: DEFAULT_SETTINGS,
    target: 'https://a.example:443',
    retry: { scheduleMs: [5] },
    enabled: true,
    createdAtMs: NOW,
    secret: newSecret(),
    ...change,
  }
}

export function accepted(published: Published | PublishRefusal): Published {
  assert.ok(typeof published === 'object')
  return published
}

export function newMessage(change: Partial<NewMessage> = {}): NewMessage {
  return {
    id: uuidv7({ msecs: NOW }),
    tenant: 't',
    type: 'order.created',
    callerId: null,
    fingerprint: 'aa'.repeat(32),
    body: Buffer.from('{"data":1}'),
    contentType: 'application/json',
    hops: 1,
    deliverAtMs: null,
    hasTokenFields: false,
    dueAtMs: NOW,
    createdAtMs: NOW,
    typeRevision: REVISION,
    warnings: [],
    fetch: null,
    ...change,
  }
}

/** With an event type. */
export async function withType(storage: Storage): Promise<Storage> {
  assert.equal(await storage.eventTypes.add(newEventType(), 1), 'added')
  return storage
}

export async function addEndpoint({ endpoints }: Storage, change: Partial<NewEndpoint> = {}) {
  const endpoint = newEndpoint(change)
  assert.equal(await endpoints.add(endpoint, 10_000), true)
  return endpoint
}

export async function deliveriesOf(
  { deliveries }: Storage,
  messageId: string,
): Promise<Delivery[]> {
  return (await deliveries.list({ messageId }, { limit: 100 })).items
}

/** Payloads of what ended before, of messages that are older than they are kept. */
const before = (endedMs: number) => ({ endedMs, madeMs: NOW + 1 })

export function testEvents(engine: string, openEmpty: (t: TestContext) => Promise<Storage>): void {
  const open = async (t: TestContext): Promise<Storage> => withType(await openEmpty(t))

  const publish = async ({ messages }: Storage, message: NewMessage): Promise<Published> =>
    accepted(await messages.publish(message))

  describe(`${engine}: messages`, () => {
    test('are stored with a delivery for each endpoint that wants them, and only then', async (t) => {
      const storage = await open(t)
      const wanting = [
        await addEndpoint(storage),
        await addEndpoint(storage, {
          eventTypes: ['x', 'order.*'],
          target: 'https://b.example:443',
        }),
      ]
      await addEndpoint(storage, { eventTypes: ['order'] })
      await addEndpoint(storage, { enabled: false })
      await addEndpoint(storage, { tenant: 'other' })
      const made = newMessage()
      const published = await publish(storage, made)
      assert.equal(published.message.deliveries, 2)
      assert.equal(published.repeated, false)
      const found = await storage.messages.get(made.id)
      assert.deepEqual(found?.message, published.message)
      assert.deepEqual(found.body, made.body)
      const all = await deliveriesOf(storage, made.id)
      const to = all.map((one) => one.event?.endpointId)
      assert.deepEqual(new Set(to), new Set(wanting.map(({ id }) => id)))
      const [one] = all
      assert.deepEqual([one?.runId, one?.executableId, one?.createdAtMs], [null, null, NOW])
      assert.deepEqual(one?.event?.type, 'order.created')
      const leased = await storage.deliveries.claim(bounds())
      assert.equal(leased.length, 2)
      for (const { body, spec, signingSecrets, owner } of leased) {
        assert.deepEqual(body, made.body)
        assert.deepEqual(spec?.headers, { 'x-key': 'secret' })
        assert.equal(signingSecrets.length, 1)
        assert.ok(owner < 0)
      }
      assert.equal(await storage.messages.publish(newMessage({ type: 'unknown' })), 'unknown_type')
      assert.equal((await storage.messages.list('t', {}, { limit: 9 })).items.length, 1)
    })

    test('under one id of their publisher are published once, at the same time too', async (t) => {
      const storage = await open(t)
      await addEndpoint(storage)
      const same = Array.from({ length: 8 }, () => newMessage({ callerId: 'one' }))
      const answers = await Promise.all(same.map((one) => publish(storage, one)))
      assert.equal(answers.filter((one) => !one.repeated).length, 1)
      assert.equal(new Set(answers.map((one) => one.message.id)).size, 1)
      assert.equal((await storage.deliveries.list({ tenant: 't' }, { limit: 9 })).items.length, 1)
      await storage.eventTypes.add(newEventType({ tenant: 'u' }), 1)
      const other = await publish(storage, newMessage({ callerId: 'one', tenant: 'u' }))
      assert.equal(other.repeated, false)
    })

    test('are found by tenant, type, endpoint and message, page by page', async (t) => {
      const storage = await open(t)
      const { id: endpointId } = await addEndpoint(storage)
      await addEndpoint(storage)
      const ids: string[] = []
      for (let n = 0; n < 3; n++) {
        const message = newMessage({ id: uuidv7({ msecs: NOW + n }), createdAtMs: NOW + n })
        ids.unshift(message.id)
        await storage.messages.publish(message)
      }
      const page = await storage.messages.list('t', { type: 'order.created' }, { limit: 2 })
      assert.deepEqual(idsOf(page.items), ids.slice(0, 2))
      const rest = { limit: 2, before: page.next! }
      assert.deepEqual(idsOf((await storage.messages.list('t', {}, rest)).items), ids.slice(2))
      assert.deepEqual((await storage.messages.list('t', { type: 'x' }, { limit: 9 })).items, [])
      const count = async (filter: Parameters<typeof storage.deliveries.list>[0]) =>
        (await storage.deliveries.list(filter, { limit: 100 })).items.length
      assert.equal(await count({ tenant: 't' }), 6)
      assert.equal(await count({ tenant: 'other' }), 0)
      assert.equal(await count({ endpointId }), 3)
      assert.equal(await count({ tenant: 't', endpointId, states: ['scheduled'] }), 3)
      assert.equal(await count({ messageId: ids[0] }), 2)
      assert.equal(await count({ messageId: ids[0], endpointId }), 1)
      // What a delivery carries is a run or a message: neither is found as the other.
      assert.equal(await count({ runId: ids[0] }), 0)
      const ofRun = newDelivery()
      await storage.deliveries.create(ofRun)
      const { runId } = ofRun
      assert.deepEqual([await count({ runId }), await count({ messageId: runId })], [1, 0])
      assert.equal(await count({ runId, messageId: runId }), 0)
      assert.equal(await count({ tenant: 't', target: 'https://a.example:443' }), 6)
      await storage.deliveries.claim(bounds({ limit: 1 }))
      assert.equal(await count({ endpointId, states: ['leased'] }), 1)
    })

    test('to an endpoint that is gone are canceled, and cannot be sent again', async (t) => {
      const storage = await open(t)
      const { id } = await addEndpoint(storage)
      const [first, second] = [newMessage(), newMessage()]
      await storage.messages.publish(first)
      assert.equal(await storage.endpoints.remove(id, NOW), true)
      assert.equal(await storage.endpoints.remove(id, NOW), false)
      assert.deepEqual(await storage.deliveries.claim(bounds()), [])
      const [one] = await deliveriesOf(storage, first.id)
      assert.deepEqual([one?.state, one?.reason], ['canceled', 'endpoint_deleted'])
      assert.equal(await storage.deliveries.resend(one!.id, NOW), 'endpoint_deleted')
      const { id: other } = await addEndpoint(storage)
      await storage.messages.publish(second)
      await storage.deliveries.cancelAll({ endpointId: other }, 'endpoint_deleted', NOW)
      assert.equal((await deliveriesOf(storage, second.id))[0]?.state, 'canceled')
    })

    test('go with their last delivery, what they sent before; what nobody was sent by its age', async (t) => {
      const storage = await open(t)
      const unsent = newMessage()
      await storage.messages.publish(unsent)
      await addEndpoint(storage)
      await addEndpoint(storage)
      const sent = newMessage()
      await storage.messages.publish(sent)
      const [first, second] = await storage.deliveries.claim(bounds())
      const { deliveryRetention: kept } = storage
      await storage.deliveries.settle(first!, newAttempt(), SUCCEEDED, AFTER)
      assert.equal((await kept.dropPayloads(before(NOW + 1))).dropped, 1)
      assert.notEqual((await storage.messages.get(sent.id))?.body, null)
      await storage.deliveries.settle(second!, newAttempt(), SUCCEEDED, AFTER)
      assert.equal((await kept.dropPayloads(before(NOW + 1))).dropped, 1)
      assert.equal((await storage.messages.get(sent.id))?.body, null)
      assert.equal(await kept.deleteUnsent(NOW), 0)
      assert.equal(await kept.deleteUnsent(NOW + 1), 1)
      assert.equal(await storage.messages.get(unsent.id), undefined)
      assert.equal(await kept.deleteRows(NOW + 1), 2)
      assert.equal(await storage.messages.get(sent.id), undefined)
    })

    test('count once with what keeps them, and by themselves where nobody is sent them', async (t) => {
      const storage = await open(t)
      const { deliveryRetention: kept } = storage
      const body = Buffer.alloc(1_000, 'x')
      const unsent = newMessage({ body })
      await storage.messages.publish(unsent)
      assert.equal(await kept.oldestKept('messages', 0), NOW)
      assert.equal(await kept.keptBytes('messages', 0, NOW + 1), 1_000)
      assert.equal(await kept.dropUnsent(NOW), 0)
      assert.equal(await kept.dropUnsent(NOW + 1), 1)
      assert.equal((await storage.messages.get(unsent.id))?.body, null)
      assert.equal(await kept.oldestKept('messages', 0), undefined)
      await addEndpoint(storage)
      await addEndpoint(storage)
      const settle = (leased: LeasedDelivery, nowMs: number) =>
        storage.deliveries.settle(leased, newAttempt(), SUCCEEDED, { ...AFTER, nowMs })
      const all = async () =>
        (await kept.keptBytes('deliveries', 0, NOW + 10)) +
        (await kept.keptBytes('messages', 0, NOW + 10))
      // Whichever of the two it is that ends first.
      for (const turn of [0, 1]) {
        const message = newMessage({ body })
        await storage.messages.publish(message)
        const leased = await storage.deliveries.claim(bounds({ bytes: 1e6 }))
        const [first, last] = turn === 0 ? leased : leased.reverse()
        await settle(first!, NOW)
        await settle(last!, NOW + 1)
        assert.equal(await all(), 1_004, 'the body, and two answers')
        const { endedAtMs } = await kept.dropPayloads(before(NOW + 1))
        assert.ok([NOW, NOW + 1].includes(endedAtMs.at(-1)!))
        assert.equal(await all(), 1_002)
        assert.notEqual((await storage.messages.get(message.id))?.body, null)
        assert.equal((await kept.dropPayloads(before(NOW + 2))).dropped, 1)
        assert.equal(await all(), 0)
        assert.equal((await storage.messages.get(message.id))?.body, null)
      }
      // One that has not ended keeps it, and counts for nothing.
      for (const turn of [0, 1]) {
        const message = newMessage({ body })
        await storage.messages.publish(message)
        const leased = await storage.deliveries.claim(bounds({ bytes: 1e6 }))
        const [ends, stays] = turn === 0 ? leased : leased.reverse()
        await settle(ends!, NOW)
        const dropped = { dropped: 1, endedAtMs: [NOW], madeAtMs: [] }
        assert.deepEqual(await kept.dropPayloads(before(NOW + 1)), dropped)
        assert.equal(await all(), 0)
        assert.notEqual((await storage.messages.get(message.id))?.body, null)
        await settle(stays!, NOW + 1)
        assert.equal(await all(), 1_002)
        assert.equal((await kept.dropPayloads(before(NOW + 2))).dropped, 1)
        assert.equal((await storage.messages.get(message.id))?.body, null)
      }
    })

    test('are made ready by who holds the lease, once, and sent so ever after', async (t) => {
      const storage = await open(t)
      const { deliveries } = storage
      const settings = { ...DEFAULT_SETTINGS, payloadFilter: { path: 'a', exists: true } }
      await storage.endpoints.add(newEndpoint({ settings }), 9)
      const message = newMessage()
      await storage.messages.publish(message)
      const [one] = await deliveries.claim(bounds())
      assert.deepEqual([one!.body, one!.unprepared], [message.body, settings])
      const lost = { ...one!, leaseId: uuidv7(), lane: one!.target }
      const output = { body: Buffer.from('made'), contentType: 'text/plain' }
      assert.equal(await deliveries.prepared(lost, output), 'lease_lost')
      await deliveries.putBack(lost, NOW, PER_LANE)
      await deliveries.discard(lost, 'filtered', AFTER)
      assert.equal((await deliveries.get(one!.id))?.state, 'leased')
      // Twice, as after a commit whose outcome nobody was told.
      assert.equal(await deliveries.prepared(one!, output), 'kept')
      assert.equal(await deliveries.prepared(one!, output), 'kept')
      await deliveries.putBack({ ...one!, lane: one!.target }, NOW + 5, PER_LANE)
      assert.deepEqual(await deliveries.claim(bounds()), [])
      const [again] = await deliveries.claim(bounds({ nowMs: NOW + 5 }))
      assert.deepEqual([again!.body, again!.contentType], [output.body, 'text/plain'])
      assert.equal(again!.unprepared, null)
      assert.deepEqual([again!.sizeBytes, again!.tries], [4, 0])
      await deliveries.discard({ ...again!, lane: again!.target }, 'filtered', AFTER)
      const ended = await deliveries.get(one!.id)
      assert.deepEqual(
        [ended?.state, ended?.reason, ended?.dueAtMs],
        ['discarded', 'filtered', null],
      )
    })

    test('to a thousand endpoints are one unit', async (t) => {
      const storage = await open(t)
      const many = Array.from({ length: 1_000 }, (_, n) =>
        newEndpoint({ target: `https://${n % 50}.example:443` }),
      )
      await Promise.all(many.map((one) => storage.endpoints.add(one, 1_000)))
      const before = performance.now()
      const published = await publish(storage, newMessage())
      t.diagnostic(`${Math.round(performance.now() - before)} ms`)
      assert.equal(published.message.deliveries, 1_000)
      assert.equal((await storage.deliveries.claim(bounds({ bytes: 1e6 }))).length, 100)
    })
  })
}
