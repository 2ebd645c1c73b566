// What every storage engine must do with deliveries to ordered endpoints.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { DEFAULT_SETTINGS } from '../src/endpoint-settings.ts'
import { toEnvelope } from '../src/event-envelope.ts'
import type { Delivery } from '../src/model.ts'
import type { OnExhaustion } from '../src/ordered-line.ts'
import type { AfterAttempt, LeasedDelivery, NewEndpoint, Storage } from '../src/storage/storage.ts'
import { NOW, bounds, newAttempt } from './storage-deliveries-suite.ts'
import {
  AFTER,
  SUCCEEDED,
  accepted,
  addEndpoint,
  newMessage,
  withType,
} from './storage-events-suite.ts'

const EXHAUSTED = { state: 'exhausted', reason: null } as const
const KEY = 'customer'

function orderedBy(key: string | null, onExhaustion: OnExhaustion = 'block') {
  return { ...DEFAULT_SETTINGS, ordered: { key, onExhaustion } }
}

const ordered = (
  storage: Storage,
  onExhaustion?: OnExhaustion,
  change: Partial<NewEndpoint> = {},
) => addEndpoint(storage, { settings: orderedBy(KEY, onExhaustion), ...change })

/** Its delivery's id. */
async function publish(storage: Storage, payload: unknown, dueAtMs = NOW): Promise<string> {
  const body = toEnvelope('order.created', NOW, JSON.stringify(payload))
  const message = newMessage({ id: uuidv7(), body, dueAtMs })
  accepted(await storage.messages.publish(message))
  const { items } = await storage.deliveries.list({ messageId: message.id }, { limit: 2 })
  const [one] = items
  assert.ok(one !== undefined)
  return one.id
}

const of = (customer: unknown) => ({ [KEY]: customer })
const claimed = (all: readonly LeasedDelivery[]) => all.map(({ id }) => id).sort()
const claim = (storage: Storage, nowMs = NOW) =>
  storage.deliveries.claim(bounds({ nowMs, bytes: 1e6 }))

async function settle(storage: Storage, id: string, after: AfterAttempt): Promise<void> {
  const one = (await claim(storage)).find((leased) => leased.id === id)
  assert.ok(one !== undefined, 'it is due')
  assert.equal(await storage.deliveries.settle(one, newAttempt(), after, AFTER), true)
}

async function lineOf(storage: Storage, id: string) {
  const one = await storage.deliveries.get(id)
  return one?.event?.line
}

async function update(storage: Storage, endpoint: NewEndpoint, settings: NewEndpoint['settings']) {
  const known = await storage.endpoints.get(endpoint.id)
  const times = { changedAtMs: known?.updatedAtMs ?? 0, nowMs: NOW }
  assert.equal(await storage.endpoints.update(endpoint.id, { ...endpoint, settings }, times), true)
}

export function testOrder(engine: string, openEmpty: (t: TestContext) => Promise<Storage>): void {
  const open = async (t: TestContext): Promise<Storage> => withType(await openEmpty(t))

  describe(`${engine}: deliveries to an ordered endpoint`, () => {
    test('are due one at a time for each key, in the order of publish', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const first = await publish(storage, of('a'))
      const second = await publish(storage, of('a'))
      const other = await publish(storage, of('b'))
      const keyless = await publish(storage, { x: 1 })
      const keylessToo = await publish(storage, of(null))
      const third = await publish(storage, of('a'))
      assert.deepEqual(await lineOf(storage, second), { key: '"a"', place: 'waits' })
      assert.equal((await storage.deliveries.get(second))?.dueAtMs, null)
      const leased = await claim(storage)
      assert.deepEqual(claimed(leased), [first, other, keyless].sort())
      for (const one of leased) {
        await storage.deliveries.settle(one, newAttempt(), SUCCEEDED, AFTER)
      }
      assert.deepEqual(await lineOf(storage, first), { key: '"a"', place: null })
      const next = await claim(storage)
      assert.deepEqual(claimed(next), [second, keylessToo].sort())
      // One that is tried again keeps its turn.
      const waiting = { state: 'waiting', dueAtMs: NOW + 5 } as const
      await storage.deliveries.settle(
        next.find(({ id }) => id === second)!,
        newAttempt(),
        waiting,
        AFTER,
      )
      assert.deepEqual(await claim(storage), [])
      const [again] = await claim(storage, NOW + 5)
      assert.equal(again?.id, second)
      await storage.deliveries.settle(again, newAttempt(), SUCCEEDED, AFTER)
      assert.deepEqual(claimed(await claim(storage)), [third])
    })

    test('of one without a key are one line, and of one that is not ordered none', async (t) => {
      const storage = await open(t)
      await addEndpoint(storage, { settings: orderedBy(null) })
      const first = await publish(storage, of('a'))
      const second = await publish(storage, of('b'))
      assert.deepEqual(await lineOf(storage, second), { key: '*', place: 'waits' })
      await settle(storage, first, SUCCEEDED)
      await settle(storage, second, SUCCEEDED)
      await addEndpoint(storage)
      await publish(storage, of('a'))
      const all = await claim(storage)
      assert.deepEqual(new Set(all.map(({ event }) => event?.line?.key)), new Set(['*', undefined]))
    })

    test('have lines of long keys and of whatever is at the path', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const values = ['x'.repeat(5_000), 'x'.repeat(5_001), '\u0000', 1, '1', true, { a: 1 }, []]
      for (const value of values) await publish(storage, of(value))
      const all = await storage.deliveries.claim(bounds({ bytes: 1e6, perLane: 100 }))
      assert.equal(new Set(all.map(({ event }) => event?.line?.key)).size, values.length)
    })

    test('that wait are due no earlier than was asked for', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const first = await publish(storage, of('a'))
      const later = await publish(storage, of('a'), NOW + 50)
      await settle(storage, first, SUCCEEDED)
      assert.deepEqual(await claim(storage, NOW + 49), [])
      assert.deepEqual(claimed(await claim(storage, NOW + 50)), [later])
    })

    test('wait behind one that failed until it arrives or is let go: block', async (t) => {
      const storage = await open(t)
      await ordered(storage, 'block')
      const ids = [
        await publish(storage, of('a')),
        await publish(storage, of('a')),
        await publish(storage, of('a')),
      ]
      const [first, second, third] = ids as [string, string, string]
      await settle(storage, first, EXHAUSTED)
      assert.deepEqual(await lineOf(storage, first), { key: '"a"', place: 'blocks' })
      assert.deepEqual(await claim(storage), [])
      // A resend that fails changes nothing, one that arrives frees the line.
      for (const after of [{ state: 'unchanged' }, SUCCEEDED] as const) {
        assert.deepEqual(await lineOf(storage, second), { key: '"a"', place: 'waits' })
        assert.equal(await storage.deliveries.resend(first, NOW), undefined)
        const [again] = await claim(storage)
        assert.equal(again?.id, first)
        await storage.deliveries.settle(again, { ...newAttempt(), manual: true }, after, AFTER)
      }
      await settle(storage, second, { state: 'discarded', reason: 'gone' })
      assert.deepEqual(await claim(storage), [])
      assert.equal(await storage.deliveries.cancel(second, 'canceled', NOW), true)
      assert.equal((await storage.deliveries.get(second))?.state, 'discarded')
      assert.equal(await storage.deliveries.cancel(second, 'canceled', NOW), false)
      await settle(storage, third, SUCCEEDED)
    })

    test('go on without one that failed: skip', async (t) => {
      const storage = await open(t)
      await ordered(storage, 'skip')
      const first = await publish(storage, of('a'))
      const second = await publish(storage, of('a'))
      await settle(storage, first, EXHAUSTED)
      assert.deepEqual(await lineOf(storage, first), { key: '"a"', place: null })
      // What is sent again of it by hand goes beside the others.
      assert.equal(await storage.deliveries.resend(first, NOW), undefined)
      assert.deepEqual(claimed(await claim(storage)), [first, second].sort())
    })

    test('wait until somebody lets go of one that failed, though it arrived: park', async (t) => {
      const storage = await open(t)
      await ordered(storage, 'park')
      const first = await publish(storage, of('a'))
      const second = await publish(storage, of('a'))
      await settle(storage, first, EXHAUSTED)
      await storage.deliveries.resend(first, NOW)
      const [again] = await claim(storage)
      await storage.deliveries.settle(again!, { ...newAttempt(), manual: true }, SUCCEEDED, AFTER)
      assert.equal((await storage.deliveries.get(first))?.state, 'succeeded')
      assert.deepEqual(await claim(storage), [])
      assert.equal(await storage.deliveries.cancel(first, 'canceled', NOW), true)
      assert.equal((await storage.deliveries.get(first))?.state, 'succeeded')
      assert.deepEqual(claimed(await claim(storage)), [second])
    })

    test('that were paused go on in their order, and parked ones with them', async (t) => {
      const storage = await open(t)
      const endpoint = await ordered(storage, 'park')
      const failed = await publish(storage, of('p'))
      const parked = await publish(storage, of('p'))
      await settle(storage, failed, EXHAUSTED)
      const ids = [await publish(storage, of('a')), await publish(storage, of('a'))]
      const enable = async (enabled: boolean) => {
        await update(storage, { ...endpoint, enabled }, endpoint.settings)
      }
      await enable(false)
      assert.equal(await storage.endpoints.countPaused(endpoint.id, 9), 3)
      await enable(true)
      ids.push(await publish(storage, of('a')))
      assert.deepEqual(await claim(storage), [], 'what was published since waits behind them')
      assert.equal(await storage.endpoints.resume(endpoint.id, NOW), 3)
      const [first, second, third] = ids as [string, string, string]
      const both = await claim(storage)
      assert.deepEqual(claimed(both), [first, parked].sort())
      for (const one of both) await storage.deliveries.settle(one, newAttempt(), SUCCEEDED, AFTER)
      await settle(storage, second, SUCCEEDED)
      await settle(storage, third, SUCCEEDED)
    })

    test('that wait cannot be sent before their turn, and can be canceled', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const [first, second, third] = [
        await publish(storage, of('a')),
        await publish(storage, of('a')),
        await publish(storage, of('a')),
      ]
      assert.equal(await storage.deliveries.resend(second, NOW), 'in_line')
      assert.equal(await storage.deliveries.cancel(second, 'canceled', NOW), true)
      assert.deepEqual(await lineOf(storage, second), { key: '"a"', place: null })
      assert.equal(await storage.deliveries.cancel(first, 'canceled', NOW), true)
      assert.deepEqual(claimed(await claim(storage)), [third])
    })

    test('go on where a filter does not want one, and wait where a step of it ended it', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const ids = [
        await publish(storage, of('a')),
        await publish(storage, of('a')),
        await publish(storage, of('a')),
      ]
      for (const [n, reason] of ['filtered', 'grant_ended'].entries()) {
        const [one] = await claim(storage)
        assert.equal(one?.id, ids[n])
        await storage.deliveries.discard({ ...one!, lane: one!.target }, reason, AFTER)
      }
      assert.deepEqual(await claim(storage), [])
      assert.deepEqual(await lineOf(storage, ids[1]!), { key: '"a"', place: 'blocks' })
    })

    test('keep their lines where the order is changed, and are let go where nothing shall block', async (t) => {
      const storage = await open(t)
      const endpoint = await ordered(storage)
      const failed = await publish(storage, of('a'))
      const next = await publish(storage, of('a'))
      const last = await publish(storage, of('a'))
      await settle(storage, failed, EXHAUSTED)
      await update(storage, endpoint, orderedBy('another', 'block'))
      assert.deepEqual(await claim(storage), [])
      await update(storage, endpoint, orderedBy('another', 'skip'))
      await update(storage, endpoint, DEFAULT_SETTINGS)
      const unordered = await publish(storage, of('a'))
      const both = await claim(storage)
      assert.deepEqual(claimed(both), [next, unordered].sort())
      // The policy is that of the moment when it ends.
      const one = both.find(({ id }) => id === next)!
      await storage.deliveries.settle(one, newAttempt(), EXHAUSTED, AFTER)
      assert.deepEqual(claimed(await claim(storage)), [last])
    })

    test('of an endpoint that is deleted all end, and none is held up', async (t) => {
      const storage = await open(t)
      const endpoint = await ordered(storage)
      const failed = await publish(storage, of('a'))
      const waits = await publish(storage, of('a'))
      const last = await publish(storage, of('a'))
      await settle(storage, failed, EXHAUSTED)
      assert.equal(await storage.endpoints.remove(endpoint.id, NOW), true)
      // Killed before it canceled them: each ends when its turn comes.
      for (let n = 0; n < 2; n++) assert.deepEqual(await claim(storage), [])
      const ends = await Promise.all([waits, last].map((id) => storage.deliveries.get(id)))
      assert.deepEqual(
        ends.map((one) => [one?.state, one?.reason]),
        [
          ['canceled', 'endpoint_deleted'],
          ['canceled', 'endpoint_deleted'],
        ],
      )
      assert.deepEqual(await lineOf(storage, failed), { key: '"a"', place: null })
    })

    test('follow their endpoint to another target in order', async (t) => {
      const storage = await open(t)
      const endpoint = await ordered(storage)
      const first = await publish(storage, of('a'))
      const second = await publish(storage, of('a'))
      await update(storage, { ...endpoint, target: 'https://b.example:443' }, endpoint.settings)
      await settle(storage, first, SUCCEEDED)
      const [one] = await claim(storage)
      assert.deepEqual([one?.id, one?.target], [second, 'https://b.example:443'])
    })

    test('that hold up a line stay for as long as they do', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      const failed = await publish(storage, of('a'))
      const next = await publish(storage, of('a'))
      await settle(storage, failed, EXHAUSTED)
      const { deliveryRetention: kept } = storage
      assert.equal((await kept.dropPayloads({ endedMs: NOW + 1, madeMs: NOW + 1 })).dropped, 1)
      assert.equal(await kept.deleteRows(NOW + 1), 0)
      assert.equal(await storage.deliveries.resend(failed, NOW), 'payload_gone')
      await storage.deliveries.cancel(failed, 'canceled', NOW)
      assert.equal(await kept.deleteRows(NOW + 1), 1)
      assert.deepEqual(claimed(await claim(storage)), [next])
    })

    test('published and settled at the same time leave no key stuck, and none overtaken', async (t) => {
      const storage = await open(t)
      await ordered(storage)
      await ordered(storage, 'skip')
      const keys = ['a', 'b']
      const began = new Map<string, number[]>()
      let left = 120
      const underWay = new Set<string>()
      const publisher = async (customer: string): Promise<void> => {
        for (let n = 0; n < 30; n++) {
          const body = toEnvelope('order.created', NOW, JSON.stringify({ ...of(customer), n }))
          accepted(await storage.messages.publish(newMessage({ id: uuidv7(), body })))
        }
      }
      const finish = async (one: LeasedDelivery): Promise<void> => {
        const { data } = JSON.parse(one.body.toString()) as { data: { n: number } }
        const line = `${one.event?.endpointId}/${one.event?.line?.key}`
        assert.ok(!underWay.has(line), 'one of a line at a time')
        underWay.add(line)
        const list = began.get(line) ?? []
        began.set(line, [...list, data.n])
        await new Promise(setImmediate)
        underWay.delete(line)
        await storage.deliveries.settle(one, newAttempt(), SUCCEEDED, AFTER)
        left--
      }
      const claimer = async (): Promise<void> => {
        while (left > 0) await Promise.all((await claim(storage)).map(finish))
      }
      await Promise.all([...keys.map(publisher), claimer(), claimer(), claimer()])
      const inOrder = Array.from({ length: 30 }, (_, n) => n)
      assert.equal(began.size, 4)
      for (const ns of began.values()) assert.deepEqual(ns, inOrder)
      const opened = await storage.deliveries.list(
        { states: ['scheduled', 'waiting'] },
        { limit: 1 },
      )
      assert.deepEqual(opened.items satisfies Delivery[], [])
    })
  })
}
