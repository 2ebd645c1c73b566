// The storage suite on SQLite, and what only SQLite promises: files, locks, keys, crashes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { AppError } from '../src/errors.ts'
import { createSecrets, deriveKey } from '../src/storage/secrets.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import { testBins } from './storage-bins-suite.ts'
import { testOverview } from './storage-overview-suite.ts'
import { NOW, PER_LANE, bounds, newAttempt, testDeliveries } from './storage-deliveries-suite.ts'
import { testEndpointStats } from './storage-endpoint-stats-suite.ts'
import { testEndpoints } from './storage-endpoints-suite.ts'
import { testEventTypes } from './storage-event-types-suite.ts'
import { accepted, newEndpoint, newMessage, testEvents } from './storage-events-suite.ts'
import { testMessages } from './storage-messages-suite.ts'
import { testLanes } from './storage-lanes-suite.ts'
import { testOwnLanes } from './storage-own-lanes-suite.ts'
import { testFunctionStorage } from './storage-functions-suite.ts'
import { testIdempotency } from './storage-idempotency-suite.ts'
import { testRepair } from './storage-repair-suite.ts'
import { testOrder } from './storage-order-suite.ts'
import { testPruning } from './storage-pruning-suite.ts'
import { newSigningSecret, testSigningSecrets } from './storage-signing-suite.ts'
import { newEventType } from './helpers/event-types.ts'
import { undoMigrations } from './helpers/undo-migrations.ts'
import { testSources } from './storage-sources-suite.ts'
import { newExecutable, newRun, newVersion, testStorage } from './storage-suite.ts'
import { testTokens } from './storage-tokens-suite.ts'
import { newUsage, testUsage } from './storage-usage-suite.ts'

/** The user id of nobody. */
const NOBODY = 65_534
const SECRET_KEY = 'a secret key of at least 32 characters'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wasmhook-storage-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(t: TestContext, dataDir?: string, secretKey = '') {
  const storage = await openSqlite({ dataDir: dataDir ?? (await makeFolder(t)), secretKey })
  t.after(() => storage.close())
  return storage
}

function isError(code: string, sentence: RegExp) {
  return (error: unknown) =>
    error instanceof AppError && error.code === code && sentence.test(error.message)
}

testStorage('SQLite', (t) => open(t))
testIdempotency('SQLite', (t) => open(t))
testPruning('SQLite', (t) => open(t))
testUsage('SQLite', (t) => open(t))
testFunctionStorage('SQLite', (t) => open(t))
testDeliveries('SQLite', (t) => open(t))
testRepair('SQLite', (t) => open(t))
testSigningSecrets('SQLite', (t) => open(t))
testLanes('SQLite', (t) => open(t))
testOwnLanes('SQLite', (t) => open(t))
testEvents('SQLite', (t) => open(t))
testEndpoints('SQLite', (t) => open(t))
testEndpointStats('SQLite', (t) => open(t))
testMessages('SQLite', (t) => open(t))
testEventTypes('SQLite', (t) => open(t))
testOrder('SQLite', (t) => open(t))
testTokens('SQLite', (t) => open(t))
testSources('SQLite', (t) => open(t))
testBins('SQLite', (t) => open(t))
testOverview('SQLite', (t) => open(t))

describe('SQLite: a restart', () => {
  test('everything is there after closing and opening again', async (t) => {
    const folder = await makeFolder(t)
    const before = await open(t, folder)
    const { id } = await before.executables.create(newExecutable())
    await before.executables.update(id, { state: 's', variables: { A: 'v' }, callback: '{}' })
    await before.executables.addVersion(id, newVersion(), 10)
    const run = newRun(id)
    await before.runs.save([run])
    const entry = { key: 'k', value: 'v', expiresAtMs: 10 }
    const bounds = { nowMs: 1, maxBytes: 9, maxEntries: 9, mustExist: false }
    await before.ephemeral.put(entry, bounds)
    const executable = await before.executables.get(id)
    await before.close()

    const after = await open(t, folder)
    assert.deepEqual(await after.executables.get(id), executable)
    assert.deepEqual(await after.runs.get(run.id), run)
    assert.equal(await after.ephemeral.get('k', 1), 'v')
    await after.executables.delete(id)
    assert.equal((await after.executables.create(newExecutable())).id, id + 1)
  })

  test('kill -9 in the midst of writing loses nothing that was resolved', async (t) => {
    const folder = await makeFolder(t)
    const script = new URL('helpers/storage-child.ts', import.meta.url).pathname
    for (let round = 1; round <= 3; round++) {
      const child = spawn(process.execPath, ['--import', 'tsx', script, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => child.kill('SIGKILL'))
      const exited = once(child, 'exit')
      const resolved: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        resolved.push(line)
        if (resolved.length === 500 * round) child.kill('SIGKILL')
      }
      assert.deepEqual(await exited, [null, 'SIGKILL'])
      // The last line may have been cut off by the kill.
      const whole = resolved.filter((id) => id.length === 36)
      assert.ok(whole.length >= 500 * round)

      const storage = await open(t, folder)
      for (const id of whole) assert.ok(await storage.runs.get(id), `${id} is lost`)
      assert.equal((await storage.executables.listIds()).length, round)
      await storage.close()
    }
  })

  test('a database of before results were measured opens, its kept results within the bound', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder)
    const { id } = await first.executables.create(newExecutable())
    const runs = [4, 6].map((bytes) =>
      newRun(id, { status: 'failed', result: { bytes: Buffer.alloc(bytes), type: 'a/b' } }),
    )
    await first.runs.save(runs)
    await first.close()
    undoMigrations(folder, '0002-result-size')

    const second = await open(t, folder)
    const bounds = {
      ...{ keep: 9, keepFailed: 9, failedSinceMs: 0, slotsSinceMs: 0, keepResultBytes: 9 },
    }
    await second.runs.prune(id, bounds)
    const left = await Promise.all(runs.map((run) => second.runs.get(run.id)))
    assert.deepEqual(
      left.map((run) => run?.result?.bytes.length),
      [undefined, 6],
    )
  })

  test('a database of before limits and usage opens, with no limits set and nothing used', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder)
    const executable = await first.executables.create(newExecutable())
    const run = newRun(executable.id)
    await first.runs.save([run])
    await first.close()
    undoMigrations(folder, '0003-limits-and-usage')

    const second = await open(t, folder)
    assert.deepEqual(await second.executables.get(executable.id), executable)
    assert.deepEqual(await second.runs.get(run.id), run)
    assert.equal(await second.runs.usage(executable.id), undefined)
    const used = new Map([[executable.id, newUsage()]])
    await second.runs.save([], { used, slots: new Map() })
    assert.deepEqual(await second.runs.usage(executable.id), newUsage())
  })

  test('modules of before function storage are known to use it, and are told nothing else', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder)
    const before = newVersion().interface
    const missing = ['ssvm_native.ssvm_storage_loadI32', 'ssvm_native.ssvm_process_run', 'env.now']
    const { id } = await first.executables.create(
      newExecutable({
        version: newVersion({
          interface: {
            ...before,
            missing_imports: missing,
            warnings: missing.map((name) => `Import ${name} is not provided.`),
          },
        }),
      }),
    )
    const other = await first.executables.create(newExecutable())
    await first.close()
    undoMigrations(folder, '0004-function-storage')

    const second = await open(t, folder)
    assert.deepEqual((await second.executables.get(id))?.version.interface, {
      ...before,
      uses_storage: true,
      missing_imports: missing.slice(1),
      warnings: missing.slice(1).map((name) => `Import ${name} is not provided.`),
    })
    assert.deepEqual(await second.executables.get(other.id), other)
  })

  test('bodies of messages of before they were counted once count for as long as they are kept', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder)
    await first.eventTypes.add(newEventType(), 1)
    const [unsent, sent] = [newMessage(), newMessage()]
    const bytes = sent.body.length
    await first.messages.publish(unsent)
    for (let n = 0; n < 2; n++) await first.endpoints.add(newEndpoint(), 9)
    await first.messages.publish(sent)
    const news = { perLane: PER_LANE, news: 'none' } as const
    for (const [n, leased] of (await first.deliveries.claim(bounds())).entries()) {
      const after = { state: 'succeeded', reason: null } as const
      await first.deliveries.settle(leased, newAttempt(), after, { ...news, nowMs: NOW + n })
    }
    await first.close()
    undoMigrations(folder, '0016-event-bytes')

    const { deliveryRetention: kept, messages } = await open(t, folder)
    const known = accepted(await messages.publish(newMessage({ typeRevision: '' })))
    assert.equal(known.message.deliveries, 2, 'the patterns of endpoints are known')
    const all = async (): Promise<number> =>
      (await kept.keptBytes('deliveries', 0, NOW + 9)) +
      (await kept.keptBytes('messages', 0, NOW + 9))
    assert.equal(await all(), 2 * bytes + 4, 'two bodies, and two answers')
    await kept.dropPayloads({ endedMs: NOW + 1, madeMs: NOW + 1 })
    assert.equal(await all(), 2 * bytes + 2)
    await kept.dropPayloads({ endedMs: NOW + 2, madeMs: NOW + 1 })
    assert.equal(await all(), bytes)
    assert.equal((await messages.get(sent.id))?.body, null)
    await kept.dropUnsent(NOW + 1)
    assert.equal(await all(), 0)
  })

  test('a database of a newer version is refused', async (t) => {
    const folder = await makeFolder(t)
    await (await open(t, folder)).close()
    const db = new BetterSqlite3(join(folder, 'wasmhook.db'))
    db.exec(`INSERT INTO kysely_migration VALUES ('9999-future', '2100-01-01T00:00:00.000Z')`)
    db.close()
    await assert.rejects(open(t, folder), isError('CONFLICT', /newer Wasmhook/))
  })
})

describe('SQLite: the data folder', () => {
  test('a second server on the same folder refuses to start, and the first goes on', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder)
    await assert.rejects(open(t, folder), isError('CONFLICT', /Another server uses/))
    await assert.rejects(open(t, folder), isError('CONFLICT', /Another server uses/))
    assert.equal((await first.executables.create(newExecutable())).id, 1)
    await first.close()
    await open(t, folder)
  })

  test('a server in another process is kept out too, until it ends', async (t) => {
    const folder = await makeFolder(t)
    const script = new URL('helpers/storage-child.ts', import.meta.url).pathname
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    await assert.rejects(open(t, folder), isError('CONFLICT', /Another server uses/))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await open(t, folder)
  })

  test('folder and files are for their owner only', async (t) => {
    const folder = join(await makeFolder(t), 'deep', 'data')
    const storage = await open(t, folder)
    await storage.executables.create(newExecutable())
    const mode = async (path: string) => (await stat(path)).mode & 0o777
    assert.equal(await mode(folder), 0o700)
    const files = await readdir(folder)
    assert.deepEqual(files.sort(), [
      'lock',
      'secret.key',
      'wasmhook.db',
      'wasmhook.db-shm',
      'wasmhook.db-wal',
    ])
    for (const file of files) assert.equal(await mode(join(folder, file)), 0o600, file)
  })

  const damaged = /^DATA_DIR \(SQLITE_\w+\): .* is damaged or no database; restore it/
  const denied = /^DATA_DIR \(\w+\): .* cannot be opened for writing; give this user the right/
  const misplaced = /^DATA_DIR \(\w+\): .* is in the way or leads nowhere; move it away/

  test('a database or lock file that is damaged is told by its name', async (t) => {
    for (const file of ['wasmhook.db', 'lock']) {
      const folder = await makeFolder(t)
      await writeFile(join(folder, file), 'garbage '.repeat(1_000))
      await assert.rejects(open(t, folder), isError('CONFLICT', damaged))
      await assert.rejects(open(t, folder), isError('CONFLICT', new RegExp(`/${file} is damaged`)))
    }
    const folder = await makeFolder(t)
    await (await open(t, folder)).close()
    const path = join(folder, 'wasmhook.db')
    await truncate(path, (await stat(path)).size / 2)
    await assert.rejects(open(t, folder), isError('CONFLICT', damaged))
  })

  test('a folder that cannot be made, or a file that is none, is told by its name', async (t) => {
    const folder = await makeFolder(t)
    await writeFile(join(folder, 'file'), 'x')
    await symlink(join(folder, 'nowhere', 'deep'), join(folder, 'link'))
    for (const name of ['file', join('file', 'below'), 'link', 'long'.repeat(100)]) {
      await assert.rejects(open(t, join(folder, name)), isError('CONFLICT', misplaced), name)
    }
    for (const file of ['wasmhook.db', 'lock']) {
      const used = await makeFolder(t)
      await mkdir(join(used, file))
      await assert.rejects(open(t, used), isError('CONFLICT', denied))
    }
    const used = await makeFolder(t)
    await mkdir(join(used, 'secret.key'))
    await assert.rejects(open(t, used), isError('CONFLICT', /secret\.key is in the way/))
  })

  test('a folder that this user may not write to is told by its name', async (t) => {
    const folder = await makeFolder(t)
    await mkdir(join(folder, 'owned'), { mode: 0o755 })
    await chmod(folder, 0o555)
    // Rights do not bind root.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(NOBODY)
    try {
      await assert.rejects(open(t, join(folder, 'new')), isError('CONFLICT', denied))
      if (!isRoot) return
      await assert.rejects(open(t, join(folder, 'owned')), isError('CONFLICT', denied))
    } finally {
      if (isRoot) process.seteuid?.(0)
      await chmod(folder, 0o755)
    }
  })

  test('a database that another program keeps locked is told so', async (t) => {
    const folder = await makeFolder(t)
    await (await open(t, folder)).close()
    const other = new BetterSqlite3(join(folder, 'wasmhook.db'))
    t.after(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(open(t, folder), isError('CONFLICT', /another program keeps .* locked/))
    other.exec('COMMIT')
    await open(t, folder)
  })

  test('a key file that others may read is closed to them', async (t) => {
    const folder = await makeFolder(t)
    await (await open(t, folder)).close()
    const path = join(folder, 'secret.key')
    await chmod(path, 0o644)
    await open(t, folder)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })
})

describe('SQLite: secrets', () => {
  test('no file holds a secret, before or after it is replaced, deleted or closed', async (t) => {
    const folder = await makeFolder(t)
    const storage = await open(t, folder)
    const { id } = await storage.executables.create(newExecutable({ description: 'PLAIN-1' }))
    await storage.executables.update(id, {
      state: 'MARKER-state',
      variables: { name: 'MARKER-variable' },
      callback: '{"headers":{"authorization":"MARKER-callback"}}',
    })
    const hmacKey = Buffer.from('MARKER-signing')
    const privateKey = Buffer.from('MARKER-private')
    await storage.signingSecrets.rotate(id, newSigningSecret({ hmacKey, privateKey }), {
      nowMs: 1,
      previousUntilMs: 1,
      previousMax: 1,
    })
    const { spec } = newEndpoint()
    assert.ok(spec !== null)
    const fetch = { ...spec, path: '/MARKER-{{id}}', headers: { 'x-key': 'MARKER-fetch' } }
    await storage.eventTypes.add(newEventType({ fetch }), 1)
    await storage.messages.publish(newMessage({ fetch }))
    const search = async () => {
      const files = await readdir(folder)
      const contents = await Promise.all(files.map((file) => readFile(join(folder, file))))
      // What is not secret is found: the search itself works.
      assert.ok(contents.some((content) => content.includes('PLAIN-1')))
      for (const [n, content] of contents.entries()) {
        assert.equal(content.includes('MARKER'), false, files[n])
      }
    }
    await search()
    await storage.executables.update(id, { state: 'MARKER-2', variables: {}, callback: null })
    await storage.signingSecrets.clear(id)
    await search()
    await storage.close()
    await search()
  })

  test('another SECRET_KEY, or none, refuses to start and changes nothing', async (t) => {
    const folder = await makeFolder(t)
    const first = await open(t, folder, SECRET_KEY)
    const { id } = await first.executables.create(newExecutable())
    await first.executables.update(id, { state: 'kept' })
    await first.close()
    await assert.rejects(
      open(t, folder, SECRET_KEY.toUpperCase()),
      isError('CONFLICT', /another key/),
    )
    await assert.rejects(open(t, folder), isError('CONFLICT', /secret\.key is missing/))
    assert.equal((await readdir(folder)).includes('secret.key'), false)
    const again = await open(t, folder, SECRET_KEY)
    assert.equal((await again.executables.get(id))?.state, 'kept')
  })

  test('a lost, foreign or damaged key file refuses to start', async (t) => {
    const folder = await makeFolder(t)
    await (await open(t, folder)).close()
    const path = join(folder, 'secret.key')
    await assert.rejects(open(t, folder, SECRET_KEY), isError('CONFLICT', /another key/))
    await writeFile(path, Buffer.alloc(32))
    await assert.rejects(open(t, folder), isError('CONFLICT', /another key/))
    await writeFile(path, 'short')
    await assert.rejects(open(t, folder), isError('CONFLICT', /exactly 32 bytes/))
    await rm(path)
    await assert.rejects(open(t, folder), isError('CONFLICT', /is missing/))
  })

  test('a secret can be read in its own place only, and no two look alike', () => {
    const secrets = createSecrets(deriveKey(SECRET_KEY))
    const place = { table: 'executables', column: 'state', row: 1 } as const
    const sealed = secrets.seal('ü', place)
    assert.equal(secrets.open(sealed, place), 'ü')
    assert.notDeepEqual(secrets.seal('ü', place), sealed)
    const unreadable = isError('INTERNAL', /cannot be read/)
    const elsewhere = [
      { ...place, row: 2 },
      { ...place, row: '1' },
      { ...place, column: 'callback' },
      { ...place, table: 'runs' as const },
    ]
    for (const other of elsewhere) assert.throws(() => secrets.open(sealed, other), unreadable)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(sealed.readUInt8(at) ^ 1, at)
      assert.throws(() => secrets.open(changed, place), unreadable)
      assert.throws(() => secrets.open(sealed.subarray(0, at), place), unreadable)
    }
    const foreign = createSecrets(deriveKey(`${SECRET_KEY}.`))
    assert.throws(() => foreign.open(sealed, place), unreadable)
  })
})
