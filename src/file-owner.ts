// What the primary does where the database is a file, which one process alone may write: it does all that goes on
// whoever asks, and serves the file to the workers.
import type { FastifyBaseLogger } from 'fastify'
import { createBackground } from './background.ts'
import { createLeaseClock } from './cluster/lease-clock.ts'
import { createNotices } from './cluster/notices.ts'
import { createStorageDesk } from './cluster/remote-storage.ts'
import type { StorageDesk, StorageMethods } from './cluster/remote-storage.ts'
import type { Config } from './config.ts'
import type { CallFunction } from './core/function-calls.ts'
import { openOutbound, ownOriginsOf } from './open-outbound.ts'
import { openSqlite } from './storage/sqlite.ts'
import type { Notice } from './storage/storage.ts'

export interface FileOwner {
  /** For one worker while it lives. */
  serve(hear: (notice: Notice) => Promise<void>): {
    methods: StorageMethods
    /** It hears of changes from now on. */
    join(): void
    /** It died: what it had under lease is due. */
    gone(): void
  }
  /** Whether what goes on whoever asks goes well. */
  healthy(): boolean
  /** Begins that: once somebody listens, since what is delivered may call this server. */
  start(): Promise<void>
  /** Begins nothing more, and lets what is under way end for at most `drainMs`. */
  stop(drainMs: number): Promise<void>
  /** After all workers have ended. */
  close(): Promise<void>
}

export async function ownFile(deps: {
  config: Config
  logger: FastifyBaseLogger
  callFunction: CallFunction
}): Promise<FileOwner> {
  const { config, logger, callFunction } = deps
  const outbound = openOutbound(config, () => ownOriginsOf(config, config.PORT))
  const storage = await openSqlite({
    dataDir: config.DATA_DIR,
    secretKey: config.SECRET_KEY,
    log: logger,
    throughUs: true,
  })
  const now = (): number => storage.now()
  const background = createBackground({
    storage,
    outbound,
    callFunction,
    config,
    logger,
    now,
    chance: Math.random,
  })
  const hearers = new Set<(notice: Notice) => Promise<void>>()
  const notices = createNotices(() => [...hearers])
  storage.onNotice((notice) => notices.post(notice))
  const desks = new Set<StorageDesk>()
  const lookAtClock = createLeaseClock({
    queuedRuns: storage.queuedRuns,
    now,
    leaseMs: config.DELIVERY_LEASE_MS,
    held: () => [...desks].flatMap((desk) => desk.leasedRuns()),
  })
  // What a primary before had its workers run.
  await storage.queuedRuns.releaseAll(now())

  return {
    serve(hear) {
      const desk = createStorageDesk({
        storage,
        told: () => notices.told(),
        beforeRuns: lookAtClock,
      })
      desks.add(desk)
      return {
        methods: desk.methods,
        join: () => void hearers.add(hear),
        gone() {
          hearers.delete(hear)
          desks.delete(desk)
          desk.release().catch((err: unknown) => {
            logger.error({ err }, 'what a worker had under lease could not be released')
          })
        },
      }
    },
    healthy: () => background.healthy(),
    start: () => background.start(),
    stop: (drainMs) => background.stop(drainMs),
    async close() {
      await outbound.close()
      await storage.close()
    },
  }
}
