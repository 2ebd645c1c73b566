// What every storage engine must do with request bins.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { Bin, BinRequest } from '../src/model.ts'
import type { Storage } from '../src/storage/storage.ts'

const NOW = 1_700_000_000_000
const HOUR_MS = 3_600_000

let made = 0

export function newBin(change: Partial<Bin> = {}): Bin {
  made++
  return {
    id: uuidv7({ msecs: NOW + made }),
    tenant: 't',
    createdAtMs: NOW,
    expiresAtMs: NOW + HOUR_MS,
    ...change,
  }
}

function newBinRequest(binId: string, change: Partial<BinRequest> = {}): BinRequest {
  made++
  return {
    id: uuidv7({ msecs: NOW + made }),
    binId,
    receivedAtMs: NOW,
    method: 'PATCH',
    path: '/a/%2F',
    query: 'a=1&a=2',
    headers: [
      ['X-Key', 'naïve'],
      ['x-key', 'again'],
      ['__proto__', '1'],
    ],
    sizeBytes: 9,
    body: Buffer.from([0, 255, 13, 10]),
    ...change,
  }
}

export function testBins(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: request bins`, () => {
    test('are kept whole, listed newest first, and bounded by those that are alive', async (t) => {
      const { bins } = await open(t)
      const all = [newBin(), newBin({ tenant: 'other' }), newBin()]
      for (const bin of all) assert.equal(await bins.add(bin, 2), true)
      assert.deepEqual(await bins.get(all[0]!.id, NOW), all[0])
      assert.equal(await bins.get(uuidv7(), NOW), undefined)
      const first = await bins.list('t', NOW, { limit: 1 })
      assert.deepEqual(first, { items: [all[2]], next: all[2]!.id })
      const second = await bins.list('t', NOW, { limit: 1, before: all[2]!.id })
      assert.deepEqual(second, { items: [all[0]], next: null })
      assert.equal(await bins.add(newBin(), 2), false)
      const later = newBin({ createdAtMs: NOW + HOUR_MS, expiresAtMs: NOW + 2 * HOUR_MS })
      assert.equal(await bins.add(later, 1), true)
    })

    test('are bounded however many are made at once', async (t) => {
      const { bins } = await open(t)
      const added = await Promise.all(Array.from({ length: 8 }, () => bins.add(newBin(), 3)))
      assert.equal(added.filter((one) => one).length, 3)
    })

    test('keep what they were sent, the newest of it', async (t) => {
      const { bins } = await open(t)
      const bin = newBin()
      const other = newBin()
      for (const one of [bin, other]) await bins.add(one, 9)
      const elsewhere = newBinRequest(other.id, { body: Buffer.alloc(0), headers: [] })
      assert.equal(await bins.keep(elsewhere, 3), true)
      const sent = Array.from({ length: 5 }, () => newBinRequest(bin.id))
      for (const one of sent) assert.equal(await bins.keep(one, 3), true)
      const newest = sent.slice(2).reverse()
      assert.deepEqual(await bins.requests(bin.id, { limit: 9 }), { items: newest, next: null })
      const first = await bins.requests(bin.id, { limit: 2 })
      assert.deepEqual(first, { items: newest.slice(0, 2), next: newest[1]!.id })
      const second = await bins.requests(bin.id, { limit: 2, before: newest[1]!.id })
      assert.deepEqual(second, { items: newest.slice(2), next: null })
      assert.deepEqual((await bins.requests(other.id, { limit: 9 })).items, [elsewhere])
    })

    test('are shown so many at a time as have the bytes, one at least', async (t) => {
      const { bins } = await open(t)
      const bin = newBin()
      await bins.add(bin, 9)
      const sizes = [100, 9_000, 3_000, 3_000, 9_000]
      const sent = sizes.map((size) => newBinRequest(bin.id, { body: Buffer.alloc(size) }))
      for (const one of sent) await bins.keep(one, 9)
      const pages: number[][] = []
      let before: string | undefined
      do {
        const page = await bins.requests(bin.id, { limit: 3, bytes: 8_000, before })
        pages.push(page.items.map(({ body }) => body.length))
        before = page.next ?? undefined
      } while (before !== undefined)
      assert.deepEqual(pages, [[9_000], [3_000, 3_000], [9_000], [100]])
    })

    test('keep no more than that, however much comes at once', async (t) => {
      const { bins } = await open(t)
      const bin = newBin()
      await bins.add(bin, 9)
      const sent = Array.from({ length: 12 }, () => newBinRequest(bin.id))
      await Promise.all(sent.map((one) => bins.keep(one, 4)))
      const { items } = await bins.requests(bin.id, { limit: 99 })
      assert.equal(items.length, 4)
    })

    test('are gone when they are deleted, with all that they kept', async (t) => {
      const { bins } = await open(t)
      const bin = newBin()
      await bins.add(bin, 9)
      await bins.keep(newBinRequest(bin.id), 9)
      assert.equal(await bins.remove(bin.id), true)
      assert.equal(await bins.remove(bin.id), false)
      assert.equal(await bins.get(bin.id, NOW), undefined)
      assert.deepEqual((await bins.requests(bin.id, { limit: 9 })).items, [])
      assert.equal(await bins.keep(newBinRequest(bin.id), 9), false)
    })

    test('end by themselves, and are swept', async (t) => {
      const { bins } = await open(t)
      const all = [newBin(), newBin(), newBin({ expiresAtMs: NOW + 2 * HOUR_MS })]
      for (const bin of all) await bins.add(bin, 9)
      const [first] = all
      await bins.keep(newBinRequest(first!.id), 9)
      const end = NOW + HOUR_MS
      assert.notEqual(await bins.get(first!.id, end - 1), undefined)
      assert.equal(await bins.get(first!.id, end), undefined)
      assert.deepEqual((await bins.list('t', end, { limit: 9 })).items, [all[2]])
      const late = newBinRequest(first!.id, { receivedAtMs: end })
      assert.equal(await bins.keep(late, 9), false)
      assert.equal(await bins.sweep(end - 1, 9), 0)
      assert.equal(await bins.sweep(end, 1), 1)
      assert.equal(await bins.sweep(end, 9), 1)
      assert.deepEqual((await bins.requests(first!.id, { limit: 9 })).items, [])
      assert.notEqual(await bins.get(all[2]!.id, end), undefined)
    })
  })
}
