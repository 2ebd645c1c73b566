// The storage suite on PostgreSQL, and what only PostgreSQL promises: starts, locks, notices, the clock, cuts.
import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { AppError } from '../src/errors.ts'
import { openPool } from '../src/storage/postgres-connection.ts'
import { PostgresWriter } from '../src/storage/postgres-writer.ts'
import { checkVersion, openPostgres } from '../src/storage/postgres.ts'
import type { Notice, Storage } from '../src/storage/storage.ts'
import { SECRET_KEY, ask, cutConnections, emptyDatabase } from './helpers/postgres.ts'
import { testDeliveries } from './storage-deliveries-suite.ts'
import { testEndpointStats } from './storage-endpoint-stats-suite.ts'
import { testEndpoints } from './storage-endpoints-suite.ts'
import { testEventTypes } from './storage-event-types-suite.ts'
import { testEvents } from './storage-events-suite.ts'
import { testMessages } from './storage-messages-suite.ts'
import { testLanes } from './storage-lanes-suite.ts'
import { testOwnLanes } from './storage-own-lanes-suite.ts'
import { testFunctionStorage } from './storage-functions-suite.ts'
import {
  addKeyed,
  answered,
  endKeyed,
  newKey,
  testIdempotency,
} from './storage-idempotency-suite.ts'
import { testRepair } from './storage-repair-suite.ts'
import { testOrder } from './storage-order-suite.ts'
import { testPruning } from './storage-pruning-suite.ts'
import { testBins } from './storage-bins-suite.ts'
import { testOverview } from './storage-overview-suite.ts'
import { newSource, newSourceEvent, testSources } from './storage-sources-suite.ts'
import { newExecutable, newRun, testStorage } from './storage-suite.ts'
import { newToken, testTokens } from './storage-tokens-suite.ts'
import { testUsage } from './storage-usage-suite.ts'

async function open(t: TestContext, url?: string, secretKey = SECRET_KEY): Promise<Storage> {
  const database = url ?? (await emptyDatabase(t))
  const storage = await openPostgres({ url: database, secretKey, connections: 10 })
  t.after(() => storage.close())
  return storage
}

function isError(code: string, sentence: RegExp) {
  return (error: unknown) =>
    error instanceof AppError && error.code === code && sentence.test(error.message)
}

/** The next thing it is told that passes. */
function nextNotice(storage: Storage, wanted: (notice: Notice) => boolean): Promise<Notice> {
  return new Promise((resolve) =>
    storage.onNotice((notice) => {
      if (wanted(notice)) resolve(notice)
    }),
  )
}

const isAll = ({ kind }: Notice): boolean => kind === 'all'

testStorage('PostgreSQL', (t) => open(t))
testIdempotency('PostgreSQL', (t) => open(t))
testPruning('PostgreSQL', (t) => open(t))
testUsage('PostgreSQL', (t) => open(t))
testFunctionStorage('PostgreSQL', (t) => open(t))
testDeliveries('PostgreSQL', (t) => open(t))
testRepair('PostgreSQL', (t) => open(t))
testLanes('PostgreSQL', (t) => open(t))
testOwnLanes('PostgreSQL', (t) => open(t))
testEvents('PostgreSQL', (t) => open(t))
testEndpoints('PostgreSQL', (t) => open(t))
testEndpointStats('PostgreSQL', (t) => open(t))
testMessages('PostgreSQL', (t) => open(t))
testEventTypes('PostgreSQL', (t) => open(t))
testOrder('PostgreSQL', (t) => open(t))
testTokens('PostgreSQL', (t) => open(t))
testSources('PostgreSQL', (t) => open(t))
testBins('PostgreSQL', (t) => open(t))
testOverview('PostgreSQL', (t) => open(t))

describe('PostgreSQL: a start', () => {
  test('several servers start at once on an empty database, and see the same', async (t) => {
    const url = await emptyDatabase(t)
    const all = await Promise.all(Array.from({ length: 4 }, () => open(t, url)))
    const made = await Promise.all(
      all.map(({ executables }) => executables.create(newExecutable())),
    )
    const ids = made.map(({ id }) => id).sort((a, b) => a - b)
    for (const { executables } of all) assert.deepEqual(await executables.listIds(), ids)
  })

  test('everything is there after closing and opening again, and the key must be the same', async (t) => {
    const url = await emptyDatabase(t)
    const first = await open(t, url)
    const { id } = await first.executables.create(newExecutable())
    await first.executables.update(id, { state: 'kept' })
    await first.close()
    const another = isError('CONFLICT', /another key/)
    await assert.rejects(open(t, url, SECRET_KEY.toUpperCase()), another)
    assert.equal((await (await open(t, url)).executables.get(id))?.state, 'kept')
  })

  test('a database that cannot be used is told in a sentence without its password', async (t) => {
    const url = await emptyDatabase(t)
    const changed = (change: (url: URL) => void): string => {
      const copy = new URL(url)
      change(copy)
      return copy.href
    }
    const refused: [string, RegExp][] = [
      [changed((at) => (at.port = '1')), /no database answers at 127\.0\.0\.1:1;/],
      [changed((at) => (at.password = 'wrong-word')), /refuses the user or the password/],
      [changed((at) => (at.pathname = '/nowhere')), /has no database nowhere; create it/],
    ]
    for (const [at, sentence] of refused) {
      await assert.rejects(open(t, at), (error) => {
        assert.ok(isError('CONFLICT', sentence)(error), String(error))
        assert.doesNotMatch((error as Error).message, /wrong-word|not-a-secret/)
        return true
      })
    }
  })

  test('a user who may not create tables, and a database that is not UTF-8, are refused', async (t) => {
    const url = await emptyDatabase(t)
    const server = url.replace(/[^/]*$/, 'postgres')
    await ask(url, `create role guest_${process.pid} login password 'guest'`)
    t.after(() => ask(server, `drop role guest_${process.pid}`))
    const guest = new URL(url)
    guest.username = `guest_${process.pid}`
    guest.password = 'guest'
    await assert.rejects(open(t, guest.href), isError('CONFLICT', /may not create tables/))
    const latin = new URL(url)
    latin.pathname = `/latin_${process.pid}`
    const create = `create database latin_${process.pid} encoding latin1 lc_collate 'C' lc_ctype 'C'`
    await ask(url, `${create} template template0`)
    t.after(() => ask(server, `drop database latin_${process.pid}`))
    await assert.rejects(open(t, latin.href), isError('CONFLICT', /encoded in LATIN1/))
  })

  test('a server older than 15 and a database of a newer version are refused', async (t) => {
    const old = { version: 140_012, name: '14.12' }
    assert.throws(() => checkVersion(old), isError('CONFLICT', /is PostgreSQL 14\.12; at least 15/))
    checkVersion({ version: 150_000, name: '15.0' })
    const url = await emptyDatabase(t)
    await (await open(t, url)).close()
    await ask(url, `insert into kysely_migration values ('9999-future', '2100-01-01')`)
    await assert.rejects(open(t, url), isError('CONFLICT', /newer Wasmhook/))
  })

  test('no table holds a secret', async (t) => {
    const url = await emptyDatabase(t)
    const storage = await open(t, url)
    const { id } = await storage.executables.create(newExecutable({ description: 'PLAIN-1' }))
    await storage.executables.update(id, {
      state: 'MARKER-state',
      variables: { name: 'MARKER-variable' },
      callback: '{"headers":{"authorization":"MARKER-callback"}}',
    })
    const tables = await ask(url, `select tablename from pg_tables where schemaname = 'public'`)
    const rows = await Promise.all(
      tables.map(({ tablename }) => ask(url, `select t::text as row from ${String(tablename)} t`)),
    )
    const all = JSON.stringify(rows)
    const hex = (text: string): string => Buffer.from(text).toString('hex')
    // What is not secret is found: the search itself works.
    assert.ok(all.includes('PLAIN-1') && all.includes(hex('\0asm')))
    assert.equal(all.includes('MARKER') || all.includes(hex('MARKER')), false)
  })
})

describe('PostgreSQL: notices between processes', () => {
  test('what one changes the others are told, and it is not', async (t) => {
    const url = await emptyDatabase(t)
    const [one, other] = [await open(t, url), await open(t, url)]
    const own: Notice[] = []
    one.onNotice((notice) => own.push(notice))
    const { id } = await one.executables.create(newExecutable())
    const told = nextNotice(other, ({ kind }) => kind === 'executable')
    await one.executables.update(id, { description: 'new' })
    assert.deepEqual(await told, { kind: 'executable', id })
    const asked = nextNotice(other, ({ kind }) => kind === 'cancel')
    one.tell({ kind: 'cancel', runId: 'a run' })
    assert.deepEqual(await asked, { kind: 'cancel', runId: 'a run' })
    const back = nextNotice(one, ({ kind }) => kind === 'executable')
    await other.executables.delete(id)
    await back
    assert.deepEqual(own, [{ kind: 'executable', id }])
  })

  test('a revocation is told, and counted for those that are not reached', async (t) => {
    const url = await emptyDatabase(t)
    const [one, other] = [await open(t, url), await open(t, url)]
    const token = newToken()
    await one.tokens.add(token, { max: 1, nowMs: 0 })
    const count = async () => (await ask(url, 'select count::int from changes'))[0]?.count
    const before = Number(await count())
    const told = nextNotice(other, ({ kind }) => kind === 'tokens')
    await one.tokens.revoke(token.id, 1)
    await told
    assert.equal(await count(), before + 1)
  })

  test('events of a source that come to several processes at once are each accepted once, without a deadlock', async (t) => {
    const url = await emptyDatabase(t)
    const all = await Promise.all([1, 2, 3].map(() => open(t, url)))
    const source = newSource()
    await all[0]!.sources.add(source, 1)
    const accept = async (storage: Storage, n: number): Promise<string> => {
      const keys = n % 2 === 0 ? [`id ${n}`, `signed ${n}`] : [`signed ${n}`, `id ${n}`]
      const common = { keys, keysExpireAtMs: 2e12, waited: false, replay: false }
      for (;;) {
        const event = newSourceEvent(source.id)
        const { outcome } = await storage.sourceEvents.accept({ event, ...common })
        if (outcome !== 'contended') return outcome
      }
    }
    const ids = Array.from({ length: 40 }, (_, n) => n)
    const outcomes = await Promise.all(
      all.flatMap((storage, at) =>
        (at % 2 === 0 ? ids : ids.toReversed()).map((n) => accept(storage, n)),
      ),
    )
    assert.equal(outcomes.filter((one) => one === 'accepted').length, ids.length)
    assert.equal(outcomes.filter((one) => one === 'duplicate').length, 2 * ids.length)
    for (const storage of all) await storage.close()
    // Each connection tells what it saw as it ends.
    const connected = `select 1 from pg_stat_activity where application_name = 'wasmhook'`
    while ((await ask(url, connected)).length > 0);
    const counted = 'select deadlocks from pg_stat_database where datname = current_database()'
    assert.equal(Number((await ask(url, counted))[0]?.deadlocks), 0)
  })

  test('a change that nobody told of is found by its count', async (t) => {
    const url = await emptyDatabase(t)
    const storage = await open(t, url)
    const told = nextNotice(storage, isAll)
    await ask(url, 'update changes set count = count + 1')
    await told
  })

  test('all may have changed when the connection that listens breaks, and it listens again', async (t) => {
    const url = await emptyDatabase(t)
    const [one, other] = [await open(t, url), await open(t, url)]
    const { id } = await one.executables.create(newExecutable())
    const lost = nextNotice(other, isAll)
    await cutConnections(url, 'wasmhook listener')
    await lost
    await nextNotice(other, isAll)
    const told = nextNotice(other, ({ kind }) => kind === 'executable')
    // Whoever tells may listen again a little later than whoever is told.
    const change = () => one.executables.update(id, { description: 'new' })
    while ((await Promise.race([told, change()])) === true);
    assert.deepEqual(await told, { kind: 'executable', id })
  })
})

describe('PostgreSQL: keys', () => {
  test('calls with keys on many executables at once never wait for each other in a circle', async (t) => {
    const url = await emptyDatabase(t)
    const storage = await open(t, url)
    const ids: number[] = []
    for (let n = 0; n < 8; n++) ids.push((await storage.executables.create(newExecutable())).id)
    const call = async (executableId: number): Promise<void> => {
      const added = await addKeyed(storage, newKey({ executableId, max: 1_000 }))
      await endKeyed(storage, added, answered('12345'))
    }
    const caller = async (n: number): Promise<void> => {
      for (let at = 0; at < ids.length; at++) await call(ids[(n * 5 + at * 3) % ids.length]!)
    }
    await Promise.all(Array.from({ length: 24 }, (_, n) => caller(n)))
    const totals = await ask(url, 'select entries, bytes from idempotency_totals')
    const sums = totals.map(({ entries, bytes }) => [Number(entries), Number(bytes)])
    assert.deepEqual(sums, Array<number[]>(8).fill([24, 24 * 5]))
    await storage.close()
    // Each connection tells what it saw as it ends.
    const connected = `select 1 from pg_stat_activity where application_name = 'wasmhook'`
    while ((await ask(url, connected)).length > 0);
    const counted = 'select deadlocks from pg_stat_database where datname = current_database()'
    assert.equal(Number((await ask(url, counted))[0]?.deadlocks), 0)
  })
})

describe('PostgreSQL: the clock', () => {
  test("is the database's, whatever the sessions set, and goes on while it cannot be asked", async (t) => {
    const url = await emptyDatabase(t)
    const [one, other] = [await open(t, url), await open(t, url)]
    assert.ok(Math.abs(one.now() - other.now()) < 1_000)
    const before = one.now()
    const name = new URL(url).pathname.slice(1)
    await ask(url, `alter database ${name} set wasmhook.clock_offset_ms = '86400000'`)
    await cutConnections(url, 'wasmhook listener')
    while (one.now() < before + 86_400_000 || other.now() < before + 86_400_000)
      await setImmediate()
    assert.ok(Math.abs(one.now() - other.now()) < 1_000)
    await ask(url, `alter database ${name} set wasmhook.clock_offset_ms = '-86400000'`)
    await cutConnections(url, 'wasmhook listener')
    while (one.now() > before) await setImmediate()
  })
})

describe('PostgreSQL: turns to change what functions keep', () => {
  test('come one after another among processes, and end with the one that has them', async (t) => {
    const url = await emptyDatabase(t)
    const [one, other] = [await open(t, url), await open(t, url)]
    const end = await one.functions.turn(1, 1_000)
    await assert.rejects(other.functions.turn(1, 1), isError('QUEUE_TIMEOUT', /waited 1 ms/))
    // Another executable's is another.
    ;(await other.functions.turn(2, 1_000))()
    const waiting = other.functions.turn(1, 60_000)
    end()
    const endOther = await waiting
    // One who waits while all connections are cut is told so, and the turn is nobody's.
    const cut = assert.rejects(
      one.functions.turn(1, 60_000),
      isError('STORAGE_UNAVAILABLE', /cannot be reached/),
    )
    const waits = `select 1 from pg_locks where locktype = 'advisory' and not granted`
    while ((await ask(url, waits)).length === 0);
    await cutConnections(url, 'wasmhook turn')
    await cut
    endOther()
    ;(await one.functions.turn(1, 60_000))()
  })
})

describe('PostgreSQL: the writers', () => {
  async function openWriter(t: TestContext, writers = 1) {
    const url = await emptyDatabase(t)
    await ask(url, 'create table meta (key text primary key, value bytea not null)')
    const pool = openPool(url, 'writer', writers)
    const writer = new PostgresWriter({ pool, writers, told: () => undefined, log: undefined })
    t.after(async () => {
      await writer.close()
      await pool.end()
    })
    const insert = (key: string) =>
      writer.write(async (db) => {
        await db
          .insertInto('meta')
          .values({ key, value: Buffer.alloc(1) })
          .execute()
      })
    const keys = async () =>
      (await ask(url, 'select key from meta order by key')).map(({ key }) => key)
    return { url, pool, writer, insert, keys }
  }

  test('a unit that fails is undone alone, and the others of its batch are committed', async (t) => {
    const { writer, insert, keys } = await openWriter(t)
    const failing = writer.write(async (db) => {
      await db
        .insertInto('meta')
        .values({ key: 'half', value: Buffer.alloc(1) })
        .execute()
      throw new AppError('CONFLICT')
    })
    const outcomes = await Promise.allSettled([insert('a'), failing, insert('a'), insert('b')])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    )
    await assert.rejects(failing, isError('CONFLICT', /conflicts/))
    assert.deepEqual(await keys(), ['a', 'b'])
  })

  test('more than there are connections wait for one', async (t) => {
    const url = await emptyDatabase(t)
    const storage = await openPostgres({ url, secretKey: SECRET_KEY, connections: 2 })
    t.after(() => storage.close())
    const { id } = await storage.executables.create(newExecutable())
    const saved = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const run = newRun(id)
        await storage.runs.save([run])
        return (await storage.runs.get(run.id))?.id === run.id
      }),
    )
    assert.ok(saved.every(Boolean))
    const open = `select 1 from pg_stat_activity where datname = current_database()
      and application_name = 'wasmhook'`
    assert.ok((await ask(url, open)).length <= 2)
  })

  test('two that wait for each other are both committed', async (t) => {
    const { writer, insert, keys } = await openWriter(t, 2)
    await Promise.all([insert('a'), insert('b')])
    let met = 0
    const both = async (...names: string[]) =>
      writer.write(async (db) => {
        for (const [n, key] of names.entries()) {
          if (n === 1) met++
          // Neither goes on before both have their first row; run again, it goes on at once.
          while (n === 1 && met < 2) await setImmediate()
          await db
            .updateTable('meta')
            .set({ value: Buffer.from(key) })
            .where('key', '=', key)
            .execute()
        }
      })
    const first = both('a', 'b')
    // In another turn of the event loop, so that they are no batch.
    await setImmediate()
    await Promise.all([first, both('b', 'a')])
    assert.ok(met > 2, 'they did not meet')
    assert.deepEqual(await keys(), ['a', 'b'])
  })

  test('a connection that breaks before the commit costs nobody anything', async (t) => {
    const { url, writer, keys } = await openWriter(t)
    let tries = 0
    await writer.write(async (db) => {
      if (++tries === 1) await cutConnections(url, 'writer')
      await db
        .insertInto('meta')
        .values({ key: 'a', value: Buffer.alloc(1) })
        .execute()
    })
    assert.equal(tries, 2)
    assert.deepEqual(await keys(), ['a'])
  })

  test('a connection that is found broken at the commit, which was not sent, costs nobody anything', async (t) => {
    const { url, pool, writer, keys } = await openWriter(t)
    let tries = 0
    let gone = false
    pool.once('connect', (client: pg.PoolClient) => {
      ;(client as unknown as EventEmitter).once('end', () => (gone = true))
    })
    await writer.write(async (db) => {
      await db
        .insertInto('meta')
        .values({ key: 'a', value: Buffer.alloc(1) })
        .execute()
      if (++tries > 1) return
      await cutConnections(url, 'writer')
      // Until its end is heard of here.
      while (!gone) await setImmediate()
    })
    assert.equal(tries, 2)
    assert.deepEqual(await keys(), ['a'])
  })

  test('the last try is made on a connection of its own', async (t) => {
    const { url, writer, keys } = await openWriter(t)
    const pids: unknown[] = []
    await writer.write(async (db) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
      pids.push(rows[0]?.pid)
      if (pids.length < 3) await cutConnections(url, 'writer')
      await db
        .insertInto('meta')
        .values({ key: 'a', value: Buffer.alloc(1) })
        .execute()
    })
    assert.equal(new Set(pids).size, 3)
    assert.deepEqual(await keys(), ['a'])
    const left = `select 1 from pg_stat_activity where application_name = 'writer'`
    while ((await ask(url, left)).length > 0);
  })

  test('of a connection that breaks in the commit it is told that the outcome is not known', async (t) => {
    const { url, insert, keys } = await openWriter(t)
    // The commit takes until it is cut.
    await ask(
      url,
      `create function wait_long() returns trigger language plpgsql
         as 'begin perform pg_sleep(3600); return null; end';
       create constraint trigger slow after insert on meta deferrable initially deferred
         for each row when (new.key = 'slow') execute function wait_long()`,
    )
    const slow = assert.rejects(insert('slow'), isError('STORAGE_UNKNOWN', /is not known/))
    const sleeping = `select 1 from pg_stat_activity where query = 'commit' and state = 'active'`
    while ((await ask(url, sleeping)).length === 0);
    await cutConnections(url, 'writer')
    await slow
    await insert('a')
    assert.deepEqual(await keys(), ['a'])
  })

  test('while the database is away writes and reads say so, and nothing of them is there after', async (t) => {
    const url = await emptyDatabase(t)
    const storage = await open(t, url)
    const { id } = await storage.executables.create(newExecutable())
    const admin = new pg.Client({ connectionString: url.replace(/[^/]*$/, 'postgres') })
    await admin.connect()
    t.after(() => admin.end())
    const name = new URL(url).pathname.slice(1)
    await admin.query(`alter database ${name} allow_connections false`)
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    )
    const away = isError('STORAGE_UNAVAILABLE', /cannot be reached/)
    await assert.rejects(storage.runs.save([newRun(id)]), away)
    await assert.rejects(storage.executables.get(id), away)
    await assert.rejects(storage.ping(), away)
    await admin.query(`alter database ${name} allow_connections true`)
    await storage.ping()
    assert.deepEqual((await storage.runs.list(id, { limit: 9 })).items, [])
    await storage.runs.save([newRun(id)])
    assert.equal((await storage.runs.list(id, { limit: 9 })).items.length, 1)
  })
})
