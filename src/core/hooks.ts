// What a source does with a request: verified, converted, told from those that came before, and then a run, a message or
// both, committed together with the event. Reads like a table of contents.
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Executable, RunAnswer, Source, SourceEvent } from '../model.ts'
import type { Acceptance, NewAccepted, NewSourceEvent, Storage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import { CLOUD_EVENT_TYPE, convertBody } from './conversion/convert.ts'
import type { ConvertedBody } from './conversion/convert.ts'
import type { DurableRuns, PreparedRun } from './durable-runs.ts'
import type { Executables } from './executables.ts'
import { asksForText } from './function-calls.ts'
import { isGranted } from './grants.ts'
import { HangUp } from './hang-up.ts'
import { checkOnce, idOf, keysOf, typeOf } from './hook-event.ts'
import type { Seen } from './hook-event.ts'
import { createIds } from './ids.ts'
import { hashKey } from './keys.ts'
import type { Messages } from './messages.ts'
import { newRunId } from './run-id.ts'
import type { RunRequest } from './runner.ts'
import type { SourceHistory } from './source-history.ts'
import { toEventId } from './source-verification/event-id.ts'
import { answerChallenge } from './source-verification/challenges.ts'
import type { ChallengeAnswer } from './source-verification/challenges.ts'
import type { HookRequest } from './source-verification/hook-request.ts'
import { isRefused } from './source-verification/refusals.ts'
import { verifyRequest } from './source-verification/verify.ts'

/** Before an event is tried again that somebody else is accepting: that takes a commit; then twice as long. */
const CONTENDED_MS = 5
const CONTENDED_MS_MAX = 500

export interface HookCall extends HookRequest {
  method: string
  /** Names of headers that were sent more than once. */
  repeated: readonly string[]
  hops: number
  lease: ByteLease
  hangUp: HangUp
}

export type HookReply =
  | ({ kind: 'challenge' } & ChallengeAnswer)
  /** Its function's answer, or that of where its result went. */
  | { kind: 'ran'; event: SourceEvent; answer: RunAnswer }
  | { kind: 'accepted'; event: SourceEvent }
  /** Of which event, which its history may have no more. */
  | { kind: 'duplicate'; of: string }

/** Who waits for the answer, and what holds the bytes until then. */
type Caller = Pick<HookCall, 'lease' | 'hangUp'>

/** A verified request, from here on the same whether it just came or is replayed. */
interface KnownEvent {
  source: Source
  event: NewSourceEvent
  seen: Seen
  body: Buffer
  /** Names of headers that were sent more than once. */
  repeated: readonly string[]
  /** Until when what was signed would be taken again; null: for ever, or nothing was signed. */
  signedUntilMs: number | null
}

/** What came of an event; `run` is the one that its sender waits for. */
type Taken =
  | { kind: 'accepted'; event: SourceEvent; run?: { request: RunRequest; prepared: PreparedRun } }
  | { kind: 'duplicate'; of: string }

export interface HooksDeps {
  storage: Pick<Storage, 'sourceEvents'>
  history: SourceHistory
  executables: Pick<Executables, 'find'>
  durableRuns: Pick<DurableRuns, 'prepare' | 'runPrepared' | 'wake'>
  messages: Pick<Messages, 'publishWith'>
  config: Pick<Config, 'API_TOKEN' | 'HOOK_IDS_KEPT_MS' | 'JSON_SEARCH_BYTES'>
  now: () => number
}

export type Hooks = ReturnType<typeof createHooks>

export function createHooks(deps: HooksDeps) {
  const { storage, history, executables, durableRuns, messages, config, now } = deps
  const newEventId = createIds(now)
  const tokenHash = hashKey(config.API_TOKEN)

  function newEvent(source: Source, contentType: string | undefined, sizeBytes: number) {
    const event: NewSourceEvent = {
      id: newEventId(),
      sourceId: source.id,
      receivedAtMs: now(),
      verdict: 'accepted',
      reason: null,
      eventId: null,
      duplicateOf: null,
      replayOf: null,
      runId: null,
      messageId: null,
      contentType: contentType ?? null,
      sizeBytes,
      request: null,
      body: null,
    }
    return event
  }

  /** Tells the owner, and the sender nothing. */
  function refuse(event: NewSourceEvent, reason: { code: string; message: string }): never {
    history.note({ ...event, verdict: 'refused', reason })
    throw new AppError('HOOK_REFUSED')
  }

  /** Undefined where the request asks nothing of the kind. @throws AppError HOOK_REFUSED */
  function answered(event: NewSourceEvent, source: Source, call: HookCall): HookReply | undefined {
    const asked = answerChallenge(source.challenge, call)
    if (asked === undefined) return undefined
    if ('refused' in asked) refuse(event, asked.refused)
    history.note({ ...event, verdict: 'challenge' })
    return { kind: 'challenge', ...asked }
  }

  /** @throws AppError whose sentence and detail are the sender's to know */
  async function receive(source: Source, call: HookCall): Promise<HookReply> {
    const { method, headers, hops, repeated } = call
    const event = newEvent(source, headers['content-type'], call.body.length)
    // Slack signs its question as all else; those of others are not signed.
    const isSigned = source.challenge?.kind === 'slack'
    const before = isSigned ? undefined : answered(event, source, call)
    if (before !== undefined) return before
    if (method !== 'POST') {
      throw new AppError('BAD_REQUEST', 'It asks nothing that is answered; events come by POST.')
    }
    const bytesMax = config.JSON_SEARCH_BYTES
    const known = await verifyRequest(source.verification, call, event.receivedAtMs, bytesMax)
    if (isRefused(known)) refuse(event, known.refused)
    const after = isSigned ? answered(event, source, call) : undefined
    if (after !== undefined) return after
    const { body, eventId: ownId, signed, signedUntilMs } = known
    const seen: Seen = { headers: known.headers, query: known.query, hops, ownId, signed }
    const ownEventId = source.eventId === null ? ownId : null
    const kept = { ...event, eventId: ownEventId, request: JSON.stringify(seen), body }
    try {
      const taken = await take({ source, event: kept, seen, body, repeated, signedUntilMs }, call)
      if (taken.kind === 'duplicate' || taken.run === undefined) return taken
      const { request, prepared } = taken.run
      const answer = await durableRuns.runPrepared(request, prepared)
      return { kind: 'ran', event: taken.event, answer }
    } catch (error) {
      throw error instanceof AppError ? forSender(error) : error
    }
  }

  /** Accepts an event, or notes why not. */
  async function take(known: KnownEvent, caller: Caller): Promise<Taken> {
    const { event } = known
    try {
      const taken = await accept(known, caller)
      if (taken.kind === 'duplicate') {
        // The first has the same body.
        const bare = { ...event, request: null, body: null }
        history.note({ ...bare, verdict: 'duplicate', duplicateOf: taken.of })
      }
      return taken
    } catch (error) {
      if (error instanceof AppError && error.code !== 'NOT_FOUND') {
        const { code, message } = error
        const isThere = code === 'HOOK_IN_FLIGHT'
        const kept = isThere ? { ...event, request: null, body: null } : event
        history.note({ ...kept, verdict: 'refused', reason: { code, message } })
      }
      throw error
    }
  }

  async function accept(known: KnownEvent, caller: Caller): Promise<Taken> {
    const { source, event: came, seen, body, repeated, signedUntilMs } = known
    const replay = came.replayOf !== null
    // Whatever else may be wrong with it by now: what was done with is a duplicate.
    const schemes = keysOf(source.eventId === null ? seen.ownId : null, seen.signed)
    const first = replay ? undefined : await standingOf(came, schemes)
    if (first?.is === 'done') return { kind: 'duplicate', of: first.of }
    const document = convertBody(source.format, { headers: seen.headers, body })
    if (document.bytes !== body) caller.lease.take(document.bytes.length)
    if (document.contentType === CLOUD_EVENT_TYPE) checkOnce(repeated)
    const id = idOf(source, { seen, document })
    const keys = keysOf(id, seen.signed)
    const isKnown = replay || keys.every((key) => schemes.includes(key))
    const before = isKnown ? first : await standingOf(came, keys)
    if (before?.is === 'done') return { kind: 'duplicate', of: before.of }

    const event: NewSourceEvent = { ...came, eventId: toEventId(id) }
    const request = await toRun(source, { event, seen, document, caller })
    const waited = source.target?.answer === 'result' && !replay
    const prepared = request && durableRuns.prepare(request, { waited })
    const whole = {
      event: { ...event, runId: request?.id ?? null },
      keys,
      // What is signed with a time is known for as long as it would be taken.
      keysExpireAtMs: Math.max(event.receivedAtMs + config.HOOK_IDS_KEPT_MS, signedUntilMs ?? 0),
      waited,
      replay,
      run: prepared,
    }
    const isPublished = before?.is === 'failed' && before.messageId !== null
    const { tenant, publish } = source
    const committed =
      publish === null || isPublished
        ? await commit(whole)
        : await messages.publishWith(
            {
              tenant,
              type: typeOf(publish, { seen, document }),
              payload: document.bytes.toString(),
              deliverAtMs: null,
              hops: seen.hops,
            },
            async (message) => orRefusal(await commit({ ...whole, message })),
          )
    switch (committed.outcome) {
      case 'duplicate':
        return { kind: 'duplicate', of: committed.of }
      case 'in_flight':
      case 'contended':
        throw new AppError('HOOK_IN_FLIGHT')
      case 'gone':
        throw new AppError('NOT_FOUND', 'There is no such source.')
      case 'unknown_type':
      case 'type_changed':
      case 'token_fields_missing':
        throw new Error('What has no message is not refused for it.')
      case 'accepted':
        break
    }
    history.accepted(event)
    const { event: accepted } = committed
    if (request !== undefined && prepared !== undefined && waited) {
      return { kind: 'accepted', event: accepted, run: { request, prepared } }
    }
    if (prepared !== undefined) durableRuns.wake()
    return { kind: 'accepted', event: accepted }
  }

  /** @throws AppError HOOK_IN_FLIGHT */
  async function standingOf({ sourceId, receivedAtMs }: SourceEvent, keys: readonly string[]) {
    if (keys.length === 0) return undefined
    const standing = await storage.sourceEvents.standing(sourceId, keys, receivedAtMs)
    if (standing?.is === 'open') throw new AppError('HOOK_IN_FLIGHT')
    return standing
  }

  /** Again after a moment where somebody else is accepting the same event. */
  async function commit(accepted: NewAccepted): Promise<Acceptance> {
    for (let pauseMs = CONTENDED_MS; ; pauseMs *= 2) {
      const acceptance = await storage.sourceEvents.accept(accepted)
      if (acceptance.outcome !== 'contended' || pauseMs > CONTENDED_MS_MAX) return acceptance
      await wait(pauseMs)
    }
  }

  /** Undefined where the source calls none. @throws AppError HOOK_UNAVAILABLE */
  async function toRun(
    source: Source,
    of: { event: NewSourceEvent; seen: Seen; document: ConvertedBody; caller: Caller },
  ): Promise<RunRequest | undefined> {
    const { target } = source
    if (target === null) return undefined
    const { event, seen, document, caller } = of
    const executable = await findGranted(target)
    const { headers, query } = seen
    // The same when it is replayed.
    const id = event.eventId ?? event.replayOf ?? event.id
    return {
      id: newRunId(),
      executable,
      functionName: target.functionName,
      inputs: [{ kind: 'bytes', bytes: document.bytes }],
      callback: undefined,
      text: asksForText(executable, target.functionName),
      webhook: JSON.stringify({ headers, query, source: source.id, id }),
      cause: { kind: 'source', tenant: source.tenant, sourceId: source.id, eventId: event.id },
      hops: seen.hops,
      vouched: false,
      lease: caller.lease,
      hangUp: caller.hangUp,
    }
  }

  async function findGranted(target: NonNullable<Source['target']>): Promise<Executable> {
    try {
      const executable = await executables.find(target.executableId)
      if (isGranted(executable, target.grant, tokenHash)) return executable
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'NOT_FOUND') throw error
    }
    const sentence = `The source may not call executable ${target.executableId} any more, or it is gone.`
    throw new AppError('HOOK_UNAVAILABLE', sentence)
  }

  return {
    receive,

    /**
     * Does once more, in the background, what the source does now with an event that it got, whether or not it is enabled.
     * @throws AppError PAYLOAD_GONE, HOOK_UNAVAILABLE, HOOK_IN_FLIGHT, and as its document is refused
     */
    async replay(source: Source, id: string, lease: ByteLease): Promise<SourceEvent> {
      const { event: before, keptBytes } = await history.find(source, id)
      lease.take(keptBytes)
      const { request, body } = await history.content(id)
      if (request === null || body === null) {
        throw new AppError('PAYLOAD_GONE', "The event's body is kept no more, or was not verified.")
      }
      const { contentType } = before
      const came = newEvent(source, contentType ?? undefined, body.length)
      const event = { ...came, replayOf: before.replayOf ?? id, request, body }
      const seen = JSON.parse(request) as Seen
      const known = { source, event, seen, body, repeated: [], signedUntilMs: null }
      const taken = await take(known, { lease, hangUp: new HangUp() })
      if (taken.kind !== 'accepted') throw new Error('A replay is accepted, or fails.')
      return taken.event
    },
  }
}

/** What of a failure a sender may know, who is a stranger to the function: its code, and what the function itself says. */
function forSender(error: AppError): AppError {
  const { code, message, status, detail } = error
  if (status >= 500) return new AppError(code, undefined, { cause: error.cause })
  const { run_id: runId, ...others } = detail
  return new AppError(code, message, { detail: runId === undefined ? others : {} })
}

/** As messages are told that one of them is refused. */
function orRefusal(acceptance: Acceptance) {
  switch (acceptance.outcome) {
    case 'unknown_type':
    case 'type_changed':
    case 'token_fields_missing':
      return acceptance.outcome
    case 'accepted':
    case 'duplicate':
    case 'in_flight':
    case 'contended':
    case 'gone':
      return acceptance
  }
}
