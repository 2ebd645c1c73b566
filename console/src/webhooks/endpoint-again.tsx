// Sending an endpoint what it missed or what failed, as a job that is watched until it ends.
import { useEffect, useState } from 'preact/hooks'
import { readJob, recover, replay } from './endpoints-api.ts'
import type { Job, OfEndpoint } from './endpoints-api.ts'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Action } from '../parts/action.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Fact, Facts, Status } from '../parts/facts.tsx'
import { TextField } from '../parts/fields.tsx'

const WATCH_EVERY_MS = 1_000
const DAY_MS = 86_400_000

export function EndpointAgain({ of }: { of: OfEndpoint }) {
  const [since, setSince] = useState(() => localTime(Date.now() - DAY_MS))
  const [job, setJob] = useState<Job | undefined>(undefined)
  const from = new Date(since)
  const known = !Number.isNaN(from.getTime())
  const begin = (what: typeof replay) => async () => setJob(await what(of, from.toISOString()))
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
      {job !== undefined && <Watched key={job.job_id} begun={job} />}
    </div>
  )
}

function Watched({ begun }: { begun: Job }) {
  const { value, error, reload } = useLoad(`job ${begun.job_id}`, (signal) =>
    readJob(begun.job_id, signal),
  )
  const job = value ?? begun
  useEffect(() => {
    const known = value !== undefined || error !== undefined
    if (!known || job.state !== 'running') return undefined
    const timer = setTimeout(reload, WATCH_EVERY_MS)
    return () => clearTimeout(timer)
  }, [value, error])
  return (
    <section class="result" aria-label="Job" aria-live="polite">
      <Facts>
        <Fact name={job.kind}>
          <Status word={job.state} />
        </Fact>
        <Fact name="found">{job.matched}</Fact>
        <Fact name="sent">{job.resent}</Fact>
        {job.skipped > 0 && <Fact name="left out">{job.skipped}</Fact>}
      </Facts>
      {error !== undefined && <ErrorNote error={error} />}
      <p>
        <a href={linkTo('resends')}>All jobs that send again</a>
      </p>
    </section>
  )
}

/** As the field takes it: of this place, to the minute. */
function localTime(ms: number): string {
  const at = new Date(ms)
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
