// Where a tenant's events go: its endpoints with how they are, and a form that makes one.
import { useState } from 'preact/hooks'
import { addEndpoint, listEndpoints, readStats } from './endpoints-api.ts'
import type { Endpoint, MadeEndpoint } from './endpoints-api.ts'
import { listEventTypes } from './events-api.ts'
import { curl, jsonWords } from '../curl.ts'
import { NEW_ENDPOINT, changesOf, complaintOf } from './endpoint-draft.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { EndpointFields } from './endpoint-form.tsx'
import { EndpointState, nameOf } from './endpoint-state.tsx'
import { Names, Time } from '../parts/facts.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Secret } from '../parts/secret.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { linkTo } from '../route.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

interface Props {
  tenant: string
  /** That a new one is to be sent to, as the link of a request bin says. */
  url: string
}

export function Endpoints({ tenant, url }: Props) {
  const { mayManage } = useWho()
  const pages = usePages(`endpoints ${tenant}`, (cursor, signal) =>
    listEndpoints(tenant, cursor, signal),
  )
  return (
    <>
      <TenantHead tenant={tenant} tab="endpoints" />
      <List
        things="endpoints"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.endpoint_id}
        empty={<Empty tenant={tenant} />}
      />
      {mayManage && (
        <Section title="A new endpoint">
          <NewForm key={url} tenant={tenant} url={url} onMade={pages.reload} />
        </Section>
      )}
    </>
  )
}

const COLUMNS: readonly Column<Endpoint>[] = [
  {
    head: 'Endpoint',
    cell: (one) => (
      <>
        <a href={linkTo('endpoint', { tenant: one.tenant, id: one.endpoint_id })}>{nameOf(one)}</a>
        {one.description !== '' && <div class="muted small">{one.description}</div>}
      </>
    ),
  },
  { head: 'State', cell: (one) => <EndpointState one={one} /> },
  { head: 'Gets', cell: ({ event_types: types = [] }) => <Names all={types} />, wide: true },
  { head: 'Taken', cell: (one) => <Share one={one} />, wide: true },
]

/** Of all attempts; asked for by each row, since a list does not tell. */
function Share({ one: { tenant, endpoint_id: id } }: { one: Endpoint }) {
  const { value: stats } = useLoad(`share ${id}`, (signal) => readStats({ tenant, id }, signal))
  if (stats === undefined) return <span class="muted">…</span>
  const attempts = stats.succeeded + stats.failed_attempts
  if (attempts === 0) return <span class="muted">nothing sent yet</span>
  return (
    <>
      {format.share(stats.succeeded, attempts)}
      {stats.last_failure_at !== null && (
        <div class="muted small">
          last failure <Time at={stats.last_failure_at} />
        </div>
      )}
    </>
  )
}

function NewForm({ tenant, url, onMade }: Props & { onMade: () => void }) {
  const [draft, setDraft] = useState({ ...NEW_ENDPOINT, url })
  const [made, setMade] = useState<MadeEndpoint | undefined>(undefined)
  const { value: types } = useLoad(`types ${tenant}`, (signal) =>
    listEventTypes(tenant, undefined, signal),
  )

  async function save(): Promise<void> {
    const { event_types: wanted = [], ...others } = changesOf(draft, NEW_ENDPOINT)
    const wasmId = draft.to === 'function' ? Number(draft.wasmId) : undefined
    setMade(await addEndpoint({ tenant, event_types: wanted, ...others }, wasmId))
    setDraft(NEW_ENDPOINT)
  }

  return (
    <>
      {made !== undefined && <Made one={made} />}
      <SaveForm
        verb="Make the endpoint"
        done="It is there"
        complain={() => complaintOf(draft, true)}
        save={save}
        onSaved={onMade}
      >
        <EndpointFields
          draft={draft}
          onChange={setDraft}
          types={types?.items.map(({ name }) => name) ?? []}
        />
      </SaveForm>
    </>
  )
}

function Made({ one }: { one: MadeEndpoint }) {
  const { tenant, endpoint_id: id } = one
  return (
    <>
      <Secret text={one.secret} what="the secret of the new endpoint">
        The endpoint is there. This is its signing secret, with which its receiver verifies what
        comes. It is shown this once: copy it now.{' '}
        <a href={linkTo('endpoint', { tenant, id })}>Open the endpoint and test it</a>
      </Secret>
      <Warnings all={one.warnings} />
    </>
  )
}

function Empty({ tenant }: { tenant: string }) {
  const { mayManage } = useWho()
  const body = { tenant, url: 'https://example.com/hook', event_types: ['*'] }
  return (
    <>
      <p>
        There are no endpoints yet, so nothing that is published is sent anywhere.{' '}
        {mayManage ? 'Make one below, or from a terminal:' : 'A token that may manage makes one:'}
      </p>
      <CommandLine
        text={curl('POST', '/api/endpoints', ...jsonWords(body))}
        label="curl line for a first endpoint"
      />
    </>
  )
}
