// The server as a whole: whether it keeps up, what it holds and how it is set.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { readSystem } from './api.ts'
import type { System } from './api.ts'
import { curl } from '../curl.ts'
import * as format from '../format.ts'
import { Chart, Keys } from '../parts/chart.tsx'
import type { Series } from '../parts/chart.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { TextField } from '../parts/fields.tsx'
import { Head } from '../parts/head.tsx'
import { Loading } from '../parts/shown.tsx'
import { Table } from '../parts/table.tsx'
import { Section } from '../parts/section.tsx'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'

const EVERY_MS = 2_000
/** Ten minutes of them. */
const SAMPLES_MAX = 300

interface Sample {
  atMs: number
  system: System
}

export function SystemPage() {
  const { value, error, reload } = useLoad('system', readSystem)
  const [samples, setSamples] = useState<readonly Sample[]>([])
  useEffect(() => {
    // Browsers slow this down where nobody looks.
    const timer = setTimeout(reload, EVERY_MS)
    return () => clearTimeout(timer)
  }, [value, error])
  useEffect(() => {
    if (value === undefined) return
    setSamples((all) => [...all, { atMs: Date.now(), system: value }].slice(-SAMPLES_MAX))
  }, [value])
  // What was there last stays to be seen beside the error.
  const newest = value ?? samples.at(-1)?.system
  return (
    <>
      <Head title="System" />
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {newest === undefined && error === undefined && <Loading />}
      {newest !== undefined && (
        <>
          <Summary system={newest} />
          <Queues queues={newest.queues} />
          {samples.length > 0 && <Charts samples={samples} system={newest} />}
          <Section title="From a terminal">
            <CommandLine text={curl('GET', '/api/system')} label="curl line that tells the same" />
          </Section>
          <Limits limits={newest.limits} />
        </>
      )}
    </>
  )
}

function Summary({ system }: { system: System }) {
  const { storage, sandbox, processes } = system
  return (
    <Facts>
      <Fact name="version">{system.version}</Fact>
      <Fact name="up for">{format.span(system.uptime_ms)}</Fact>
      <Fact name="started">
        <Time at={system.started_at} />
      </Fact>
      <Fact name="processes">{processes}</Fact>
      <Fact name="storage">
        {ENGINES[storage.engine] ?? storage.engine}, {format.bytes(storage.size_bytes)},{' '}
        <Status word={storage.healthy ? 'healthy' : 'failed'} />
      </Fact>
      <Fact name="runs under way">{system.runs_active}</Fact>
      <Fact name="sandbox">
        {sandbox.running} of {sandbox.threads} threads busy, {sandbox.queued} calls wait
      </Fact>
    </Facts>
  )
}

const ENGINES: Readonly<Record<string, string>> = { sqlite: 'SQLite', postgresql: 'PostgreSQL' }

type Queue = System['queues']['runs'] & { name: string; href: string }

function Queues({ queues }: Pick<System, 'queues'>) {
  const rows: Queue[] = [
    { name: 'Runs', href: linkTo('runs', {}, { status: 'queued' }), ...queues.runs },
    {
      name: 'Deliveries',
      href: linkTo('deliveries', {}, { state: 'pending' }),
      ...queues.deliveries,
    },
  ]
  return (
    <Section title="Queues">
      <Table
        things="queues"
        keyOf={(queue) => queue.name}
        items={rows}
        columns={[
          { head: 'Queue', cell: ({ name, href }) => <a href={href}>{name}</a> },
          {
            head: 'Waiting',
            number: true,
            cell: ({ depth, more }) => `${count(depth)}${more ? ' and more' : ''}`,
          },
          { head: 'Oldest due', cell: ({ oldest_due_at: at }) => dueWords(at) },
        ]}
      />
    </Section>
  )
}

function dueWords(at: string | null): ComponentChildren {
  if (at === null) return <span class="muted">nothing waits</span>
  const behindMs = Date.now() - Date.parse(at)
  if (behindMs < 0) return `in ${format.span(-behindMs)}`
  return behindMs < 1000 ? 'now' : <span class="status bad">{format.span(behindMs)} ago</span>
}

function Charts({ samples, system }: { samples: readonly Sample[]; system: System }) {
  const { memory, event_loop_delay: delay } = system
  // From a minute before the first: of a single time no chart could be drawn.
  const begunMs = samples[0]?.atMs ?? 0
  const times = [begunMs - 60_000, ...samples.map((one) => one.atMs)]
  const values = (of: (system: System) => number | null) => [
    null,
    ...samples.map((one) => of(one.system)),
  ]
  const p99 = delay === null ? '…' : delay.p99_ms === null ? 'a lot' : format.duration(delay.p99_ms)
  return (
    <div class="charts">
      <Figure
        name="Event loop delay"
        now={delay === null ? '…' : `${format.duration(delay.mean_ms)} mean, ${p99} p99`}
        times={times}
        series={[
          {
            name: 'mean',
            color: '--accent',
            values: values((one) => one.event_loop_delay?.mean_ms ?? null),
          },
        ]}
        words={(ms) => `${ms.toFixed(1)} ms`}
      />
      <Figure
        name="Memory"
        now={`${format.bytes(memory.resident_bytes)} resident, ${format.bytes(memory.heap_used_bytes)} heap, ${format.bytes(memory.buffered_bytes)} of ${format.bytes(memory.buffered_limit_bytes)} held by requests`}
        times={times}
        series={[
          {
            name: 'resident',
            color: '--accent',
            values: values((one) => one.memory.resident_bytes),
          },
          { name: 'heap', color: '--muted', values: values((one) => one.memory.heap_used_bytes) },
        ]}
        words={format.bytes}
      />
      <Figure
        name="Waiting deliveries and runs"
        now={`${count(system.queues.deliveries.depth)} deliveries, ${count(system.queues.runs.depth)} runs`}
        times={times}
        series={[
          {
            name: 'deliveries',
            color: '--accent',
            values: values((one) => one.queues.deliveries.depth),
          },
          { name: 'runs', color: '--good', values: values((one) => one.queues.runs.depth) },
        ]}
        words={(depth) => (Number.isInteger(depth) ? count(depth) : '')}
      />
    </div>
  )
}

interface FigureProps {
  name: string
  now: string
  times: readonly number[]
  series: readonly Series[]
  words: (value: number) => string
}

function Figure({ name, now, times, series, words }: FigureProps) {
  return (
    <section class="card" aria-label={name}>
      <h2>{name}</h2>
      <p class="muted small">{now}</p>
      {series.length > 1 && <Keys series={series} />}
      <Chart
        label={`${name} while this page is open; now ${now}`}
        times={times}
        series={series}
        words={words}
      />
    </section>
  )
}

function Limits({ limits }: Pick<System, 'limits'>) {
  const [wanted, setWanted] = useState('')
  const shown = Object.entries(limits).filter(([name]) =>
    name.includes(wanted.trim().toUpperCase()),
  )
  return (
    <Section title="Settings">
      <div class="filters" role="search">
        <TextField label="Name" value={wanted} onChange={setWanted} />
      </div>
      {shown.length === 0 ? (
        <p class="muted">No setting is called that.</p>
      ) : (
        <Table
          things="limits"
          keyOf={([name]) => name}
          items={shown}
          columns={[
            { head: 'Setting', cell: ([name]) => <code>{name}</code> },
            { head: 'Value', cell: ([name, value]) => valueWords(name, value) },
          ]}
        />
      )}
    </Section>
  )
}

/** Names end in their unit. */
function valueWords(name: string, value: number): string {
  if (/_BYTES(_|$)/.test(name) && value >= 1000) return `${count(value)} (${format.bytes(value)})`
  if (/_MS(_|$)/.test(name) && value >= 1000) return `${count(value)} (${format.span(value)})`
  return count(value)
}

function count(value: number): string {
  return value.toLocaleString('en')
}
