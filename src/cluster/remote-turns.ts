// Turns that are shared by all processes: one of them gives them out. Both ends stand here, since they must
// agree.
import { HangUp } from '../core/hang-up.ts'
import type { Wait } from '../core/lane.ts'
import type { Turns } from '../core/turns.ts'
import { AppError } from '../errors.ts'
import type { Remote } from './channel.ts'

/** What the giver does for one other process, which numbers what it asks for. */
export interface TurnMethods {
  /** Resolves when it is the other's turn. @throws AppError QUEUE_FULL, QUEUE_TIMEOUT or CANCELED */
  takeTurn(id: number, name: string, wait: Omit<Wait, 'leaving'>): Promise<void>
  /** Ends a turn, or the wait for it. */
  endTurn(id: number): void
}

export function createRemoteTurns(giver: Remote<TurnMethods>): Turns {
  let lastId = 0
  return {
    async take(name, { leaving, ...wait }) {
      if (hasLeft(leaving)) throw new AppError('CANCELED')
      const id = ++lastId
      const end = (): void => void giver.endTurn(id).catch(() => undefined)
      if (leaving !== undefined) leaving.onLeave = end
      try {
        await giver.takeTurn(id, name, wait)
      } finally {
        if (leaving !== undefined) leaving.onLeave = undefined
      }
      // It was given in the moment in which it was given up.
      if (hasLeft(leaving)) throw new AppError('CANCELED')
      return end
    },
  }
}

export interface TurnDesk {
  methods: TurnMethods
  /** The other process died: its turns and waits end. */
  release(): void
}

/** The giver's end, for one other process. */
export function createTurnDesk(turns: Turns): TurnDesk {
  /** What ends each turn, or the wait for it. */
  const taken = new Map<number, () => void>()
  return {
    methods: {
      async takeTurn(id, name, wait) {
        const leaving = new HangUp()
        taken.set(id, () => leaving.leave())
        try {
          const end = await turns.take(name, { ...wait, leaving })
          taken.set(id, end)
          if (!leaving.left) return
          end()
          throw new AppError('CANCELED')
        } catch (error) {
          taken.delete(id)
          throw error
        }
      },
      endTurn(id) {
        taken.get(id)?.()
        taken.delete(id)
      },
    },
    release() {
      for (const end of taken.values()) end()
      taken.clear()
    },
  }
}

/** Asked anew each time: it changes while one waits. */
function hasLeft(leaving: Wait['leaving']): boolean {
  return leaving?.left === true
}
