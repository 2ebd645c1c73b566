// Sends the deliveries that are due: makes what they send where that was not done, makes the attempt, and writes it with
// what comes of it.
import type { Config } from '../config.ts'
import { needsPreparation } from '../endpoint-settings.ts'
import { bodyOf } from '../body-style.ts'
import type { ToldMessage } from '../body-style.ts'
import type { Attempt, EndpointSettings } from '../model.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type {
  AfterAttempt,
  KeptOutput,
  LeasedDelivery,
  Storage,
  Unchanged,
} from '../storage/storage.ts'
import { afterAttempt, arrived, newsOf } from './attempt.ts'
import type { CallFunction } from './function-calls.ts'
import { attemptOfStep } from './function-target.ts'
import { createMessageFetch } from './message-fetch.ts'
import { orCut } from './or-cut.ts'
import { createPreparation } from './preparation.ts'
import { createSending } from './sending.ts'
import { createWorker } from './worker.ts'
import type { Hands, Worker } from './worker.ts'

export interface DeliveryWorkerDeps {
  storage: Storage
  outbound: Outbound
  callFunction: CallFunction
  config: Config
  now: () => number
  /** From 0 to 1. */
  chance: () => number
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

/** Before a function that found no room is called again. */
const NO_ROOM_PAUSE_MS = 1_000
/** Why deliveries end whose payload could not be fetched, since there is none. */
const MISSING = 'resource_missing'

export function createDeliveryWorker(deps: DeliveryWorkerDeps): Worker<LeasedDelivery> {
  const { storage, outbound, callFunction, config, now, chance, onError } = deps
  const perLane = config.DELIVERY_TARGET_CONCURRENCY
  const preparation = createPreparation({ callFunction, config, now })
  const messageFetch = createMessageFetch({ storage, outbound, config, now })
  const sendOnce = createSending({ outbound, callFunction, config, now })

  async function deliver(delivery: LeasedDelivery, hands: Hands): Promise<void> {
    const whole = await fetched(delivery, hands)
    const ready = whole === undefined ? undefined : await prepared(whole, hands)
    if (ready !== undefined) await send(ready, hands)
  }

  /** With its message's payload, which is fetched first where it was not; undefined where it is not to be sent now. */
  async function fetched(
    delivery: LeasedDelivery,
    hands: Hands,
  ): Promise<LeasedDelivery | undefined> {
    const { unfetched, event } = delivery
    if (!unfetched || event === null) return delivery
    const { messageId } = event
    const made = await messageFetch.fetch(messageId, delivery, hands)
    switch (made?.kind) {
      case 'ready':
        return { ...delivery, body: made.body }
      case 'failed':
        await settle(delivery, made.attempt, hands)
        break
      case 'missing':
        await discard(delivery, MISSING, hands.commit)
        await hands.commit(() => storage.deliveries.discardMessage(messageId, MISSING, now()))
        break
      // The next claim ends it.
      case 'gone':
        await claimAnew(delivery, hands)
        break
      // Cut off by our own end: it is fetched again.
      case undefined:
    }
    return undefined
  }

  /** With what it sends, which is made first where it was not; undefined where it is not to be sent now. */
  async function prepared(
    delivery: LeasedDelivery,
    hands: Hands,
  ): Promise<LeasedDelivery | undefined> {
    const { commit } = hands
    const { unprepared } = delivery
    if (unprepared === null) return delivery
    if (!needsPreparation(unprepared)) return asItIs(delivery, unprepared, hands)
    const begun = { atMs: now(), performanceMs: performance.now() }
    const message = messageOf(delivery)
    const made = await orCut(preparation.prepare({ ...delivery, message }, unprepared), hands.cut)
    switch (made?.kind) {
      case 'ready': {
        const { body, contentType, eventHeaders } = made
        const sent = { body, contentType, eventHeaders }
        const isEventData = unprepared.bodyStyle === 'cloudevents_binary'
        const output = { ...sent, isEventData }
        const kept = await commit(() => storage.deliveries.prepared(delivery, output))
        return inTurn({ ...delivery, ...sent }, { kept, settings: unprepared }, hands)
      }
      case 'later':
        await putBack(delivery, commit)
        break
      case 'failed':
        await settle(delivery, attemptOfStep(made.step, made.message, begun), hands)
        break
      case 'discarded':
        await discard(delivery, made.reason, commit)
        break
      // Cut off by our own end: it is made again.
      case undefined:
    }
    return undefined
  }

  /** Its message has been fetched, and nothing else is to be done: what came is kept once for all that send it. */
  async function asItIs(
    delivery: LeasedDelivery,
    settings: EndpointSettings,
    hands: Hands,
  ): Promise<LeasedDelivery | undefined> {
    const { bodyStyle } = settings
    const sent = bodyOf(bodyStyle, messageOf(delivery))
    const { length } = sent.body
    const kept = await hands.commit(() =>
      storage.deliveries.preparedAsIs(delivery, bodyStyle, length),
    )
    return inTurn({ ...delivery, ...sent }, { kept, settings }, hands)
  }

  /**
   * What had to be made first was claimed without a token: where its endpoint has a rate, it is sent when there is one. And
   * the endpoint may have changed meanwhile.
   */
  async function inTurn(
    ready: LeasedDelivery,
    made: { kept: KeptOutput | undefined; settings: EndpointSettings },
    hands: Hands,
  ): Promise<LeasedDelivery | undefined> {
    const { kept, settings } = made
    if (kept === undefined || kept === 'lease_lost') return undefined
    if (kept === 'kept' && settings.rateLimit === null) return ready
    await claimAnew(ready, hands)
    return undefined
  }

  async function claimAnew(delivery: LeasedDelivery, { commit }: Hands): Promise<void> {
    await commit(() => storage.deliveries.putBack(delivery, now(), perLane))
  }

  async function send(delivery: LeasedDelivery, hands: Hands): Promise<void> {
    const webhookId = delivery.event?.messageId ?? delivery.id
    const headers = { ...delivery.eventHeaders, 'wasmhook-delivery': delivery.id }
    const outcome = await sendOnce({ ...delivery, webhookId, headers }, hands.cut)
    switch (outcome.kind) {
      case 'attempted':
        await settle(delivery, outcome.attempt, hands)
        break
      case 'no_room':
        await putBack(delivery, hands.commit)
        break
      case 'refused':
        await discard(delivery, outcome.reason, hands.commit)
        break
      // Its lease ends by itself.
      case 'cut':
    }
  }

  async function settle(
    delivery: LeasedDelivery,
    made: Attempt,
    { commit }: Pick<Hands, 'commit'>,
  ): Promise<void> {
    const nowMs = now()
    const { retry, resending: manual } = delivery
    const tries = delivery.tries + 1
    const after: AfterAttempt | Unchanged =
      manual && !arrived(made)
        ? { state: 'unchanged' }
        : afterAttempt(made, { retry, tries }, { nowMs, chance: chance(), config })
    const { ENDPOINT_DISABLED_AFTER_MS: disabledAfterMs } = config
    const bounds = { nowMs, perLane, disabledAfterMs, news: newsOf(made, nowMs, config) }
    await commit(() => storage.deliveries.settle(delivery, { ...made, manual }, after, bounds))
    const { event } = delivery
    // It may have been disabled for it. What is not paused here is, when it would be sent.
    if (event !== null && !arrived(made))
      await commit(() => storage.endpoints.pause(event.endpointId))
  }

  /** It is tried again a little later, which is no attempt. */
  async function putBack(delivery: LeasedDelivery, commit: Hands['commit']): Promise<void> {
    await commit(() => storage.deliveries.putBack(delivery, now() + NO_ROOM_PAUSE_MS, perLane))
  }

  async function discard(
    delivery: LeasedDelivery,
    reason: string,
    commit: Hands['commit'],
  ): Promise<void> {
    await commit(() => storage.deliveries.discard(delivery, reason, { nowMs: now(), perLane }))
  }

  return createWorker({
    storage,
    store: storage.deliveries,
    name: 'deliveries',
    work: deliver,
    sizeOf: ({ sizeBytes }) => sizeBytes,
    concurrency: config.DELIVERY_CONCURRENCY,
    perLane,
    owners: {
      of: ({ owner }) => owner,
      most: perExecutable(config),
    },
    leaseMs: config.DELIVERY_LEASE_MS,
    pollMs: config.DELIVERY_POLL_MS,
    now,
    onError,
  })
}

/** What one executable, or one tenant, may have under way: with 0 half of all, so that the others always find room. */
function perExecutable(config: Config): number {
  const half = Math.max(1, Math.floor(config.DELIVERY_CONCURRENCY / 2))
  return config.DELIVERY_EXECUTABLE_CONCURRENCY || half
}

/** What a delivery that has still to be made is made of. */
function messageOf({ event, body: envelope }: LeasedDelivery): ToldMessage {
  if (event === null) throw new Error('Only messages are made ready.')
  return { id: event.messageId, tenant: event.tenant, envelope }
}
