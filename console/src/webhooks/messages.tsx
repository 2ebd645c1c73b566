// What a tenant published, newest first, and a form that publishes.
import { useEffect, useState } from 'preact/hooks'
import { listEventTypes, listMessages, publish } from './events-api.ts'
import type { EventType, MessageItem } from './events-api.ts'
import { curl, jsonWords } from '../curl.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Time } from '../parts/facts.tsx'
import { exactComplaint, readJson } from '../json-text.ts'
import { JsonField, TextField } from '../parts/fields.tsx'
import { Filters } from '../parts/filters.tsx'
import { SaveForm } from '../parts/save-form.tsx'
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
  query: Readonly<Record<string, string>>
}

const FILTERS = [{ name: 'type', label: 'Event type', placeholder: 'order.created' }]

export function Messages({ tenant, query }: Props) {
  const { mayRead, mayPublish } = useWho()
  const [turn, setTurn] = useState(0)
  return (
    <>
      <TenantHead tenant={tenant} tab="messages" />
      {mayRead ? (
        <Listed tenant={tenant} query={query} turn={turn} />
      ) : (
        <p class="muted">This token may publish, and not read.</p>
      )}
      {mayPublish && (
        <Section title="Publish">
          <PublishForm
            tenant={tenant}
            asked={query.type ?? ''}
            onPublished={() => setTurn((before) => before + 1)}
          />
        </Section>
      )}
    </>
  )
}

/** `turn` changes with each message that was published here. */
function Listed({ tenant, query, turn }: Props & { turn: number }) {
  const { type } = query
  const pages = usePages(`messages ${tenant} ${type ?? ''}`, (cursor, signal) =>
    listMessages({ tenant, type }, cursor, signal),
  )
  useEffect(() => {
    if (turn > 0) pages.reload()
  }, [turn])
  return (
    <>
      <Filters
        filters={FILTERS}
        query={query}
        link={(next) => linkTo('messages', { tenant }, next)}
      />
      <List
        things="messages"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.message_id}
        empty={<Empty tenant={tenant} type={type} />}
      />
    </>
  )
}

const COLUMNS: readonly Column<MessageItem>[] = [
  {
    head: 'Published',
    cell: ({ tenant, message_id: id, created_at: at }) => (
      <a href={linkTo('message', { tenant, id })}>
        <Time at={at} />
      </a>
    ),
  },
  { head: 'Event type', cell: ({ type }) => <code>{type}</code> },
  { head: 'Id', cell: ({ id, message_id: ours }) => <code>{id ?? ours}</code>, wide: true },
  { head: 'Deliveries', number: true, cell: ({ deliveries }) => deliveries },
  { head: 'Size', number: true, cell: ({ size_bytes: size }) => format.bytes(size), wide: true },
]

interface FormProps {
  tenant: string
  asked: string
  onPublished: () => void
}

function PublishForm({ tenant, asked, onPublished }: FormProps) {
  const { barredFrom, mayRead } = useWho()
  const [type, setType] = useState(asked)
  const [payload, setPayload] = useState('')
  const [id, setId] = useState('')
  const [sent, setSent] = useState<MessageItem | undefined>(undefined)
  const { value: types } = useLoad(`types ${tenant}`, async (signal) =>
    mayRead ? listEventTypes(tenant, undefined, signal) : undefined,
  )
  const known = types?.items.find(({ name }) => name === type.trim())

  function complain(): string | undefined {
    if (type.trim() === '') return 'Name an event type.'
    if (payload.trim() === '') return 'Give the payload as JSON; {} is one.'
    return exactComplaint(payload) && 'Correct the marked JSON.'
  }

  async function save(): Promise<void> {
    setSent(undefined)
    const own = id.trim() === '' ? {} : { id: id.trim() }
    setSent(await publish({ tenant, type: type.trim(), payload: readJson(payload), ...own }))
  }

  return (
    <SaveForm
      verb="Publish"
      done="Published"
      complain={complain}
      save={save}
      onSaved={onPublished}
      more={<UseExample known={known} onUse={setPayload} />}
    >
      <TextField
        label="Type"
        placeholder="order.created"
        suggestions={types?.items.map(({ name }) => name) ?? []}
        value={type}
        onChange={setType}
      />
      <JsonField
        exact
        label="Payload"
        placeholder='{"order":1}'
        value={payload}
        onChange={setPayload}
      />
      <TextField
        label="Your own id"
        help="May be left empty. The same message under the same id is published once."
        value={id}
        onChange={setId}
      />
      {sent !== undefined && (
        <>
          <p>
            {barredFrom('message') === undefined && (
              <>
                <a href={linkTo('message', { tenant, id: sent.message_id })}>Open the message</a>
                {'. '}
              </>
            )}
            <span class="muted">It goes to endpoints: {sent.deliveries}</span>
          </p>
          <Warnings all={sent.warnings} />
        </>
      )}
    </SaveForm>
  )
}

interface UseExampleProps {
  known: EventType | undefined
  onUse: (payload: string) => void
}

function UseExample({ known, onUse }: UseExampleProps) {
  if (known === undefined || known.example === null) return null
  return (
    <button type="button" onClick={() => onUse(JSON.stringify(known.example, null, 2))}>
      Use the example
    </button>
  )
}

function Empty({ tenant, type = 'order.created' }: { tenant: string; type: string | undefined }) {
  const { mayPublish } = useWho()
  const body = { tenant, type, payload: { order: 1 } }
  return (
    <>
      <p>
        Nothing is published here yet.{' '}
        {mayPublish
          ? 'Publish something below, or from a terminal:'
          : 'A token that may publish does so:'}
      </p>
      <CommandLine
        text={curl('POST', '/api/messages', ...jsonWords(body))}
        label="curl line that publishes"
      />
    </>
  )
}
