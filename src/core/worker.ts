// Does work that waits in the database: claims it under a lease, renews the lease while it is done, and
// claims again when something ends, is added or falls due. What was committed is done, by whichever
// process is there; nothing is remembered here that a crash could lose.
import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { AppError } from '../errors.ts'
import type { ClaimBounds, Storage, WorkName, WorkStore } from '../storage/storage.ts'

export interface Leased {
  id: string
  leaseId: string
}

/** What work is done with. */
export interface Hands {
  /** Aborts when nothing more shall begin. */
  closing: AbortSignal
  /** Aborts when the process has no time left. */
  cut: AbortSignal
  /**
   * Writes an outcome, tried again while storage fails: what was done should not be done again for want of a
   * record. Undefined where the process ended first.
   */
  commit: <R>(write: () => Promise<R>) => Promise<R | undefined>
}

export interface WorkerOptions<T extends Leased> {
  storage: Pick<Storage, 'shared' | 'onNotice'>
  store: WorkStore<T>
  /** Of the store, as notices name it. */
  name: WorkName
  /** Resolves once the outcome is committed, or the lease is left to end. */
  work: (item: T, hands: Hands) => Promise<void>
  /** Bytes that an item holds in memory. */
  sizeOf: (item: T) => number
  /** At once, in all and of one lane. */
  concurrency: number
  perLane: number
  /** Of one owner, where lanes are not the owners themselves. */
  owners?: { of: (item: T) => number; most: number }
  leaseMs: number
  /** How often the database is asked although nothing was said: the clock may have been set. */
  pollMs: number
  now: () => number
  /** Somebody, perhaps in another process, wants what is under way here to end. */
  onUnwanted?: (id: string) => void
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

export interface Worker<T extends Leased> {
  /** There may be something to claim. */
  wake(): void
  /**
   * Does work that was leased otherwise than by a claim, beside what is claimed: its lease is renewed, and a stop
   * waits for it.
   * @throws AppError CLOSED once the worker stops
   */
  adopt<R>(item: T, leasedUntilMs: number, work: (hands: Hands) => Promise<R>): Promise<R>
  /** Makes due what the process before left under way; before anything is leased here. */
  takeOver(): Promise<void>
  /** Claims from now on; takes over first, where that was not done. */
  start(): Promise<void>
  /**
   * Claims nothing more, lets what is under way end for at most `drainMs` and cuts off the rest, which is due
   * again at once where there are others to do it.
   */
  stop(drainMs: number): Promise<void>
  /** For /readyz and /metrics. */
  stats(): { underWay: number; healthy: boolean }
}

/** What may be held in memory of all that is under way; one larger item is worked on alone. */
const HELD_BYTES_MAX = 256 * 1024 * 1024
/** The pause after storage failed. */
const RETRY_MS = 1_000
/** What a clock may be set back by without being noticed: no more than it delays. */
const CLOCK_STEP_MS = 1_000
/** Of a lease, what passes before it is renewed. */
const RENEW_AFTER = 1 / 3

export function createWorker<T extends Leased>(options: WorkerOptions<T>): Worker<T> {
  const { storage, store, name, work, sizeOf } = options
  const { concurrency, perLane, owners, leaseMs, pollMs, now, onUnwanted, onError } = options
  /** By lease and id: what was lost and claimed again is under way twice. */
  const underWay = new Map<string, T>()
  /** Of these, what was claimed. */
  let claimed = 0
  const share =
    owners === undefined ? undefined : { most: owners.most, underWay: new Map<number, number>() }
  let heldBytes = 0
  /** What is under way here is leased at least until then. */
  let heldUntilMs = Infinity
  /** The time as it was looked at last. */
  let seenMs = -Infinity
  let takenOver: Promise<void> | undefined
  let started = false
  const closing = new AbortController()
  const cut = new AbortController()
  // All that is under way listens.
  setMaxListeners(0, closing.signal, cut.signal)
  let stopped = false
  let claiming: Promise<void> | undefined
  let claimAgain = false
  let timer: NodeJS.Timeout | undefined
  let renewTimer: NodeJS.Timeout | undefined
  let failing = false
  /** Outcomes that storage did not take yet. */
  let unwritten = 0
  let whenIdle: (() => void) | undefined
  const hands: Hands = { closing: closing.signal, cut: cut.signal, commit }

  function wake(): void {
    if (stopped || !started) return
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
      const nowMs = now()
      const lastMs = seenMs
      seenMs = nowMs
      if (nowMs < lastMs - CLOCK_STEP_MS && !storage.shared) await clockSetBack(lastMs, nowMs)
      // The clock may have jumped past the leases of what is under way here: it is nobody else's.
      if (nowMs >= heldUntilMs - leaseMs * (1 - RENEW_AFTER)) await renew(nowMs)
      const dueAtMs = await store.nextDueMs(share)
      pauseMs = dueAtMs === undefined ? pollMs : Math.min(Math.max(0, dueAtMs - nowMs), pollMs)
      const limit = concurrency - claimed
      // Whatever ends makes room, and wakes.
      if (limit <= 0 || heldBytes >= HELD_BYTES_MAX) pauseMs = pollMs
      else if (pauseMs === 0) await claimDue(Math.min(nowMs, heldUntilMs - 1), limit)
      if (unwritten === 0) failing = false
    } catch (error) {
      failed(error)
    }
    if (!stopped) timer = setTimeout(wake, pauseMs)
  }

  /** Nothing waits longer for that. It is done once: what moved already would move again. */
  async function clockSetBack(fromMs: number, toMs: number): Promise<void> {
    // Leases that are held are of the old time too: they are renewed.
    heldUntilMs = Math.min(heldUntilMs, toMs)
    await store.clockSetBack({ fromMs, toMs })
  }

  async function claimDue(nowMs: number, limit: number): Promise<void> {
    const leasedUntilMs = nowMs + leaseMs
    const bytes = HELD_BYTES_MAX - heldBytes
    const bounds: ClaimBounds = {
      nowMs,
      leasedUntilMs,
      limit,
      bytes,
      perLane,
      leaseId: uuidv7(),
      ...(share === undefined ? {} : { owners: share }),
    }
    const items = await store.claim(bounds)
    if (items.length > 0) heldUntilMs = Math.min(heldUntilMs, leasedUntilMs)
    for (const item of items) {
      heldBytes += sizeOf(item)
      claimed++
      count(item, 1)
      void whileHeld(item, () => work(item, hands))
        .catch(failed)
        .finally(() => {
          heldBytes -= sizeOf(item)
          claimed--
          count(item, -1)
          wake()
        })
    }
  }

  function count(item: T, change: 1 | -1): void {
    if (owners === undefined || share === undefined) return
    const owner = owners.of(item)
    const left = (share.underWay.get(owner) ?? 0) + change
    if (left > 0) share.underWay.set(owner, left)
    else share.underWay.delete(owner)
  }

  /** Its lease is renewed meanwhile. */
  async function whileHeld<R>(item: T, doing: () => Promise<R>): Promise<R> {
    const key = `${item.leaseId}/${item.id}`
    underWay.set(key, item)
    try {
      return await doing()
    } finally {
      underWay.delete(key)
      if (underWay.size === 0) whenIdle?.()
    }
  }

  async function commit<R>(write: () => Promise<R>): Promise<R | undefined> {
    unwritten++
    try {
      for (;;) {
        try {
          return await write()
        } catch (error) {
          failed(error)
          if (cut.signal.aborted) return undefined
          await pause(RETRY_MS, undefined, { signal: cut.signal }).catch(() => undefined)
        }
      }
    } finally {
      unwritten--
    }
  }

  function failed(error: unknown): void {
    if (!failing) onError(error)
    failing = true
  }

  async function renew(nowMs: number): Promise<void> {
    const held = [...underWay.values()]
    const before = heldUntilMs
    heldUntilMs = held.length > 0 ? nowMs + leaseMs : Infinity
    if (held.length === 0) return
    try {
      for (const id of await store.renew(held, nowMs + leaseMs)) onUnwanted?.(id)
    } catch (error) {
      // Nothing is claimed before: it could be what is under way here.
      heldUntilMs = Math.min(before, heldUntilMs)
      throw error
    }
  }

  function takeOver(): Promise<void> {
    // What others may be working on is left until their leases end.
    return (takenOver ??= storage.shared ? Promise.resolve() : store.releaseAll(now()))
  }

  storage.onNotice((notice) => {
    if (notice.kind === 'cancel') onUnwanted?.(notice.runId)
    if (notice.kind === 'all' || (notice.kind === 'work' && notice.work === name)) wake()
  })

  return {
    wake,

    async adopt(item, leasedUntilMs, doing) {
      if (stopped) throw new AppError('CLOSED')
      heldUntilMs = Math.min(heldUntilMs, leasedUntilMs)
      return whileHeld(item, () => doing(hands))
    },

    takeOver,

    async start() {
      await takeOver()
      renewTimer = setInterval(() => void renew(now()).catch(failed), leaseMs * RENEW_AFTER)
      started = true
      wake()
    },

    async stop(drainMs) {
      stopped = true
      clearTimeout(timer)
      await claiming
      closing.abort()
      let unfinished: T[] = []
      const patience = setTimeout(() => {
        unfinished = [...underWay.values()]
        cut.abort()
      }, drainMs)
      if (underWay.size > 0) await new Promise<void>((resolve) => (whenIdle = resolve))
      clearTimeout(patience)
      // Others need not wait until the leases end.
      if (unfinished.length > 0) await store.release(unfinished, now()).catch(failed)
      clearTimeout(timer)
      clearInterval(renewTimer)
    },

    stats: () => ({ underWay: underWay.size, healthy: !failing }),
  }
}
