// The runs under way in this process, each with what ends it.
import type { HangUp } from './hang-up.ts'

export type Interrupts = ReturnType<typeof createInterrupts>

export function createInterrupts() {
  const underWay = new Map<string, HangUp>()
  return {
    begin(id: string, hangUp: HangUp): void {
      underWay.set(id, hangUp)
    },
    end(id: string): void {
      underWay.delete(id)
    },
    /** False where the run is not under way here. It ends soon, unless it comes to its end before. */
    interrupt(id: string): boolean {
      const hangUp = underWay.get(id)
      hangUp?.interrupt()
      return hangUp !== undefined
    },
  }
}
