// What every storage engine must do, as claims about the contract in src/storage/storage.ts. Each test
// gets an empty storage of its own.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { AppError } from '../src/errors.ts'
import type { RunRecord } from '../src/model.ts'
import type { NewExecutable, NewVersion, Storage } from '../src/storage/storage.ts'

export function newVersion(change: Partial<NewVersion> = {}): NewVersion {
  return {
    sha256: 'ab'.repeat(32),
    wasm: Buffer.from('\0asm one'),
    interface: {
      kind: 'raw',
      functions: [
        { name: 'add', params: ['i32'], result: null, core_params: ['i32'], core_results: [] },
      ],
      missing_imports: ['env.now'],
      warnings: [],
      abi: { memory: 'memory' },
    },
    createdAtMs: 1_700_000_000_123,
    ...change,
  }
}

export function newExecutable(change: Partial<NewExecutable> = {}): NewExecutable {
  return {
    description: 'adds — naïvely',
    adminKeyHash: 'aa'.repeat(32),
    usageKeyHash: null,
    storageKey: '0123456789abcdef'.repeat(2),
    version: newVersion(),
    ...change,
  }
}

export function newRun(executableId: number, change: Partial<RunRecord> = {}): RunRecord {
  return {
    id: uuidv7(),
    executableId,
    version: 1,
    functionName: 'add',
    status: 'succeeded',
    errorCode: null,
    errorMessage: null,
    usageKeyHash: null,
    forwardedTo: null,
    cause: null,
    inputs: null,
    timings: { fetchUs: null, queueUs: 12, instantiateUs: 34, runUs: 56, forwardUs: null },
    inputBytes: 3,
    outputBytes: 2 ** 40,
    memoryBytes: 65_536,
    fuelUsed: null,
    log: '',
    logTruncated: false,
    createdAtMs: 1_700_000_000_000,
    endedAtMs: 1_700_000_000_001,
    result: null,
    ...change,
  }
}

/** Runs whose ids rise, oldest first. */
export async function saveRuns(
  storage: Storage,
  executableId: number,
  changes: Partial<RunRecord>[],
): Promise<string[]> {
  const records = changes.map((change, n) => newRun(executableId, { id: runId(n), ...change }))
  await storage.runs.save(records)
  return records.map((record) => record.id)
}

function runId(n: number): string {
  return `01890000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

export async function idsOf(storage: Storage, executableId: number): Promise<string[]> {
  return (await storage.runs.list(executableId, { limit: 10_000 })).items.map((run) => run.id)
}

export function testStorage(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  describe(`${engine}: executables`, () => {
    test('a new executable reads back as it was created', async (t) => {
      const { executables } = await open(t)
      const created = await executables.create(newExecutable())
      assert.deepEqual(created, {
        id: 1,
        description: 'adds — naïvely',
        adminKeyHash: 'aa'.repeat(32),
        usageKeyHash: null,
        storageKey: '0123456789abcdef'.repeat(2),
        state: null,
        variables: {},
        callback: null,
        signingSecrets: [],
        embeddedCallback: true,
        types: {},
        limits: {},
        reuse: false,
        metered: false,
        version: {
          number: 1,
          sha256: 'ab'.repeat(32),
          sizeBytes: 8,
          interface: newVersion().interface,
          createdAtMs: 1_700_000_000_123,
        },
        createdAtMs: 1_700_000_000_123,
      })
      assert.deepEqual(await executables.get(1), created)
    })

    test('every field that an owner may change reads back, and the others stay', async (t) => {
      const { executables } = await open(t)
      const { id, ...rest } = await executables.create(newExecutable())
      const change = {
        description: '',
        usageKeyHash: 'bb'.repeat(32),
        state: '{"naïve":"\0 ü 🦀"}',
        variables: { TOKEN: 's3cret', EMPTY: '' },
        callback: '{"hostname":"example.com"}',
        embeddedCallback: false,
        types: { add: { params: ['text', 'i32'], result: 'result<u32>' } },
        limits: { timeoutMs: 5, fuel: 2 ** 50 },
        reuse: true,
        metered: true,
      }
      assert.equal(await executables.update(id, change), true)
      assert.deepEqual(await executables.get(id), { id, ...rest, ...change })
      assert.equal(await executables.update(id, { state: null, usageKeyHash: null }), true)
      const cleared = { ...change, state: null, usageKeyHash: null }
      assert.deepEqual(await executables.get(id), { id, ...rest, ...cleared })
    })

    test('an empty state is a state', async (t) => {
      const { executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      await executables.update(id, { state: '' })
      assert.equal((await executables.get(id))?.state, '')
    })

    test('an unknown id is told apart from an empty change', async (t) => {
      const { executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      assert.equal(await executables.update(id, {}), true)
      assert.equal(await executables.update(id + 1, {}), false)
      assert.equal(await executables.update(id + 1, { state: 'x' }), false)
      assert.equal(await executables.get(id + 1), undefined)
      assert.equal(await executables.addVersion(id + 1, newVersion(), 10), undefined)
      assert.equal(await executables.activateVersion(id + 1, 1), undefined)
      assert.equal(await executables.readBinary(id + 1, 1), undefined)
      assert.deepEqual(await executables.listVersions(id + 1), [])
      assert.equal(await executables.delete(id + 1), false)
    })

    test('ids rise and are never used again', async (t) => {
      const { executables } = await open(t)
      for (let n = 0; n < 3; n++) await executables.create(newExecutable())
      assert.equal(await executables.delete(3), true)
      assert.equal(await executables.delete(1), true)
      assert.equal((await executables.create(newExecutable())).id, 4)
      assert.deepEqual(await executables.listIds(), [2, 4])
    })

    test('a new version is active at once and keeps its own bytes', async (t) => {
      const { executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      const wasm = Buffer.from([0, 1, 2, 255])
      const second = newVersion({ wasm, sha256: 'cd'.repeat(32), createdAtMs: 5 })
      const added = await executables.addVersion(id, second, 10)
      assert.equal(added?.number, 2)
      assert.equal(added.sizeBytes, 4)
      assert.deepEqual((await executables.get(id))?.version, added)
      assert.deepEqual(await executables.readBinary(id, 2), wasm)
      assert.deepEqual(await executables.readBinary(id, 1), newVersion().wasm)
      assert.deepEqual((await executables.listVersions(id))[0], added)
    })

    test('the newest versions stay, and a number is never used again', async (t) => {
      const { executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      for (let n = 2; n <= 5; n++) await executables.addVersion(id, newVersion(), 3)
      const numbers = async () => (await executables.listVersions(id)).map((v) => v.number)
      assert.deepEqual(await numbers(), [5, 4, 3])
      assert.equal(await executables.readBinary(id, 2), undefined)
      await executables.addVersion(id, newVersion(), 1)
      assert.deepEqual(await numbers(), [6])
    })

    test('a rollback makes a kept version active; the next hot swap keeps rising', async (t) => {
      const { executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      await executables.addVersion(id, newVersion(), 10)
      assert.equal((await executables.activateVersion(id, 1))?.number, 1)
      assert.equal((await executables.get(id))?.version.number, 1)
      assert.equal(await executables.activateVersion(id, 7), undefined)
      assert.equal((await executables.get(id))?.version.number, 1)
      assert.equal((await executables.addVersion(id, newVersion(), 1))?.number, 3)
      assert.equal((await executables.get(id))?.version.number, 3)
    })

    test('a binary is in use until its last version is gone', async (t) => {
      const { executables } = await open(t)
      const sha256 = 'ee'.repeat(32)
      assert.equal(await executables.usesBinary(sha256), false)
      await executables.create(newExecutable({ version: newVersion({ sha256 }) }))
      await executables.create(newExecutable({ version: newVersion({ sha256 }) }))
      await executables.delete(1)
      assert.equal(await executables.usesBinary(sha256), true)
      await executables.delete(2)
      assert.equal(await executables.usesBinary(sha256), false)
    })

    test('deleting an executable takes its versions and runs, and no others', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const other = await executables.create(newExecutable())
      const [mine, theirs] = [newRun(id), newRun(other.id)]
      await runs.save([mine, theirs])
      assert.equal(await executables.delete(id), true)
      assert.equal(await executables.get(id), undefined)
      assert.equal(await executables.readBinary(id, 1), undefined)
      assert.equal(await runs.get(mine.id), undefined)
      assert.deepEqual(await runs.get(theirs.id), theirs)
      assert.ok(await executables.readBinary(other.id, 1))
    })
  })

  describe(`${engine}: runs`, () => {
    test('a run reads back whole, its log and result included', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const run = newRun(id, {
        status: 'failed',
        errorCode: 'CALLBACK_FAILED',
        errorMessage: 'The target said 500.',
        usageKeyHash: 'cc'.repeat(32),
        forwardedTo: 'https://example.com',
        cause: { kind: 'source', tenant: 'acme', sourceId: 'a', eventId: 'b' },
        inputs: [{ origin: 'https://example.com:443', bytes: null }],
        log: 'line 1\nline 2 ü\n',
        logTruncated: true,
        result: { bytes: Buffer.from([0, 255, 1]), type: 'image/png' },
      })
      await runs.save([run])
      assert.deepEqual(await runs.get(run.id), run)
      assert.equal(await runs.get(uuidv7()), undefined)
    })

    test('a log of whatever characters reads back as it was', async (t) => {
      const { runs, executables } = await open(t)
      const { id } = await executables.create(newExecutable())
      const logs = ['\0', 'a\0b\0\0', '\uFDD0', '\uFDD00\uFDD01\0', '\uFFFF\u{10FFFF} ü 🦀']
      const records = logs.map((log) => newRun(id, { log, errorMessage: log }))
      await runs.save(records)
      for (const record of records) assert.deepEqual(await runs.get(record.id), record)
    })

    test('an empty result that is kept is not the same as none', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const run = newRun(id, { result: { bytes: Buffer.alloc(0), type: 'text/plain' } })
      await runs.save([run])
      assert.deepEqual((await runs.get(run.id))?.result, run.result)
    })

    test('saving again replaces the record and keeps its place', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const queued = newRun(id, { status: 'queued', endedAtMs: null })
      const ended = { ...queued, status: 'failed' as const, endedAtMs: 9, log: 'boom' }
      await runs.save([queued])
      const { sequence } = (await runs.latest(id)) ?? {}
      await runs.save([ended])
      assert.deepEqual(await runs.latest(id), { record: ended, sequence })
    })

    test('of two records with one id in a batch the later counts', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const first = newRun(id, { status: 'running', endedAtMs: null })
      const last = { ...first, status: 'succeeded' as const, endedAtMs: 9 }
      await runs.save([first, newRun(id), last])
      assert.deepEqual(await runs.get(first.id), last)
      assert.equal((await idsOf({ runs } as Storage, id)).length, 2)
    })

    test('a run whose executable is gone is left out and fails no other', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const [mine, orphan] = [newRun(id), newRun(id + 1)]
      await runs.save([orphan, mine])
      assert.equal(await runs.get(orphan.id), undefined)
      assert.deepEqual(await runs.get(mine.id), mine)
      await runs.save([])
    })

    test('a clock that tells fractions of a microsecond is rounded', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const run = newRun(id)
      await runs.save([{ ...run, timings: { ...run.timings, runUs: 56.4 } }])
      assert.deepEqual(await runs.get(run.id), run)
    })

    test('a thousand records are saved by one call', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const ids = await saveRuns(storage, id, new Array<object>(1_001).fill({}))
      assert.deepEqual(await idsOf(storage, id), ids.reverse())
    })

    test('pages list the newest first and end with null', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const other = await storage.executables.create(newExecutable())
      const ids = await saveRuns(storage, id, [{}, {}, {}, {}, {}])
      await storage.runs.save([newRun(other.id)])
      const seen: string[][] = []
      let next: string | null | undefined
      while (next !== null) {
        const page = await storage.runs.list(id, { limit: 2, ...(next ? { before: next } : {}) })
        seen.push(page.items.map((run) => run.id))
        next = page.next
      }
      assert.deepEqual(seen, [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]])
      const exact = await storage.runs.list(id, { limit: 5 })
      assert.equal(exact.next, null)
      assert.deepEqual(await storage.runs.list(id + 9, { limit: 5 }), { items: [], next: null })
    })

    test('a list carries neither logs nor results', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      const run = newRun(id, { log: 'long', result: { bytes: Buffer.from('x'), type: 'a/b' } })
      await runs.save([run])
      const { items } = await runs.list(id, { limit: 1 })
      assert.deepEqual(items, [{ ...run, log: '', result: null }])
    })

    test('the latest run comes with its place in the order of saving', async (t) => {
      const { executables, runs } = await open(t)
      const { id } = await executables.create(newExecutable())
      assert.equal(await runs.latest(id), undefined)
      const [first, second] = [newRun(id), newRun(id)]
      await runs.save([first])
      await runs.save([second])
      assert.deepEqual(await runs.latest(id), { record: second, sequence: 2 })
    })
  })

  describe(`${engine}: ephemeral storage`, () => {
    const bounds = { nowMs: 1_000, maxBytes: 10, maxEntries: 3, mustExist: false }
    const entry = (key: string, value: string, expiresAtMs = 2_000) => ({ key, value, expiresAtMs })
    const full = (error: unknown) =>
      error instanceof AppError && error.code === 'EPHEMERAL_STORAGE_FULL'

    test('an entry is there until the moment it expires', async (t) => {
      const { ephemeral } = await open(t)
      assert.equal(await ephemeral.put(entry('a', '{"ü":1}'), bounds), true)
      assert.equal(await ephemeral.get('a', 1_999), '{"ü":1}')
      assert.equal(await ephemeral.get('a', 2_000), undefined)
      assert.equal(await ephemeral.get('b', 1_000), undefined)
      assert.equal(await ephemeral.delete('a', 2_000), false)
    })

    test('an update needs an entry that has not expired', async (t) => {
      const { ephemeral } = await open(t)
      const update = { ...bounds, mustExist: true }
      assert.equal(await ephemeral.put(entry('a', 'x'), update), false)
      await ephemeral.put(entry('a', 'x'), bounds)
      assert.equal(await ephemeral.put(entry('a', 'y', 3_000), update), true)
      assert.equal(await ephemeral.get('a', 2_500), 'y')
      assert.equal(await ephemeral.put(entry('a', 'z'), { ...update, nowMs: 3_000 }), false)
    })

    test('the bytes of all values are bounded, in UTF-8', async (t) => {
      const { ephemeral } = await open(t)
      await ephemeral.put(entry('a', 'ü'.repeat(3)), bounds)
      await assert.rejects(ephemeral.put(entry('b', '12345'), bounds), full)
      assert.equal(await ephemeral.get('b', 1_000), undefined)
      assert.equal(await ephemeral.put(entry('b', '1234'), bounds), true)
      // Replacing counts the difference only.
      assert.equal(await ephemeral.put(entry('a', '123456'), bounds), true)
      await assert.rejects(ephemeral.put(entry('a', '1234567'), bounds), full)
      assert.equal(await ephemeral.get('a', 1_000), '123456')
    })

    test('the number of entries is bounded', async (t) => {
      const { ephemeral } = await open(t)
      for (const key of ['a', 'b', 'c']) await ephemeral.put(entry(key, '1'), bounds)
      await assert.rejects(ephemeral.put(entry('d', '1'), bounds), full)
      assert.equal(await ephemeral.put(entry('c', '2'), bounds), true)
      assert.equal(await ephemeral.delete('a', 1_000), true)
      assert.equal(await ephemeral.delete('a', 1_000), false)
      assert.equal(await ephemeral.put(entry('d', '1'), bounds), true)
    })

    test('puts at once do not pass the bound together', async (t) => {
      const { ephemeral } = await open(t)
      const puts = Array.from({ length: 20 }, (_, n) => ephemeral.put(entry(`k${n}`, '1'), bounds))
      const outcomes = await Promise.allSettled(puts)
      assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 3)
    })

    test('what has expired takes no room, swept or not', async (t) => {
      const { ephemeral } = await open(t)
      for (const key of ['a', 'b', 'c']) await ephemeral.put(entry(key, '123'), bounds)
      const later = { ...bounds, nowMs: 2_000 }
      assert.equal(await ephemeral.put(entry('d', '1234567890', 3_000), later), true)
      await assert.rejects(ephemeral.put(entry('e', '1', 3_000), later), full)
    })

    test('a put finds room behind thousands of expired entries', async (t) => {
      const { ephemeral } = await open(t)
      const wide = { ...bounds, maxBytes: 2_500, maxEntries: 2_500 }
      const keys = Array.from({ length: 2_500 }, (_, n) => `k${n}`)
      await Promise.all(keys.map((key) => ephemeral.put(entry(key, '1'), wide)))
      const later = { ...wide, nowMs: 2_000 }
      assert.equal(await ephemeral.put(entry('x', '1'.repeat(2_500), 3_000), later), true)
      await assert.rejects(ephemeral.put(entry('y', '1', 3_000), later), full)
    })

    test('sweeping deletes what has expired, at most so many at once', async (t) => {
      const { ephemeral } = await open(t)
      await ephemeral.put(entry('a', '1'), bounds)
      await ephemeral.put(entry('b', '1'), bounds)
      await ephemeral.put(entry('c', '1', 3_000), bounds)
      assert.equal(await ephemeral.sweep(1_999, 10), 0)
      assert.equal(await ephemeral.sweep(2_000, 1), 1)
      assert.equal(await ephemeral.sweep(2_000, 10), 1)
      assert.equal(await ephemeral.get('c', 2_000), '1')
      const later = { ...bounds, nowMs: 2_000 }
      for (const key of ['d', 'e']) await ephemeral.put(entry(key, '1', 3_000), later)
      await assert.rejects(ephemeral.put(entry('f', '1', 3_000), later), full)
    })
  })

  describe(`${engine}: as a whole`, () => {
    test('many writers at once each get their own answer', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const records = Array.from({ length: 1_000 }, () => newRun(id))
      await Promise.all(records.map((record) => storage.runs.save([record])))
      const found = await Promise.all(records.map((record) => storage.runs.get(record.id)))
      assert.deepEqual(found, records)
    })

    test('a failing write is undone and fails none of its neighbours', async (t) => {
      const storage = await open(t)
      const { id } = await storage.executables.create(newExecutable())
      const good = Array.from({ length: 50 }, () => newRun(id))
      // The second record breaks a column's rule after the first has been written.
      const broken = newRun(id, { log: null as unknown as string })
      const undone = newRun(id)
      const outcomes = await Promise.allSettled([
        ...good.slice(0, 25).map((record) => storage.runs.save([record])),
        storage.runs.save([...new Array<RunRecord>(100).fill(undone), broken]),
        ...good.slice(25).map((record) => storage.runs.save([record])),
      ])
      assert.deepEqual(outcomes.map((outcome) => outcome.status === 'rejected').indexOf(true), 25)
      assert.equal(outcomes.filter((outcome) => outcome.status === 'rejected').length, 1)
      assert.equal(await storage.runs.get(undone.id), undefined)
      assert.equal((await idsOf(storage, id)).length, 50)
    })

    test('it answers a ping, and refuses writes once closed', async (t) => {
      const storage = await open(t)
      await storage.ping()
      const accepted = storage.executables.create(newExecutable())
      await storage.close()
      assert.equal((await accepted).id, 1)
      await assert.rejects(
        storage.executables.delete(1),
        (error) => error instanceof AppError && error.code === 'CLOSED',
      )
    })
  })
}
