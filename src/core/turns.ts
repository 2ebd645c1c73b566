// Turns under a name: whoever has one, or as many as may have one at a time, keeps the others waiting in order.
import { createLane } from './lane.ts'
import type { Lane, Wait } from './lane.ts'

export interface Turns {
  /**
   * Resolves, with the function that ends it, when it is the caller's turn.
   * @throws AppError QUEUE_FULL, QUEUE_TIMEOUT or CANCELED
   */
  take(name: string, wait: Wait): Promise<() => void>
}

/** For what others do not take long to do, or are ended by limits of their own: as long as a timer can wait. */
export const PATIENCE: Wait = { ms: 2 ** 31 - 1, length: Infinity, leaving: undefined }

/** Turns within this process. */
export function createTurns(): Turns {
  /** Those that anybody has or waits for. */
  const lanes = new Map<string, Lane>()

  function forgetIdle(name: string, lane: Lane): void {
    if (lane.idle() && lanes.get(name) === lane) lanes.delete(name)
  }

  return {
    async take(name, wait) {
      const lane = lanes.get(name) ?? createLane('for their turn')
      lanes.set(name, lane)
      try {
        const leave = await lane.enter(wait)
        return () => {
          leave()
          forgetIdle(name, lane)
        }
      } catch (error) {
        forgetIdle(name, lane)
        throw error
      }
    },
  }
}
