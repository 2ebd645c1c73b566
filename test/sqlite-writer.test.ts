// The writer of SQLite: group commit, syncs, units that fail, full and locked disks.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { AppError } from '../src/errors.ts'
import type { Schema } from '../src/storage/schema.ts'
import { SqliteWriter } from '../src/storage/sqlite-writer.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wasmhook-writer-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function isError(code: string, sentence: RegExp) {
  return (error: unknown) =>
    error instanceof AppError && error.code === code && sentence.test(error.message)
}

describe('SQLite: the writer', () => {
  async function openWriter(t: TestContext) {
    const path = join(await makeFolder(t), 'writer.db')
    const connection = new BetterSqlite3(path, { timeout: 0 })
    t.after(() => connection.close())
    connection.pragma('journal_mode = WAL')
    connection.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT')
    const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: connection }) })
    const logged: string[] = []
    const note = (_fields: object, message: string) => void logged.push(message)
    const log = { error: note, info: note }
    const disk = { sync: () => Promise.resolve() }
    const writer = new SqliteWriter({
      connection,
      db,
      log,
      tell: () => undefined,
      sync: () => disk.sync(),
    })
    const insert = (key: string, bytes: number) =>
      writer.write(async (unit) => {
        await unit
          .insertInto('meta')
          .values({ key, value: Buffer.alloc(bytes) })
          .execute()
      })
    const keys = () => connection.prepare('SELECT key FROM meta ORDER BY key').pluck().all()
    return { path, connection, writer, insert, keys, logged, disk }
  }

  const storageFull = isError('STORAGE_FULL', /disk is full/)

  test('a full disk refuses what does not fit, keeps its neighbours, and heals', async (t) => {
    const { connection, insert, keys } = await openWriter(t)
    await insert('before', 10)
    connection.pragma('max_page_count = 20')
    const outcomes = await Promise.allSettled([
      insert('left', 100),
      insert('large', 1_000_000),
      insert('right', 100),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await assert.rejects(insert('large', 1_000_000), storageFull)
    assert.deepEqual(keys(), ['before', 'left', 'right'])
    connection.pragma('max_page_count = 1000000')
    await insert('large', 1_000_000)
    assert.deepEqual(keys(), ['before', 'large', 'left', 'right'])
  })

  test('nothing is promised before the disk has it, and what comes meanwhile shares the next sync', async (t) => {
    const { insert, keys, disk } = await openWriter(t)
    const syncs: (() => void)[] = []
    let began = (): void => undefined
    const nextSync = () => new Promise<void>((resolve) => (began = resolve))
    disk.sync = () => {
      began()
      return new Promise((resolve) => syncs.push(resolve))
    }
    let promised = false
    const first = nextSync()
    const one = insert('a', 1).then(() => (promised = true))
    await first
    const others = [insert('b', 1), insert('c', 1)]
    await new Promise(setImmediate)
    assert.deepEqual([promised, syncs.length, keys()], [false, 1, ['a']])
    const second = nextSync()
    syncs[0]?.()
    await one
    await second
    assert.deepEqual([syncs.length, keys()], [2, ['a', 'b', 'c']])
    syncs[1]?.()
    await Promise.all(others)
  })

  test('a sync that failed is the end of writing until the next start', async (t) => {
    const { insert, keys, disk, logged } = await openWriter(t)
    disk.sync = () => Promise.reject(new Error('EIO'))
    await assert.rejects(insert('a', 1), isError('INTERNAL', /could not be written/))
    disk.sync = () => Promise.resolve()
    await assert.rejects(insert('b', 1), isError('INTERNAL', /could not be written/))
    assert.deepEqual([keys(), logged], [['a'], ['storage: a commit failed']])
  })

  test('a unit that fails midway leaves nothing behind', async (t) => {
    const { writer, insert, keys } = await openWriter(t)
    const failing = writer.write(async (db) => {
      await db
        .insertInto('meta')
        .values({ key: 'half', value: Buffer.alloc(1) })
        .execute()
      throw new AppError('CONFLICT')
    })
    const outcomes = await Promise.allSettled([insert('a', 1), failing, insert('b', 1)])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await assert.rejects(failing, isError('CONFLICT', /conflicts/))
    assert.deepEqual(keys(), ['a', 'b'])
  })

  test('a commit that fails rejects the whole batch and leaves nothing', async (t) => {
    const { connection, insert, keys, logged } = await openWriter(t)
    connection.pragma('foreign_keys = ON')
    connection.exec(
      `CREATE TABLE owed (key TEXT REFERENCES meta DEFERRABLE INITIALLY DEFERRED);
       CREATE TRIGGER owe AFTER INSERT ON meta WHEN NEW.key = 'debtor'
       BEGIN INSERT INTO owed VALUES ('nobody'); END`,
    )
    const batch = [insert('a', 1), insert('debtor', 1), insert('b', 1)]
    const outcomes = await Promise.allSettled(batch)
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'rejected', 'rejected'],
    )
    await assert.rejects(batch[0] ?? assert.fail(), isError('INTERNAL', /could not be written/))
    assert.deepEqual(keys(), [])
    await assert.rejects(insert('debtor', 1))
    assert.deepEqual(logged, ['storage: a commit failed'])
    await insert('c', 1)
    await insert('d', 1)
    assert.deepEqual(keys(), ['c', 'd'])
    assert.deepEqual(logged, ['storage: a commit failed', 'storage: commits succeed again'])
  })

  test('a promise resolves only when another connection can see the row', async (t) => {
    const { path, insert } = await openWriter(t)
    const other = new BetterSqlite3(path, { readonly: true })
    t.after(() => other.close())
    const seen = other.prepare('SELECT count(*) FROM meta WHERE key = ?').pluck()
    const inserts = Array.from({ length: 300 }, async (_, n) => {
      await insert(`k${n}`, 1)
      assert.equal(seen.get(`k${n}`), 1)
    })
    await Promise.all(inserts)
  })

  test('while another process writes, units wait and the event loop turns', async (t) => {
    const { path, insert, keys } = await openWriter(t)
    const other = new BetterSqlite3(path)
    t.after(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    const waiting = insert('a', 1)
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    assert.deepEqual(keys(), [])
    other.exec('COMMIT')
    await waiting
    assert.deepEqual(keys(), ['a'])
  })
})
