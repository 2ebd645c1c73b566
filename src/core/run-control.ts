// Where a run stands that has not ended, and its end before its time, wherever it is: waiting in the database,
// or under way in some process.
import { AppError } from '../errors.ts'
import type { RunRecord } from '../model.ts'
import type { Storage } from '../storage/storage.ts'
import type { Interrupts } from './interrupts.ts'
import type { RunJournal } from './run-journal.ts'
import type { RunWaits } from './run-waits.ts'

/** How long is waited for an interrupted run to end; most end at once. */
const INTERRUPT_MS = 5_000

export interface RunControlDeps {
  storage: Storage
  journal: RunJournal
  waits: RunWaits
  interrupts: Interrupts
  now: () => number
}

export type RunControl = ReturnType<typeof createRunControl>

export function createRunControl({ storage, journal, waits, interrupts, now }: RunControlDeps) {
  async function find(id: string): Promise<RunRecord> {
    const record = await journal.get(id)
    if (record === undefined) throw new AppError('NOT_FOUND', 'There is no such run.')
    return record
  }

  return {
    /**
     * Ends a run that waits or goes on: its record as it is then, or as it still is where that takes long.
     * @throws AppError CONFLICT where it has ended, or comes to its end before
     */
    async cancel(id: string): Promise<RunRecord> {
      const outcome = await storage.queuedRuns.cancel(id, now())
      if (outcome === 'canceled') {
        // A try that was put back in the same moment may still be known here as one that goes on.
        journal.abandon(id)
        const record = await find(id)
        journal.endSaved(record)
        return record
      }
      const here = interrupts.interrupt(id)
      if (outcome === 'none' && !here) throw hasEnded(await find(id))
      const record = (await waits.ended(id, { ms: INTERRUPT_MS })) ?? (await find(id))
      if (record.endedAtMs !== null && record.status !== 'canceled') throw hasEnded(record)
      return record
    },

    /** What the queue tells of a run; undefined where it is not durable, or has ended. */
    place: (id: string) => storage.queuedRuns.place(id),

    /** Its tries that failed, where others followed; the oldest first. */
    failedTries: (id: string) => storage.queuedRuns.failedTries(id),
  }
}

function hasEnded({ status }: RunRecord): AppError {
  return new AppError('CONFLICT', `The run has ended: ${status}.`, { detail: { status } })
}
