// A histogram that costs some nanoseconds to feed: fixed bounds and typed arrays, no labels, no objects.
// What Prometheus wants to see is made of it at scrape time.

/** What was observed so far, as Prometheus counts it: each bucket holds all that lies below its bound. */
export interface HistogramReading {
  buckets: readonly { le: number; count: number }[]
  sum: number
  count: number
}

export interface Histogram {
  observe(microseconds: number): void
  /** In seconds, the base unit of Prometheus. */
  read(): HistogramReading
}

const MICROSECONDS = 1_000_000

/** @param bounds upper bounds in microseconds, rising, each within its bucket */
export function createHistogram(bounds: readonly number[]): Histogram {
  // The last bucket takes everything, so that the search below always ends.
  const limits = Float64Array.from([...bounds, Infinity])
  const counts = new Float64Array(limits.length)
  // In an array too: a number in a closure would be allocated anew at each change.
  const sum = new Float64Array(1)

  return {
    observe(microseconds) {
      let at = 0
      while (microseconds > (limits[at] ?? Infinity)) at++
      counts[at] = (counts[at] ?? 0) + 1
      sum[0] = (sum[0] ?? 0) + microseconds
    },
    read() {
      let count = 0
      const buckets = bounds.map((bound, at) => {
        count += counts[at] ?? 0
        return { le: bound / MICROSECONDS, count }
      })
      count += counts[bounds.length] ?? 0
      return { buckets, sum: (sum[0] ?? 0) / MICROSECONDS, count }
    },
  }
}
