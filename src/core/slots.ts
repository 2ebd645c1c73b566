// Slots for work of several lanes: so many at once, in all and of one lane. Whoever waits is served in order, as
// far as their lane has room.

export interface Slots {
  /** The function that gives the slot back; undefined where there is none now. */
  tryTake(lane: string): (() => void) | undefined
  /** Resolves with it once there is one; with undefined once any of the signals aborts. */
  take(lane: string, signals: readonly AbortSignal[]): Promise<(() => void) | undefined>
}

interface Waiting {
  lane: string
  start: () => void
}

export function createSlots({ inAll, perLane }: { inAll: number; perLane: number }): Slots {
  const waiting: Waiting[] = []
  const taken = new Map<string, number>()
  let takenInAll = 0

  function hasRoom(lane: string): boolean {
    return takenInAll < inAll && (taken.get(lane) ?? 0) < perLane
  }

  function count(lane: string, change: 1 | -1): void {
    takenInAll += change
    const left = (taken.get(lane) ?? 0) + change
    if (left > 0) taken.set(lane, left)
    else taken.delete(lane)
  }

  function holder(lane: string): () => void {
    count(lane, 1)
    return () => {
      count(lane, -1)
      const next = waiting.findIndex((one) => hasRoom(one.lane))
      if (next >= 0) waiting.splice(next, 1)[0]?.start()
    }
  }

  return {
    tryTake: (lane) => (hasRoom(lane) ? holder(lane) : undefined),

    take(lane, signals) {
      if (signals.some((signal) => signal.aborted)) return Promise.resolve(undefined)
      if (hasRoom(lane)) return Promise.resolve(holder(lane))
      return new Promise((resolve) => {
        const done = (leaveSlot: (() => void) | undefined): void => {
          for (const signal of signals) signal.removeEventListener('abort', leave)
          resolve(leaveSlot)
        }
        const leave = (): void => {
          waiting.splice(waiting.indexOf(one), 1)
          done(undefined)
        }
        const one: Waiting = { lane, start: () => done(holder(lane)) }
        for (const signal of signals) signal.addEventListener('abort', leave, { once: true })
        waiting.push(one)
      })
    },
  }
}
