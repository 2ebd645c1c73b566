// Recent runs of one executable, each with its log and timings on demand.
import { useState } from 'preact/hooks'
import { recentRuns, runDetail } from '../api.ts'
import type { RunItem, RunPage } from '../api.ts'
import * as format from '../format.ts'
import { useLoad } from '../use-load.ts'
import { CommandLine } from './copy.tsx'
import { ErrorNote } from './error-note.tsx'

export function Runs({ id, turn, curl }: { id: number; turn: number; curl: string }) {
  const { value, error, reload } = useLoad(`runs ${id} ${turn}`, (signal) =>
    recentRuns(id, undefined, signal),
  )
  const [first, setFirst] = useState<RunPage | undefined>(undefined)
  const [older, setOlder] = useState<RunPage[]>([])
  const [refused, setRefused] = useState<unknown>(undefined)
  if (value !== undefined && value !== first) {
    // A new first page no longer meets those after the old one.
    setFirst(value)
    setOlder([])
  }

  async function showOlder(cursor: string): Promise<void> {
    setRefused(undefined)
    try {
      const page = await recentRuns(id, cursor)
      setOlder((before) => [...before, page])
    } catch (problem) {
      setRefused(problem)
    }
  }

  if (error !== undefined) return <ErrorNote error={error} retry={reload} />
  // The old list stays while the new one is on its way.
  const newest = value ?? first
  if (newest === undefined) return <p class="muted">Loading …</p>
  const items = [newest, ...older].flatMap((page) => page.items)
  const next = (older.at(-1) ?? newest).next
  if (items.length === 0) {
    return (
      <div class="empty">
        <p>Nobody has called it yet. Call it above, or from a terminal:</p>
        <CommandLine text={curl} label="curl line for a first call" />
      </div>
    )
  }
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of runs">
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col" class="wide">
                Function
              </th>
              <th scope="col">Status</th>
              <th scope="col">Took</th>
              <th scope="col" class="wide">
                Version
              </th>
              <th scope="col">
                <span class="hidden">Details</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((run) => (
              <Row key={run.run_id} run={run} id={id} />
            ))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <button type="button" onClick={reload}>
          Refresh
        </button>
        {next !== null && (
          <button type="button" onClick={() => void showOlder(next)}>
            Show older runs
          </button>
        )}
      </div>
      {refused !== undefined && <ErrorNote error={refused} />}
    </>
  )
}

function Row({ run, id }: { run: RunItem; id: number }) {
  const [open, setOpen] = useState(false)
  const at = format.time(run.created_at)
  return (
    <>
      <tr>
        <td>
          <time dateTime={run.created_at}>{at}</time>
        </td>
        <td class="wide">
          <code>{run.function}</code>
        </td>
        <td>
          <span class={`status ${tone(run.status)}`}>{run.status}</span>{' '}
          {run.code !== null && <code class="code">{run.code}</code>}
        </td>
        <td>{took(run)}</td>
        <td class="wide">{run.version}</td>
        <td>
          <button
            type="button"
            class="quiet"
            aria-expanded={open}
            aria-label={`Details of the run at ${at}`}
            onClick={() => setOpen(!open)}
          >
            Details
          </button>
        </td>
      </tr>
      {open && (
        <tr class="detail">
          <td colSpan={6}>
            <Detail runId={run.run_id} id={id} />
          </td>
        </tr>
      )}
    </>
  )
}

function Detail({ runId, id }: { runId: string; id: number }) {
  const { value: run, error, reload } = useLoad(runId, (signal) => runDetail(runId, id, signal))
  if (error !== undefined) return <ErrorNote error={error} retry={reload} />
  if (run === undefined) return <p class="muted">Loading …</p>
  const stages = Object.entries(run.timings_us).filter(([, us]) => us !== null)
  return (
    <>
      {run.error !== null && <p>{run.error}</p>}
      <dl class="facts">
        <Fact name="function" text={run.function} />
        <Fact name="version" text={String(run.version)} />
        {stages.map(([stage, us]) => (
          <Fact key={stage} name={stage} text={format.duration((us ?? 0) / 1000)} />
        ))}
        {run.input_bytes !== null && <Fact name="input" text={format.bytes(run.input_bytes)} />}
        {run.output_bytes !== null && <Fact name="output" text={format.bytes(run.output_bytes)} />}
        {run.memory_bytes !== null && <Fact name="memory" text={format.bytes(run.memory_bytes)} />}
        <Fact name="run id" text={run.run_id} />
      </dl>
      {run.log === '' ? <p class="muted">It wrote no log.</p> : <pre class="block">{run.log}</pre>}
      {run.log_truncated && <p class="muted">The log was longer; its end was not kept.</p>}
    </>
  )
}

export function Fact({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  )
}

function tone(status: string): string {
  if (status === 'succeeded') return 'good'
  return status === 'failed' || status === 'canceled' ? 'bad' : ''
}

function took({ timings_us: timings, ended_at: ended }: RunItem): string {
  if (ended === null) return '…'
  const us = Object.values(timings).reduce<number>((sum, one) => sum + (one ?? 0), 0)
  return format.duration(us / 1000)
}
