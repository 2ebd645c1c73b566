// The first of several processes on one port: it begins the others, gives out turns, adds up figures, and owns the
// database where that is a file. It serves no requests. docs/workers.md tells operators the same.
import type { FastifyBaseLogger } from 'fastify'
import type { Remote } from './cluster/channel.ts'
import { createCrew } from './cluster/crew.ts'
import type { CrewMember } from './cluster/crew.ts'
import { freePort } from './cluster/free-port.ts'
import { createLiveDesk } from './cluster/live-desk.ts'
import type { LiveDeskMember, LiveDeskMethods } from './cluster/live-desk.ts'
import type { StorageMethods } from './cluster/remote-storage.ts'
import { createTurnDesk } from './cluster/remote-turns.ts'
import type { TurnMethods } from './cluster/remote-turns.ts'
import type { Config } from './config.ts'
import type { CallFunction } from './core/function-calls.ts'
import { createTurns } from './core/turns.ts'
import type { AppError } from './errors.ts'
import { ownFile } from './file-owner.ts'
import { watchLoopDelay } from './metrics/loop-delay.ts'
import { createMeters } from './metrics/meters.ts'
import { readProcess } from './metrics/metrics.ts'
import type { Readings } from './metrics/readings.ts'
import { createTotals } from './metrics/totals.ts'
import type { Notice } from './storage/storage.ts'
import { VERSION } from './version.ts'

/** What a worker asks of the primary; of one that owns no file, nothing of StorageMethods. */
export interface PrimaryMethods extends StorageMethods, TurnMethods, LiveDeskMethods {
  /** Its first words; it hears of changes from then on. */
  join(): Joined
  /** Whether what the owner of the file does for all goes well. */
  healthy(): boolean
  /** The figures of all processes. */
  totals(): Promise<Partial<Readings>>
}

export interface Joined {
  config: Config
  /** Its place, from 0. */
  index: number
  /** None listened before it. */
  first: boolean
  /** The primary owns the database file. */
  owned: boolean
}

/** What the primary asks of a worker. */
export interface WorkerMethods extends CrewMember, LiveDeskMember {
  heard(notice: Notice): void
  /** Its own figures. */
  readings(): Promise<Partial<Readings>>
  /** Runs a function for what the primary sends. */
  callFunction: CallFunction
}

export interface PrimaryOptions {
  config: Config
  logger: FastifyBaseLogger
  /** No worker can be kept alive. */
  onHopeless: (error: AppError) => void
}

export interface Primary {
  /** The origin that all workers listen on. */
  origin: string
  /** Lets all drain, for at most DRAIN_MS, then closes everything. */
  close(): Promise<void>
}

export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { logger, onHopeless } = options
  const { HOST, PORT } = options.config
  const config: Config = { ...options.config, PORT: PORT === 0 ? await freePort(HOST) : PORT }
  /** Workers that are ready, the one whose turn it is first. */
  let callers: Pick<Remote<WorkerMethods>, 'callFunction'>[] = []

  const callFunction: CallFunction = async (call) => {
    const [first, ...others] = callers
    if (first === undefined) return { kind: 'no_room' }
    callers = [...others, first]
    try {
      return await first.callFunction(call)
    } catch {
      // It died, and perhaps not before: what is delivered may come twice.
      return { kind: 'no_room' }
    }
  }

  const file =
    config.DATABASE_URL === '' ? await ownFile({ config, logger, callFunction }) : undefined
  const turns = createTurns()
  const liveDesk = createLiveDesk()
  const meters = createMeters()
  const loopDelay = watchLoopDelay(meters.loopDelay)
  const totals = createTotals()
  totals.join(() => readProcess(VERSION, meters))
  let listening = false

  const crew = createCrew<WorkerMethods>({
    size: config.WORKERS,
    log: logger,
    onHopeless,
    attend(index, worker) {
      const served = file?.serve((notice) => worker.heard(notice))
      const turnDesk = createTurnDesk(turns)
      const watched = liveDesk.serve(worker)
      let counted: { leave(): void } | undefined
      const methods: Omit<PrimaryMethods, keyof StorageMethods> = {
        ...served?.methods,
        ...turnDesk.methods,
        ...watched.methods,
        join() {
          served?.join()
          return { config, index, first: !listening, owned: file !== undefined }
        },
        healthy: () => file?.healthy() ?? true,
        totals: () => totals.read(),
      }
      return {
        methods,
        ready() {
          listening = true
          callers.push(worker)
          watched.ready()
          counted = totals.join(() => worker.readings())
        },
        gone() {
          callers = callers.filter((one) => one !== worker)
          counted?.leave()
          watched.gone()
          turnDesk.release()
          served?.gone()
        },
      }
    },
  })

  async function close(): Promise<void> {
    const stopped = file?.stop(config.DRAIN_MS)
    await crew.stop(config.DRAIN_MS)
    await stopped
    loopDelay.stop()
    await file?.close()
  }

  try {
    const origin = await crew.start()
    await file?.start()
    return { origin, close }
  } catch (error) {
    await close()
    throw error
  }
}
