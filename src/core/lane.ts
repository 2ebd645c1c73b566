// One holder at a time; the others wait in order, for as long and as many as they may.
import { AppError } from '../errors.ts'
import type { Leaving } from '../sandbox/sandbox.ts'

export interface Wait {
  /** The longest wait. */
  ms: number
  /** The lane is full for whoever finds this many waiting. */
  length: number
  /** Whose leaving ends the wait. */
  leaving: Leaving | undefined
}

interface Waiter {
  start(): void
  fail(error: AppError): void
}

export type Lane = ReturnType<typeof createLane>

export function createLane() {
  let held = false
  let closed = false
  const waiting: Waiter[] = []

  function next(): void {
    const first = waiting.shift()
    if (first === undefined) held = false
    else first.start()
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

  function join({ ms, leaving }: Wait, add: (waiter: Waiter) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = (error: AppError): void => {
        const place = waiting.indexOf(waiter)
        if (place >= 0) waiting.splice(place, 1)
        waiter.fail(error)
      }
      const canceled = (): void => leave(new AppError('CANCELED'))
      const timer = setTimeout(() => leave(timedOut(ms)), ms)
      const ended = (): void => {
        clearTimeout(timer)
        if (leaving !== undefined) leaving.onLeave = undefined
      }
      const waiter: Waiter = {
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
    if (!held) {
      held = true
      return holder()
    }
    if (waiting.length >= wait.length) throw full(wait.length)
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
    /** Whoever waits is told CLOSED; the holder goes on. */
    close(): void {
      closed = true
      for (const waiter of waiting.splice(0)) waiter.fail(new AppError('CLOSED'))
    },
  }
}

function full(length: number): AppError {
  return new AppError(
    'QUEUE_FULL',
    `${length} calls wait already to write to this function's storage; call later.`,
    { detail: { queue_length: length } },
  )
}

function timedOut(ms: number): AppError {
  return new AppError(
    'QUEUE_TIMEOUT',
    `The call waited ${ms} ms for its turn to write to the function's storage; call later.`,
    { detail: { queue_wait_ms: ms } },
  )
}
