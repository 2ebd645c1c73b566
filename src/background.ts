// What goes on whoever asks: deliveries are sent, what is old is deleted. One process does it for all that
// share its database file.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import { createBins } from './core/bins.ts'
import { createDeliveries } from './core/deliveries.ts'
import { createDeliveryRetention } from './core/delivery-retention.ts'
import { createDeliveryWorker } from './core/delivery-worker.ts'
import { createEphemeral } from './core/ephemeral.ts'
import type { CallFunction } from './core/function-calls.ts'
import { createIdempotency } from './core/idempotency.ts'
import { createResendJobs } from './core/resend-jobs.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/storage.ts'

export interface BackgroundDeps {
  storage: Storage
  outbound: Outbound
  callFunction: CallFunction
  config: Config
  logger: FastifyBaseLogger
  now: () => number
  /** From 0 to 1. */
  chance: () => number
}

export type Background = ReturnType<typeof createBackground>

/** Its parts work for callers at once, and by themselves once it is started. */
export function createBackground(deps: BackgroundDeps) {
  const { storage, outbound, callFunction, config, logger, now, chance } = deps
  const deliveryWorker = createDeliveryWorker({
    storage,
    outbound,
    callFunction,
    config,
    now,
    chance,
    onError: (err) => logger.error({ err }, 'deliveries cannot be read or written'),
  })
  const deliveries = createDeliveries({
    storage,
    config,
    now,
    chance,
    onDue: () => deliveryWorker.wake(),
  })
  const resendJobs = createResendJobs({
    storage,
    config,
    newId: deliveries.newId,
    now,
    onDelivery: () => deliveryWorker.wake(),
    onError: (err) => logger.error({ err }, 'jobs that send again cannot be read or written'),
  })
  const retention = createDeliveryRetention({
    storage,
    config,
    now,
    onError: (err) => logger.error({ err }, 'old deliveries could not be deleted'),
  })
  const ephemeral = createEphemeral({
    storage,
    config,
    now,
    onError: (err) => logger.error({ err }, 'ephemeral storage could not be swept'),
  })
  const bins = createBins({
    storage,
    config,
    now,
    onError: (err) => logger.error({ err }, 'request bins could not be swept'),
  })
  const idempotency = createIdempotency({
    storage,
    config,
    now,
    onError: (err) => logger.error({ err }, 'kept answers could not be deleted'),
  })
  return {
    deliveries,
    resendJobs,
    ephemeral,
    bins,
    idempotency,
    /** There may be something to send. */
    wake: () => deliveryWorker.wake(),
    /** False while storage takes nothing of what was sent. */
    healthy: () => deliveryWorker.stats().healthy,

    async start(): Promise<void> {
      await deliveryWorker.start()
      await resendJobs.start()
      retention.start()
      ephemeral.start()
      bins.start()
      idempotency.start()
    },

    /** Begins nothing more, and lets attempts under way end for at most `drainMs`. */
    async stop(drainMs: number): Promise<void> {
      ephemeral.stop()
      bins.stop()
      idempotency.stop()
      await Promise.all([retention.stop(), resendJobs.stop(drainMs), deliveryWorker.stop(drainMs)])
    },
  }
}
