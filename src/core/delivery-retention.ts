// What stays of deliveries that have ended: their payloads for a time and up to so many bytes in all, their rows
// for longer. Bytes are added up minute by minute, once a minute is over, so that sending pays nothing for it.
import { setImmediate } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { finishExpunging } from './expunging.ts'
import type { KeptBy, Storage, WorkName } from '../storage/storage.ts'

const MINUTE_MS = 60_000
/** Of what is counted by the hour, all of it is to be past its age. */
const HOUR_MS = 60 * MINUTE_MS
const JOBS_AT_ONCE = 100
const MESSAGES_AT_ONCE = 100
const LANES_OF: readonly WorkName[] = ['deliveries', 'queued_runs', 'resend_jobs']

/** Bytes that are kept by the minutes of one kind of times, as far as they were added up. */
interface Counted {
  by: KeptBy
  minutes: Map<number, number>
  toMs: number
}

export interface RetentionDeps {
  storage: Pick<
    Storage,
    'deliveries' | 'deliveryRetention' | 'endpoints' | 'messages' | 'resendJobs'
  >
  config: Pick<
    Config,
    | 'DELIVERIES_KEPT_MS'
    | 'DELIVERY_PAYLOADS_KEPT_MS'
    | 'MESSAGE_PAYLOADS_KEPT_MS'
    | 'DELIVERIES_KEPT_BYTES'
    | 'ENDPOINT_STATS_KEPT_MS'
  >
  now: () => number
  onError: (error: unknown) => void
}

export function createDeliveryRetention({ storage, config, now, onError }: RetentionDeps) {
  const { deliveryRetention: kept } = storage
  const ended: Counted = { by: 'deliveries', minutes: new Map(), toMs: 0 }
  const made: Counted = { by: 'messages', minutes: new Map(), toMs: 0 }
  let timer: NodeJS.Timeout | undefined
  let under: Promise<void> | undefined
  let stopped = false

  /** Adds up the minutes that are over, and the next too: what ended then has been committed. */
  async function count(counted: Counted): Promise<void> {
    const untilMs = minuteOf(now()) - MINUTE_MS
    while (!stopped) {
      const next = await kept.oldestKept(counted.by, counted.toMs)
      if (next === undefined || next >= untilMs) return
      const minute = minuteOf(next)
      await recount(counted, minute)
      counted.toMs = minute + MINUTE_MS
      await setImmediate()
    }
  }

  async function recount({ by, minutes }: Counted, minute: number): Promise<void> {
    minutes.set(minute, await kept.keptBytes(by, minute, minute + MINUTE_MS))
  }

  /** Before it ended, or was made, what has to go for the rest to be within DELIVERIES_KEPT_BYTES. */
  function pastBytes(): number {
    const all = [...ended.minutes, ...made.minutes]
    let beforeMs = 0
    let bytes = 0
    for (const [, some] of all) bytes += some
    if (bytes <= config.DELIVERIES_KEPT_BYTES) return beforeMs
    for (const [minute, some] of all.sort(([one], [other]) => one - other)) {
      if (bytes <= config.DELIVERIES_KEPT_BYTES) break
      bytes -= some
      beforeMs = minute + MINUTE_MS
    }
    return beforeMs
  }

  /** What is past its age, or before what the bytes allow; of what stays, minutes that count otherwise are counted anew. */
  async function drop(pastMs: number): Promise<void> {
    const nowMs = now()
    const payloadsMs = Math.min(config.DELIVERIES_KEPT_MS, config.DELIVERY_PAYLOADS_KEPT_MS)
    const endedMs = Math.max(nowMs - payloadsMs, pastMs)
    const agedMs = nowMs - config.MESSAGE_PAYLOADS_KEPT_MS
    const madeMs = Math.max(agedMs, pastMs)
    const changed = { ended: new Set<number>(), made: new Set<number>() }
    for (let more = true; more && !stopped;) {
      const { dropped, ...times } = await kept.dropPayloads({ endedMs, madeMs: agedMs })
      for (const ms of times.endedAtMs) changed.ended.add(minuteOf(ms))
      for (const ms of times.madeAtMs) changed.made.add(minuteOf(ms))
      more = dropped > 0
    }
    while (!stopped && (await kept.dropUnsent(madeMs)) > 0);
    await follow(ended, endedMs, changed.ended)
    await follow(made, madeMs, changed.made)
  }

  async function follow(counted: Counted, beforeMs: number, changed: Set<number>): Promise<void> {
    for (const minute of counted.minutes.keys()) {
      if (minute + MINUTE_MS <= beforeMs) counted.minutes.delete(minute)
    }
    for (const minute of changed) {
      if (minute + MINUTE_MS <= beforeMs || minute >= counted.toMs) continue
      await recount(counted, minute)
    }
  }

  async function round(): Promise<void> {
    for (const id of await storage.messages.expunging(MESSAGES_AT_ONCE)) {
      if (!stopped) await finishExpunging(storage, id, now())
    }
    await count(ended)
    await count(made)
    await drop(pastBytes())
    const { DELIVERIES_KEPT_MS: rowsMs } = config
    while (!stopped && (await kept.deleteRows(now() - rowsMs)) > 0);
    while (!stopped && (await kept.deleteUnsent(now() - rowsMs)) > 0);
    while (!stopped && (await storage.resendJobs.prune(now() - rowsMs, JOBS_AT_ONCE)) > 0);
    const statsMs = now() - config.ENDPOINT_STATS_KEPT_MS - HOUR_MS
    while (!stopped && (await storage.endpoints.pruneHours(statsMs)) > 0);
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
