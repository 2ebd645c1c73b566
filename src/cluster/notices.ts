// Passes what was changed to all processes that work through this one.
import { setTimeout as pause } from 'node:timers/promises'
import type { Notice } from '../storage/storage.ts'

/** A process that is held up longer than this is not waited for: what it remembers is then stale for as long. */
const HEARD_WITHIN_MS = 1_000

export interface Notices {
  post(notice: Notice): void
  /**
   * Resolves when everybody has heard of the executables and tokens that were changed until now: the same promise until
   * another changes.
   */
  told(): Promise<unknown>
}

/** @param others those that hear at the moment; each resolves when it has */
export function createNotices(
  others: () => readonly ((notice: Notice) => Promise<void>)[],
): Notices {
  let told: Promise<unknown> = Promise.resolve()
  /** Work that was told of in this turn of the event loop: once is enough for any number of rows. */
  const work = new Set<string>()

  async function tell(notice: Notice): Promise<void> {
    const heard = Promise.allSettled(others().map((hear) => hear(notice)))
    const patience = new AbortController()
    const late = pause(HEARD_WITHIN_MS, undefined, { signal: patience.signal }).catch(
      () => undefined,
    )
    await Promise.race([heard, late])
    patience.abort()
  }

  return {
    post(notice) {
      if (notice.kind === 'work') {
        if (work.has(notice.work)) return
        if (work.add(notice.work).size === 1) setImmediate(() => work.clear())
      }
      const telling = tell(notice)
      if (notice.kind === 'executable' || notice.kind === 'tokens') told = both(told, telling)
    },
    told: () => told,
  }
}

/** Resolves when both have, and keeps nothing of what they resolved to. */
async function both(earlier: Promise<unknown>, later: Promise<unknown>): Promise<void> {
  await Promise.all([earlier, later])
}
