// What stays of deliveries that have ended: their payloads for a time and up to so many bytes in all, their rows
// for longer. Bytes are added up minute by minute, once a minute is over, so that sending pays nothing for it.
import { setImmediate } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { Storage, WorkName } from '../storage/storage.ts'

const MINUTE_MS = 60_000
const JOBS_AT_ONCE = 100
const LANES_OF: readonly WorkName[] = ['deliveries', 'queued_runs', 'resend_jobs']

export interface RetentionDeps {
  storage: Pick<Storage, 'deliveryRetention' | 'resendJobs'>
  config: Pick<Config, 'DELIVERIES_KEPT_MS' | 'DELIVERY_PAYLOADS_KEPT_MS' | 'DELIVERIES_KEPT_BYTES'>
  now: () => number
  onError: (error: unknown) => void
}

export function createDeliveryRetention({ storage, config, now, onError }: RetentionDeps) {
  const { deliveryRetention: kept } = storage
  /** Bytes of what ended in each minute, by its beginning, the oldest first. */
  const minutes = new Map<number, number>()
  let countedToMs = 0
  let timer: NodeJS.Timeout | undefined
  let under: Promise<void> | undefined
  let stopped = false

  /** Adds up the minutes that are over, and the next too: what ended then has been committed. */
  async function count(): Promise<void> {
    const untilMs = minuteOf(now()) - MINUTE_MS
    while (!stopped) {
      const next = await kept.oldestKept(countedToMs)
      if (next === undefined || next >= untilMs) return
      const minute = minuteOf(next)
      minutes.set(minute, await kept.keptBytes(minute, minute + MINUTE_MS))
      countedToMs = minute + MINUTE_MS
      await setImmediate()
    }
  }

  /** Before it ended what has to go for the rest to be within DELIVERIES_KEPT_BYTES. */
  function pastBytes(): number {
    let beforeMs = 0
    let bytes = 0
    for (const some of minutes.values()) bytes += some
    for (const [minute, some] of minutes) {
      if (bytes <= config.DELIVERIES_KEPT_BYTES) break
      bytes -= some
      beforeMs = minute + MINUTE_MS
    }
    return beforeMs
  }

  /** What ended before. The minutes of what keeps the body of a message in place of a delivery that was dropped. */
  async function drop(beforeMs: number): Promise<ReadonlySet<number>> {
    const grown = new Set<number>()
    for (let more = true; more && !stopped;) {
      const { dropped, heirsEndedAtMs } = await kept.dropPayloads(beforeMs)
      for (const ms of heirsEndedAtMs) grown.add(minuteOf(ms))
      more = dropped > 0
    }
    while (!stopped && (await kept.dropUnsent(beforeMs)) > 0);
    return grown
  }

  async function round(): Promise<void> {
    await count()
    const { DELIVERIES_KEPT_MS: rowsMs, DELIVERY_PAYLOADS_KEPT_MS: payloadsMs } = config
    const beforeMs = Math.max(now() - Math.min(rowsMs, payloadsMs), pastBytes())
    const grown = await drop(beforeMs)
    for (const minute of [...minutes.keys()]) {
      if (minute + MINUTE_MS <= beforeMs) minutes.delete(minute)
      else if (grown.has(minute)) {
        minutes.set(minute, await kept.keptBytes(minute, minute + MINUTE_MS))
      }
    }
    while (!stopped && (await kept.deleteRows(now() - rowsMs)) > 0);
    while (!stopped && (await kept.deleteUnsent(now() - Math.min(rowsMs, payloadsMs))) > 0);
    while (!stopped && (await storage.resendJobs.prune(now() - rowsMs, JOBS_AT_ONCE)) > 0);
    for (const work of LANES_OF) {
      let after: string | undefined = ''
      while (!stopped && after !== undefined) {
        after = await kept.deleteIdleLanes(work, after, now())
        await setImmediate()
      }
    }
  }

  return {
    /** Lets go of what is past its time or its bytes. */
    round,
    start(): void {
      timer = setInterval(() => {
        under ??= round()
          .catch(onError)
          .finally(() => (under = undefined))
      }, MINUTE_MS)
      timer.unref()
    },
    /** Resolves when nothing is under way any more. */
    async stop(): Promise<void> {
      stopped = true
      clearInterval(timer)
      await under
    },
  }
}

function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS
}
