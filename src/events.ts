// What a tenant's events need that answers requests, built together; background.ts sends them.
import type { Background } from './background.ts'
import type { Config } from './config.ts'
import { createEndpoints } from './core/endpoints.ts'
import { createEventTypes } from './core/event-types.ts'
import type { Executables } from './core/executables.ts'
import type { CallFunction } from './core/function-calls.ts'
import { createKnownTypes } from './core/known-types.ts'
import { createMessages } from './core/messages.ts'
import type { RunJournal } from './core/run-journal.ts'
import type { TargetCheck } from './core/target-check.ts'
import { createTrials } from './core/trials.ts'
import type { KeyGuard } from './http/key-guard.ts'
import { registerEndpointHealth } from './http/routes/endpoint-health.ts'
import { registerEndpointStats } from './http/routes/endpoint-stats.ts'
import { registerEndpoints } from './http/routes/endpoints.ts'
import { registerEventTypes } from './http/routes/event-types.ts'
import { registerMessages } from './http/routes/messages.ts'
import { registerTrials } from './http/routes/trials.ts'
import type { App } from './http/server.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/storage.ts'

export interface EventsDeps {
  storage: Storage
  outbound: Outbound
  background: Pick<Background, 'deliveries' | 'wake'>
  executables: Executables
  journal: RunJournal
  callFunction: CallFunction
  checkTarget: TargetCheck
  config: Config
  now: () => number
}

export type Events = ReturnType<typeof createEvents>

export function createEvents(deps: EventsDeps) {
  const { storage, outbound, background, executables, journal } = deps
  const { callFunction, checkTarget, config, now } = deps
  const { deliveries } = background
  const onDelivery = (): void => background.wake()
  const knownTypes = createKnownTypes({ storage, config })
  const eventTypes = createEventTypes({ storage, knownTypes, checkTarget, config, now })
  const endpoints = createEndpoints({ storage, deliveries, checkTarget, config, now, onDelivery })
  const messages = createMessages({
    ...{ storage, knownTypes, checkTarget, config, now, onDelivery },
    newId: deliveries.newId,
  })
  const trials = createTrials({
    ...{ storage, endpoints, journal, knownTypes, checkTarget, outbound, callFunction },
    ...{ config, now },
  })
  return {
    endpoints,
    messages,
    register(app: App, keyGuard: KeyGuard): void {
      registerEventTypes(app, { eventTypes, keyGuard })
      registerEndpointStats(app, { endpoints, keyGuard })
      registerEndpoints(app, { endpoints, executables, keyGuard })
      registerEndpointHealth(app, { endpoints, keyGuard })
      registerMessages(app, { messages, deliveries, keyGuard, config })
      registerTrials(app, { trials, keyGuard, config })
    },
  }
}
