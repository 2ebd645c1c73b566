// Does work that waits in the database: claims it under a lease, renews the lease while it is done, and
// claims again when something ends, is added or falls due. What was committed is done, by whichever
// process is there; nothing is remembered here that a crash could lose.
import { v7 as uuidv7 } from 'uuid'
import type { ClaimBounds, WorkStore } from '../storage/storage.ts'

export interface Leased {
  id: string
  leaseId: string
}

export interface WorkerOptions<T extends Leased> {
  store: WorkStore<T>
  /** Resolves once the outcome is committed, or the lease is left to end. */
  work: (item: T, cut: AbortSignal) => Promise<void>
  /** At once, in all and of one lane. */
  concurrency: number
  perLane: number
  leaseMs: number
  /** How often the database is asked although nothing was said: the clock may have been set. */
  pollMs: number
  now: () => number
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

export interface Worker {
  /** There may be something to claim. */
  wake(): void
  /** Takes up what the process before left under way. */
  start(): Promise<void>
  /** Claims nothing more, lets what is under way end for at most `drainMs` and cuts off the rest. */
  stop(drainMs: number): Promise<void>
  /** For /readyz and /metrics. */
  stats(): { underWay: number; healthy: boolean }
}

/** The pause after storage failed. */
const RETRY_MS = 1_000
/** Of a lease, what passes before it is renewed. */
const RENEW_AFTER = 1 / 3

export function createWorker<T extends Leased>(options: WorkerOptions<T>): Worker {
  const { store, work, concurrency, perLane, leaseMs, pollMs, now, onError } = options
  const underWay = new Map<string, T>()
  const cut = new AbortController()
  let stopped = false
  let claiming: Promise<void> | undefined
  let claimAgain = false
  let timer: NodeJS.Timeout | undefined
  let renewTimer: NodeJS.Timeout | undefined
  let failing = false
  let whenIdle: (() => void) | undefined

  function wake(): void {
    if (stopped) return
    if (claiming !== undefined) {
      claimAgain = true
      return
    }
    clearTimeout(timer)
    claiming = claim().finally(() => {
      claiming = undefined
      if (claimAgain) wake()
    })
  }

  async function claim(): Promise<void> {
    claimAgain = false
    let pauseMs = RETRY_MS
    try {
      const dueAtMs = await store.nextDueMs()
      const nowMs = now()
      pauseMs = dueAtMs === undefined ? pollMs : Math.min(Math.max(0, dueAtMs - nowMs), pollMs)
      const limit = concurrency - underWay.size
      // Whatever ends makes room, and wakes.
      if (limit <= 0) pauseMs = pollMs
      else if (pauseMs === 0) await claimDue(nowMs, limit)
      failing = false
    } catch (error) {
      failed(error)
    }
    if (!stopped) timer = setTimeout(wake, pauseMs)
  }

  async function claimDue(nowMs: number, limit: number): Promise<void> {
    const leasedUntilMs = nowMs + leaseMs
    const bounds: ClaimBounds = { nowMs, leasedUntilMs, limit, perLane, leaseId: uuidv7() }
    for (const item of await store.claim(bounds)) {
      underWay.set(item.id, item)
      void work(item, cut.signal)
        .catch(failed)
        .finally(() => {
          underWay.delete(item.id)
          if (underWay.size === 0) whenIdle?.()
          wake()
        })
    }
  }

  function failed(error: unknown): void {
    if (!failing) onError(error)
    failing = true
  }

  function renew(): void {
    if (underWay.size > 0) store.renew([...underWay.values()], now() + leaseMs).catch(failed)
  }

  return {
    wake,

    async start() {
      await store.releaseAll(now())
      renewTimer = setInterval(renew, leaseMs * RENEW_AFTER)
      wake()
    },

    async stop(drainMs) {
      stopped = true
      clearTimeout(timer)
      await claiming
      const patience = setTimeout(() => cut.abort(), drainMs)
      if (underWay.size > 0) await new Promise<void>((resolve) => (whenIdle = resolve))
      clearTimeout(patience)
      clearTimeout(timer)
      clearInterval(renewTimer)
    },

    stats: () => ({ underWay: underWay.size, healthy: !failing }),
  }
}
