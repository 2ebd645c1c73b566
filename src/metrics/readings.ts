// What the metrics read at one moment, as plain data, and their totals over several processes.
import { METRICS } from './catalogue.ts'
import type { MetricName } from './catalogue.ts'
import type { HistogramReading } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

/** One series of a metric: its labels and what it reads now. */
export interface Series<T> {
  labels: Labels
  value: T
}

type Value<N extends MetricName> = (typeof METRICS)[N]['type'] extends 'histogram'
  ? HistogramReading
  : number

export type Readings = { readonly [N in MetricName]: readonly Series<Value<N>>[] }

/** Gauges that are no sums: of several processes the least or the most holds for all. */
const NOT_SUMMED: Readonly<Partial<Record<MetricName, (a: number, b: number) => number>>> = {
  wasmhook_build_info: Math.max,
  wasmhook_sandbox_info: Math.max,
  wasmhook_storage_healthy: Math.min,
  process_start_time_seconds: Math.min,
}

type AnySeries = Series<number | HistogramReading>

const NAMES = Object.keys(METRICS) as MetricName[]

/** Series with the same labels become one. */
export function totalOf(several: readonly Partial<Readings>[]): Partial<Readings> {
  return mapNames((name) => {
    const add = NOT_SUMMED[name] ?? ((a, b) => a + b)
    const totals = new Map<string, AnySeries>()
    for (const readings of several) {
      for (const series of (readings[name] ?? []) as readonly AnySeries[]) {
        const key = JSON.stringify(series.labels)
        const before = totals.get(key)
        const value = before === undefined ? series.value : sum(before.value, series.value, add)
        totals.set(key, { labels: series.labels, value })
      }
    }
    return [...totals.values()]
  })
}

/** What only rises: it stays in the totals when its process is gone, or they would seem to begin anew. */
export function lastingOf(readings: Partial<Readings>): Partial<Readings> {
  return mapNames((name) => (METRICS[name].type === 'gauge' ? [] : (readings[name] ?? [])))
}

function mapNames(of: (name: MetricName) => readonly AnySeries[]): Partial<Readings> {
  return Object.fromEntries(NAMES.map((name) => [name, of(name)]))
}

function sum(
  a: number | HistogramReading,
  b: number | HistogramReading,
  add: (a: number, b: number) => number,
): number | HistogramReading {
  if (typeof a === 'number' || typeof b === 'number') return add(a as number, b as number)
  // The bounds are those of the code, the same in each process.
  return {
    buckets: a.buckets.map(({ le, count }, at) => ({
      le,
      count: count + (b.buckets[at]?.count ?? 0),
    })),
    sum: a.sum + b.sum,
    count: a.count + b.count,
  }
}
