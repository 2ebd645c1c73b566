// A tenant's sources, with what each does and what it got last, and a form that makes one.
import { useState } from 'preact/hooks'
import { listSourceEvents, listSources, makeSource } from './api.ts'
import type { Source } from './api.ts'
import { curl, jsonWords } from '../curl.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Status, Time } from '../parts/facts.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Secret } from '../parts/secret.tsx'
import { SourceFields } from './source-fields.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Section } from '../parts/section.tsx'
import { VerifyFields } from './verify-fields.tsx'
import { linkTo } from '../route.ts'
import {
  NEW_DRAFT,
  NEW_VERIFY,
  SCHEMES,
  complaintOf,
  complaintOfVerify,
  settingsOf,
  verifyOf,
} from './source-draft.ts'
import { useLoad } from '../hooks/use-load.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

type Made = Awaited<ReturnType<typeof makeSource>>

export function Sources({ tenant }: { tenant: string }) {
  const [made, setMade] = useState<Made | undefined>(undefined)
  const { mayManage } = useWho()
  const [turn, setTurn] = useState(0)
  const pages = usePages(`sources ${tenant}`, (cursor, signal) =>
    listSources(tenant, cursor, signal),
  )
  return (
    <>
      <TenantHead tenant={tenant} tab="sources" />
      <p class="muted">
        A source is an address that another service calls. What comes there is verified, and runs a
        function or is published.
      </p>
      {made !== undefined && <JustMade source={made} />}
      <List
        things="sources"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.source_id}
        empty={<Empty tenant={tenant} />}
      />
      {mayManage && (
        <Section title="A new source">
          <NewSource
            key={turn}
            tenant={tenant}
            onMade={(one) => {
              setMade(one)
              // An empty form for the next one.
              setTurn(turn + 1)
              pages.reload()
            }}
          />
        </Section>
      )}
    </>
  )
}

const COLUMNS: readonly Column<Source>[] = [
  {
    head: 'Source',
    cell: ({ tenant, source_id: id, description }) => (
      <a href={linkTo('source', { tenant, id })}>{description || `Source ${format.shortId(id)}`}</a>
    ),
  },
  { head: 'Sender', cell: ({ verify }) => SCHEMES[verify.scheme].label, wide: true },
  { head: 'Does', cell: (one) => <Does source={one} /> },
  {
    head: 'Last event',
    cell: (one) => (one.enabled ? <LastEvent source={one} /> : <Status word="disabled" />),
  },
]

export function Does({ source: { function: fn, publish } }: { source: Source }) {
  return (
    <>
      {fn !== null && (
        <>
          runs{' '}
          <a href={linkTo('function', { id: fn.wasm_id })}>
            {fn.name} of {fn.wasm_id}
          </a>
        </>
      )}
      {fn !== null && publish !== null && ' and '}
      {publish !== null && (
        <>
          publishes{' '}
          <code>{publish.type ?? `${publish.prefix ?? ''}{${publish.type_from?.name ?? ''}}`}</code>
        </>
      )}
    </>
  )
}

function LastEvent({ source: { tenant, source_id: id } }: { source: Source }) {
  const { value, error } = useLoad(`last event ${id}`, (signal) =>
    listSourceEvents({ tenant, id }, { limit: 1 }, signal),
  )
  if (error !== undefined) return <span class="muted">not known</span>
  if (value === undefined) return <span class="muted">…</span>
  const [last] = value.items
  if (last === undefined) return <span class="muted">none yet</span>
  return (
    <>
      <Status word={last.verdict} /> <Time at={last.received_at} />
    </>
  )
}

function JustMade({ source }: { source: Made }) {
  const { tenant, source_id: id, url, secret } = source
  return (
    <>
      <Secret text={url} what="the address">
        The source is made. This address is for its sender.{' '}
        <a href={linkTo('source', { tenant, id })}>Open it</a>
      </Secret>
      {secret !== undefined && (
        <Secret text={secret} what="the secret">
          Its secret is shown this once. Copy it now, and set it at the sender.
        </Secret>
      )}
    </>
  )
}

function NewSource({ tenant, onMade }: { tenant: string; onMade: (one: Made) => void }) {
  const [verify, setVerify] = useState(NEW_VERIFY)
  const [draft, setDraft] = useState(NEW_DRAFT)
  return (
    <SaveForm
      verb="Make the source"
      complain={() => complaintOfVerify(verify) ?? complaintOf(draft)}
      save={async () => {
        onMade(await makeSource({ tenant, verify: verifyOf(verify), ...settingsOf(draft) }))
      }}
    >
      <VerifyFields
        draft={verify}
        onChange={(changed) => setVerify((before) => ({ ...before, ...changed }))}
      />
      <SourceFields
        draft={draft}
        onChange={(changed) => setDraft((before) => ({ ...before, ...changed }))}
      />
    </SaveForm>
  )
}

function Empty({ tenant }: { tenant: string }) {
  const { mayManage } = useWho()
  const body = {
    tenant,
    verify: { scheme: 'github' },
    function: { wasm_id: 1, name: 'say' },
  }
  return (
    <>
      <p>
        There are no sources.{' '}
        {mayManage ? 'Make one below, or from a terminal:' : 'A token that may manage makes one:'}
      </p>
      <CommandLine
        text={curl('POST', '/api/sources', ...jsonWords(body))}
        label="curl line that makes a source"
      />
    </>
  )
}
