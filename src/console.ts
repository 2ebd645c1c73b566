// What the console is made of, and what it asks that is the operator's alone, built together.
import { fileURLToPath } from 'node:url'
import type { Config } from './config.ts'
import type { Executables } from './core/executables.ts'
import type { LiveRuns } from './core/live-runs.ts'
import type { RunJournal } from './core/run-journal.ts'
import { createTenants } from './core/tenants.ts'
import { registerConsole } from './http/routes/console.ts'
import { registerFunctions } from './http/routes/functions.ts'
import { registerLiveRuns } from './http/routes/live-runs.ts'
import { registerSystem } from './http/routes/system.ts'
import { registerTenants } from './http/routes/tenants.ts'
import type { App } from './http/server.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Storage } from './storage/storage.ts'
import { createSystem } from './system.ts'

/** Beside src and dist. */
export const CONSOLE_FOLDER = fileURLToPath(new URL('../console/dist', import.meta.url))

export interface ConsoleDeps {
  storage: Storage
  config: Config
  executables: Executables
  journal: RunJournal
  live: LiveRuns
  metrics: Pick<Metrics, 'all'>
  /** Where the console was built. */
  folder: string
}

export function registerForConsole(app: App, deps: ConsoleDeps): void {
  const { storage, config, executables, journal, live, metrics, folder } = deps
  const system = createSystem({ storage, config, readings: () => metrics.all() })
  registerSystem(app, { system, journal })
  registerFunctions(app, { executables, journal })
  registerLiveRuns(app, { live, workers: config.WORKERS })
  registerTenants(app, { tenants: createTenants(storage) })
  registerConsole(app, { folder })
}
