// What every storage engine must do with lanes that endpoints have to themselves: no more attempts than they say, at once
// and in a time, and nothing else held up.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { DEFAULT_SETTINGS } from '../src/endpoint-settings.ts'
import type { EndpointSettings, RequestSpec } from '../src/model.ts'
import type { LeasedDelivery, NewEndpoint, Storage } from '../src/storage/storage.ts'
import { newEventType } from './helpers/event-types.ts'
import { NOW, PER_LANE, bounds, idsOf, newAttempt } from './storage-deliveries-suite.ts'
import { newEndpoint, newMessage } from './storage-events-suite.ts'

const RATE = { attempts: 4, perMs: 1_000 }
const SUCCEEDED = { state: 'succeeded', reason: null } as const

export function testOwnLanes(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  async function open(t: TestContext): Promise<Storage> {
    const storage = await openEmpty(t)
    await storage.eventTypes.add(newEventType(), 1)
    return storage
  }

  async function add(storage: Storage, settings: Partial<EndpointSettings>): Promise<NewEndpoint> {
    const endpoint = newEndpoint({ settings: { ...DEFAULT_SETTINGS, ...settings } })
    await storage.endpoints.add(endpoint, 100)
    return endpoint
  }

  async function publish({ messages }: Storage, count: number, dueAtMs = NOW): Promise<void> {
    for (let n = 0; n < count; n++) await messages.publish(newMessage({ dueAtMs }))
  }

  const claim = ({ deliveries }: Storage, nowMs: number, perLane = 100) =>
    deliveries.claim(bounds({ nowMs, perLane }))

  async function settle({ deliveries }: Storage, leased: readonly LeasedDelivery[], nowMs: number) {
    for (const one of leased) {
      const told = { nowMs, perLane: 100, news: 'none' } as const
      assert.equal(await deliveries.settle(one, newAttempt(), SUCCEEDED, told), true)
    }
  }

  function change(
    { endpoints }: Storage,
    endpoint: NewEndpoint,
    changed: Partial<EndpointSettings>,
    times: { changedAtMs: number; nowMs: number },
  ): Promise<boolean> {
    const { description, eventTypes, spec, target, retry, enabled } = endpoint
    const settings = { ...endpoint.settings, ...changed }
    const fields = { description, eventTypes, spec, settings, target, retry, enabled }
    return endpoints.update(endpoint.id, fields, times)
  }

  describe(`${engine}: an endpoint's own lane`, () => {
    test('has a burst, then an attempt each time that a token comes back, and nothing in between', async (t) => {
      const storage = await open(t)
      await add(storage, { rateLimit: RATE })
      await publish(storage, 20)
      const times: number[] = []
      let nowMs = NOW
      while (times.length < 20) {
        const claimed = await claim(storage, nowMs)
        times.push(...claimed.map(() => nowMs))
        assert.deepEqual(await claim(storage, nowMs), [], 'they are taken')
        await settle(storage, claimed, nowMs)
        const next = await storage.deliveries.nextDueMs()
        if (next === undefined) break
        // Waiting needs no look: the next is due when there is a token.
        assert.ok(next > nowMs)
        assert.deepEqual(await claim(storage, next - 1), [])
        nowMs = next
      }
      assert.deepEqual(times.slice(0, 6), [NOW, NOW, NOW, NOW, NOW + 250, NOW + 500])
      for (const from of times) {
        for (const windowMs of [1, 250, 1_000, 3_000]) {
          const within = times.filter((at) => at >= from && at < from + windowMs).length
          assert.ok(
            within <= RATE.attempts * (1 + windowMs / RATE.perMs),
            `${within} in ${windowMs}`,
          )
        }
      }
      assert.equal(times.at(-1), NOW + 16 * 250)
    })

    test('leaves what waits as it is: no try is counted, and no due time moves', async (t) => {
      const storage = await open(t)
      const { id } = await add(storage, { rateLimit: { attempts: 1, perMs: 60_000 } })
      await publish(storage, 3)
      const first = await claim(storage, NOW)
      assert.equal(first.length, 1)
      await claim(storage, NOW + 30_000)
      const { items } = await storage.deliveries.list({ endpointId: id }, { limit: 10 })
      const waiting = items.filter((one) => one.id !== first[0]?.id)
      assert.deepEqual(
        waiting.map(({ state, tries, dueAtMs }) => [state, tries, dueAtMs]),
        [
          ['scheduled', 0, NOW],
          ['scheduled', 0, NOW],
        ],
      )
    })

    test('holds up no other at the same target, and is found by that', async (t) => {
      const storage = await open(t)
      const slow = await add(storage, { rateLimit: { attempts: 1, perMs: 60_000 } })
      const plain = await add(storage, {})
      await publish(storage, 5)
      const first = await claim(storage, NOW)
      assert.equal(first.filter(({ event }) => event?.endpointId === plain.id).length, 5)
      assert.equal(first.filter(({ event }) => event?.endpointId === slow.id).length, 1)
      assert.deepEqual(new Set(first.map(({ target }) => target)), new Set([slow.target]))
      await settle(storage, first, NOW)
      const { target } = slow
      const found = await storage.deliveries.list({ target }, { limit: 20 })
      assert.equal(found.items.length, 10)
      const [one, two] = [await list(storage, target, 7), await list(storage, target, 7, true)]
      assert.deepEqual([...one, ...two], idsOf(found.items))
      assert.equal(
        (await storage.deliveries.list({ target: 'https://b' }, { limit: 1 })).items.length,
        0,
      )
    })

    /** A page, or the one after it. */
    async function list(storage: Storage, target: string, limit: number, second = false) {
      const page = await storage.deliveries.list({ target, tenant: 't' }, { limit })
      if (!second) return idsOf(page.items)
      const before = page.next ?? ''
      return idsOf(
        (await storage.deliveries.list({ target, tenant: 't' }, { limit, before })).items,
      )
    }

    test('has no more under way than it says, nor than any target', async (t) => {
      const storage = await open(t)
      await add(storage, { maxInFlight: 2 })
      await publish(storage, 5)
      const first = await claim(storage, NOW)
      assert.equal(first.length, 2)
      assert.deepEqual(await claim(storage, NOW), [])
      await settle(storage, first.slice(1), NOW)
      assert.equal((await claim(storage, NOW)).length, 1)
      assert.deepEqual(await claim(storage, NOW), [])
      const own = await open(t)
      await add(own, { maxInFlight: PER_LANE + 5 })
      await publish(own, PER_LANE + 5)
      assert.equal((await claim(own, NOW, PER_LANE)).length, PER_LANE)
    })

    test('takes a token for a retry and for a resend, and again for what a lease was lost of', async (t) => {
      const storage = await open(t)
      await add(storage, { rateLimit: { attempts: 1, perMs: 1_000 } })
      await publish(storage, 1)
      const [first] = await claim(storage, NOW)
      const after = { state: 'waiting', dueAtMs: NOW + 5 } as const
      await storage.deliveries.settle(first!, newAttempt(), after, {
        ...{ nowMs: NOW, perLane: 100, news: 'none' },
      })
      assert.deepEqual(await claim(storage, NOW + 999), [])
      const [second] = await claim(storage, NOW + 1_000)
      await settle(storage, [second!], NOW + 1_000)
      assert.equal(await storage.deliveries.resend(second!.id, NOW + 1_001), undefined)
      assert.deepEqual(await claim(storage, NOW + 1_999), [])
      const [third] = await claim(storage, NOW + 2_000)
      assert.equal(third?.resending, true)
      // Nobody knows whether it was sent when its lease ends.
      assert.deepEqual(await claim(storage, NOW + 2_999), [])
      assert.deepEqual(idsOf(await claim(storage, NOW + 3_000)), [third.id])
    })

    test('is left and entered by a change, with all that waits; a raised limit holds at once', async (t) => {
      const storage = await open(t)
      const endpoint = await add(storage, {})
      await publish(storage, 6)
      const day = { attempts: 1, perMs: 86_400_000 }
      await change(storage, endpoint, { rateLimit: day }, { changedAtMs: NOW, nowMs: NOW })
      assert.equal((await claim(storage, NOW)).length, 1)
      assert.equal((await storage.deliveries.nextDueMs())! >= NOW + 1_000, true)
      const times = { changedAtMs: NOW + 1, nowMs: NOW + 10 }
      await change(storage, endpoint, { rateLimit: { attempts: 3, perMs: 3_000 } }, times)
      assert.equal((await claim(storage, NOW + 10)).length, 2, 'one of three is taken already')
      await change(
        storage,
        endpoint,
        { rateLimit: null },
        { changedAtMs: NOW + 10, nowMs: NOW + 20 },
      )
      const rest = await claim(storage, NOW + 20)
      assert.equal(rest.length, 3)
      assert.deepEqual(new Set(rest.map(({ lane }) => lane)), new Set([endpoint.target]))
    })

    test('does not wait long for a clock that was set back', async (t) => {
      const storage = await open(t)
      await add(storage, { rateLimit: { attempts: 1, perMs: 1_000 } })
      await publish(storage, 2)
      await settle(storage, await claim(storage, NOW), NOW)
      const toMs = NOW - 500_000
      await storage.deliveries.clockSetBack({ fromMs: NOW, toMs })
      assert.deepEqual(await claim(storage, toMs + 999), [])
      assert.equal((await claim(storage, toMs + 1_000)).length, 1)
      // Nobody noticed here: what is published is looked at, and waits for a token at most.
      const unnoticed = toMs - 500_000
      await publish(storage, 1, unnoticed)
      assert.deepEqual(await claim(storage, unnoticed), [])
      assert.equal(await storage.deliveries.nextDueMs(), unnoticed + 1_000)
      assert.equal((await claim(storage, unnoticed + 1_000)).length, 1)
    })

    const spec = { protocol: 'https:', hostname: 'a.example', port: 443, path: '/', headers: {} }
    for (const [what, signatureStyle, change] of [
      ['prepared', 'token', { hasTokenFields: true }],
      ['fetched', 'standard', { fetch: spec as RequestSpec }],
    ] as const) {
      test(`takes no token for what has to be ${what} first, but for its attempt`, async (t) => {
        const storage = await open(t)
        await add(storage, { rateLimit: { attempts: 1, perMs: 1_000 }, signatureStyle })
        for (let n = 0; n < 3; n++) await storage.messages.publish(newMessage(change))
        const claimed = await claim(storage, NOW)
        assert.equal(claimed.length, 3)
        for (const one of claimed) {
          const made = { body: Buffer.from('{}'), contentType: 'application/json' }
          assert.equal(await storage.deliveries.prepared(one, made), 'kept')
          await storage.deliveries.putBack(one, NOW, 100)
        }
        const sent = await claim(storage, NOW)
        assert.deepEqual([sent.length, sent[0]?.tries, sent[0]?.unprepared], [1, 0, null])
        assert.deepEqual(await claim(storage, NOW + 999), [])
        assert.equal((await claim(storage, NOW + 1_000)).length, 1)
      })
    }

    test('is claimed by several at once no faster than by one', async (t) => {
      const storage = await open(t)
      await add(storage, { rateLimit: RATE, maxInFlight: 3 })
      await publish(storage, 12)
      const claims = await Promise.all(Array.from({ length: 4 }, () => claim(storage, NOW)))
      assert.equal(new Set(claims.flatMap(idsOf)).size, claims.flat().length)
      assert.equal(claims.flat().length, 3)
      await settle(storage, claims.flat(), NOW)
      const then = await Promise.all(Array.from({ length: 4 }, () => claim(storage, NOW)))
      assert.equal(then.flat().length, 1)
    })
  })
}
