// The attempts of a delivery, the newest first, each with what was sent and answered.
import type { Attempt, Delivery } from './api.ts'
import * as format from '../format.ts'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { Headers } from '../parts/headers.tsx'
import { Payload, useBytes } from '../parts/payload.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'

interface Numbered {
  number: number
  attempt: Attempt
}

export function Attempts({ of }: { of: Delivery }) {
  const { attempts = [], attempts_omitted: omitted = 0, payload_kept: kept } = of
  if (attempts.length === 0) return <p class="muted">No attempt has ended yet.</p>
  const items = attempts.map((attempt, at) => ({ number: omitted + at + 1, attempt })).reverse()
  return (
    <>
      <Table
        things="attempts"
        columns={COLUMNS}
        items={items}
        keyOf={({ attempt }) => attempt.attempt_id}
        detail={{
          name: ({ number }) => `attempt ${number}`,
          show: ({ attempt }) => <Detail attempt={attempt} kept={kept} />,
        }}
      />
      {omitted > 0 && <p class="muted">{omitted} older ones are not shown.</p>}
    </>
  )
}

const COLUMNS: readonly Column<Numbered>[] = [
  { head: 'No.', cell: ({ number }) => number },
  {
    head: 'Time',
    cell: ({ attempt: { began_at: at } }) => (at === null ? 'not known' : <Time at={at} />),
  },
  { head: 'Outcome', cell: ({ attempt }) => <Outcome of={attempt} /> },
  {
    head: 'Took',
    number: true,
    cell: ({ attempt }) => format.duration(attempt.duration_us / 1000),
    wide: true,
  },
  {
    head: 'Why',
    cell: ({ attempt: { manual } }) => (manual ? 'sent again by hand' : 'by its policy'),
    wide: true,
  },
]

function Outcome({ of: { status, error_class: failure } }: { of: Attempt }) {
  const taken = failure === null && status !== null && status >= 200 && status < 300
  const code = failure ?? (taken || status === null ? null : `HTTP ${status}`)
  return <Status word={taken ? 'succeeded' : 'failed'} code={code} />
}

const STAGES = [
  ['looking up the name', 'dns_us'],
  ['connecting', 'connect_us'],
  ['TLS', 'tls_us'],
  ['first byte', 'first_byte_us'],
  ['in all', 'total_us'],
] as const

function Detail({ attempt, kept }: { attempt: Attempt; kept: boolean }) {
  return (
    <>
      {attempt.error !== null && <p>{attempt.error}</p>}
      <Facts>
        {attempt.status !== null && <Fact name="status">{attempt.status}</Fact>}
        {attempt.peer !== null && <Fact name="sent to">{attempt.peer}</Fact>}
        {STAGES.map(([name, field]) => {
          const us = attempt.timings[field]
          return us === null ? null : (
            <Fact key={field} name={name}>
              {format.duration(us / 1000)}
            </Fact>
          )
        })}
      </Facts>
      <h3>Request</h3>
      <Request request={attempt.request} />
      <h3>Response</h3>
      {attempt.status === null ? (
        <p class="muted">No response came.</p>
      ) : (
        <>
          <Headers all={inOrder(attempt.response_headers)} />
          <ResponseBody attempt={attempt} kept={kept} />
        </>
      )}
    </>
  )
}

/** What was sent of a request, as docs/delivery.md says. */
interface Sent {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
}

function Request({ request }: { request: unknown }) {
  if (request === null || request === undefined) return <p class="muted">No request was sent.</p>
  const { method, url, headers } = request as Sent
  return (
    <>
      <code>
        {method} {url}
      </code>
      <Headers all={inOrder(headers)} />
    </>
  )
}

function inOrder(headers: Readonly<Record<string, string>>) {
  return Object.entries(headers).map(([name, value]) => ({ name, value }))
}

function ResponseBody({ attempt, kept }: { attempt: Attempt; kept: boolean }) {
  const { response_body: text, response_body_base64: base64, response_cut: cut } = attempt
  const body = useBytes(text, base64)
  if (body === undefined || body.size === 0) {
    return <p class="muted">{kept ? 'Its body is empty.' : 'Its body is no longer kept.'}</p>
  }
  return (
    <>
      <Payload title="Body" name="response" body={body} words={WORDS} />
      {cut && <p class="muted">This is its beginning; the rest was not read.</p>}
    </>
  )
}

const WORDS = {
  empty: 'Its body is empty.',
  text: 'Body of the response',
  image: 'The image that the target answered',
}
