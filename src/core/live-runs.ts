// Tells whoever watches of runs as they end. Of many a part, and how many there were: nobody reads a thousand lines a second,
// and telling is not to cost what running does.
import { AppError } from '../errors.ts'
import type { RunRecord } from '../model.ts'
import type { RunFilter } from '../storage/storage.ts'
import { passes } from './run-filter.ts'

/** What a watcher is told of in a second; of more, the first. */
export const LIVE_RUNS_MAX = 500
const LIVE_WATCHERS_MAX = 20
/** Runs are told together this often. */
const SLOT_MS = 100
const SLOTS = 1_000 / SLOT_MS

/** Of the second that is over, where not all were told. */
export interface Sampled {
  ended: number
  shown: number
}

export interface RunWatcher {
  filter: RunFilter
  /** Without logs and results. False where it takes no more now: these were not shown. */
  runs(records: readonly RunRecord[]): boolean
  sampled(counts: Sampled): void
  /** The server stops. */
  end(): void
}

interface Watching {
  watcher: RunWatcher
  batch: RunRecord[]
  slots: number
  ended: number
  shown: number
}

export type LiveRuns = ReturnType<typeof createLiveRuns>

export function createLiveRuns() {
  const all = new Set<Watching>()
  let timer: NodeJS.Timeout | undefined

  function tell(one: Watching): void {
    const { watcher, batch } = one
    if (batch.length > 0 && watcher.runs(batch)) one.shown += batch.length
    one.batch = []
    one.slots++
    if (one.slots < SLOTS) return
    const { ended, shown } = one
    Object.assign(one, { slots: 0, ended: 0, shown: 0 })
    if (ended > shown) watcher.sampled({ ended, shown })
  }

  return {
    /** A run has ended. */
    told(record: RunRecord): void {
      if (all.size === 0) return
      for (const one of all) {
        if (!passes(record, one.watcher.filter)) continue
        one.ended++
        if (one.shown + one.batch.length >= LIVE_RUNS_MAX) continue
        one.batch.push({ ...record, log: '', result: null })
      }
    },

    /** @returns what ends it. @throws AppError RATE_LIMITED where as many watch as may */
    watch(watcher: RunWatcher): () => void {
      if (all.size >= LIVE_WATCHERS_MAX) {
        const sentence = `As many watch runs as may at once (${LIVE_WATCHERS_MAX}).`
        throw new AppError('RATE_LIMITED', sentence, { detail: { limit: LIVE_WATCHERS_MAX } })
      }
      const one = { watcher, batch: [], slots: 0, ended: 0, shown: 0 }
      all.add(one)
      timer ??= setInterval(() => all.forEach(tell), SLOT_MS)
      return () => {
        all.delete(one)
        if (all.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },

    close(): void {
      for (const { watcher } of all) watcher.end()
    },
  }
}
