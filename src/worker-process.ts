// One of several processes on one port: the whole server, but for what primary.ts does for all of them.
import type { FastifyBaseLogger } from 'fastify'
import { startApp } from './app.ts'
import type { RunningApp } from './app.ts'
import { joinCrew } from './cluster/member.ts'
import { createRemoteStorage } from './cluster/remote-storage.ts'
import { createRemoteTurns } from './cluster/remote-turns.ts'
import type { CrewMethods } from './cluster/crew.ts'
import type { Config } from './config.ts'
import type { PrimaryMethods, WorkerMethods } from './primary.ts'

export interface WorkerOptions {
  createLogger: (config: Config) => FastifyBaseLogger
  /** The primary wants it to drain and end. */
  onStop: () => void
}

/** Resolves once it listens, and the primary knows. */
export async function startWorkerProcess(options: WorkerOptions): Promise<RunningApp> {
  const { createLogger, onStop } = options
  const ours: WorkerMethods = {
    heard: (notice) => storage.heard(notice),
    // Asked only of one that is ready.
    readings: () => app.readings(),
    callFunction: (call) => app.callFunction(call),
    tellRuns: (filters) => app.live.tellSiblings(filters),
    runsHeard: (ended) => app.live.heard(ended),
    stop: onStop,
  }
  const primary = joinCrew<PrimaryMethods & CrewMethods>(ours)
  const turns = createRemoteTurns(primary)
  const storage = createRemoteStorage({ owner: primary, turns, now: Date.now })
  const { config, index, first, owned } = await primary.join()
  const app = await startApp({
    config,
    logger: createLogger(config),
    member: {
      share: { index, of: config.WORKERS },
      first,
      turns,
      totals: () => primary.totals(),
      siblings: {
        ask: (filters) => primary.watchRuns(filters),
        tell: (ended) => void primary.runsEnded(ended).catch(() => undefined),
      },
      ...(owned ? { owner: { storage, healthy: () => primary.healthy() } } : {}),
    },
  })
  await primary.ready(app.origin)
  return app
}
