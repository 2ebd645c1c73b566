// One holder at a time, or as many as there are places; the others wait in order, for as long and as many as
// they may.
import { AppError } from '../errors.ts'
import type { Leaving } from '../sandbox/sandbox.ts'

export interface Wait {
  /** The longest wait. */
  ms: number
  /** The lane is full for whoever finds this many waiting. */
  length: number
  /** Whose leaving ends the wait. */
  leaving: Leaving | undefined
  /** How many may hold the lane at a time for this one to be among them; 1 where it is left out. */
  places?: number
}

interface Waiter {
  places: number
  start(): void
  fail(error: AppError): void
}

export type Lane = ReturnType<typeof createLane>

/** What a lane is for, as the sentence ends for whoever is turned away. */
export type Purpose = "to write to this function's storage" | 'for their turn'

export function createLane(purpose: Purpose = "to write to this function's storage") {
  let held = 0
  let closed = false
  const waiting: Waiter[] = []

  function next(): void {
    held--
    for (let first = waiting[0]; first !== undefined && held < first.places; first = waiting[0]) {
      waiting.shift()
      held++
      first.start()
    }
  }

  /** May be called more than once, and passes the lane on only once. */
  function holder(): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      next()
    }
  }

  function join(
    { ms, leaving, places = 1 }: Wait,
    add: (waiter: Waiter) => void,
  ): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = (error: AppError): void => {
        const place = waiting.indexOf(waiter)
        if (place >= 0) waiting.splice(place, 1)
        waiter.fail(error)
      }
      const canceled = (): void => leave(new AppError('CANCELED'))
      const timer = setTimeout(() => leave(timedOut(ms, purpose)), ms)
      const ended = (): void => {
        clearTimeout(timer)
        if (leaving !== undefined) leaving.onLeave = undefined
      }
      const waiter: Waiter = {
        places,
        start() {
          ended()
          resolve(holder())
        },
        fail(error) {
          ended()
          reject(error)
        },
      }
      if (leaving !== undefined) leaving.onLeave = canceled
      add(waiter)
    })
  }

  async function enter(wait: Wait, add: (waiter: Waiter) => void): Promise<() => void> {
    if (closed) throw new AppError('CLOSED')
    if (wait.leaving?.left === true) throw new AppError('CANCELED')
    if (held < (wait.places ?? 1) && waiting.length === 0) {
      held++
      return holder()
    }
    if (waiting.length >= wait.length) throw full(wait.length, purpose)
    return join(wait, add)
  }

  return {
    /**
     * Resolves, with the function that leaves it again, when the lane is the caller's.
     * @throws AppError QUEUE_FULL, QUEUE_TIMEOUT, CANCELED or CLOSED
     */
    enter: (wait: Wait) => enter(wait, (waiter) => waiting.push(waiter)),
    /** As `enter`, before all who wait. */
    enterFirst: (wait: Wait) => enter(wait, (waiter) => waiting.unshift(waiter)),
    waiting: () => waiting.length,
    /** Nobody holds it, and nobody waits. */
    idle: () => held === 0 && waiting.length === 0,
    /** Whoever waits is told CLOSED; the holder goes on. */
    close(): void {
      closed = true
      for (const waiter of waiting.splice(0)) waiter.fail(new AppError('CLOSED'))
    },
  }
}

function full(length: number, purpose: Purpose): AppError {
  return new AppError('QUEUE_FULL', `${length} calls wait already ${purpose}; call later.`, {
    detail: { queue_length: length },
  })
}

function timedOut(ms: number, purpose: Purpose): AppError {
  return new AppError('QUEUE_TIMEOUT', `The call waited ${ms} ms ${purpose}; call later.`, {
    detail: { queue_wait_ms: ms },
  })
}
