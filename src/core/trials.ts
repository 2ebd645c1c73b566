// Trying an endpoint out while its owner waits: what it would be sent of an event, and one attempt to send it, made by the
// code that makes every other. Nothing of it is stored.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { toEnvelope, withPayload } from '../event-envelope.ts'
import { isEventTypeName, matchesEvent } from '../event-pattern.ts'
import type { Attempt, Endpoint, EventType, FunctionRef, RequestSpec } from '../model.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { Storage } from '../storage/storage.ts'
import { arrived } from './attempt.ts'
import type { Endpoints } from './endpoints.ts'
import type { CallFunction } from './function-calls.ts'
import { attemptOfStep } from './function-target.ts'
import { checkHops } from './hops.ts'
import { unknownType } from './known-types.ts'
import type { KnownTypes } from './known-types.ts'
import { fetchPayload } from './message-fetch.ts'
import { checkPayloadSize } from './messages.ts'
import { createPreparation } from './preparation.ts'
import type { Prepared, Step } from './preparation.ts'
import type { RunJournal } from './run-journal.ts'
import { createSending } from './sending.ts'
import type { TargetCheck } from './target-check.ts'

/** Of one tenant, in one process: each may take as long as a target or a function may. */
const TRIALS_AT_ONCE_MAX = 5
/** Of an event that is made up, which is no event of a type of theirs. */
const TEST_TYPE = 'wasmhook.test'
/** Of a tenant's types, for one whose example a test may send. */
const TYPES_LOOKED_AT = 100
/** How a receiver tells a test from an event. */
const TEST_HEADER = { 'wasmhook-test': 'true' }

/** What is absent is made up. */
export interface TrialEvent {
  type: string | undefined
  /** JSON */
  payload: string | undefined
}

export interface Caller {
  /** What its request passed through. */
  hops: number
  /** It has left. */
  left: AbortSignal
}

export interface TestSend {
  type: string
  webhookId: string
  state: 'succeeded' | 'failed' | 'discarded'
  /** Why it was discarded. */
  reason: string | null
  /** Null where nothing was tried. */
  attempt: Attempt | null
}

/** A message, or what could be one. */
interface Tried {
  id: string
  type: string
  body: Buffer
  /** By which its payload is fetched; null: it is not, or has been. */
  fetch: RequestSpec | null
}

interface Failed {
  kind: 'failed'
  step: Step | 'fetch'
  message: string
  /** Of the function that did not return. */
  runId: string | null
  attempt: Attempt
}

type Made = Extract<Prepared, { kind: 'ready' | 'discarded' }> | Failed

/** What would be sent, or why not; the log of a function only where its admin key, or the operator, has named it. */
export type Preview = Exclude<Made, Failed> | (Failed & { log: string | null })

export interface TrialsDeps {
  storage: Storage
  endpoints: Pick<Endpoints, 'find'>
  journal: Pick<RunJournal, 'get'>
  knownTypes: Pick<KnownTypes, 'judge'>
  checkTarget: TargetCheck
  outbound: Outbound
  callFunction: CallFunction
  config: Config
  now: () => number
}

export type Trials = ReturnType<typeof createTrials>

export function createTrials(deps: TrialsDeps) {
  const { storage, endpoints, journal, knownTypes, checkTarget } = deps
  const { outbound, callFunction, config, now } = deps
  const preparation = createPreparation({ callFunction, config, now })
  const send = createSending({ outbound, callFunction, config, now })
  const underWay = new Map<string, number>()

  /** @throws AppError RATE_LIMITED */
  async function within<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const count = underWay.get(tenant) ?? 0
    if (count >= TRIALS_AT_ONCE_MAX) {
      const sentence = `${TRIALS_AT_ONCE_MAX} of the tenant's endpoints are being tried out already.`
      throw new AppError('RATE_LIMITED', sentence, { detail: { limit: TRIALS_AT_ONCE_MAX } })
    }
    underWay.set(tenant, count + 1)
    try {
      return await work()
    } finally {
      const left = (underWay.get(tenant) ?? 1) - 1
      if (left > 0) underWay.set(tenant, left)
      else underWay.delete(tenant)
    }
  }

  /** What is given, and else the example of a type that it wants, or a small one. @throws AppError UNKNOWN_EVENT_TYPE */
  async function complete(
    { tenant, eventTypes }: Endpoint,
    given: TrialEvent,
    id: string,
  ): Promise<{ type: string; payload: string }> {
    const createdAt = new Date(now()).toISOString()
    const small = JSON.stringify({ id, createdAt, test: true })
    if (given.type !== undefined) {
      const { type } = given
      const known = isEventTypeName(type) ? await storage.eventTypes.get(tenant, type) : undefined
      if (known === undefined) throw unknownType(type)
      return { type, payload: given.payload ?? known.example ?? small }
    }
    const known = await wantedBy(tenant, eventTypes)
    const payload = given.payload ?? known?.example ?? null
    if (known === undefined || payload === null)
      return { type: TEST_TYPE, payload: payload ?? small }
    return { type: known.name, payload }
  }

  /** A type that its patterns name; or else the first that they match and that has an example. */
  async function wantedBy(
    tenant: string,
    patterns: readonly string[],
  ): Promise<EventType | undefined> {
    const named = patterns.find(isEventTypeName)
    if (named !== undefined) return storage.eventTypes.get(tenant, named)
    const { items } = await storage.eventTypes.list(tenant, { limit: TYPES_LOOKED_AT })
    const wanted = items.filter(({ name }) => patterns.some((one) => matchesEvent(one, name)))
    return wanted.find(({ example }) => example !== null)
  }

  /** As it would be published. @throws as `complete`; BODY_TOO_LARGE, and what its type has against it */
  async function madeUp(endpoint: Endpoint, given: TrialEvent, id: string): Promise<Tried> {
    const { tenant } = endpoint
    const { type, payload } = await complete(endpoint, given, id)
    checkPayloadSize(payload, config)
    const nowMs = now()
    const made = { id, createdAtMs: nowMs }
    const { fetch } = await knownTypes.judge({ tenant, type, payload }, made)
    if (fetch !== null) checkTarget(fetch)
    return { id, type, body: toEnvelope(type, nowMs, payload), fetch }
  }

  /** A message as it was published, or as what was fetched since. @throws AppError NOT_FOUND, PAYLOAD_GONE */
  async function published(tenant: string, id: string): Promise<Tried> {
    const found = await storage.messages.get(id)
    if (found?.message.tenant !== tenant)
      throw new AppError('NOT_FOUND', 'There is no such message.')
    const { message, body } = found
    if (body === null) throw payloadGone()
    const { type } = message
    if (message.fetched !== 'waiting') return { id, type, body, fetch: null }
    const known = await storage.messages.toFetch(id)
    if ('spec' in known) return { id, type, body, fetch: known.spec }
    if (known.body === undefined) throw payloadGone()
    return { id, type, body: known.body, fetch: null }
  }

  /** @throws AppError LOOP_DETECTED, QUEUE_FULL, CANCELED */
  async function make(
    { tenant, secrets, settings }: Endpoint,
    tried: Tried,
    { hops: before, left }: Caller,
  ): Promise<Made> {
    const hops = before + 1
    checkHops(hops)
    let { body } = tried
    if (tried.fetch !== null) {
      const got = await fetchPayload({ outbound, config, now }, { spec: tried.fetch, hops }, left)
      if (got === undefined) throw new AppError('CANCELED')
      if (got.kind === 'missing') return { kind: 'discarded', reason: 'resource_missing' }
      if (got.kind === 'failed') {
        const { attempt } = got
        const message = attempt.errorMessage ?? ''
        return { kind: 'failed', step: 'fetch', message, runId: null, attempt }
      }
      body = withPayload(body, got.payload)
    }
    const begun = { atMs: now(), performanceMs: performance.now() }
    const message = { id: tried.id, tenant, envelope: body }
    const made = await preparation.prepare({ message, hops, signingSecrets: secrets }, settings)
    if (made.kind === 'later') throw new AppError('QUEUE_FULL')
    if (made.kind !== 'failed') return made
    return { ...made, attempt: attemptOfStep(made.step, made.message, begun) }
  }

  async function logOf(
    { settings }: Endpoint,
    { step, runId }: { step: string; runId: string | null },
  ) {
    const ref: FunctionRef | null = step === 'filter' ? settings.filter : settings.transform
    const by = ref?.grant.by
    if (runId === null || (by !== 'admin' && by !== 'token')) return null
    return (await journal.get(runId))?.log ?? null
  }

  return {
    /**
     * Sends it an event now, on or off, whatever waits for it.
     * @throws AppError NOT_FOUND, RATE_LIMITED, QUEUE_FULL, CANCELED, LOOP_DETECTED; UNKNOWN_EVENT_TYPE, BODY_TOO_LARGE,
     *   PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, FETCH_VALUE_REFUSED, ADDRESS_REFUSED as where it is published
     */
    async send(tenant: string, id: string, given: TrialEvent, caller: Caller): Promise<TestSend> {
      const endpoint = await endpoints.find(tenant, id)
      const webhookId = uuidv7()
      const event = await madeUp(endpoint, given, webhookId)
      return within(tenant, async () => {
        const made = await make(endpoint, event, caller)
        const told = { type: event.type, webhookId, reason: null, attempt: null }
        if (made.kind === 'discarded') return { ...told, state: 'discarded', reason: made.reason }
        if (made.kind === 'failed') return { ...told, state: 'failed', attempt: made.attempt }
        const { spec, settings, secrets: signingSecrets } = endpoint
        const target = { spec, function: settings.target, signingSecrets }
        const headers = { ...made.eventHeaders, ...TEST_HEADER }
        const marks = { webhookId, headers, hops: caller.hops + 1 }
        const outcome = await send({ ...made, ...target, ...marks }, caller.left)
        if (outcome.kind === 'cut') throw new AppError('CANCELED')
        if (outcome.kind === 'no_room') throw new AppError('QUEUE_FULL')
        if (outcome.kind === 'refused')
          return { ...told, state: 'discarded', reason: outcome.reason }
        const { attempt } = outcome
        return { ...told, state: arrived(attempt) ? 'succeeded' : 'failed', attempt }
      })
    },

    /**
     * What it would be sent of a message, or of an event; nothing is.
     * @throws AppError as `send`; PAYLOAD_GONE
     */
    async preview(
      tenant: string,
      id: string,
      of: { messageId: string } | TrialEvent,
      caller: Caller,
    ): Promise<Preview> {
      const endpoint = await endpoints.find(tenant, id)
      const event =
        'messageId' in of
          ? await published(tenant, of.messageId)
          : await madeUp(endpoint, of, uuidv7())
      return within(tenant, async () => {
        const made = await make(endpoint, event, caller)
        return made.kind === 'failed' ? { ...made, log: await logOf(endpoint, made) } : made
      })
    },
  }
}

function payloadGone(): AppError {
  return new AppError('PAYLOAD_GONE', "The message's payload is kept no more.")
}
