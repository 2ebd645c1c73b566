// What the operator sees of the server as a whole: put together from storage, settings and the figures of all processes.
import type { Config } from './config.ts'
import type { HistogramReading } from './metrics/histogram.ts'
import type { Readings } from './metrics/readings.ts'
import { NUMBERS } from './settings.ts'
import type { QueueOverview, Storage } from './storage/storage.ts'
import { VERSION } from './version.ts'

export interface SystemDeps {
  storage: Pick<Storage, 'overview' | 'now'>
  config: Config
  /** Those of all processes. */
  readings: () => Promise<Partial<Readings>>
}

/** Waiting work is counted so far. */
const QUEUE_COUNTED_MAX = 100_000
/** The event loop's delay is told of the last minutes: of no fewer. */
const WINDOW_MS = 60_000

type SingleName = {
  [N in keyof Readings]: Readings[N][number]['value'] extends number ? N : never
}[keyof Readings]

interface Delays {
  atMs: number
  reading: HistogramReading
}

export type System = ReturnType<typeof createSystem>

export function createSystem({ storage, config, readings }: SystemDeps) {
  const limits = Object.fromEntries(
    Object.keys(NUMBERS)
      .filter((name) => name !== 'PORT')
      .map((name) => [name, config[name as keyof typeof NUMBERS]]),
  )
  /** What the delays are counted from, and what they will be once that is old enough. */
  let base: Delays | undefined
  let newer: Delays | undefined

  function delaysOf(all: Partial<Readings>, nowMs: number, startedAtMs: number) {
    const reading = all.wasmhook_event_loop_delay_seconds?.[0]?.value
    if (reading === undefined) return null
    const from = base
    if (newer === undefined || nowMs - newer.atMs >= WINDOW_MS) {
      base = newer
      newer = { atMs: nowMs, reading }
    }
    const count = reading.count - (from?.reading.count ?? 0)
    const sum = reading.sum - (from?.reading.sum ?? 0)
    return {
      sinceMs: from?.atMs ?? startedAtMs,
      meanMs: count === 0 ? 0 : (1000 * sum) / count,
      p99Ms: quantile(reading, from?.reading, 0.99),
    }
  }

  return {
    async read() {
      const { overview } = storage
      const [all, runs, deliveries, sizeBytes] = await Promise.all([
        readings(),
        overview.queuedRuns(QUEUE_COUNTED_MAX + 1),
        overview.deliveries(QUEUE_COUNTED_MAX + 1),
        overview.sizeBytes(),
      ])
      const one = (name: SingleName): number => all[name]?.[0]?.value ?? 0
      const startedAtMs = 1000 * one('process_start_time_seconds')
      return {
        version: VERSION,
        startedAtMs,
        upMs: Math.max(0, Date.now() - startedAtMs),
        workers: config.WORKERS,
        processes: one('wasmhook_processes'),
        limits,
        queues: { runs: counted(runs), deliveries: counted(deliveries) },
        runsActive: one('wasmhook_runs_active'),
        sandbox: {
          threads: one('wasmhook_sandbox_threads'),
          running: one('wasmhook_sandbox_running_calls'),
          queued: one('wasmhook_sandbox_queued_calls'),
        },
        storage: {
          engine: config.DATABASE_URL === '' ? ('sqlite' as const) : ('postgresql' as const),
          sizeBytes,
          healthy: one('wasmhook_storage_healthy') === 1,
        },
        eventLoopDelay: delaysOf(all, Date.now(), startedAtMs),
        memory: {
          residentBytes: one('process_resident_memory_bytes'),
          heapUsedBytes: one('nodejs_heap_size_used_bytes'),
          externalBytes: one('nodejs_external_memory_bytes'),
          bufferedBytes: one('wasmhook_buffered_bytes'),
          bufferedLimitBytes: one('wasmhook_buffered_limit_bytes'),
        },
      }
    },
  }
}

function counted({ depth, oldestDueMs }: QueueOverview) {
  const more = depth > QUEUE_COUNTED_MAX
  return { depth: more ? QUEUE_COUNTED_MAX : depth, more, oldestDueMs }
}

/** In milliseconds; null where it lies past the last bound. */
function quantile(
  reading: HistogramReading,
  from: HistogramReading | undefined,
  share: number,
): number | null {
  const count = reading.count - (from?.count ?? 0)
  if (count === 0) return 0
  const bucket = reading.buckets.find(
    (one, at) => one.count - (from?.buckets[at]?.count ?? 0) >= share * count,
  )
  return bucket === undefined ? null : 1000 * bucket.le
}
