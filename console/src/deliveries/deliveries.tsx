// What is sent, waits to be sent, or could not be: found by state, target, time and where it came from.
import { useState } from 'preact/hooks'
import { listDeliveries } from './api.ts'
import type { DeliveryItem } from './api.ts'
import { curl, jsonWords } from '../curl.ts'
import { fieldsFor, readFilter } from './delivery-filter.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { DeliveryState } from './delivery-state.tsx'
import { Time } from '../parts/facts.tsx'
import { Filters } from '../parts/filters.tsx'
import { Head } from '../parts/head.tsx'
import { ResendAll } from './resend-all.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { linkTo } from '../route.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

export function Deliveries({ query }: { query: Readonly<Record<string, string>> }) {
  const who = useWho()
  const filter = readFilter(query)
  const place = JSON.stringify(filter)
  const pages = usePages(place, (cursor, signal) => listDeliveries(filter, cursor, signal))
  const [sending, setSending] = useState(false)
  const close = () => {
    setSending(false)
    pages.reload()
    document.querySelector('h1')?.focus()
  }
  const any = pages.items !== undefined && pages.items.length > 0
  return (
    <>
      <Head title="Deliveries" beside={besideDeliveries('deliveries')} />
      <Filters
        filters={fieldsFor(who.tenant)}
        query={query}
        link={(asked) => linkTo('deliveries', {}, asked)}
      />
      {sending ? (
        <ResendAll key={place} filter={filter} onClose={close} />
      ) : (
        any &&
        who.mayManage && (
          <div class="row">
            <button type="button" onClick={() => setSending(true)}>
              Resend all matching …
            </button>
          </div>
        )
      )}
      <List
        things="deliveries"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.delivery_id}
        empty={place === '{}' ? <Empty tenant={who.tenant} /> : <p>No delivery matches.</p>}
      />
    </>
  )
}

export function besideDeliveries(here: 'deliveries' | 'resends') {
  return {
    label: 'Of deliveries',
    places: [
      { name: 'All deliveries', href: linkTo('deliveries'), here: here === 'deliveries' },
      { name: 'Resend jobs', href: linkTo('resends'), here: here === 'resends' },
    ],
  }
}

const COLUMNS: readonly Column<DeliveryItem>[] = [
  {
    head: 'Made',
    cell: ({ delivery_id: id, created_at: at }) => (
      <a
        href={linkTo('delivery', { id })}
        aria-label={at === null ? undefined : `Delivery of ${format.time(at)}`}
      >
        {at === null ? id : <Time at={at} />}
      </a>
    ),
  },
  { head: 'State', cell: (one) => <DeliveryState one={one} /> },
  { head: 'Target', cell: ({ target }) => <span class="target">{target}</span> },
  { head: 'What', cell: (one) => whatOf(one), wide: true },
  { head: 'Tries', number: true, cell: ({ tries }) => tries, wide: true },
  {
    head: 'Next',
    cell: ({ due_at: at }) => (at === null ? '–' : <Time at={at} />),
    wide: true,
  },
]

function whatOf({ wasm_id: id, event_type: type, tenant }: DeliveryItem) {
  if (id !== null) return <>result of function {id}</>
  return (
    <>
      <code>{type}</code> <span class="muted">of {tenant}</span>
    </>
  )
}

const CALLBACK = {
  ...{ protocol: 'https:', hostname: 'example.org', path: '/receive' },
  retry: { interval_ms: 10_000, backoff: 2, retries: 3 },
}

function Empty({ tenant }: { tenant: string | null }) {
  if (tenant !== null) {
    const body = { type: 'order.created', payload: { order: 1 } }
    return (
      <>
        <p>There are no deliveries yet. A message that an endpoint wants makes one:</p>
        <CommandLine
          text={curl('POST', '/api/messages', ...jsonWords(body))}
          label="curl line that publishes"
        />
      </>
    )
  }
  const headers = [
    '-H',
    'Prefer: respond-async',
    '-H',
    `SSVM_Callback: ${JSON.stringify(CALLBACK)}`,
  ]
  return (
    <>
      <p>
        There are no deliveries yet. A call makes one when its callback says <code>retry</code>: its
        result is sent there until the target takes it.
      </p>
      <CommandLine
        text={curl('POST', '/api/run/ID/FUNCTION', ...headers, '--data-raw', 'hello')}
        label="curl line that makes a delivery"
      />
    </>
  )
}
