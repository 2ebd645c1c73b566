// How far a job that sends deliveries again is: a bar, and the figures behind it.
import { useRef } from 'preact/hooks'
import { WasmhookError } from '../../../packages/client/src/error.ts'
import type { Job } from './api.ts'
import { cancelJob, findJob } from './api.ts'
import { linkTo } from '../route.ts'
import { useAgain } from '../hooks/use-again.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Action } from '../parts/action.tsx'
import { Refused } from '../parts/admin-key.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Fact, Facts, Status } from '../parts/facts.tsx'
import { Refresh } from '../parts/refresh.tsx'
import { Loading } from '../parts/shown.tsx'

/** How many are dealt with, of those that it has found. */
function doneOf({ kind, resent, skipped, succeeded, failed }: Job): number {
  return skipped + (kind === 'resend' ? (succeeded ?? 0) + (failed ?? 0) : resent)
}

/** Attempts go on to end after the job has found all. */
function isUnderWay(job: Job): boolean {
  return job.state === 'running' || (job.state === 'finished' && doneOf(job) < job.matched)
}

export function JobBar({ job }: { job: Job }) {
  const label = `Progress of the job: ${doneOf(job)} of ${job.matched}`
  if (!isUnderWay(job)) return <progress aria-label={label} max={1} value={1} />
  // Nothing found yet: the bar says only that it goes on.
  if (job.matched === 0) return <progress aria-label={label} />
  return <progress aria-label={label} max={job.matched} value={doneOf(job)} />
}

/** Where the server, or what is before it, fails for a moment. */
function mayPass(error: unknown): boolean {
  return error !== undefined && !(error instanceof WasmhookError && error.status < 500)
}

/** Asks again while it goes on. */
export function JobProgress({ id, manage }: { id: string; manage: boolean }) {
  const { value: job, error, reload } = useLoad(id, (signal) => findJob(id, signal))
  const status = useRef<HTMLDivElement>(null)
  useAgain(job === undefined ? mayPass(error) : isUnderWay(job), error ?? job, reload)
  if (job === undefined) {
    return error === undefined ? <Loading /> : <Refused error={error} retry={reload} />
  }
  return (
    <>
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      <div role="status" ref={status} tabIndex={-1}>
        <Status word={job.state} />
        {job.state === 'finished' && isUnderWay(job) && (
          <span class="muted"> All are found; the last attempts are under way.</span>
        )}
      </div>
      <JobBar job={job} />
      <Facts>
        <Fact name="looked at">{job.matched}</Fact>
        <Fact name={job.kind === 'replay' ? 'sent' : 'sent again'}>{job.resent}</Fact>
        {job.succeeded !== null && <Fact name="succeeded">{job.succeeded}</Fact>}
        {job.failed !== null && <Fact name="failed">{job.failed}</Fact>}
        <Fact name="left out">{job.skipped}</Fact>
      </Facts>
      {isUnderWay(job) && <Refresh onPress={reload} />}
      {manage && job.state === 'running' && (
        <Action
          verb="Cancel the job"
          sure="Cancel it now"
          done="Canceled"
          act={() => cancelJob(id)}
          onDone={() => {
            // The button goes with what it ended.
            status.current?.focus()
            reload()
          }}
        />
      )}
    </>
  )
}

/** Of one that was begun on a page of something else. */
export function JobBegun({ id }: { id: string }) {
  return (
    <>
      <JobProgress id={id} manage />
      <p>
        It goes on when you leave this page: <a href={linkTo('resend', { id })}>see this job</a>.
      </p>
    </>
  )
}
