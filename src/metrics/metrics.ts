// Answers /metrics: reads every figure of the catalogue and has prom-client write Prometheus' text format.
import { Registry } from 'prom-client'
import type { Metric } from 'prom-client'
import { ERRORS } from '../errors.ts'
import { METRICS } from './catalogue.ts'
import type { MetricDefinition, MetricName } from './catalogue.ts'
import type { HistogramReading } from './histogram.ts'
import type { Meters } from './meters.ts'
import { NODE_VERSION, readProcessFigures } from './process-figures.ts'
import type { ProcessFigures } from './process-figures.ts'
import type { Labels, Readings, Series } from './readings.ts'

/** Where the figures are that others keep, each asked at scrape time only. */
export interface MetricSources {
  version: string
  meters: Meters
  sandbox: () => {
    threads: number
    running: number
    queued: number
    loaded: number
    allocator: string
    pagemapScan: boolean
    compiler: { queued: number; running: number }
  }
  buffered: () => { used: number; limit: number }
  journal: () => {
    active: number
    pending: number
    lost: { records: number; results: number }
    healthy: boolean
  }
  /** Those of all processes, where this is one of several. */
  totals?: () => Promise<Partial<Readings>>
}

export interface Metrics {
  /** Of the text, as Prometheus asks for it. */
  contentType: string
  text(): Promise<string>
  /** Those of this process alone. */
  readings(): Promise<Readings>
  /** Those of all processes. */
  all(): Promise<Partial<Readings>>
}

export function createMetrics({ version, meters, totals, ...sources }: MetricSources): Metrics {
  const readings = async (): Promise<Readings> =>
    read({
      version,
      usage: await readProcessFigures(),
      meters: meters.read(),
      sandbox: sources.sandbox(),
      buffered: sources.buffered(),
      journal: sources.journal(),
    })
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    readings,
    all: totals ?? readings,
    async text() {
      const all = await (totals ?? readings)()
      // Made anew for each scrape, so that two at a time do not meet.
      const registry = new Registry()
      for (const [name, definition] of Object.entries(METRICS)) {
        register(registry, name, definition, all[name as MetricName] ?? [])
      }
      return registry.metrics()
    },
  }
}

/** Everything that one scrape looks at, taken at one moment so that its series fit each other. */
interface Snapshot {
  version: string
  meters: ReturnType<Meters['read']>
  sandbox: ReturnType<MetricSources['sandbox']>
  buffered: ReturnType<MetricSources['buffered']>
  journal: ReturnType<MetricSources['journal']>
  usage: ProcessFigures
}

function read({ version, meters, sandbox, buffered, journal, usage }: Snapshot): Readings {
  return {
    wasmhook_runs_total: [
      ...one(meters.succeeded, { status: 'succeeded', code: '', fault: '' }),
      ...meters.failures.flatMap(({ code, count }) => {
        const fault = ERRORS[code][1]
        // From the start, but for the callers': what appears with its first failure shows an alert no rise.
        if (count === 0 && fault === 'caller') return []
        return one(count, { status: code === 'CANCELED' ? 'canceled' : 'failed', code, fault })
      }),
    ],
    wasmhook_runs_active: one(journal.active),
    wasmhook_run_duration_seconds: one(meters.total),
    wasmhook_run_stage_duration_seconds: meters.stages.flatMap(({ stage, durations }) =>
      one(durations, { stage }),
    ),
    wasmhook_run_input_bytes_total: one(meters.inputBytes),
    wasmhook_run_output_bytes_total: one(meters.outputBytes),

    wasmhook_sandbox_threads: one(sandbox.threads),
    wasmhook_sandbox_running_calls: one(sandbox.running),
    wasmhook_sandbox_queued_calls: one(sandbox.queued),
    wasmhook_sandbox_loaded_modules: one(sandbox.loaded),
    wasmhook_sandbox_info: one(1, {
      allocator: sandbox.allocator,
      pagemap_scan: String(sandbox.pagemapScan),
    }),

    wasmhook_compile_queued_modules: one(sandbox.compiler.queued),
    wasmhook_compile_running_modules: one(sandbox.compiler.running),
    wasmhook_compilations_total: Object.entries(meters.compilations).flatMap(([outcome, count]) =>
      one(count, { outcome }),
    ),
    wasmhook_compile_duration_seconds: one(meters.compile),

    wasmhook_buffered_bytes: one(buffered.used),
    wasmhook_buffered_limit_bytes: one(buffered.limit),

    wasmhook_run_records_pending: one(journal.pending),
    wasmhook_run_records_lost_total: Object.entries(journal.lost).flatMap(([what, count]) =>
      one(count, { what }),
    ),
    wasmhook_storage_healthy: one(journal.healthy ? 1 : 0),

    wasmhook_http_responses_total: meters.answers.flatMap(({ method, route, classes }) =>
      // Of some forty routes most never give most classes.
      [...classes].flatMap((count, place) =>
        count === 0 ? [] : one(count, { method, route, status: `${place}xx` }),
      ),
    ),

    ...ofProcess({ version, loopDelay: meters.loopDelay, usage }),
  }
}

/** What there is to read of a process that serves nobody itself. */
export async function readProcess(
  version: string,
  meters: Pick<Meters, 'read'>,
): Promise<Partial<Readings>> {
  const usage = await readProcessFigures()
  return ofProcess({ version, loopDelay: meters.read().loopDelay, usage })
}

function ofProcess(figures: {
  version: string
  loopDelay: HistogramReading
  usage: ProcessFigures
}) {
  const { version, loopDelay, usage } = figures
  return {
    wasmhook_build_info: one(1, { version, node_version: NODE_VERSION }),
    wasmhook_processes: one(1),

    wasmhook_event_loop_delay_seconds: one(loopDelay),
    wasmhook_event_loop_busy_seconds_total: one(usage.loopBusySeconds),

    process_cpu_seconds_total: one(usage.cpuSeconds),
    process_start_time_seconds: one(usage.startedAtSeconds),
    process_resident_memory_bytes: one(usage.residentBytes),
    process_virtual_memory_bytes: oneKnown(usage.virtualBytes),
    process_threads: oneKnown(usage.threads),
    process_open_fds: oneKnown(usage.openFds),
    process_max_fds: oneKnown(usage.maxFds),
    nodejs_heap_size_used_bytes: one(usage.heapUsedBytes),
    nodejs_heap_size_total_bytes: one(usage.heapTotalBytes),
    nodejs_external_memory_bytes: one(usage.externalBytes),
  }
}

function one<T>(value: T, labels: Labels = {}): Series<T>[] {
  return [{ labels, value }]
}

/** No series at all where the system does not tell. */
function oneKnown(value: number | undefined): Series<number>[] {
  return value === undefined ? [] : one(value)
}

/** What the registry writes as one line. */
interface Line {
  metricName?: string
  labels: Readonly<Record<string, string | number>>
  value: number
}

function register(
  registry: Registry,
  name: string,
  { type, help }: MetricDefinition,
  readings: readonly Series<number | HistogramReading>[],
): void {
  if (readings.length === 0) return
  const values = readings.flatMap(({ labels, value }) =>
    typeof value === 'number' ? [{ labels, value }] : linesOf(name, labels, value),
  )
  // Its own Counter and Histogram count by themselves and take no figures from elsewhere; of a metric
  // the registry needs no more than this.
  const metric = { name, get: () => Promise.resolve({ name, help, type, values }) }
  registry.registerMetric(metric as unknown as Metric)
}

function linesOf(name: string, labels: Labels, { buckets, sum, count }: HistogramReading): Line[] {
  const metricName = `${name}_bucket`
  return [
    ...buckets.map((bucket) => ({
      metricName,
      labels: { ...labels, le: bucket.le },
      value: bucket.count,
    })),
    { metricName, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
