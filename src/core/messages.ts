// Messages: an event is published once, and goes to every endpoint of its tenant that wants its type.
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { payloadOf, toEnvelope } from '../event-envelope.ts'
import { isEventTypeName } from '../event-pattern.ts'
import type { Message } from '../model.ts'
import type { NewMessage, Published, PublishRefusal, Storage } from '../storage/storage.ts'
import { missingTokenField } from './event-token.ts'
import { finishExpunging } from './expunging.ts'
import { checkHops } from './hops.ts'
import { timeOfId } from './ids.ts'
import { unknownType } from './known-types.ts'
import type { Judged, KnownTypes } from './known-types.ts'
import type { TargetCheck } from './target-check.ts'
import { checkTenant } from './tenants.ts'

const CONTENT_TYPE = 'application/json'
/** With a type that is changed while a message of it is published. */
const TRIES = 5
const PRINTABLE = /^[\x20-\x7e]+$/

export interface NewEvent {
  tenant: string
  type: string
  /** JSON, which is sent as it is. */
  payload: string
  /** The publisher's own name for it: what is published again by the same one is there already. */
  callerId: string | null
  deliverAtMs: number | null
  /** What the publisher's request passed through. */
  hops: number
}

/** A message that is committed, now or by the same id before. */
export interface Accepted {
  message: Message
  repeated: boolean
}

/** A message that its type has not judged yet. */
type Unjudged = Omit<NewMessage, keyof Judged>

export interface MessagesDeps {
  storage: Storage
  knownTypes: KnownTypes
  checkTarget: TargetCheck
  config: Config
  /** Ids of one order with those of deliveries. */
  newId: () => string
  now: () => number
  /** Told when there are deliveries to send. */
  onDelivery: () => void
}

export type Messages = ReturnType<typeof createMessages>

export function createMessages(deps: MessagesDeps) {
  const { storage, knownTypes, checkTarget, config, newId, now, onDelivery } = deps

  /** @throws AppError UNKNOWN_EVENT_TYPE, BODY_TOO_LARGE, BAD_REQUEST, LOOP_DETECTED */
  function toMessage(event: NewEvent): Unjudged {
    const { tenant, type, payload, callerId, deliverAtMs } = event
    checkTenant(tenant)
    if (!isEventTypeName(type)) throw unknownType(type)
    if (callerId !== null && !PRINTABLE.test(callerId))
      throw malformed('id', 'id must be printable ASCII, and not empty.')
    checkPayloadSize(payload, config)
    const laterMsMax = config.DELIVER_LATER_MS_MAX
    if (deliverAtMs !== null && deliverAtMs - now() > laterMsMax)
      throw malformed('deliver_at', `deliver_at is more than ${laterMsMax} ms away.`)
    // Publishing is a step of its own, so that events that bring about each other come to an end.
    const hops = event.hops + 1
    checkHops(hops)
    const id = newId()
    const createdAtMs = timeOfId(id)
    const fingerprint = fingerprintOf(event)
    const dueAtMs = deliverAtMs ?? now()
    return {
      ...{ id, tenant, type, callerId, deliverAtMs, createdAtMs, fingerprint, hops, dueAtMs },
      body: toEnvelope(type, createdAtMs, payload),
      contentType: CONTENT_TYPE,
      hasTokenFields: missingTokenField(payload) === undefined,
    }
  }

  /** @throws AppError PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, FETCH_VALUE_REFUSED, ADDRESS_REFUSED */
  async function judgeNew(event: NewEvent, made: Unjudged): Promise<Judged> {
    const judged = await knownTypes.judge(event, made)
    if (judged.fetch !== null) checkTarget(judged.fetch)
    return judged
  }

  /** What is done again where a message's type is another by now. */
  async function whileItsTypeChanges<T>(
    { tenant, type }: NewEvent,
    publish: () => Promise<T | 'type_changed'>,
  ): Promise<T | 'type_changed'> {
    for (let tries = 1; ; tries++) {
      const published = await publish()
      if (published !== 'type_changed' || tries === TRIES) return published
      knownTypes.forget(tenant, type)
    }
  }

  /**
   * What its type says of it now; or what was published by its id before, whatever its type says now.
   * @throws AppError PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, FETCH_VALUE_REFUSED, ADDRESS_REFUSED
   */
  async function judge(event: NewEvent, made: Unjudged): Promise<NewMessage | Published> {
    const { tenant, callerId } = event
    try {
      return { ...made, ...(await judgeNew(event, made)) }
    } catch (error) {
      if (callerId === null) throw error
      const before = await storage.messages.findByCaller(tenant, callerId)
      if (before === undefined) throw error
      return before
    }
  }

  /** @throws AppError UNKNOWN_EVENT_TYPE, TOKEN_FIELDS_MISSING, MESSAGE_ID_REUSED; CONFLICT where its type changes again */
  function accepted(
    event: NewEvent,
    { fingerprint }: Unjudged,
    published: Published | PublishRefusal,
  ): Accepted {
    if (typeof published === 'string') throw refusal(event, published)
    const { message, repeated } = published
    if (published.fingerprint !== fingerprint) {
      throw new AppError('MESSAGE_ID_REUSED', undefined, {
        detail: { field: 'id', message_id: message.id },
      })
    }
    if (!repeated && message.deliveries > 0) onDelivery()
    return { message, repeated }
  }

  return {
    /**
     * Resolves once message and deliveries are committed.
     * @throws AppError UNKNOWN_EVENT_TYPE, TOKEN_FIELDS_MISSING, MESSAGE_ID_REUSED, BODY_TOO_LARGE, BAD_REQUEST,
     *   LOOP_DETECTED, PAYLOAD_MISMATCH, SCHEMA_TOO_COMPLEX, FETCH_VALUE_REFUSED, CONFLICT
     */
    async publish(event: NewEvent): Promise<Accepted> {
      const made = toMessage(event)
      const published = await whileItsTypeChanges(event, async () => {
        const judged = await judge(event, made)
        return isPublished(judged) ? judged : storage.messages.publish(judged)
      })
      return accepted(event, made, published)
    },

    /**
     * As `publish`, where `commit` stores the message together with something else. What it answers that is no refusal
     * is the result; it is asked again where the message's type is another by now.
     * @throws AppError as `publish` and as `commit`
     */
    async publishWith<T extends object>(
      event: Omit<NewEvent, 'callerId'>,
      commit: (message: NewMessage) => Promise<T | PublishRefusal>,
    ): Promise<T> {
      const own = { ...event, callerId: null }
      const made = toMessage(own)
      const committed = await whileItsTypeChanges(own, async () =>
        commit({ ...made, ...(await judgeNew(own, made)) }),
      )
      if (typeof committed === 'string') throw refusal(own, committed)
      onDelivery()
      return committed
    },

    /**
     * Publishes several in their order, each as `publish` does: what comes of each, in the same order. Those that are
     * accepted are committed, most in one transaction.
     * @throws AppError where storage takes none of them
     */
    async publishAll(events: readonly NewEvent[]): Promise<(Accepted | AppError)[]> {
      const outcomes: (Accepted | AppError)[] = []
      const waiting: { at: number; event: NewEvent; message: NewMessage }[] = []
      for (const [at, event] of events.entries()) {
        // Each may have a schema that takes its steps.
        if (at > 0) await setImmediate()
        const judged = await outcomeOf(async () => judge(event, toMessage(event)))
        if (judged instanceof AppError) outcomes[at] = judged
        else if (isPublished(judged))
          outcomes[at] = await outcomeOf(() => accepted(event, toMessage(event), judged))
        else waiting.push({ at, event, message: judged })
      }
      let committed = false
      while (waiting.length > 0) {
        try {
          const some = await storage.messages.publishSome(waiting.map(({ message }) => message))
          committed = true
          for (const [n, { at, event, message }] of waiting.splice(0, some.length).entries()) {
            const one = some[n] ?? 'unknown_type'
            // One whose type has changed is the last of them, and those after it wait.
            outcomes[at] = await outcomeOf(() =>
              one === 'type_changed' ? this.publish(event) : accepted(event, message, one),
            )
          }
        } catch (error) {
          // What was committed before has to be told.
          if (!committed || !(error instanceof AppError)) throw error
          for (const { at } of waiting.splice(0)) outcomes[at] = error
        }
      }
      return outcomes
    },

    /** With its payload as it was published; null where that is kept no more. */
    async find(tenant: string, id: string): Promise<{ message: Message; payload: string | null }> {
      checkTenant(tenant)
      const found = await storage.messages.get(id)
      if (found?.message.tenant !== tenant) throw missing()
      const { message, body } = found
      return { message, payload: body === null ? null : payloadOf(body).toString() }
    },

    /**
     * Has nothing of its payload sent or shown from now on, and all deleted that was made of it; what waits to be sent is
     * canceled. Its history stays.
     * @throws AppError NOT_FOUND
     */
    async expunge(tenant: string, id: string): Promise<Message> {
      checkTenant(tenant)
      const nowMs = now()
      if (!(await storage.messages.expunge(tenant, id, nowMs))) throw missing()
      await finishExpunging(storage, id, nowMs)
      return (await this.find(tenant, id)).message
    },

    list(...of: Parameters<typeof storage.messages.list>) {
      checkTenant(of[0])
      return storage.messages.list(...of)
    },
  }
}

function refusal({ type, payload }: NewEvent, why: PublishRefusal): AppError {
  switch (why) {
    case 'token_fields_missing': {
      const field = `payload.${missingTokenField(payload) ?? 'id'}`
      const sentence = `${field} is missing, which an endpoint's token is made of.`
      return new AppError('TOKEN_FIELDS_MISSING', sentence, { detail: { field } })
    }
    case 'unknown_type':
      return unknownType(type)
    case 'type_changed':
      return new AppError('CONFLICT', 'The event type is being changed; nothing was published.')
  }
}

function isPublished(judged: NewMessage | Published): judged is Published {
  return 'message' in judged
}

/** What was made, or the error that says why not. */
async function outcomeOf<T>(make: () => T | Promise<T>): Promise<T | AppError> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

/** @throws AppError BODY_TOO_LARGE */
export function checkPayloadSize(
  payload: string,
  { MESSAGE_BYTES: limit }: Pick<Config, 'MESSAGE_BYTES'>,
): void {
  if (Buffer.byteLength(payload) <= limit) return
  const sentence = `The payload is larger than ${limit} bytes (MESSAGE_BYTES).`
  throw new AppError('BODY_TOO_LARGE', sentence, { detail: { limit } })
}

/** Of all that decides what is sent, and when; hex sha256. */
function fingerprintOf({ type, payload, deliverAtMs }: NewEvent): string {
  const head = JSON.stringify([type, deliverAtMs])
  return createHash('sha256').update(head).update(payload).digest('hex')
}

function missing(): AppError {
  return new AppError('NOT_FOUND', 'There is no such message.')
}

function malformed(field: string, sentence: string): AppError {
  return new AppError('BAD_REQUEST', sentence, { detail: { field } })
}
