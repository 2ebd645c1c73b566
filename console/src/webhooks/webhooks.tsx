// Whose webhooks: the operator chooses among the tenants there are, or names a new one; a tenant has its own alone.
import { useEffect, useState } from 'preact/hooks'
import { listTenants } from './tenants-api.ts'
import type { TenantItem } from './tenants-api.ts'
import { curl, jsonWords } from '../curl.ts'
import { CommandLine } from '../parts/copy.tsx'
import { TextField } from '../parts/fields.tsx'
import { Head } from '../parts/head.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { go, linkTo } from '../route.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

export function Webhooks() {
  const { tenant, barredFrom } = useWho()
  if (tenant === null) return <Tenants />
  return <Own to={linkTo(barredFrom('endpoints') ? 'messages' : 'endpoints', { tenant })} />
}

function Own({ to }: { to: string }) {
  useEffect(() => {
    // In place of this page, so that "back" does not lead here again.
    location.replace(to)
  }, [to])
  return <Head title="Webhooks" />
}

function Tenants() {
  const pages = usePages('tenants', listTenants)
  return (
    <>
      <Head title="Webhooks" />
      <p class="muted">
        A tenant's events go to its own endpoints, and no other tenant sees anything of them.
      </p>
      <List
        things="tenants"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.tenant}
        empty={<Empty />}
        byName
      />
      <Another />
    </>
  )
}

const COLUMNS: readonly Column<TenantItem>[] = [
  {
    head: 'Tenant',
    cell: ({ tenant }) => <a href={linkTo('endpoints', { tenant })}>{tenant}</a>,
  },
  {
    head: 'Pages',
    cell: ({ tenant }) => (
      <span class="links">
        <a href={linkTo('eventTypes', { tenant })} aria-label={`Event types of ${tenant}`}>
          Event types
        </a>
        <a href={linkTo('messages', { tenant })} aria-label={`Messages of ${tenant}`}>
          Messages
        </a>
        <a href={linkTo('sources', { tenant })} aria-label={`Sources of ${tenant}`}>
          Sources
        </a>
        <a href={linkTo('bins', { tenant })} aria-label={`Bins of ${tenant}`}>
          Bins
        </a>
      </span>
    ),
    wide: true,
  },
]

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

function Another() {
  const [name, setName] = useState('')
  const tenant = name.trim()
  return (
    <SaveForm
      verb="Open it"
      done=""
      complain={() =>
        NAME.test(tenant) ? undefined : 'Use 1 to 64 letters, digits, dots, hyphens or underscores.'
      }
      save={() => go(linkTo('endpoints', { tenant }))}
    >
      <TextField
        label="Another tenant"
        placeholder="acme"
        help="A tenant is its name. It is there as soon as it has something."
        value={name}
        onChange={setName}
      />
    </SaveForm>
  )
}

function Empty() {
  const body = { tenant: 'acme', name: 'order.created' }
  return (
    <>
      <p>There are no tenants yet. Name one below, or make its first event type from a terminal:</p>
      <CommandLine
        text={curl('POST', '/api/event-types', ...jsonWords(body))}
        label="curl line for a first tenant"
      />
    </>
  )
}
