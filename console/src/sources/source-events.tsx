// What a source got, newest first: accepted, or refused and why; each with its headers and body, and replay.
import { useState } from 'preact/hooks'
import { VERDICTS, findSourceEvent, listSourceEvents, replaySourceEvent } from './api.ts'
import type { Source, SourceEvent, Verdict, WholeEvent } from './api.ts'
import * as format from '../format.ts'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { Filters } from '../parts/filters.tsx'
import { Headers } from '../parts/headers.tsx'
import { JsonTree } from '../parts/json-tree.tsx'
import { Payload, SENT_WORDS, useBytes } from '../parts/payload.tsx'
import { Shown } from '../parts/shown.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'

interface Props {
  source: Source
  /** Shown are those alone. */
  verdict: Verdict | undefined
  /** The line that sends an event. */
  curl: string | undefined
}

export function SourceEvents({ source, verdict, curl }: Props) {
  const { tenant, source_id: id } = source
  const pages = usePages(`events ${id} ${verdict ?? ''}`, (cursor, signal) =>
    listSourceEvents({ tenant, id }, { verdict, cursor }, signal),
  )
  return (
    <>
      <Filters
        filters={[{ name: 'verdict', label: 'Verdict', options: VERDICTS }]}
        query={verdict === undefined ? {} : { verdict }}
        link={(query) => linkTo('source', { tenant, id }, query)}
      />
      <List
        things="events"
        columns={columns(tenant)}
        pages={pages}
        keyOf={(one) => one.event_id}
        detail={{
          name: (one) => `the event at ${format.time(one.received_at)}`,
          show: (one) => <Detail tenant={tenant} event={one} onReplayed={pages.reload} />,
        }}
        empty={<Empty verdict={verdict} curl={curl} />}
      />
    </>
  )
}

const columns = (tenant: string): readonly Column<SourceEvent>[] => [
  { head: 'Time', cell: (one) => <Time at={one.received_at} /> },
  { head: 'Verdict', cell: (one) => <Status word={one.verdict} code={one.reason_code} /> },
  { head: 'Leads to', cell: (one) => <LeadsTo tenant={tenant} event={one} />, wide: true },
  { head: "Sender's id", cell: ({ id }) => (id === null ? '' : <code>{id}</code>), wide: true },
]

function LeadsTo({ tenant, event }: { tenant: string; event: SourceEvent }) {
  const { run_id: run, message_id: message, replay_of: replayed } = event
  return (
    <>
      {run !== null && <a href={linkTo('run', { id: run })}>run</a>}{' '}
      {message !== null && <a href={linkTo('message', { tenant, id: message })}>message</a>}{' '}
      {replayed !== null && <span class="muted">replayed</span>}
    </>
  )
}

function Empty({ verdict, curl }: Pick<Props, 'verdict' | 'curl'>) {
  if (verdict !== undefined) return <p>It has no event with the verdict “{verdict}”.</p>
  return (
    <>
      <p>Nothing came yet. Have its sender call the address above, or from a terminal:</p>
      {curl !== undefined && <CommandLine text={curl} label="curl lines for a first event" />}
    </>
  )
}

interface DetailProps {
  tenant: string
  event: SourceEvent
  onReplayed: () => void
}

function Detail({ tenant, event, onReplayed }: DetailProps) {
  const loaded = useLoad(event.event_id, (signal) => findSourceEvent(tenant, event, signal))
  return (
    <Shown of={loaded}>
      {(whole) => <Whole tenant={tenant} event={whole} onReplayed={onReplayed} />}
    </Shown>
  )
}

function Whole({ tenant, event, onReplayed }: DetailProps & { event: WholeEvent }) {
  const { mayManage } = useWho()
  const { reason, reason_code: code } = event
  return (
    <>
      {reason !== null && (
        <p>
          {code !== null && <code class="code">{code}</code>} {reason}
        </p>
      )}
      <Ids tenant={tenant} event={event} />
      {event.headers === null ? (
        <p class="muted">Its headers and body are not kept.</p>
      ) : (
        <Content event={event} />
      )}
      {mayManage && event.body_kept && (
        <Replay tenant={tenant} event={event} onReplayed={onReplayed} />
      )}
    </>
  )
}

function Content({ event }: { event: WholeEvent }) {
  const body = useBytes(event.body, event.body_base64)
  return (
    <>
      {body === undefined ? (
        <p class="muted">Its body is not kept.</p>
      ) : (
        <Payload title="Body" name="event" body={body} words={SENT_WORDS} />
      )}
      <Headers all={pairs(event.headers)} />
      {hasMembers(event.query) && (
        <>
          <h3>Query</h3>
          <JsonTree value={event.query} />
        </>
      )}
    </>
  )
}

function Ids({ tenant, event }: { tenant: string; event: SourceEvent }) {
  const { run_id: run, message_id: message, content_type: type } = event
  return (
    <Facts>
      {run !== null && (
        <Fact name="run">
          <a href={linkTo('run', { id: run })}>{run}</a>
        </Fact>
      )}
      {message !== null && (
        <Fact name="message">
          <a href={linkTo('message', { tenant, id: message })}>{message}</a>
        </Fact>
      )}
      {event.duplicate_of !== null && <Fact name="was here before as">{event.duplicate_of}</Fact>}
      {event.replay_of !== null && <Fact name="replay of">{event.replay_of}</Fact>}
      {event.id !== null && <Fact name="sender's id">{event.id}</Fact>}
      {type !== null && <Fact name="type">{type}</Fact>}
      <Fact name="size">{format.bytes(event.size_bytes)}</Fact>
      <Fact name="event id">{event.event_id}</Fact>
    </Facts>
  )
}

function Replay({ tenant, event, onReplayed }: DetailProps) {
  const [run, setRun] = useState<string | null>(null)
  return (
    <>
      <Action
        verb="Replay it"
        act={async () => setRun((await replaySourceEvent(tenant, event)).run_id)}
        done="It is done once more, in the background."
        onDone={onReplayed}
      />
      {run !== null && (
        <p>
          <a href={linkTo('run', { id: run })}>To the run of the replay</a>
        </p>
      )}
    </>
  )
}

function hasMembers(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

/** By name, with a list where one came several times. */
function pairs(headers: unknown): { name: string; value: string }[] {
  if (!hasMembers(headers)) return []
  return Object.entries<unknown>({ ...headers }).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => ({ name, value: String(one) })),
  )
}
