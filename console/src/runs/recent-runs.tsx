// Recent runs of one executable, each with its log and timings on demand.
import { useEffect } from 'preact/hooks'
import { recentRuns, runDetail } from './api.ts'
import type { RunDetail } from './api.ts'
import * as format from '../format.ts'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Fact, Facts } from '../parts/facts.tsx'
import { RUN_COLUMNS } from './run-columns.tsx'
import { Shown } from '../parts/shown.tsx'
import { List } from '../parts/table.tsx'
import { useWho } from '../who.ts'

/** `turn` changes with each call that was made here. */
export function Runs({ id, turn, curl }: { id: number; turn: number; curl: string }) {
  const { barredFrom } = useWho()
  const pages = usePages(`runs ${id}`, (cursor, signal) => recentRuns(id, cursor, signal))
  useEffect(() => {
    if (turn > 0) pages.reload()
  }, [turn])
  return (
    <>
      <List
        things="runs"
        columns={RUN_COLUMNS}
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
      />
      {barredFrom('runs') === undefined && (
        <p>
          <a href={linkTo('runs', {}, { wasm_id: id })}>All runs of this function, as they end</a>
        </p>
      )}
    </>
  )
}

function Detail({ runId, id }: { runId: string; id: number }) {
  const loaded = useLoad(runId, (signal) => runDetail(runId, id, signal))
  return <Shown of={loaded}>{(run) => <Known run={run} />}</Shown>
}

function Known({ run }: { run: RunDetail }) {
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
