// One request bin: its address, how it is used as a target, and what was sent to it, shown as it comes.
import { deleteBin, findBin, listBinRequests } from './api.ts'
import type { Bin, BinRequest } from './api.ts'
import { curl, curlTo, jsonWords } from '../curl.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine, Copyable } from '../parts/copy.tsx'
import { Fact, Facts, Time } from '../parts/facts.tsx'
import { Headers } from '../parts/headers.tsx'
import { Payload, SENT_WORDS, useBytes } from '../parts/payload.tsx'
import { Shown } from '../parts/shown.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Section } from '../parts/section.tsx'
import { go, linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWatch } from './use-watch.ts'
import { useWho } from '../who.ts'

export function BinPage({ tenant, id }: { tenant: string; id: string }) {
  const loaded = useLoad(`bin ${id}`, (signal) => findBin(tenant, id, signal))
  return (
    <>
      <TenantHead tenant={tenant} tab="bins" title={`Request bin ${format.shortId(id)}`} />
      <Shown of={loaded}>{(bin) => <Known bin={bin} />}</Shown>
    </>
  )
}

function Known({ bin }: { bin: Bin }) {
  const { tenant, url } = bin
  const { mayManage, barredFrom } = useWho()
  return (
    <>
      <Copyable text={url} what="the address" />
      <p class="muted">
        It takes any method, any path below it, and any body, from whoever has the address. It
        expires at <Time at={bin.expires_at} />, with all that it kept.
      </p>
      <Section title="What was sent to it">
        <Requests bin={bin} />
      </Section>
      <Section title="Use it as a target">
        <p>
          As the target of a call, under “Send the result on” of{' '}
          {barredFrom('functions') ? 'a function' : <a href={linkTo('functions')}>a function</a>};
          or of the events of this tenant:{' '}
          <a href={linkTo('endpoints', { tenant }, { url })}>make an endpoint with this address</a>.
          From a terminal, function 1 sends its result here:
        </p>
        <CommandLine text={callbackLine(url)} label="curl line that sends a result here" />
      </Section>
      {mayManage && (
        <Section title="Delete">
          <div class="call">
            <Action
              verb="Delete this bin"
              sure="Delete it with all that it kept"
              act={() => deleteBin(bin)}
              done=""
              onDone={() => go(linkTo('bins', { tenant }))}
            />
          </div>
        </Section>
      )}
    </>
  )
}

function callbackLine(url: string): string {
  const body = ['-H', 'Content-Type: text/plain', '--data', 'hello']
  const callback = ['-H', `SSVM_Callback: ${url}`]
  return curl('POST', '/api/run/1/say', ...callback, ...body)
}

function Requests({ bin: { tenant, bin_id: id, url } }: { bin: Bin }) {
  const of = { tenant, id }
  const pages = usePages(`bin requests ${id}`, (cursor, signal) =>
    listBinRequests(of, { cursor }, signal),
  )
  const newest = pages.items?.[0]?.request_id
  const { watching, watch } = useWatch(async () => {
    // The newest alone: bodies are long, and mostly nothing has come.
    const { items } = await listBinRequests(of, { limit: 1 })
    if (items[0]?.request_id !== newest) pages.reload()
  })
  return (
    <>
      <p class="muted small" role="status">
        {watching ? (
          'What is sent shows up here by itself.'
        ) : (
          <>
            This page has stopped looking.{' '}
            <button type="button" class="quiet" onClick={watch}>
              Look again
            </button>
          </>
        )}
      </p>
      <List
        things="requests"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.request_id}
        detail={{
          name: (one) => `${one.method} at ${format.time(one.received_at)}`,
          show: (one) => <Request one={one} />,
          // What somebody has waited for.
          open: (one) => one.request_id === newest,
        }}
        empty={
          <>
            <p>Nothing was sent to it yet. Send it something from a terminal:</p>
            <CommandLine
              text={curlTo(`${url}/orders?n=1`, ...jsonWords({ hello: 'world' }))}
              label="curl line that fills the bin"
            />
          </>
        }
      />
    </>
  )
}

const COLUMNS: readonly Column<BinRequest>[] = [
  { head: 'Time', cell: (one) => <Time at={one.received_at} /> },
  { head: 'Method', cell: (one) => <code>{one.method}</code> },
  { head: 'Path', cell: (one) => <code class="path">{pathOf(one)}</code> },
  { head: 'Size', number: true, cell: (one) => format.bytes(one.size_bytes), wide: true },
]

function pathOf({ path, query }: BinRequest): string {
  return `${path || '/'}${query === '' ? '' : `?${query}`}`
}

function Request({ one }: { one: BinRequest }) {
  const body = useBytes(one.body, one.body_base64)
  return (
    <>
      {body !== undefined && <Payload title="Body" name="body" body={body} words={SENT_WORDS} />}
      {one.body_cut && (
        <p class="muted">
          Its beginning is kept, of {format.bytes(one.size_bytes)} that were sent.
        </p>
      )}
      <Headers all={one.headers} />
      <Facts>
        <Fact name="request id">{one.request_id}</Fact>
      </Facts>
    </>
  )
}
