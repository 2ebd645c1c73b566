// What is done once with a delivery of a message before its first attempt: whether its endpoint wants it, and what
// is made of it. What comes of it is kept, and every attempt sends those bytes.
import type { Config } from '../config.ts'
import { bodyOf } from '../body-style.ts'
import type { Payload, SentBody, ToldMessage } from '../body-style.ts'
import { payloadOf } from '../event-envelope.ts'
import { matchesPayload } from '../payload-filter.ts'
import type { EndpointSettings, FunctionRef } from '../model.ts'
import type { LeasedDelivery } from '../storage/storage.ts'
import { withToken } from './event-token.ts'
import type { CallFunction, FunctionOutcome } from './function-calls.ts'
import { aliveAt, secretText } from './signing.ts'

/** What it came to. */
export type Prepared =
  | ({ kind: 'ready' } & SentBody)
  /** It is not to be sent. */
  | { kind: 'discarded'; reason: string }
  /** A step failed, which counts as an attempt that did. */
  | { kind: 'failed'; step: Step; message: string; runId: string | null }
  /** There is no room for a function now. */
  | { kind: 'later' }

/** Classes of failures, as attempts tell them. */
export type Step = 'filter' | 'transform'

type Stopped = Exclude<Prepared, { kind: 'ready' }>

/** One that is still to be made of a message as it was published. */
export interface Unprepared extends Pick<LeasedDelivery, 'hops' | 'signingSecrets'> {
  message: ToldMessage
  /** The delivery's; absent where it is tried out. */
  id?: string
}

const JSON_TYPE = 'application/json'
const TRUE = /^\s*(true|1)\s*$/
const FALSE = /^\s*(false|0)\s*$/

export interface PreparationDeps {
  callFunction: CallFunction
  config: Pick<Config, 'MESSAGE_BYTES'>
  now: () => number
}

export type Preparation = ReturnType<typeof createPreparation>

export function createPreparation({ callFunction, config, now }: PreparationDeps) {
  const call = (ref: FunctionRef, { id, message, hops }: Unprepared): Promise<FunctionOutcome> =>
    callFunction({ ref, input: message.envelope, hops, callback: false, deliveryId: id })

  async function wanted(ref: FunctionRef, delivery: Unprepared): Promise<true | Stopped> {
    const outcome = await call(ref, delivery)
    if (outcome.kind !== 'returned') return stopped('filter', outcome)
    const text = outcome.bytes.toString('latin1', 0, 64)
    if (TRUE.test(text)) return true
    if (FALSE.test(text)) return { kind: 'discarded', reason: 'filtered' }
    const message = 'The filter returned neither true nor false.'
    return { kind: 'failed', step: 'filter', message, runId: outcome.runId }
  }

  async function transformed(
    ref: FunctionRef,
    delivery: Unprepared,
  ): Promise<{ payload: Payload } | Stopped> {
    const outcome = await call(ref, delivery)
    if (outcome.kind !== 'returned') return stopped('transform', outcome)
    if (outcome.bytes.length > config.MESSAGE_BYTES) {
      const message = `The result is larger than ${config.MESSAGE_BYTES} bytes (MESSAGE_BYTES).`
      return { kind: 'failed', step: 'transform', message, runId: outcome.runId }
    }
    return { payload: toPayload(outcome) }
  }

  return {
    async prepare(delivery: Unprepared, settings: EndpointSettings): Promise<Prepared> {
      const { payloadFilter, filter, transform, signatureStyle, bodyStyle } = settings
      const { message } = delivery
      const published = payloadOf(message.envelope).toString()
      let payload: Payload = { json: published }
      if (payloadFilter !== null && !matchesPayload(payloadFilter, JSON.parse(published))) {
        return { kind: 'discarded', reason: 'filtered' }
      }
      if (filter !== null) {
        const isWanted = await wanted(filter, delivery)
        if (isWanted !== true) return isWanted
      }
      if (transform !== null) {
        const made = await transformed(transform, delivery)
        if ('kind' in made) return made
        payload = made.payload
      }
      if (signatureStyle === 'token') {
        const [secret] = aliveAt(now(), delivery.signingSecrets)
        const json = 'json' in payload ? payload.json.toString() : ''
        const signed = secret === undefined ? undefined : withToken(json, secretText(secret))
        if (signed === undefined) return { kind: 'discarded', reason: 'token_fields_missing' }
        payload = { json: signed }
      }
      return { kind: 'ready', ...bodyOf(bodyStyle, message, payload) }
    },
  }
}

function stopped(step: Step, outcome: Exclude<FunctionOutcome, { kind: 'returned' }>): Stopped {
  if (outcome.kind === 'no_room') return { kind: 'later' }
  if (outcome.kind === 'refused') return { kind: 'discarded', reason: outcome.reason }
  const { code, message, runId } = outcome
  return { kind: 'failed', step, message: `${code}: ${message}`, runId }
}

function toPayload({ bytes, type }: { bytes: Buffer; type: string }): Payload {
  if (type !== JSON_TYPE && !type.startsWith('text/')) return { bytes, type }
  const text = bytes.toString()
  try {
    JSON.parse(text)
    return { json: text }
  } catch {
    return { bytes, type }
  }
}
