// What answers other services that call this one: sources and their addresses, built together.
import type { Config } from './config.ts'
import type { DurableRuns } from './core/durable-runs.ts'
import type { Executables } from './core/executables.ts'
import { createHooks } from './core/hooks.ts'
import type { Messages } from './core/messages.ts'
import { createSourceHistory } from './core/source-history.ts'
import { createSources } from './core/sources.ts'
import type { KeyGuard } from './http/key-guard.ts'
import { registerHooks } from './http/routes/hooks.ts'
import { registerSources } from './http/routes/sources.ts'
import type { App } from './http/server.ts'
import type { Storage } from './storage/storage.ts'

export interface InboundDeps {
  storage: Storage
  executables: Executables
  durableRuns: DurableRuns
  messages: Messages
  config: Config
  now: () => number
  onError: (error: unknown) => void
}

export type Inbound = ReturnType<typeof createInbound>

export function createInbound(deps: InboundDeps) {
  const { storage, executables, durableRuns, messages, config, now, onError } = deps
  const sources = createSources({ storage, config, now })
  const history = createSourceHistory({ storage, config, now, onError })
  const hooks = createHooks({ storage, history, executables, durableRuns, messages, config, now })
  return {
    /** @param origin at which this server is called */
    register(app: App, keyGuard: KeyGuard, origin: () => string): void {
      registerSources(app, { sources, hooks, history, executables, keyGuard, origin })
      registerHooks(app, { hooks, sources, config })
    },
    start: () => history.start(),
    stop: () => history.stop(),
  }
}
