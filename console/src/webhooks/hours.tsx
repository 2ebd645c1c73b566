// What came of each of the last hours as bars: what was taken, and what failed on top of it.
import type { EndpointStats } from './endpoints-api.ts'
import * as format from '../format.ts'

const HOURS = 24
const HOUR_MS = 3_600_000
const BAR = 10
const STEP = 14
const HEIGHT = 80
/** So that one failure among thousands is seen. */
const LEAST = 2

export function Hours({ hours, nowMs }: { hours: EndpointStats['hours']; nowMs: number }) {
  const first = Math.floor(nowMs / HOUR_MS) - HOURS + 1
  const bars = Array.from({ length: HOURS }, (_, n) => {
    const fromMs = (first + n) * HOUR_MS
    const found = hours.find(({ from }) => Date.parse(from) === fromMs)
    return { fromMs, good: found?.succeeded ?? 0, bad: found?.failed_attempts ?? 0 }
  })
  const most = Math.max(1, ...bars.map(({ good, bad }) => good + bad))
  const all = (of: 'good' | 'bad') => bars.reduce((sum, one) => sum + one[of], 0)
  const tall = (count: number) => (count === 0 ? 0 : Math.max(LEAST, (count / most) * HEIGHT))
  const words = `Attempts of the last ${HOURS} hours: ${all('good')} taken, ${all('bad')} failed; at most ${most} in an hour`
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${HOURS * STEP} ${HEIGHT + LEAST}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        {bars.map(({ fromMs, good, bad }, n) => (
          <g key={fromMs}>
            <title>{`${format.time(new Date(fromMs).toISOString())}: ${good} taken, ${bad} failed`}</title>
            <Bar n={n} bottom={0} height={tall(good)} tone="good" />
            <Bar n={n} bottom={tall(good)} height={tall(bad)} tone="bad" />
          </g>
        ))}
        <line class="axis" x1="0" x2={HOURS * STEP} y1={HEIGHT + 1} y2={HEIGHT + 1} />
      </svg>
      <figcaption class="muted small">
        The last {HOURS} hours, by the hour: <span class="key good">taken</span>,{' '}
        <span class="key bad">failed</span>
      </figcaption>
    </figure>
  )
}

interface BarProps {
  n: number
  bottom: number
  height: number
  tone: 'good' | 'bad'
}

function Bar({ n, bottom, height, tone }: BarProps) {
  if (height === 0) return null
  // Of one that is as tall as all, a part may be made taller than its share.
  const y = Math.max(0, HEIGHT - bottom - height)
  return <rect class={tone} x={n * STEP + (STEP - BAR) / 2} y={y} width={BAR} height={height} />
}
