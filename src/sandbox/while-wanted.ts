// Waiting for a module that is being loaded, as long as the call may wait and its caller is there.
import { AppError } from '../errors.ts'

/** Mapping a compiled form takes milliseconds: a shorter QUEUE_WAIT_MS is not meant to refuse that. */
const MODULE_WAIT_MS_MIN = 1_000

/**
 * What `loading` resolves to. It goes on for later calls where this one gives up.
 * @throws AppError QUEUE_TIMEOUT, or CANCELED once the signal aborts
 */
export async function whileWanted<T>(
  loading: Promise<T>,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal | undefined },
): Promise<T> {
  if (signal?.aborted === true) throw new AppError('CANCELED')
  let timer: NodeJS.Timeout | undefined
  let leave: (() => void) | undefined
  const givenUp = new Promise<never>((_, reject) => {
    const longestMs = Math.max(waitMs, MODULE_WAIT_MS_MIN)
    timer = setTimeout(() => {
      const sentence = `The module was still being compiled after ${longestMs} ms; try again later.`
      reject(new AppError('QUEUE_TIMEOUT', sentence))
    }, longestMs)
    leave = () => reject(new AppError('CANCELED'))
    signal?.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([loading, givenUp])
  } finally {
    clearTimeout(timer)
    if (leave !== undefined) signal?.removeEventListener('abort', leave)
  }
}
