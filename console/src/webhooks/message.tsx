// One message: its payload, and what became of it at each endpoint.
import { expunge, readMessage } from './events-api.ts'
import type { Message } from './events-api.ts'
import { listDeliveries } from '../deliveries/api.ts'
import type { DeliveryItem } from '../deliveries/api.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { Fact, Facts, Status, Time } from '../parts/facts.tsx'
import { JsonTree } from '../parts/json-tree.tsx'
import { Shown } from '../parts/shown.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

export function MessagePage({ tenant, id }: { tenant: string; id: string }) {
  const loaded = useLoad(`message ${id}`, (signal) => readMessage(tenant, id, signal))
  return (
    <>
      <TenantHead tenant={tenant} tab="messages" title={loaded.value?.type ?? 'Message'} />
      <Shown of={loaded}>{(one) => <Known one={one} onChanged={loaded.reload} />}</Shown>
    </>
  )
}

function Known({ one, onChanged }: { one: Message; onChanged: () => void }) {
  const { mayManage } = useWho()
  const { tenant, message_id: id, type } = one
  return (
    <>
      <Facts>
        <Fact name="event type">
          <a href={linkTo('eventType', { tenant, id: type })}>{type}</a>
        </Fact>
        <Fact name="published">
          <Time at={one.created_at} />
        </Fact>
        {one.deliver_at !== null && (
          <Fact name="sent from">
            <Time at={one.deliver_at} />
          </Fact>
        )}
        <Fact name="size">{format.bytes(one.size_bytes)}</Fact>
        {one.id !== null && <Fact name="your id">{one.id}</Fact>}
        <Fact name="message id">{id}</Fact>
      </Facts>
      <Warnings all={one.warnings} />
      <Section title="Payload">
        {one.payload_kept ? (
          <JsonTree value={one.payload} />
        ) : (
          <p class="muted">
            {one.awaits_fetch ? 'It is yet to be fetched.' : 'It is no longer kept.'}
          </p>
        )}
      </Section>
      <Section title="Deliveries">
        <Deliveries tenant={tenant} id={id} />
      </Section>
      {mayManage && one.expunged_at === null && (
        <Section title="Delete the payload">
          <div class="call">
            <p class="muted">
              The payload is deleted at once, with all that was made from it. Deliveries that wait
              are canceled; their history stays.
            </p>
            <Action
              verb="Delete the payload"
              sure="Delete it for good"
              act={() => expunge(tenant, id)}
              done=""
              onDone={onChanged}
            />
          </div>
        </Section>
      )}
    </>
  )
}

function Deliveries({ tenant, id }: { tenant: string; id: string }) {
  const pages = usePages(`deliveries ${id}`, (cursor, signal) =>
    listDeliveries({ tenant, message_id: id }, cursor, signal),
  )
  return (
    <List
      things="deliveries"
      columns={COLUMNS}
      pages={pages}
      keyOf={(one) => one.delivery_id}
      empty={
        <p>
          No endpoint wanted it when it was published.{' '}
          <a href={linkTo('endpoints', { tenant })}>Make an endpoint</a>, and replay to it what it
          missed.
        </p>
      }
    />
  )
}

const COLUMNS: readonly Column<DeliveryItem>[] = [
  {
    head: 'Target',
    cell: ({ delivery_id: id, target }) => <a href={linkTo('delivery', { id })}>{target}</a>,
  },
  { head: 'State', cell: ({ state, reason }) => <Status word={state} code={reason} /> },
  { head: 'Tries', number: true, cell: ({ tries }) => tries, wide: true },
  {
    head: 'Last answer',
    cell: (one) => one.last_status ?? one.last_error_class ?? '–',
    wide: true,
  },
  {
    head: 'Endpoint',
    cell: ({ tenant, endpoint_id: id }) =>
      tenant === null || id === null ? (
        '–'
      ) : (
        <a href={linkTo('endpoint', { tenant, id })} aria-label={`Endpoint ${id}`}>
          Endpoint
        </a>
      ),
    wide: true,
  },
]
