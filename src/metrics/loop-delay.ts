// How late the event loop comes to its work. Node's own monitor adds its sampling interval to what it
// reports and can only be read as percentiles since a reset; a histogram can be summed and rated.
import type { Histogram } from './histogram.ts'

/** Often enough to meet what blocks the loop noticeably, rare enough to cost nothing. */
const EVERY_MS = 20

export interface LoopDelayWatch {
  stop(): void
}

export function watchLoopDelay(delays: Histogram): LoopDelayWatch {
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    delays.observe(Math.max(0, now - last - EVERY_MS) * 1000)
    last = now
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
