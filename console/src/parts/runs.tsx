// Recent runs of one executable, each with its log and timings on demand.
import { useEffect } from 'preact/hooks'
import { recentRuns, runDetail } from '../api/functions.ts'
import type { RunItem } from '../api/functions.ts'
import * as format from '../format.ts'
import { useLoad } from '../use-load.ts'
import { usePages } from '../use-pages.ts'
import { CommandLine } from './copy.tsx'
import { ErrorNote } from './error-note.tsx'
import { Fact, Facts, Status, Time } from './facts.tsx'
import { List } from './table.tsx'
import type { Column } from './table.tsx'

/** `turn` changes with each call that was made here. */
export function Runs({ id, turn, curl }: { id: number; turn: number; curl: string }) {
  const pages = usePages(`runs ${id}`, (cursor, signal) => recentRuns(id, cursor, signal))
  useEffect(() => {
    if (turn > 0) pages.reload()
  }, [turn])
  return (
    <List
      label="Table of runs"
      columns={COLUMNS}
      pages={pages}
      keyOf={(run) => run.run_id}
      detail={{
        name: (run) => `the run at ${format.time(run.created_at)}`,
        show: (run) => <Detail runId={run.run_id} id={id} />,
      }}
      empty={
        <>
          <p>Nobody has called it yet. Call it above, or from a terminal:</p>
          <CommandLine text={curl} label="curl line for a first call" />
        </>
      }
      moreWords="Show older runs"
    />
  )
}

const COLUMNS: readonly Column<RunItem>[] = [
  { head: 'Time', cell: (run) => <Time at={run.created_at} /> },
  { head: 'Function', cell: (run) => <code>{run.function}</code>, wide: true },
  { head: 'Status', cell: (run) => <Status word={run.status} code={run.code} /> },
  { head: 'Took', cell: (run) => took(run) },
  { head: 'Version', cell: (run) => run.version, wide: true },
]

function Detail({ runId, id }: { runId: string; id: number }) {
  const { value: run, error, reload } = useLoad(runId, (signal) => runDetail(runId, id, signal))
  if (error !== undefined) return <ErrorNote error={error} retry={reload} />
  if (run === undefined) return <p class="muted">Loading …</p>
  const stages = Object.entries(run.timings_us).filter(([, us]) => us !== null)
  return (
    <>
      {run.error !== null && <p>{run.error}</p>}
      <Facts>
        <Fact name="function">{run.function}</Fact>
        <Fact name="version">{run.version}</Fact>
        {stages.map(([stage, us]) => (
          <Fact key={stage} name={stage}>
            {format.duration((us ?? 0) / 1000)}
          </Fact>
        ))}
        {run.input_bytes !== null && <Fact name="input">{format.bytes(run.input_bytes)}</Fact>}
        {run.output_bytes !== null && <Fact name="output">{format.bytes(run.output_bytes)}</Fact>}
        {run.memory_bytes !== null && <Fact name="memory">{format.bytes(run.memory_bytes)}</Fact>}
        <Fact name="run id">{run.run_id}</Fact>
      </Facts>
      {run.log === '' ? <p class="muted">It wrote no log.</p> : <pre class="block">{run.log}</pre>}
      {run.log_truncated && <p class="muted">The log was longer; its end was not kept.</p>}
    </>
  )
}

function took({ timings_us: timings, ended_at: ended }: RunItem): string {
  if (ended === null) return '…'
  const us = Object.values(timings).reduce<number>((sum, one) => sum + (one ?? 0), 0)
  return format.duration(us / 1000)
}
