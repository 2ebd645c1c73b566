// What a tenant may publish: its event types, and a form that adds one.
import { useState } from 'preact/hooks'
import { addEventType, listEventTypes } from './events-api.ts'
import type { EventType } from './events-api.ts'
import { curl, jsonWords } from '../curl.ts'
import { CommandLine } from '../parts/copy.tsx'
import { EventTypeFields, NEW_TYPE, typeChange, typeComplaint } from './event-type-form.tsx'
import { TextField } from '../parts/fields.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { linkTo } from '../route.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

export function EventTypes({ tenant }: { tenant: string }) {
  const { mayManage } = useWho()
  const pages = usePages(`event types ${tenant}`, (cursor, signal) =>
    listEventTypes(tenant, cursor, signal),
  )
  return (
    <>
      <TenantHead tenant={tenant} tab="eventTypes" />
      <List
        things="event types"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.name}
        empty={<Empty tenant={tenant} />}
        byName
      />
      {mayManage && (
        <Section title="A new event type">
          <NewForm tenant={tenant} onMade={pages.reload} />
        </Section>
      )}
    </>
  )
}

const COLUMNS: readonly Column<EventType>[] = [
  {
    head: 'Name',
    cell: ({ tenant, name, description }) => (
      <>
        <a href={linkTo('eventType', { tenant, id: name })}>{name}</a>
        {description !== '' && <div class="muted small">{description}</div>}
      </>
    ),
  },
  {
    head: 'Schema',
    cell: ({ schema, enforcement }) =>
      schema === null ? <span class="muted">none</span> : `enforcement ${enforcement}`,
  },
  {
    head: 'Published',
    cell: ({ tenant, name }) => (
      <a href={linkTo('messages', { tenant }, { type: name })} aria-label={`Messages of ${name}`}>
        Messages
      </a>
    ),
    wide: true,
  },
]

function NewForm({ tenant, onMade }: { tenant: string; onMade: () => void }) {
  const [name, setName] = useState('')
  const [draft, setDraft] = useState(NEW_TYPE)
  const [warnings, setWarnings] = useState<readonly string[]>([])

  async function save(): Promise<void> {
    const made = await addEventType({ tenant, name: name.trim(), ...typeChange(draft, NEW_TYPE) })
    setWarnings(made.warnings ?? [])
    setName('')
    setDraft(NEW_TYPE)
  }

  return (
    <SaveForm
      verb="Add the event type"
      done="It can be published"
      complain={() => (name.trim() === '' ? 'Give it a name.' : typeComplaint(draft, NEW_TYPE))}
      save={save}
      onSaved={onMade}
    >
      <TextField
        label="Name"
        placeholder="order.created"
        help="Words with dots between them."
        value={name}
        onChange={setName}
      />
      <EventTypeFields draft={draft} onChange={setDraft} />
      <Warnings all={warnings} />
    </SaveForm>
  )
}

function Empty({ tenant }: { tenant: string }) {
  const { mayManage } = useWho()
  const body = { tenant, name: 'order.created' }
  return (
    <>
      <p>
        There are no event types yet, and only what has a type can be published.{' '}
        {mayManage ? 'Add one below, or from a terminal:' : 'A token that may manage adds one:'}
      </p>
      <CommandLine
        text={curl('POST', '/api/event-types', ...jsonWords(body))}
        label="curl line for a first event type"
      />
    </>
  )
}
