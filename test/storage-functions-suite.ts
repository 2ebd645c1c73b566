// What every storage engine must do with what functions keep.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { AppError } from '../src/errors.ts'
import type { Storage, StoredEntry } from '../src/storage/storage.ts'
import { newExecutable } from './storage-suite.ts'

function entry(key: string, value: string): StoredEntry {
  return { key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1') }
}

/** In no order that anybody promised. */
async function loaded({ functions }: Storage, id: number): Promise<Record<string, string>> {
  const { entries } = await functions.load(id)
  return Object.fromEntries(
    entries.map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')]),
  )
}

/** As whoever has just read commits. */
async function commit(
  { functions }: Storage,
  id: number,
  entries: StoredEntry[],
  nowMs = 1,
): Promise<number> {
  return functions.commit(id, entries, { version: await functions.version(id), nowMs })
}

export function testFunctionStorage(
  engine: string,
  open: (t: TestContext) => Promise<Storage>,
): void {
  describe(`${engine}: function storage`, () => {
    test('what is committed reads back byte for byte, the last value of a key', async (t) => {
      const storage = await open(t)
      const { functions } = storage
      const { id } = await storage.executables.create(newExecutable())
      assert.deepEqual(await functions.load(id), { entries: [], version: 0 })
      await commit(storage, id, [entry('a', '1'), entry('\xff\x00', '\x00\xfe'), entry('e', '')])
      await commit(storage, id, [entry('a', '22')], 2)
      assert.deepEqual(await loaded(storage, id), { a: '22', '\xff\x00': '\x00\xfe', e: '' })
      assert.deepEqual(await functions.get(id, Buffer.from('a')), Buffer.from('22'))
      assert.equal(await functions.get(id, Buffer.from('b')), undefined)
    })

    test('hundreds of keys are committed at once, and the last value of a key counts', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const entries = Array.from({ length: 250 }, (_, n) => entry(`k${n}`, String(n)))
      await commit(storage, id, [entry('k7', 'earlier'), ...entries])
      const expected = Object.fromEntries(entries.map((_, n) => [`k${n}`, String(n)]))
      assert.deepEqual(await loaded(storage, id), expected)
    })

    test('a page lists keys in the order of their bytes, with sizes, times and the total', async (t) => {
      const storage = await open(t)
      const { functions } = storage
      const { id } = await storage.executables.create(newExecutable())
      const none = { items: [], next: null, total: { keys: 0, bytes: 0 } }
      assert.deepEqual(await functions.list(id, { limit: 2 }), none)
      await commit(storage, id, [entry('b', '1'), entry('\xff', '333'), entry('Z', '22')], 5)
      await commit(storage, id, [entry('b', '4444')], 6)
      const total = { keys: 3, bytes: 12 }
      const first = await functions.list(id, { limit: 2 })
      assert.deepEqual(first, {
        items: [
          { key: Buffer.from('Z'), sizeBytes: 3, updatedAtMs: 5 },
          { key: Buffer.from('b'), sizeBytes: 5, updatedAtMs: 6 },
        ],
        next: Buffer.from('b'),
        total,
      })
      assert.deepEqual(await functions.list(id, { limit: 2, after: first.next }), {
        items: [{ key: Buffer.from([0xff]), sizeBytes: 4, updatedAtMs: 5 }],
        next: null,
        total,
      })
    })

    test('each executable has its own, and takes it along', async (t) => {
      const storage = await open(t)
      const { functions, executables } = storage
      const one = (await executables.create(newExecutable())).id
      const other = (await executables.create(newExecutable())).id
      await commit(storage, one, [entry('a', '1'), entry('b', '1')], 1)
      await commit(storage, other, [entry('a', '2')], 1)
      assert.equal(await functions.delete(one, Buffer.from('a'), 1), 2)
      assert.equal(await functions.delete(one, Buffer.from('a'), 2), undefined)
      assert.deepEqual(await loaded(storage, one), { b: '1' })
      await functions.clear(one)
      assert.deepEqual(await loaded(storage, one), {})
      assert.deepEqual(await loaded(storage, other), { a: '2' })
      await executables.delete(other)
      assert.deepEqual(await loaded(storage, other), {})
      await assert.rejects(
        commit(storage, other, [entry('a', '3')]),
        (error) => error instanceof AppError && error.code === 'NOT_FOUND',
      )
    })

    test('every change has the next version, and one that builds on an older one is refused', async (t) => {
      const storage = await open(t)
      const { functions } = storage
      const { id } = await storage.executables.create(newExecutable())
      const at = (version: number) => ({ version, nowMs: 1 })
      const refused = (error: unknown) => error instanceof AppError && error.code === 'CONFLICT'
      assert.equal(await functions.commit(id, [entry('a', '1')], at(0)), 1)
      assert.equal(await functions.commit(id, [entry('b', '1')], at(1)), 2)
      for (const version of [0, 1, 3]) {
        await assert.rejects(functions.commit(id, [entry('a', '2')], at(version)), refused)
        await assert.rejects(functions.delete(id, Buffer.from('a'), version), refused)
      }
      assert.deepEqual(await loaded(storage, id), { a: '1', b: '1' })
      assert.equal((await functions.load(id)).version, 2)
      assert.equal(await functions.clear(id), 3)
      assert.equal(await functions.version(id), 3)
    })

    test('a commit that fails midway has stored none of its entries', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const broken = { key: null as unknown as Buffer, value: Buffer.from('1') }
      await assert.rejects(commit(storage, id, [entry('a', '1'), broken]))
      assert.deepEqual(await loaded(storage, id), {})
    })
  })
}
