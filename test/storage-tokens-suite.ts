// What every storage engine must do with tenants' tokens.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { NewToken, Storage } from '../src/storage/storage.ts'

const NOW = 1_700_000_000_000
const MINUTE_MS = 60_000
const ROOM = { max: 100, nowMs: NOW }

let made = 0

export function newToken(change: Partial<NewToken> = {}): NewToken {
  made++
  return {
    id: uuidv7({ msecs: NOW + made }),
    hash: made.toString(16).padStart(64, '0'),
    prefix: 'wht_abcd',
    tenant: 't',
    rights: ['read', 'publish'],
    description: 'of CI — naïvely',
    createdAtMs: NOW,
    expiresAtMs: null,
    ...change,
  }
}

export function testTokens(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: tokens`, () => {
    test('are kept whole, and found by id and by hash', async (t) => {
      const { tokens } = await open(t)
      const { hash, ...kept } = newToken({ expiresAtMs: NOW + 1 })
      assert.equal(await tokens.add({ ...kept, hash }, ROOM), true)
      const expected = { ...kept, revokedAtMs: null, lastUsedAtMs: null }
      assert.deepEqual(await tokens.get(kept.id), expected)
      assert.deepEqual(await tokens.findByHash(hash), expected)
      assert.equal(await tokens.get(uuidv7()), undefined)
      assert.equal(await tokens.findByHash('ff'.repeat(32)), undefined)
      await assert.rejects(tokens.add(newToken({ hash }), ROOM))
      assert.equal((await tokens.list({}, { limit: 9 })).items.length, 1)
    })

    test('are listed newest first, of all tenants or of one', async (t) => {
      const { tokens } = await open(t)
      const all = [newToken(), newToken({ tenant: 'other' }), newToken()]
      for (const one of all) await tokens.add(one, ROOM)
      const ids = all.map(({ id }) => id).reverse()
      const first = await tokens.list({}, { limit: 2 })
      assert.deepEqual([first.items.map(({ id }) => id), first.next], [ids.slice(0, 2), ids[1]])
      const second = await tokens.list({}, { limit: 2, before: ids[1] })
      assert.deepEqual([second.items.map(({ id }) => id), second.next], [ids.slice(2), null])
      const own = await tokens.list({ tenant: 't' }, { limit: 9 })
      assert.deepEqual([own.items.map(({ id }) => id), own.next], [[ids[0], ids[2]], null])
      assert.deepEqual((await tokens.list({ tenant: 'none' }, { limit: 9 })).items, [])
    })

    test('that are revoked stay, with the time of the first revocation', async (t) => {
      const { tokens } = await open(t)
      const one = newToken()
      await tokens.add(one, ROOM)
      assert.equal((await tokens.revoke(one.id, NOW + 1))?.revokedAtMs, NOW + 1)
      assert.equal((await tokens.revoke(one.id, NOW + 2))?.revokedAtMs, NOW + 1)
      assert.equal((await tokens.findByHash(one.hash))?.revokedAtMs, NOW + 1)
      assert.equal(await tokens.revoke(uuidv7(), NOW), undefined)
    })

    test('take room while they open something; past it those that are dead for longest go', async (t) => {
      const { tokens } = await open(t)
      const [expired, revoked, live] = [
        newToken({ expiresAtMs: NOW + 5 }),
        newToken({ expiresAtMs: NOW + 1_000 }),
        newToken(),
      ]
      for (const one of [expired, revoked, live]) await tokens.add(one, ROOM)
      assert.equal(await tokens.add(newToken(), { max: 3, nowMs: NOW }), false)
      assert.equal((await tokens.list({}, { limit: 9 })).items.length, 3)
      await tokens.revoke(revoked.id, NOW + 1)
      // Its own end comes after it was dead, and changes nothing.
      await tokens.revoke(expired.id, NOW + 9)
      const there = async () =>
        Promise.all([revoked, expired, live].map(async ({ id }) => !!(await tokens.get(id))))
      assert.equal(await tokens.add(newToken(), { max: 3, nowMs: NOW + 10 }), true)
      assert.deepEqual(await there(), [false, true, true])
      assert.equal(await tokens.add(newToken(), { max: 3, nowMs: NOW + 10 }), true)
      assert.deepEqual(await there(), [false, false, true])
      assert.equal(await tokens.add(newToken(), { max: 3, nowMs: NOW + 10 }), false)
      assert.equal(await tokens.add(newToken(), { max: 0, nowMs: NOW + 10 }), false)
    })

    test('have their last use noted once in a while, whatever the clock does', async (t) => {
      const { tokens } = await open(t)
      const { id, ...rest } = newToken()
      await tokens.add({ id, ...rest }, ROOM)
      const usedAt = async (nowMs: number) => {
        await tokens.used(id, nowMs, MINUTE_MS)
        return (await tokens.get(id))?.lastUsedAtMs
      }
      assert.equal(await usedAt(NOW), NOW)
      assert.equal(await usedAt(NOW + MINUTE_MS - 1), NOW)
      assert.equal(await usedAt(NOW + MINUTE_MS), NOW + MINUTE_MS)
      assert.equal(await usedAt(NOW - 1), NOW - 1)
      await tokens.used(uuidv7(), NOW, MINUTE_MS)
    })
  })
}
