// What ended runs add up to until storage has counted it: usage for good, and calls and errors by slots of time.
import type { RunRecord, RunSlot, Usage } from '../model.ts'
import type { RunTally } from '../storage/storage.ts'
import { addRun, addUsage, noUsage } from './usage.ts'

/** Calls and errors are told by these. */
export const SLOT_MS = 5 * 60 * 1000

/** When the slot began that holds the moment. */
export function slotOf(ms: number): number {
  return Math.floor(ms / SLOT_MS) * SLOT_MS
}

export function createTally() {
  const used = new Map<number, Usage>()
  const slots = new Map<string, RunSlot>()

  function slot(executableId: number, fromMs: number): RunSlot {
    const key = `${executableId}/${fromMs}`
    let found = slots.get(key)
    if (found === undefined) {
      found = { executableId, fromMs, calls: 0, errors: 0 }
      slots.set(key, found)
    }
    return found
  }

  return {
    used: used as ReadonlyMap<number, Usage>,
    slots: slots as ReadonlyMap<string, RunSlot>,

    /** This is done for every call. */
    add(record: RunRecord): void {
      const { executableId } = record
      let usage = used.get(executableId)
      if (usage === undefined) {
        usage = noUsage(record.createdAtMs)
        used.set(executableId, usage)
      }
      addRun(usage, record)
      const counts = slot(executableId, slotOf(record.endedAtMs ?? record.createdAtMs))
      counts.calls++
      if (record.status !== 'succeeded') counts.errors++
    },

    /** What was to be counted after this. */
    addLater(later: RunTally): void {
      for (const [id, usage] of later.used) used.set(id, addUsage(used.get(id), usage) ?? usage)
      for (const { executableId, fromMs, calls, errors } of later.slots.values()) {
        const counts = slot(executableId, fromMs)
        counts.calls += calls
        counts.errors += errors
      }
    },
  }
}
