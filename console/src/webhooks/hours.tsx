// What came of each of the last hours, as bars: all attempts, and in front of them those that failed.
import type { EndpointStats } from './endpoints-api.ts'
import { Chart, Keys } from '../parts/chart.tsx'
import type { Series } from '../parts/chart.tsx'

const HOURS = 24
const HOUR_MS = 3_600_000
/** So that one failure among thousands is seen: this share of the tallest bar at least. */
const LEAST = 0.03

export function Hours({ hours, nowMs }: { hours: EndpointStats['hours']; nowMs: number }) {
  const first = Math.floor(nowMs / HOUR_MS) - HOURS + 1
  const times = Array.from({ length: HOURS }, (_, n) => (first + n) * HOUR_MS)
  const found = times.map((fromMs) => hours.find(({ from }) => Date.parse(from) === fromMs))
  const taken = found.map((one) => one?.succeeded ?? 0)
  const failed = found.map((one) => one?.failed_attempts ?? 0)
  const attempts = taken.map((count, n) => count + (failed[n] ?? 0))
  const most = Math.max(...attempts)
  const sum = (all: readonly number[]) => all.reduce((before, one) => before + one, 0)
  const series: Series[] = [
    { name: 'taken', color: '--good', values: attempts },
    {
      name: 'failed',
      color: '--bad',
      values: failed.map((count) => (count === 0 ? 0 : Math.max(count, most * LEAST))),
    },
  ]
  return (
    <figure class="card">
      <figcaption class="muted small">Attempts of the last {HOURS} hours, by the hour</figcaption>
      <Keys series={series} />
      <Chart
        kind="bars"
        label={`Attempts of the last ${HOURS} hours: ${sum(taken)} taken, ${sum(failed)} failed; at most ${most} in an hour`}
        times={times}
        series={series}
        words={(count) => (Number.isInteger(count) ? String(count) : '')}
      />
    </figure>
  )
}
