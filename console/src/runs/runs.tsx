// Runs of all functions, newest first; those that end while one looks come by themselves.
import { RUN_STATUSES, readRunFilter } from './api.ts'
import { curl } from '../curl.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Filters } from '../parts/filters.tsx'
import type { Filter } from '../parts/filters.tsx'
import { Head } from '../parts/head.tsx'
import { ALL_RUN_COLUMNS } from './run-columns.tsx'
import { List } from '../parts/table.tsx'
import { linkTo } from '../route.ts'
import { useLiveRuns } from './use-live-runs.ts'
import type { LiveRuns, LiveState } from './use-live-runs.ts'

const FILTERS: readonly Filter[] = [
  { name: 'status', label: 'Status', options: RUN_STATUSES },
  { name: 'wasm_id', label: 'Function id' },
  { name: 'code', label: 'Error code', placeholder: 'TRAP' },
]

export function Runs({ query }: { query: Readonly<Record<string, string>> }) {
  const filter = readRunFilter(query)
  const live = useLiveRuns(filter)
  return (
    <>
      <Head title="Runs" />
      <Filters
        filters={FILTERS}
        query={{ ...filter }}
        link={(asked) => linkTo('runs', {}, asked)}
      />
      <Live live={live} />
      <List
        things="runs"
        columns={ALL_RUN_COLUMNS}
        pages={live.pages}
        keyOf={(run) => run.run_id}
        empty={<Empty filtered={Object.keys(filter).length > 0} />}
      />
      {live.cut && (
        <p class="muted small">
          These are the newest that came. Pause and refresh the list to look further back.
        </p>
      )}
    </>
  )
}

const WORDS: Readonly<Record<LiveState, string>> = {
  connecting: 'Connecting …',
  live: 'Live',
  paused: 'Paused',
  lost: 'Not connected, trying again',
  refused: 'Not connected',
}

/** How the list fills; runs themselves are not read out as they come. */
function Live({ live: { state, told, sampled, pause } }: { live: LiveRuns }) {
  const paused = state === 'paused'
  return (
    <div class="row">
      <button type="button" onClick={() => pause(!paused)}>
        {paused ? 'Resume' : 'Pause'}
      </button>
      <span class={`live ${state}`} role="status">
        {WORDS[state]}
      </span>
      {sampled !== undefined && (
        <span class="muted small">
          {sampled.ended > (told?.sampled_above ?? 0)
            ? `More than ${told?.sampled_above} a second`
            : 'More than this page could take'}
          : {sampled.shown.toLocaleString()} of {sampled.ended.toLocaleString()} shown at{' '}
          {format.time(sampled.at.toISOString())}
        </span>
      )}
    </div>
  )
}

function Empty({ filtered }: { filtered: boolean }) {
  if (filtered) return <p>No run matches. Show all, or wait for one to end.</p>
  return (
    <>
      <p>Nothing has run yet. Call a function from its page, or from a terminal:</p>
      <CommandLine
        text={curl('POST', '/api/run/ID/FUNCTION', '--data-raw', 'hello')}
        label="curl line that calls a function"
      />
    </>
  )
}
