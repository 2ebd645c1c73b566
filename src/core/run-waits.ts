// Those who wait for a run to end, be it run here or by another process: told at once in the first case,
// and by asking storage in the second.
import type { RunRecord } from '../model.ts'
import type { Storage } from '../storage/storage.ts'

/** How often storage is asked for all who wait. */
const ASK_MS = 100
/** Runs asked about in one query. */
const ASK_RUNS = 500

export interface RunWaitsDeps {
  storage: Storage
  /** Once when storage begins to fail. */
  onError: (error: unknown) => void
}

interface Waiter {
  ended(record: RunRecord | undefined): void
}

export type RunWaits = ReturnType<typeof createRunWaits>

export function createRunWaits({ storage, onError }: RunWaitsDeps) {
  const waiting = new Map<string, Set<Waiter>>()
  let timer: NodeJS.Timeout | undefined
  let asking = false
  let failing = false

  function tell(id: string, record: RunRecord | undefined): void {
    for (const waiter of waiting.get(id) ?? []) waiter.ended(record)
  }

  async function ask(): Promise<void> {
    if (asking) return
    asking = true
    try {
      const ids = [...waiting.keys()]
      for (let at = 0; at < ids.length; at += ASK_RUNS) {
        for (const id of await storage.runs.ended(ids.slice(at, at + ASK_RUNS))) {
          if (waiting.has(id)) tell(id, await storage.runs.get(id))
        }
      }
      failing = false
    } catch (error) {
      // Who waits may still be told, or gives up in time.
      if (!failing) onError(error)
      failing = true
    } finally {
      asking = false
    }
  }

  function watch(): void {
    if (waiting.size === 0) {
      clearInterval(timer)
      timer = undefined
    } else timer ??= setInterval(() => void ask(), ASK_MS)
  }

  return {
    /** A run has ended here. */
    told(record: RunRecord): void {
      if (waiting.size > 0) tell(record.id, record)
    },

    /** The run as it ended; undefined after `ms`, or once the signal aborts. */
    ended(
      id: string,
      { ms, signal }: { ms: number; signal?: AbortSignal },
    ): Promise<RunRecord | undefined> {
      return new Promise((resolve) => {
        const others = waiting.get(id) ?? new Set()
        const giveUp = (): void => waiter.ended(undefined)
        const patience = setTimeout(giveUp, ms)
        const waiter: Waiter = {
          ended(record) {
            clearTimeout(patience)
            signal?.removeEventListener('abort', giveUp)
            others.delete(waiter)
            if (others.size === 0) waiting.delete(id)
            watch()
            resolve(record)
          },
        }
        others.add(waiter)
        waiting.set(id, others)
        signal?.addEventListener('abort', giveUp, { once: true })
        if (signal?.aborted === true) giveUp()
        else watch()
        // It may have ended before anybody waited.
        if (waiting.has(id)) void ask()
      })
    },
  }
}
