// A real server on a free port with its own data folder, closed and removed when the test ends.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { startApp } from '../../src/app.ts'
import type { AppOptions, RunningApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'

export type Settings = Record<string, string | number>

export interface TestApp extends Omit<RunningApp, 'readings' | 'callFunction' | 'live'> {
  dataDir: string
  /** fetch() against the app; the path begins with a slash. */
  request(path: string, init?: RequestInit): Promise<Response>
  /** Closes and starts again on the same data folder. */
  restart(settings?: Settings): Promise<TestApp>
}

export type Extras = Omit<Partial<AppOptions>, 'config'>

/** Anything that keeps clean-ups: a test, or a suite's before/after pair. */
export type Scope = Pick<TestContext, 'after'>

/** The scope of a describe block: what is built in its `before` ends, last first, after its tests. */
export function suiteScope(): Scope {
  const endings: (() => unknown)[] = []
  after(async () => {
    for (const end of endings.reverse()) await end()
  })
  return { after: (end: () => unknown) => void endings.push(end) }
}

/** Settings that choose the engine which this file's apps keep everything in; none: SQLite. */
let engine: (scope: Scope) => Promise<Settings> = () => Promise.resolve({})

/** For a file that has the tests of others run on another engine. */
export function buildAppsOn(chosen: typeof engine): void {
  engine = chosen
}

export async function buildApp(
  scope: Scope,
  settings: Settings = {},
  extras: Extras = {},
): Promise<TestApp> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  scope.after(() => rm(dataDir, { recursive: true, force: true }))
  return start(scope, dataDir, { ...(await engine(scope)), ...settings }, extras)
}

async function start(
  scope: Scope,
  dataDir: string,
  settings: Settings,
  extras: Extras,
): Promise<TestApp> {
  const env = {
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    // Test upstreams and targets listen there.
    OUTBOUND_ALLOW: '127.0.0.1',
    // A test that forgets to end a call should not wait for it.
    DRAIN_MS: '500',
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
  }
  const config = loadConfig(env)
  const logger = extras.logger ?? pino({ level: config.LOG_LEVEL })
  const app = await startApp({ ...extras, config, logger })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= app.close())
  scope.after(close)
  return {
    origin: app.origin,
    dataDir,
    close,
    request: (url, init) => fetch(app.origin + url, init),
    async restart(changed = {}) {
      await close()
      return start(scope, dataDir, { ...settings, ...changed }, extras)
    },
  }
}
