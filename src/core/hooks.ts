// What a source does with a request: verified, converted, told from those that came before, and then a run, a message or
// both, committed together with the event. Reads like a table of contents.
import { createHash } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Executable, RequestPlace, RunAnswer, Source, SourceEvent } from '../model.ts'
import { valueAt } from '../payload-filter.ts'
import type { Acceptance, NewMessage, NewSourceEvent, Storage } from '../storage/storage.ts'
import type { ByteLease } from './byte-budget.ts'
import { CLOUD_EVENT_TYPE, convertBody } from './conversion/convert.ts'
import type { ConvertedBody } from './conversion/convert.ts'
import type { DurableRuns, PreparedRun } from './durable-runs.ts'
import type { Executables } from './executables.ts'
import { asksForText } from './function-calls.ts'
import { isGranted } from './grants.ts'
import { HangUp } from './hang-up.ts'
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
import { verifyRequest } from './source-verification/verify.ts'

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

/** What the function may see of a request, and what a replay needs. */
interface Seen {
  headers: Readonly<Record<string, string>>
  query: Readonly<Record<string, string | string[]>>
  hops: number
}

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
  /** Of the scheme; of what is replayed, as it was. */
  ownId: string | null
  signed: string | null
  signedUntilMs: number | null
}

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

  function newEvent(source: Source, request: Pick<HookRequest, 'headers' | 'body'>) {
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
      contentType: request.headers['content-type'] ?? null,
      sizeBytes: request.body.length,
      request: null,
      body: null,
      waited: false,
    }
    return event
  }

  /** Tells the owner, and the sender nothing. */
  function refuse(event: NewSourceEvent, reason: { code: string; message: string }): never {
    history.note({ ...event, verdict: 'refused', reason })
    throw new AppError('HOOK_REFUSED')
  }

  function challenged(event: NewSourceEvent, answer: ChallengeAnswer): HookReply {
    history.note({ ...event, verdict: 'challenge' })
    return { kind: 'challenge', ...answer }
  }

  async function receive(source: Source, request: HookCall): Promise<HookReply> {
    const event = newEvent(source, request)
    const { challenge } = source
    if (challenge !== null && challenge.kind !== 'slack') {
      const asked = answerChallenge(challenge, request)
      if (asked !== undefined) {
        if ('refused' in asked) refuse(event, asked.refused)
        return challenged(event, asked)
      }
    }
    if (request.method !== 'POST') {
      throw new AppError('BAD_REQUEST', 'It asks nothing that is answered; events come by POST.')
    }
    const { receivedAtMs } = event
    const jsonBytesMax = config.JSON_SEARCH_BYTES
    const known = await verifyRequest(source.verification, request, receivedAtMs, jsonBytesMax)
    if ('refused' in known) refuse(event, known.refused)
    if (challenge?.kind === 'slack') {
      const asked = answerChallenge(challenge, request)
      if (asked !== undefined) {
        if ('refused' in asked) refuse(event, asked.refused)
        return challenged(event, asked)
      }
    }
    const { body, headers, query } = known
    const seen: Seen = { headers, query, hops: request.hops }
    const verified: KnownEvent = {
      source,
      event: { ...event, request: JSON.stringify(seen), body },
      seen,
      body,
      repeated: request.repeated,
      ownId: known.eventId,
      signed: known.signed,
      signedUntilMs: known.signedUntilMs,
    }
    return accept(verified, request)
  }

  /** What is refused from here on is told to both: the sender is known. */
  async function accept(verified: KnownEvent, caller: Caller): Promise<HookReply> {
    const { event } = verified
    try {
      return await commit(verified, caller)
    } catch (error) {
      if (error instanceof AppError && !(error instanceof RunFailed)) {
        const { code, message } = error
        history.note({ ...event, verdict: 'refused', reason: { code, message } })
      }
      if (error instanceof RunFailed) throw error.cause
      // Which executable is not there is the owner's matter.
      const isOurs = error instanceof AppError && error.code === 'HOOK_UNAVAILABLE'
      throw isOurs ? new AppError('HOOK_UNAVAILABLE') : error
    }
  }

  async function commit(
    { source, event: came, seen, body, repeated, ownId, signed, signedUntilMs }: KnownEvent,
    caller: Caller,
  ): Promise<HookReply> {
    const document = convertBody(source.format, { headers: seen.headers, body })
    if (document.bytes !== body) caller.lease.take(document.bytes.length)
    if (document.contentType === CLOUD_EVENT_TYPE) checkOnce(repeated)
    const id = idOf(source, { seen, document, ownId })
    const eventId = toEventId(id)
    const event: NewSourceEvent = { ...came, eventId }
    const isReplay = event.replayOf !== null
    const request = await toRun(source, { event, seen, document, caller })
    const waited = source.target?.answer === 'result' && !isReplay
    const run = request && durableRuns.prepare(request, { waited })
    const accepted = {
      event: { ...event, runId: run?.record.id ?? null, waited },
      keys: isReplay ? [] : keysOf(id, signed),
      // What is signed with a time is known for as long as it would be taken.
      keysExpireAtMs: Math.max(event.receivedAtMs + config.HOOK_IDS_KEPT_MS, signedUntilMs ?? 0),
      run,
    }
    const acceptance = await publishing(source, { seen, document }, (message) =>
      storage.sourceEvents.accept({ ...accepted, message }),
    )
    if (acceptance.outcome === 'duplicate') {
      history.note({ ...event, verdict: 'duplicate', duplicateOf: acceptance.of })
      return { kind: 'duplicate', of: acceptance.of }
    }
    if (acceptance.outcome === 'in_flight') throw new AppError('HOOK_IN_FLIGHT')
    history.accepted(event)
    if (request !== undefined && run !== undefined && waited) {
      return { kind: 'ran', event: acceptance.event, answer: await running(request, run) }
    }
    if (run !== undefined) durableRuns.wake()
    return { kind: 'accepted', event: acceptance.event }
  }

  /** Commits, with a message where the source publishes. */
  async function publishing(
    { tenant, publish }: Source,
    { seen, document }: { seen: Seen; document: ConvertedBody },
    commitWith: (message: NewMessage | undefined) => Promise<Acceptance>,
  ): Promise<Exclude<Acceptance, { outcome: Refusal }>> {
    const told = async (message: NewMessage | undefined) => {
      const acceptance = await commitWith(message)
      return isRefusal(acceptance) ? acceptance.outcome : acceptance
    }
    if (publish === null)
      return (await told(undefined)) as Exclude<Acceptance, { outcome: Refusal }>
    const payload = document.bytes.toString()
    const type =
      'type' in publish
        ? publish.type
        : publish.prefix + (toEventId(valueOf(publish.typeFrom, { seen, document })) ?? '')
    return messages.publishWith({ tenant, type, payload, deliverAtMs: null, hops: seen.hops }, told)
  }

  /** Undefined where the source calls none. @throws AppError HOOK_UNAVAILABLE */
  async function toRun(
    source: Source,
    of: {
      event: NewSourceEvent
      seen: Seen
      document: ConvertedBody
      caller: Caller
    },
  ): Promise<RunRequest | undefined> {
    const { target } = source
    if (target === null) return undefined
    const { event, seen, document, caller } = of
    const executable = await findGranted(target)
    const { headers, query } = seen
    const id = event.eventId ?? event.id
    return {
      id: newRunId(),
      executable,
      functionName: target.functionName,
      inputs: [{ kind: 'bytes', bytes: document.bytes }],
      callback: undefined,
      text: asksForText(executable, target.functionName),
      webhook: JSON.stringify({ headers, query, source: source.id, id }),
      hops: seen.hops,
      vouched: false,
      ...caller,
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

  async function running(request: RunRequest, run: PreparedRun): Promise<RunAnswer> {
    try {
      return await durableRuns.runPrepared(request, run)
    } catch (cause) {
      throw new RunFailed(cause)
    }
  }

  return {
    receive,

    /**
     * Does once more, in the background, what the source does now with an event that it got.
     * @throws AppError PAYLOAD_GONE, and as a request would fail
     */
    async replay(source: Source, id: string, lease: ByteLease): Promise<SourceEvent> {
      const { event: before, request, body } = await history.find(source, id)
      if (request === null || body === null) throw new AppError('PAYLOAD_GONE')
      const seen = JSON.parse(request) as Seen
      const { contentType } = before
      const headers = contentType === null ? {} : { 'content-type': contentType }
      const event = { ...newEvent(source, { headers, body }), replayOf: id, request, body }
      const ownId = before.eventId
      const of = { seen, body, repeated: [], ownId, signed: null, signedUntilMs: null }
      const verified: KnownEvent = { source, event, ...of }
      const reply = await accept(verified, { lease, hangUp: new HangUp() })
      if (reply.kind !== 'accepted') throw new Error('A replay is accepted, or fails.')
      return reply.event
    },
  }
}

/** The event was accepted, and its function failed while its sender waited. */
class RunFailed extends AppError {
  constructor(cause: unknown) {
    super('INTERNAL', undefined, { cause })
  }
}

type Refusal = Exclude<Acceptance['outcome'], 'accepted' | 'duplicate' | 'in_flight'>

function isRefusal(
  acceptance: Acceptance,
): acceptance is Extract<Acceptance, { outcome: Refusal }> {
  return !['accepted', 'duplicate', 'in_flight'].includes(acceptance.outcome)
}

/** The sender's own id of an event, of whatever length: where the owner says, or where the scheme or CloudEvents have it. */
function idOf(
  { eventId }: Source,
  { seen, document, ownId }: { seen: Seen; document: ConvertedBody; ownId: string | null },
): string | null {
  if (eventId !== null) {
    const value = valueOf(eventId, { seen, document })
    return typeof value === 'string' && value !== '' ? value : toEventId(value)
  }
  if (ownId !== null || document.contentType !== CLOUD_EVENT_TYPE) return ownId
  const { source, id } = JSON.parse(document.bytes.toString()) as { source: string; id: string }
  // Only both together are one event's.
  return `${source} ${id}`
}

/** Attributes of an event that came as headers are there once. @throws AppError INVALID_DOCUMENT */
function checkOnce(repeated: readonly string[]): void {
  const field = repeated.find((name) => name.startsWith('ce-'))
  if (field === undefined) return
  throw new AppError('INVALID_DOCUMENT', `${field} is there more than once.`, { detail: { field } })
}

/** What is at a place of a request; undefined where there is nothing. */
function valueOf(
  { in: where, name }: RequestPlace,
  { seen, document }: { seen: Seen; document: ConvertedBody },
): unknown {
  if (where !== 'json') return seen[where === 'header' ? 'headers' : 'query'][name]
  try {
    return valueAt(JSON.parse(document.bytes.toString()), name)
  } catch {
    return undefined
  }
}

/** What tells an event from others: its sender's id, and what was signed, which is not to be sent twice under two ids. */
function keysOf(id: string | null, signed: string | null): string[] {
  const ids = id === null ? [] : [`id:${createHash('sha256').update(id).digest('hex')}`]
  return signed === null ? ids : [...ids, `signed:${signed}`]
}
