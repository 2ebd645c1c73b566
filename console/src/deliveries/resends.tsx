// Jobs that send many deliveries again: all of them, and one while it goes on.
import { findJob, listJobs } from './api.ts'
import type { Job } from './api.ts'
import { inWords, readFilter } from './delivery-filter.ts'
import type { Filter } from './delivery-filter.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { JobBar, JobProgress } from './job-progress.tsx'
import { resendLine } from './resend-all.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'
import { besideDeliveries } from './deliveries.tsx'

export function Resends() {
  const pages = usePages('resend jobs', listJobs)
  return (
    <>
      <Head title="Resend jobs" beside={besideDeliveries('resends')} />
      <List
        things="resend jobs"
        columns={COLUMNS}
        pages={pages}
        keyOf={(job) => job.job_id}
        empty={<Empty />}
      />
    </>
  )
}

const COLUMNS: readonly Column<Job>[] = [
  {
    head: 'Begun',
    cell: ({ job_id: id, created_at: at }) => (
      <a href={linkTo('resend', { id })} aria-label={`Job of ${format.time(at)}`}>
        <Time at={at} />
      </a>
    ),
  },
  { head: 'State', cell: ({ state }) => <Status word={state} /> },
  { head: 'What', cell: (job) => whatOf(job), wide: true },
  {
    head: 'Progress',
    cell: (job) => (
      <div class="progress">
        <JobBar job={job} />
        <span class="muted small">
          {job.resent} sent{job.failed === null ? '' : `, ${job.failed} failed`}
        </span>
      </div>
    ),
  },
]

function filterOf({ filter, wasm_id: id }: Job): Filter {
  return readFilter({ ...filter, ...(id === null ? {} : { wasm_id: String(id) }) })
}

function whatOf(job: Job): string {
  const words = inWords(filterOf(job))
  return job.kind === 'replay' ? `messages never sent: ${words}` : words
}

function Empty() {
  return (
    <>
      <p>
        Nothing was sent again as a job yet. <a href={linkTo('deliveries')}>Filter deliveries</a>{' '}
        and resend all matching, or from a terminal:
      </p>
      <CommandLine
        text={resendLine({ state: 'failed' }, undefined)}
        label="curl line that resends"
      />
    </>
  )
}

export function ResendPage({ id }: { id: string }) {
  const { mayManage } = useWho()
  const { value: job } = useLoad(`about ${id}`, (signal) => findJob(id, signal))
  return (
    <>
      <Head
        title="Resend job"
        way={[
          { name: 'Deliveries', href: linkTo('deliveries') },
          { name: 'Resend jobs', href: linkTo('resends') },
        ]}
      />
      {job !== undefined && (
        <>
          <p>
            It sends again <strong>{whatOf(job)}</strong>, the oldest first, each once.{' '}
            <a href={linkTo('deliveries', {}, filterOf(job))}>Those deliveries now</a>
          </p>
        </>
      )}
      <JobProgress id={id} manage={mayManage} />
      {job !== undefined && (
        <Facts>
          <Fact name="begun">
            <Time at={job.created_at} />
          </Fact>
          {job.rate_per_second !== null && (
            <Fact name="at most in a second">{job.rate_per_second}</Fact>
          )}
          <Fact name="job id">{job.job_id}</Fact>
        </Facts>
      )}
    </>
  )
}
