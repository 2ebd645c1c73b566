// Sends the deliveries that are due: makes what they send where that was not done, makes the attempt, and writes it with
// what comes of it.
import type { Config } from '../config.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { AfterAttempt, LeasedDelivery, Storage, Unchanged } from '../storage/storage.ts'
import { EXCERPT_BYTES, afterAttempt, arrived, attempt, newsOf, timeoutOf } from './attempt.ts'
import { createPreparation } from './preparation.ts'
import { aliveAt } from './signing.ts'
import { createWorker } from './worker.ts'
import type { Hands, Worker } from './worker.ts'

export interface DeliveryWorkerDeps {
  storage: Storage
  outbound: Outbound
  config: Config
  now: () => number
  /** From 0 to 1. */
  chance: () => number
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

export function createDeliveryWorker(deps: DeliveryWorkerDeps): Worker<LeasedDelivery> {
  const { storage, outbound, config, now, chance, onError } = deps
  const perLane = config.DELIVERY_TARGET_CONCURRENCY
  const preparation = createPreparation({ now })

  async function deliver(delivery: LeasedDelivery, hands: Hands): Promise<void> {
    const ready = await prepared(delivery, hands)
    if (ready !== undefined) await send(ready, hands)
  }

  /** With what it sends, which is made first where it was not; undefined where it is not to be sent now. */
  async function prepared(
    delivery: LeasedDelivery,
    { commit }: Hands,
  ): Promise<LeasedDelivery | undefined> {
    const { unprepared, event } = delivery
    if (unprepared === null || event === null) return delivery
    const made = preparation.prepare({ ...delivery, event }, unprepared)
    if (made.kind === 'ready') {
      const { body, contentType } = made
      const kept = await commit(() => storage.deliveries.prepared(delivery, made))
      return kept === true ? { ...delivery, body, contentType } : undefined
    }
    const held = { ...delivery, lane: delivery.target }
    await commit(() => storage.deliveries.discard(held, made.reason, { nowMs: now(), perLane }))
    return undefined
  }

  async function send(delivery: LeasedDelivery, { cut, commit }: Hands): Promise<void> {
    const { spec, body, contentType, hops, retry } = delivery
    const made = await attempt(
      outbound,
      {
        spec,
        result: { bytes: body, type: contentType },
        timeoutMs: timeoutOf(spec, config),
        answerBytes: EXCERPT_BYTES,
        hops,
        headers: { 'wasmhook-delivery': delivery.id },
        signing: {
          id: delivery.event?.messageId ?? delivery.id,
          secrets: aliveAt(now(), delivery.signingSecrets),
        },
        signal: cut,
      },
      now,
    )
    // Cut off by our own end, it is no failure of the target's; the lease ends by itself.
    if (cut.aborted && made.response === undefined) return
    const nowMs = now()
    const tries = delivery.tries + 1
    const manual = delivery.resending
    const after: AfterAttempt | Unchanged =
      manual && !arrived(made.attempt)
        ? { state: 'unchanged' }
        : afterAttempt(made.attempt, { retry, tries }, { nowMs, chance: chance(), config })
    const kept = { ...made.attempt, manual }
    const bounds = { nowMs, perLane, news: newsOf(made.attempt, nowMs, config) }
    await commit(() => storage.deliveries.settle(delivery, kept, after, bounds))
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
