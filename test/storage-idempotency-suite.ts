// What every storage engine must do with the keys that callers give their calls.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { AppError } from '../src/errors.ts'
import type { RunRecord } from '../src/model.ts'
import type { AddOptions, KeptAnswer, NewKey, Storage } from '../src/storage/storage.ts'
import { newExecutable, newRun } from './storage-suite.ts'

const NOW = 1_000_000
const KEPT_MS = 5_000
const PER_LANE = 3

export function newKey(change: Partial<NewKey> = {}): NewKey {
  return {
    executableId: 1,
    functionName: 'f',
    key: uuidv7(),
    fingerprint: 'a',
    expiresAtMs: NOW + KEPT_MS,
    max: 10,
    ...change,
  }
}

export function answered(body: string): KeptAnswer {
  const postponed = { deliveryId: 'd', dueAtMs: 5 }
  const answer = { status: 200, type: 'text/plain', body: Buffer.from(body), warnings: ['w'] }
  return { answer: { ...answer, postponed } }
}

/** A run that is waited for, under a key. */
export async function addKeyed(storage: Storage, key: NewKey, nowMs = NOW, waited = true) {
  const run = newRun(key.executableId, { status: 'queued', endedAtMs: null, createdAtMs: nowMs })
  const leaseId = uuidv7()
  const lease = waited ? { lease: { leaseId, leasedUntilMs: nowMs + 100 } } : {}
  const request = {
    inputs: [],
    callback: undefined,
    text: true,
    hops: 0,
    vouched: false,
    waited,
    retry: undefined,
  }
  const options: AddOptions = { max: 10, key, ...lease }
  return { run, leaseId, added: await storage.queuedRuns.add(run, request, options) }
}

export async function endKeyed(
  storage: Storage,
  { run, leaseId }: { run: RunRecord; leaseId: string },
  answer: KeptAnswer | undefined,
  bytesMax = 100,
): Promise<void> {
  const ended = { ...run, status: 'succeeded' as const, endedAtMs: NOW }
  const kept = { answer, bytesMax }
  const together = { delivery: undefined, perLane: PER_LANE, kept }
  const { id } = run
  assert.equal(await storage.queuedRuns.end({ id, leaseId }, ended, together), true)
}

export function testIdempotency(
  engine: string,
  openEmpty: (t: TestContext) => Promise<Storage>,
): void {
  async function open(t: TestContext): Promise<Storage> {
    const storage = await openEmpty(t)
    await storage.executables.create(newExecutable())
    return storage
  }

  describe(`${engine}: idempotency keys`, () => {
    test('one names its run from the moment that is stored, and keeps its answer', async (t) => {
      const storage = await open(t)
      const key = newKey()
      const first = await addKeyed(storage, key)
      const { id: runId } = first.run
      const known = { runId, fingerprint: 'a', waited: true, answer: undefined }
      assert.deepEqual(await storage.idempotency.find(key, NOW), known)
      const second = await addKeyed(storage, { ...key, fingerprint: 'b' })
      assert.deepEqual(second.added, known)
      assert.equal(await storage.runs.get(second.run.id), undefined)
      await endKeyed(storage, first, answered('body'))
      const found = await storage.idempotency.find(key, NOW)
      assert.deepEqual(found, { ...known, answer: answered('body') })
      for (const change of [{ key: 'x' }, { functionName: 'x' }, { executableId: 2 }]) {
        assert.equal(await storage.idempotency.find({ ...key, ...change }, NOW), undefined)
      }
    })

    test('of two that are taken at once one is', async (t) => {
      const storage = await open(t)
      const key = newKey()
      const added = await Promise.all([1, 2, 3].map(() => addKeyed(storage, key)))
      assert.equal(added.filter((one) => one.added === 'added').length, 1)
    })

    test('an error is kept with its detail, an empty answer is one, and a large one is dropped', async (t) => {
      const storage = await open(t)
      const error = new AppError('NOT_FOUND', 'not there', { detail: { run_id: 'x' } })
      for (const kept of [{ error }, answered('')]) {
        const key = newKey()
        await endKeyed(storage, await addKeyed(storage, key), kept)
        assert.deepEqual((await storage.idempotency.find(key, NOW))?.answer, kept)
      }
      const key = newKey()
      await endKeyed(storage, await addKeyed(storage, key), answered('12345'), 4)
      assert.equal((await storage.idempotency.find(key, NOW))?.answer, 'dropped')
    })

    test('one is free again where its answer is not kept, and in its time', async (t) => {
      const storage = await open(t)
      const key = newKey({ max: 1 })
      await endKeyed(storage, await addKeyed(storage, key), undefined)
      assert.equal((await addKeyed(storage, key)).added, 'added')
      const later = NOW + KEPT_MS
      assert.notEqual(await storage.idempotency.find(key, later - 1), undefined)
      assert.equal(await storage.idempotency.find(key, later), undefined)
      const again = await addKeyed(storage, { ...key, expiresAtMs: later + 1 }, later)
      assert.equal(again.added, 'added')
      assert.equal((await storage.idempotency.find(key, later))?.runId, again.run.id)
      await storage.idempotency.free(again.run.id)
      assert.equal(await storage.idempotency.find(key, later), undefined)
      await storage.idempotency.free(again.run.id)
    })

    test('past the most that are kept nothing is stored, until some expire or are swept', async (t) => {
      const storage = await open(t)
      const keys = [1, 2, 3].map((n) => newKey({ max: 3, expiresAtMs: NOW + n }))
      for (const key of keys) await addKeyed(storage, key)
      const more = newKey({ max: 3 })
      const refused = (error: unknown) =>
        error instanceof AppError && error.code === 'IDEMPOTENCY_FULL'
      await assert.rejects(addKeyed(storage, more), refused)
      assert.equal(await storage.idempotency.sweep(NOW, 10), 0)
      assert.equal(await storage.idempotency.sweep(NOW + 2, 1), 1)
      assert.equal(await storage.idempotency.sweep(NOW + 2, 10), 1)
      assert.equal((await addKeyed(storage, more)).added, 'added')
    })

    test('the oldest answers go past a number of bytes, by steps, and their keys stay', async (t) => {
      const storage = await open(t)
      const { idempotency } = storage
      const keys = [1, 2, 3, 4].map((n) => newKey({ expiresAtMs: NOW + n }))
      for (const key of keys)
        await endKeyed(storage, await addKeyed(storage, key), answered('12345'))
      assert.equal(await idempotency.trim(1, 20, 10), 0)
      assert.equal(await idempotency.trim(1, 9, 1), 1)
      assert.equal(await idempotency.trim(1, 9, 10), 2)
      assert.equal(await idempotency.trim(1, 9, 10), 0)
      const left = await Promise.all(keys.map((key) => idempotency.find(key, NOW)))
      assert.deepEqual(
        left.map((known) => known?.answer),
        ['dropped', 'dropped', 'dropped', answered('12345')],
      )
      // What was dropped counts no more.
      assert.equal(await idempotency.sweep(NOW + 4, 10), 4)
      assert.equal(await idempotency.trim(1, 0, 10), 0)
    })

    test('one whose run is canceled while it waits keeps that, and goes with its executable', async (t) => {
      const storage = await open(t)
      const key = newKey()
      const { run, leaseId } = await addKeyed(storage, key)
      await storage.queuedRuns.release([{ id: run.id, leaseId }], NOW)
      assert.equal(await storage.queuedRuns.cancel(run.id, NOW), 'canceled')
      const { answer } = (await storage.idempotency.find(key, NOW))!
      assert.ok(answer !== undefined && answer !== 'dropped' && 'error' in answer)
      assert.deepEqual([answer.error.code, answer.error.detail], ['CANCELED', { run_id: run.id }])
      const handedOver = newKey()
      const other = await addKeyed(storage, handedOver, NOW, false)
      assert.equal(await storage.queuedRuns.cancel(other.run.id, NOW), 'canceled')
      const known = await storage.idempotency.find(handedOver, NOW)
      assert.deepEqual([known?.waited, known?.answer], [false, undefined])
      await storage.executables.delete(1)
      assert.equal(await storage.idempotency.find(key, NOW), undefined)
    })
  })
}
