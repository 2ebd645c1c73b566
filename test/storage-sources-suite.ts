// What every storage engine must do with sources and what they get.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import type { AppError } from '../src/errors.ts'
import type { RunRecord, Source, SourceEvent } from '../src/model.ts'
import type { NewAccepted, NewSourceEvent, Storage } from '../src/storage/storage.ts'
import { PER_LANE } from './storage-deliveries-suite.ts'
import { newMessage, withType } from './storage-events-suite.ts'
import { newExecutable, newRun } from './storage-suite.ts'

const NOW = 1_700_000_000_000
const DAY_MS = 86_400_000
const ROOM = 100

let made = 0

export function newSource(change: Partial<Source> = {}): Source {
  made++
  return {
    id: uuidv7({ msecs: NOW + made }),
    tenant: 't',
    description: 'of a shop — naïvely',
    enabled: true,
    verification: { scheme: 'github', secrets: ['it is secret'], toleranceMs: null },
    challenge: { kind: 'meta', verifyToken: 'verify it' },
    format: 'json',
    eventId: { in: 'json', name: 'event.id' },
    target: {
      executableId: 7,
      functionName: 'f',
      grant: { by: 'admin', keyHash: 'ab' },
      answer: 'result',
    },
    publish: { typeFrom: { in: 'header', name: 'x-event' }, prefix: 'shop.' },
    createdAtMs: NOW,
    updatedAtMs: NOW,
    ...change,
  }
}

export function newSourceEvent(
  sourceId: string,
  change: Partial<NewSourceEvent> = {},
): NewSourceEvent {
  made++
  return {
    id: uuidv7({ msecs: NOW + made }),
    sourceId,
    receivedAtMs: NOW,
    verdict: 'accepted',
    reason: null,
    eventId: 'order 7',
    duplicateOf: null,
    replayOf: null,
    runId: null,
    messageId: null,
    contentType: 'application/json',
    sizeBytes: 4,
    request: '{"headers":{}}',
    body: Buffer.from('null'),
    ...change,
  }
}

/** What the model tells of it. */
function shownOf(event: NewSourceEvent): SourceEvent {
  const { id, sourceId, receivedAtMs, verdict, reason, eventId, duplicateOf, replayOf } = event
  const { runId, messageId, contentType, sizeBytes } = event
  return {
    ...{ id, sourceId, receivedAtMs, verdict, reason, eventId, duplicateOf, replayOf },
    ...{ runId, messageId, contentType, sizeBytes },
  }
}

export function testSources(engine: string, open: (t: TestContext) => Promise<Storage>): void {
  const withSource = async (t: TestContext) => {
    const storage = await withType(await open(t))
    const source = newSource()
    assert.equal(await storage.sources.add(source, ROOM), true)
    return { storage, source, events: storage.sourceEvents }
  }

  const accepting = (
    event: NewSourceEvent,
    keys: readonly string[],
    more: Partial<NewAccepted> = {},
  ): NewAccepted => ({
    event,
    keys,
    keysExpireAtMs: NOW + DAY_MS,
    waited: more.run?.options.lease !== undefined,
    replay: false,
    ...more,
  })

  /** A run that its sender waits for, leased by us. */
  async function waitedRun(storage: Storage) {
    const { id } = await storage.executables.create(newExecutable())
    const record: RunRecord = newRun(id, { status: 'queued', endedAtMs: null, createdAtMs: NOW })
    const lease = { leaseId: uuidv7(), leasedUntilMs: NOW + 1_000 }
    const inputs = [{ kind: 'bytes' as const, bytes: Buffer.from('null') }]
    const request = {
      ...{ inputs, callback: undefined, text: true, hops: 0, vouched: false, waited: true },
      ...{ webhook: '{"id":"7"}', retry: undefined },
    }
    return { record, request, options: { max: 10, lease } }
  }

  describe(`${engine}: sources`, () => {
    test('are kept whole, listed newest first, and bounded', async (t) => {
      const { sources } = await open(t)
      const all = [newSource(), newSource({ tenant: 'other' }), newSource({ publish: null })]
      for (const one of all) assert.equal(await sources.add(one, ROOM), true)
      assert.deepEqual(await sources.get(all[0]!.id), all[0])
      assert.equal(await sources.get(uuidv7()), undefined)
      const first = await sources.list('t', { limit: 1 })
      assert.deepEqual([first.items, first.next], [[all[2]], all[2]!.id])
      const second = await sources.list('t', { limit: 1, before: all[2]!.id })
      assert.deepEqual([second.items, second.next], [[all[0]], null])
      assert.equal(await sources.add(newSource(), 2), false)
      assert.equal((await sources.list('t', { limit: 9 })).items.length, 2)
    })

    test('change as a whole, unless they were changed meanwhile', async (t) => {
      const { sources } = await open(t)
      const one = newSource()
      await sources.add(one, ROOM)
      const changed = { ...one, enabled: false, challenge: null, target: null }
      const times = { changedAtMs: NOW, nowMs: NOW - 5 }
      assert.equal(await sources.update(one.id, changed, times), true)
      assert.deepEqual(await sources.get(one.id), { ...changed, updatedAtMs: NOW + 1 })
      assert.equal(await sources.update(one.id, one, times), false)
      assert.equal(await sources.update(uuidv7(), one, times), false)
    })

    test('go with their history and their keys', async (t) => {
      const { storage, source, events } = await withSource(t)
      const many = Array.from({ length: 120 }, () => newSourceEvent(source.id))
      await events.note(many)
      await events.accept(accepting(newSourceEvent(source.id), ['a', 'b']))
      assert.equal(await storage.sources.remove(source.id), true)
      assert.equal(await storage.sources.get(source.id), undefined)
      assert.deepEqual((await events.list(source.id, {}, { limit: 9 })).items, [])
      assert.equal(await events.sweepKeys(NOW + DAY_MS, 9), 0)
      assert.equal(await storage.sources.remove(source.id), false)
      await events.note([newSourceEvent(source.id)])
      assert.deepEqual((await events.list(source.id, {}, { limit: 9 })).items, [])
    })
  })

  describe(`${engine}: what sources get`, () => {
    test('is kept whole, and listed newest first, of all verdicts or of one', async (t) => {
      const { source, events } = await withSource(t)
      const reason = { code: 'SIGNATURE_WRONG', message: 'The signature is another.' }
      const refused = newSourceEvent(source.id, {
        ...{ verdict: 'refused', reason, request: null, body: null, eventId: null },
      })
      await events.note([refused])
      const accepted = newSourceEvent(source.id)
      const acceptance = await events.accept(accepting(accepted, []))
      const { request, body } = accepted
      const shown = shownOf(accepted)
      assert.deepEqual(acceptance, { outcome: 'accepted', event: shown, published: undefined })
      const keptBytes = body!.length
      assert.deepEqual(await events.get(source.id, accepted.id), { event: shown, keptBytes })
      assert.deepEqual(await events.content(accepted.id), { request, body })
      const found = await events.get(source.id, refused.id)
      assert.deepEqual([found?.event.reason, found?.keptBytes], [reason, 0])
      assert.deepEqual(await events.content(refused.id), { request: null, body: null })
      assert.equal(await events.get(uuidv7(), accepted.id), undefined)
      const ids = async (filter: object, page: object) =>
        (await events.list(source.id, filter, { limit: 9, ...page })).items.map(({ id }) => id)
      assert.deepEqual(await ids({}, {}), [accepted.id, refused.id])
      assert.deepEqual(await ids({}, { before: accepted.id }), [refused.id])
      assert.deepEqual(await ids({ verdict: 'refused' }, {}), [refused.id])
      assert.equal((await events.list(source.id, {}, { limit: 1 })).next, accepted.id)
    })

    test('is a duplicate where any of its keys names an event, until that expires', async (t) => {
      const { storage, source, events } = await withSource(t)
      const first = newSourceEvent(source.id)
      await events.accept(accepting(first, ['id', 'signed']))
      for (const keys of [['id'], ['signed', 'another'], ['id', 'signed']]) {
        const again = await events.accept(accepting(newSourceEvent(source.id), keys))
        assert.deepEqual(again, { outcome: 'duplicate', of: first.id })
      }
      const other = newSource()
      await storage.sources.add(other, ROOM)
      const elsewhere = await events.accept(accepting(newSourceEvent(other.id), ['id']))
      assert.equal(elsewhere.outcome, 'accepted')
      const late = newSourceEvent(source.id, { receivedAtMs: NOW + DAY_MS })
      assert.equal((await events.accept(accepting(late, ['id']))).outcome, 'accepted')
      assert.equal((await events.list(source.id, {}, { limit: 9 })).items.length, 2)
    })

    test('is accepted once of many at the same time', async (t) => {
      const { source, events } = await withSource(t)
      const all = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? ['a', 'b'] : ['b', 'a']))
      const outcomes = await Promise.all(
        all.map((keys) => events.accept(accepting(newSourceEvent(source.id), keys))),
      )
      assert.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), [
        'accepted',
        ...Array.from({ length: 7 }, () => 'duplicate'),
      ])
    })

    test('is stored with its message, or not at all', async (t) => {
      const { storage, source, events } = await withSource(t)
      const refused = newSourceEvent(source.id)
      const message = newMessage({ type: 'other' })
      const unknown = await events.accept(accepting(refused, ['id'], { message }))
      assert.deepEqual(unknown, { outcome: 'unknown_type' })
      assert.equal(await events.get(source.id, refused.id), undefined)
      const known = newMessage()
      const event = newSourceEvent(source.id)
      const accepted = await events.accept(accepting(event, ['id'], { message: known }))
      assert.ok(accepted.outcome === 'accepted')
      assert.equal(accepted.event.messageId, known.id)
      assert.equal(accepted.published?.message.id, known.id)
      assert.ok(await storage.messages.get(known.id))
    })

    test('is stored with its run, or not at all', async (t) => {
      const { storage, source, events } = await withSource(t)
      const run = { ...(await waitedRun(storage)), options: { max: 1 } }
      const first = newSourceEvent(source.id, { runId: run.record.id })
      assert.equal((await events.accept(accepting(first, [], { run }))).outcome, 'accepted')
      assert.equal((await storage.runs.get(run.record.id))?.status, 'queued')
      const record = newRun(run.record.executableId, { status: 'queued', endedAtMs: null })
      const message = newMessage()
      const more = { run: { ...run, record }, message }
      const full = events.accept(accepting(newSourceEvent(source.id), ['id'], more))
      await assert.rejects(full, (error) => (error as AppError).code === 'DURABLE_RUNS_FULL')
      assert.equal(await storage.messages.get(message.id), undefined)
      const again = await events.accept(accepting(newSourceEvent(source.id), ['id']))
      assert.equal(again.outcome, 'accepted')
    })

    test('is under way while its sender waits, done again where it failed, and published once', async (t) => {
      const { storage, source, events } = await withSource(t)
      const run = await waitedRun(storage)
      const message = newMessage()
      const first = newSourceEvent(source.id, { runId: run.record.id })
      await events.accept(accepting(first, ['id'], { run, message }))
      const meanwhile = await events.accept(accepting(newSourceEvent(source.id), ['id']))
      assert.deepEqual(meanwhile, { outcome: 'in_flight' })

      const { leaseId } = run.options.lease
      const ended = { ...run.record, status: 'failed' as const, endedAtMs: NOW }
      const leased = { id: run.record.id, leaseId }
      const end = { delivery: undefined, perLane: PER_LANE }
      assert.equal(await storage.queuedRuns.end(leased, ended, end), true)
      const next = await waitedRun(storage)
      const second = newSourceEvent(source.id, { runId: next.record.id })
      const repeated = newMessage()
      const again = await events.accept(accepting(second, ['id'], { run: next, message: repeated }))
      assert.ok(again.outcome === 'accepted')
      assert.deepEqual([again.event.messageId, again.published], [message.id, undefined])
      assert.equal(await storage.messages.get(repeated.id), undefined)

      const succeeded = { ...next.record, status: 'succeeded' as const, endedAtMs: NOW }
      const held = { id: next.record.id, leaseId: next.options.lease.leaseId }
      const kept = { answer: undefined, bytesMax: 0 }
      await storage.queuedRuns.end(held, succeeded, { ...end, kept })
      const third = await events.accept(accepting(newSourceEvent(source.id), ['id']))
      assert.deepEqual(third, { outcome: 'duplicate', of: second.id })
    })

    test('keeps what its function may see of the request with the run', async (t) => {
      const { storage, source, events } = await withSource(t)
      const run = await waitedRun(storage)
      const event = newSourceEvent(source.id, { runId: run.record.id })
      await events.accept(accepting(event, [], { run }))
      const [leased] = await storage.queuedRuns.claim({
        ...{ nowMs: NOW + 1_000, leaseId: uuidv7(), leasedUntilMs: NOW + 2_000 },
        ...{ limit: 9, bytes: 1_000_000, perLane: PER_LANE },
      })
      assert.deepEqual([leased?.webhook, leased?.waited], ['{"id":"7"}', true])
    })

    test('is pruned: the newest of each verdict stay, their bodies up to so many bytes, and keys', async (t) => {
      const { source, events } = await withSource(t)
      const all: NewSourceEvent[] = []
      for (let n = 0; n < 120; n++) {
        const verdict = n % 2 === 0 ? ('refused' as const) : ('duplicate' as const)
        all.push(newSourceEvent(source.id, { verdict, body: Buffer.alloc(100) }))
      }
      await events.note(all)
      const accepted = newSourceEvent(source.id)
      await events.accept(accepting(accepted, ['one', 'two', 'three']))
      await events.prune(source.id, { keep: 3, bytes: 350, keys: 1 })
      const { items } = await events.list(source.id, {}, { limit: 99 })
      const kept = [accepted, ...all.slice(-6).reverse()]
      assert.deepEqual(
        items.map(({ id }) => id),
        kept.map(({ id }) => id),
      )
      const bodies = await Promise.all(kept.map(({ id }) => events.get(source.id, id)))
      assert.deepEqual(
        bodies.map((one) => one?.keptBytes),
        [4, 100, 100, 100, 0, 0, 0],
      )
    })

    test('is forgotten by the oldest of its keys, past so many', async (t) => {
      const { source, events } = await withSource(t)
      for (let n = 0; n < 60; n++) {
        const later = { keysExpireAtMs: NOW + DAY_MS + n }
        await events.accept(accepting(newSourceEvent(source.id), [`key ${n}`], later))
      }
      await events.prune(source.id, { keep: 99, bytes: 9_999, keys: 2 })
      const outcomes = await Promise.all(
        [57, 58, 59].map((n) => events.accept(accepting(newSourceEvent(source.id), [`key ${n}`]))),
      )
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ['accepted', 'duplicate', 'duplicate'],
      )
    })

    test('has failed, or is under way, whatever is pruned of its history and its runs', async (t) => {
      const { storage, source, events } = await withSource(t)
      const run = await waitedRun(storage)
      const { id, executableId } = run.record
      const first = newSourceEvent(source.id, { runId: id })
      await events.accept(accepting(first, ['id'], { run }))
      await events.prune(source.id, { keep: 0, bytes: 0 })
      assert.equal((await events.standing(source.id, ['id'], NOW))?.is, 'open')
      const ended = { ...run.record, status: 'failed' as const, endedAtMs: NOW }
      const end = { delivery: undefined, kept: { answer: undefined, bytesMax: 0 } }
      const leased = { id, leaseId: run.options.lease.leaseId }
      await storage.queuedRuns.end(leased, ended, { ...end, perLane: PER_LANE })
      const none = {
        keep: 0,
        keepFailed: 0,
        failedSinceMs: NOW + 1,
        slotsSinceMs: 0,
        keepResultBytes: 0,
      }
      await storage.runs.prune(executableId, none)
      assert.equal(await storage.runs.get(id), undefined)
      const standing = await events.standing(source.id, ['id'], NOW)
      assert.deepEqual(standing, { is: 'failed', messageId: null })
    })

    test('that is replayed takes what it is named by, unless that is done with', async (t) => {
      const { source, events } = await withSource(t)
      const done = newSourceEvent(source.id)
      await events.accept(accepting(done, ['done']))
      const replay = newSourceEvent(source.id, { replayOf: done.id })
      const again = await events.accept(accepting(replay, ['done', 'new'], { replay: true }))
      assert.equal(again.outcome, 'accepted')
      assert.deepEqual(await events.standing(source.id, ['done'], NOW), { is: 'done', of: done.id })
      const fresh = newSourceEvent(source.id, { replayOf: done.id })
      await events.accept(accepting(fresh, ['fresh'], { replay: true }))
      assert.deepEqual(await events.accept(accepting(newSourceEvent(source.id), ['fresh'])), {
        outcome: 'duplicate',
        of: fresh.id,
      })
    })

    test('is not accepted by a source that is gone or disabled meanwhile', async (t) => {
      const { storage, source, events } = await withSource(t)
      const times = { changedAtMs: NOW, nowMs: NOW }
      await storage.sources.update(source.id, { ...source, enabled: false }, times)
      const event = newSourceEvent(source.id)
      assert.deepEqual(await events.accept(accepting(event, [])), { outcome: 'gone' })
      const replay = accepting(event, [], { replay: true })
      assert.equal((await events.accept(replay)).outcome, 'accepted')
      await storage.sources.remove(source.id)
      const late = newSourceEvent(source.id)
      assert.deepEqual(await events.accept(accepting(late, [])), { outcome: 'gone' })
    })

    test('is known by its keys as long as they live, whatever is pruned', async (t) => {
      const { source, events } = await withSource(t)
      const first = newSourceEvent(source.id)
      await events.accept(accepting(first, ['id']))
      await events.prune(source.id, { keep: 0, bytes: 0 })
      assert.equal(await events.get(source.id, first.id), undefined)
      const again = await events.accept(accepting(newSourceEvent(source.id), ['id']))
      assert.deepEqual(again, { outcome: 'duplicate', of: first.id })
      assert.equal(await events.sweepKeys(NOW + DAY_MS - 1, 9), 0)
      assert.equal(await events.sweepKeys(NOW + DAY_MS, 9), 1)
    })
  })
}
