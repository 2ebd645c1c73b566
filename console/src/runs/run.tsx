// One run: what came of it, what it spent its time on, where it came from and what went on from it.
import { WasmhookError } from '../../../packages/client/src/error.ts'
import { cancelRun, runDetail } from './api.ts'
import type { RunDetail } from './api.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { AdminKey } from '../parts/admin-key.tsx'
import { ErrorNote, KeptError } from '../parts/error-note.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { Refresh } from '../parts/refresh.tsx'
import { Loading } from '../parts/shown.tsx'
import { Section } from '../parts/section.tsx'
import { CameFrom, KeptResult, Onward, Tries } from './run-sections.tsx'
import { Timeline } from './timeline.tsx'
import { linkTo } from '../route.ts'
import { useAgain } from '../hooks/use-again.ts'
import { useLoad } from '../hooks/use-load.ts'
import { useWho } from '../who.ts'

/** @param wasmId its function's, where the address says: its key may be asked for */
export function RunPage({ id, wasmId }: { id: string; wasmId: number | undefined }) {
  const {
    value: run,
    error,
    reload,
  } = useLoad(`run ${id}`, (signal) => runDetail(id, wasmId, signal))
  const locked = error instanceof WasmhookError && [401, 403].includes(error.status)
  useAgain(run?.ended_at === null && !locked, error ?? run, reload)
  const { barredFrom } = useWho()
  const way = barredFrom('runs') ? [] : [{ name: 'Runs', href: linkTo('runs') }]
  if (run !== undefined) {
    const { wasm_id: of } = run
    way.push({ name: `Function ${of}`, href: linkTo('function', { id: of }) })
  }
  return (
    <>
      <Head title={run === undefined ? 'Run' : `Run of ${run.function}`} way={way} />
      {locked && wasmId !== undefined ? (
        <AdminKey id={wasmId} onKey={reload} />
      ) : (
        error !== undefined && <ErrorNote error={error} retry={reload} />
      )}
      {run === undefined && error === undefined && <Loading />}
      {run !== undefined && <Known run={run} onChanged={reload} />}
    </>
  )
}

function Known({ run, onChanged }: { run: RunDetail; onChanged: () => void }) {
  const { run_id: id, wasm_id: wasmId } = run
  return (
    <>
      <RunFacts run={run} />
      {run.code !== null && <KeptError code={run.code} message={run.error} />}
      {run.ended_at === null && (
        <>
          {run.cancel_requested ? (
            <p class="muted">It has been asked to end.</p>
          ) : (
            <Action
              verb="Cancel this run"
              sure="Cancel it for good"
              act={() => cancelRun(id, wasmId)}
              done=""
              onDone={onChanged}
            />
          )}
          <Refresh onPress={onChanged} />
        </>
      )}
      <Section title="Timeline">
        <Timeline timings={run.timings_us} />
      </Section>
      <Section title="Log">
        {run.log === '' ? (
          <p class="muted">It wrote nothing to stdout or stderr.</p>
        ) : (
          <pre class="block" tabIndex={0} role="region" aria-label="Log text">
            {run.log}
          </pre>
        )}
        {run.log_truncated && <p class="muted">It was longer; its end was not kept.</p>}
      </Section>
      <CameFrom run={run} />
      <Tries run={run} />
      <Onward run={run} />
      <KeptResult run={run} />
    </>
  )
}

function RunFacts({ run }: { run: RunDetail }) {
  return (
    <Facts>
      <Fact name="status">
        <span role="status">
          <Status word={run.status} code={run.code} />
        </span>
      </Fact>
      <Fact name="began">
        <Time at={run.created_at} />
      </Fact>
      {run.ended_at !== null && (
        <Fact name="ended">
          <Time at={run.ended_at} />
        </Fact>
      )}
      {run.due_at !== null && (
        <Fact name="next try">
          <Time at={run.due_at} />
        </Fact>
      )}
      <Fact name="version">{run.version}</Fact>
      {run.output_bytes !== null && <Fact name="output">{format.bytes(run.output_bytes)}</Fact>}
      {run.memory_bytes !== null && <Fact name="memory">{format.bytes(run.memory_bytes)}</Fact>}
      {run.fuel_used !== null && <Fact name="fuel">{run.fuel_used.toLocaleString()}</Fact>}
      <Fact name="run id">
        <code>{run.run_id}</code>
      </Fact>
    </Facts>
  )
}
