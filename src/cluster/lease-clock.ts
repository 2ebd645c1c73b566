// Leases of runs that other processes have, where the clock jumps: nobody waits longer for it, and what is under
// way is not taken for what a dead process left behind. core/worker.ts does the same for leases of its own.
import type { QueuedRunStore } from '../storage/storage.ts'

/** What a clock may be set back by without being noticed: no more than it delays. */
const CLOCK_STEP_MS = 1_000
/** Of a lease, what may pass between two looks: within it each process renews what it has. */
const QUIET_PART = 1 / 3

export interface LeaseClockOptions {
  queuedRuns: Pick<QueuedRunStore, 'clockSetBack' | 'renew'>
  now: () => number
  leaseMs: number
  /** Of all processes that live: who died has none. */
  held: () => readonly { id: string; leaseId: string }[]
}

/** To be called, and waited for, before work is looked for. */
export function createLeaseClock({ queuedRuns, now, leaseMs, held }: LeaseClockOptions) {
  let seenMs = now()
  /** Whoever looks meanwhile waits for what the first look found. */
  let looking: Promise<void> = Promise.resolve()

  async function jumped(fromMs: number, toMs: number): Promise<void> {
    if (toMs < fromMs) await queuedRuns.clockSetBack({ fromMs, toMs })
    const leases = held()
    if (leases.length > 0) await queuedRuns.renew(leases, toMs + leaseMs)
  }

  return function look(): Promise<void> {
    const fromMs = seenMs
    const toMs = now()
    seenMs = toMs
    const passed = toMs - fromMs
    if (passed >= -CLOCK_STEP_MS && passed <= leaseMs * QUIET_PART) return looking
    const jump = looking.then(() => jumped(fromMs, toMs))
    looking = jump.catch(() => undefined)
    return jump
  }
}
