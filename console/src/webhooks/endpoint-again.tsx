// Sending an endpoint what it missed or what failed, as a job that is watched until it ends.
import { useState } from 'preact/hooks'
import { recover, replay } from './endpoints-api.ts'
import type { OfEndpoint } from './endpoints-api.ts'
import { JobBegun } from '../deliveries/job-progress.tsx'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { TextField } from '../parts/fields.tsx'

const DAY_MS = 86_400_000

export function EndpointAgain({ of }: { of: OfEndpoint }) {
  const [since, setSince] = useState(() => format.localMinute(new Date(Date.now() - DAY_MS)))
  const [job, setJob] = useState<string | undefined>(undefined)
  const from = new Date(since)
  const known = !Number.isNaN(from.getTime())
  const begin = (what: typeof replay) => async () =>
    setJob((await what(of, from.toISOString())).job_id)
  return (
    <div class="call">
      <TextField
        label="From"
        type="datetime-local"
        help="Of what was published then or later."
        value={since}
        onChange={setSince}
        wrong={known ? undefined : 'Give a day and a time.'}
      />
      {known && (
        // Another time is another question.
        <div class="choices" key={since}>
          <div>
            <p class="muted">
              Replay sends the messages that it wants and was never sent: those of before it was
              there, or while it was off. Each is sent once, however often it is replayed.
            </p>
            <Action
              verb="Replay"
              sure={`Send all that it missed since ${from.toLocaleString()}`}
              act={begin(replay)}
              done="The replay has begun"
            />
          </div>
          <div>
            <p class="muted">
              Recover sends again what it was sent and did not take, after all tries. Its receiver
              tells by <code>webhook-id</code> what it had already.
            </p>
            <Action
              verb="Recover"
              sure={`Send all that failed since ${from.toLocaleString()} again`}
              act={begin(recover)}
              done="It has begun"
            />
          </div>
        </div>
      )}
      {job !== undefined && (
        <section class="result" key={job} aria-label="Job">
          <JobBegun id={job} />
        </section>
      )}
    </div>
  )
}
