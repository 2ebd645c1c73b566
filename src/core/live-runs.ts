// Tells whoever watches of runs as they end, here and in the other processes of the server. Of many a part, and how many there
// were: nobody reads a thousand lines a second, and telling is not to cost what running does.
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
  /**
   * Without logs and results; `ended` counts those that were left out too. False where it takes no more now: these were not
   * shown.
   */
  runs(records: readonly RunRecord[], ended: number): boolean
  sampled(counts: Sampled): void
  /** The server stops. */
  end(): void
}

/** What ended in one slot that a filter lets through: how many, and of many the first. */
export interface EndedRuns {
  /** The filter in JSON, by which they are asked for. */
  filter: string
  ended: number
  records: readonly RunRecord[]
}

/** The other processes of the server. */
export interface LiveSiblings {
  /** Resolves when they tell what ends there that one of these filters lets through, and nothing else. */
  ask(filters: readonly string[]): Promise<void>
  /** To those that asked. */
  tell(ended: EndedRuns): void
}

interface Watching {
  key: string
  watcher: RunWatcher
  /** Not before all were asked: what ends until then is none of its business. */
  open: boolean
  batch: RunRecord[]
  slots: number
  /** Of this slot, and of this second. */
  recent: number
  ended: number
  shown: number
}

export type LiveRuns = ReturnType<typeof createLiveRuns>

/** @param siblings absent where this process is alone */
export function createLiveRuns(siblings?: LiveSiblings) {
  const own = new Set<Watching>()
  /** In place of those who watch in another process. */
  const forOthers = new Map<string, Watching>()
  let timer: NodeJS.Timeout | undefined

  function tick(): void {
    own.forEach(tell)
    forOthers.forEach(tell)
  }

  /** The timer runs while anybody watches. */
  function changed(): void {
    const watched = own.size + forOthers.size > 0
    if (watched) timer ??= setInterval(tick, SLOT_MS)
    else clearInterval(timer)
    if (!watched) timer = undefined
  }

  /** Nothing fails where they cannot be asked: what ends here is told. */
  async function ask(): Promise<void> {
    const filters = new Set([...own].map(({ key }) => key))
    await siblings?.ask([...filters]).catch(() => undefined)
  }

  return {
    /** A run has ended. */
    told(record: RunRecord): void {
      if (timer === undefined) return
      for (const one of own) take(one, record)
      for (const one of forOthers.values()) take(one, record)
    },

    /** @returns what ends it, once all tell. @throws AppError RATE_LIMITED where as many watch as may */
    async watch(watcher: RunWatcher): Promise<() => void> {
      if (own.size >= LIVE_WATCHERS_MAX) {
        const sentence = `As many watch runs as may at once (${LIVE_WATCHERS_MAX}).`
        throw new AppError('RATE_LIMITED', sentence, { detail: { limit: LIVE_WATCHERS_MAX } })
      }
      const one = watching(watcher)
      own.add(one)
      changed()
      await ask()
      one.open = true
      return () => {
        own.delete(one)
        changed()
        void ask()
      }
    },

    /** Tells the others what ends here that one of these lets through; before it told them of other filters. */
    tellSiblings(filters: readonly string[]): void {
      for (const key of forOthers.keys()) if (!filters.includes(key)) forOthers.delete(key)
      for (const key of filters) {
        if (forOthers.has(key)) continue
        forOthers.set(key, { ...watching(inPlaceOfOthers(key)), open: true })
      }
      changed()
    },

    /** What ended in another process. */
    heard({ filter, ended, records }: EndedRuns): void {
      for (const one of own) {
        if (!one.open || one.key !== filter) continue
        one.ended += ended
        one.recent += ended
        for (const record of records) add(one, record)
      }
    },

    close(): void {
      for (const { watcher } of own) watcher.end()
    },
  }

  function inPlaceOfOthers(filter: string): RunWatcher {
    return {
      filter: JSON.parse(filter) as RunFilter,
      runs(records, ended) {
        siblings?.tell({ filter, ended, records })
        return true
      },
      // They count for themselves.
      sampled: () => undefined,
      end: () => undefined,
    }
  }
}

function watching(watcher: RunWatcher): Watching {
  const key = JSON.stringify(watcher.filter)
  return { key, watcher, open: false, batch: [], slots: 0, recent: 0, ended: 0, shown: 0 }
}

function take(one: Watching, record: RunRecord): void {
  if (!one.open || !passes(record, one.watcher.filter)) return
  one.ended++
  one.recent++
  add(one, record)
}

function add(one: Watching, record: RunRecord): void {
  if (one.shown + one.batch.length >= LIVE_RUNS_MAX) return
  one.batch.push({ ...record, log: '', result: null })
}

/** What came in the slot that is over. */
function tell(one: Watching): void {
  const { watcher, batch, recent } = one
  one.batch = []
  one.recent = 0
  if (recent > 0 && watcher.runs(batch, recent)) one.shown += batch.length
  one.slots++
  if (one.slots < SLOTS) return
  const { ended, shown } = one
  Object.assign(one, { slots: 0, ended: 0, shown: 0 })
  if (ended > shown) watcher.sampled({ ended, shown })
}
