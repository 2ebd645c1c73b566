// What a run spent its time on, stage after stage: bars on one scale, and the same as text.
import type { RunDetail } from './api.ts'
import * as format from '../format.ts'

type Timings = RunDetail['timings_us']

/** In the order in which they come. */
const STAGES: readonly { name: keyof Timings; what: string }[] = [
  { name: 'fetch', what: 'its inputs were fetched' },
  { name: 'queue', what: 'it waited for a thread' },
  { name: 'instantiate', what: 'the module was made ready' },
  { name: 'run', what: 'the function ran' },
  { name: 'forward', what: 'its result was sent on' },
]

/** Of the drawing. */
const WIDTH = 1000
/** What is seen of a stage that took next to nothing. */
const LEAST = 5

export function Timeline({ timings }: { timings: Timings }) {
  const stages = STAGES.flatMap(({ name, what }) => {
    const us = timings[name]
    return us === null ? [] : [{ name, what, us }]
  })
  if (stages.length === 0) return <p class="muted">It has not begun.</p>
  const all = Math.max(
    1,
    stages.reduce((sum, { us }) => sum + us, 0),
  )
  let ended = 0
  return (
    <div class="scroll">
      <table class="timeline" aria-label="What it spent its time on">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">Took</th>
            <th scope="col">Of all</th>
          </tr>
        </thead>
        <tbody>
          {stages.map(({ name, what, us }) => {
            const begun = ended
            ended += us
            return (
              <tr key={name}>
                <th scope="row">
                  {name} <span class="muted small wide">{what}</span>
                </th>
                <td>{format.duration(us / 1000)}</td>
                <td>
                  <Bar begun={(begun / all) * WIDTH} width={(us / all) * WIDTH} />
                  <span class="hidden">{Math.round((100 * us) / all)} %</span>
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** A drawing, since the page may have no styles of its own. */
function Bar({ begun, width }: { begun: number; width: number }) {
  const seen = Math.max(LEAST, width)
  return (
    <svg viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
      <rect x={Math.min(begun, WIDTH - seen)} width={seen} height="10" />
    </svg>
  )
}
