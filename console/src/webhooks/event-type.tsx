// One event type: its schema and example, and what its owner changes.
import { useState } from 'preact/hooks'
import { changeEventType, readEventType, removeEventType } from './events-api.ts'
import type { EventType } from './events-api.ts'
import { Action } from '../parts/action.tsx'
import { EventTypeFields, typeChange, typeComplaint, typeDraftOf } from './event-type-form.tsx'
import { Fact, Facts, Time } from '../parts/facts.tsx'
import { JsonTree } from '../parts/json-tree.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Shown } from '../parts/shown.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { Section } from '../parts/section.tsx'
import { go, linkTo } from '../route.ts'
import { useDraft } from '../hooks/use-draft.ts'
import { useLoad } from '../hooks/use-load.ts'
import { useWho } from '../who.ts'

export function EventTypePage({ tenant, name }: { tenant: string; name: string }) {
  const loaded = useLoad(`type ${tenant} ${name}`, (signal) => readEventType(tenant, name, signal))
  return (
    <>
      <TenantHead tenant={tenant} tab="eventTypes" title={name} />
      <Shown of={loaded}>{(one) => <Known one={one} onChanged={loaded.reload} />}</Shown>
    </>
  )
}

interface Props {
  one: EventType
  onChanged: () => void
}

function Known({ one, onChanged }: Props) {
  const { mayManage } = useWho()
  const { tenant, name, fetch } = one
  return (
    <>
      {one.description !== '' && <p>{one.description}</p>}
      <Facts>
        <Fact name="enforcement">{one.enforcement}</Fact>
        <Fact name="added">
          <Time at={one.created_at} />
        </Fact>
        {fetch !== null && (
          <Fact name="fetched by">
            <code>
              {fetch.method} {fetch.url}
            </code>
          </Fact>
        )}
      </Facts>
      <p>
        <a href={linkTo('messages', { tenant }, { type: name })}>Messages of this type</a>
      </p>
      {one.schema !== null && (
        <Section title="Schema">
          <JsonTree value={one.schema} />
        </Section>
      )}
      {one.example !== null && (
        <Section title="Example">
          <JsonTree value={one.example} />
        </Section>
      )}
      {mayManage && (
        <>
          <Section title="Change">
            <Change one={one} onChanged={onChanged} />
          </Section>
          <Section title="Delete">
            <div class="call">
              <p class="muted">It can no longer be published. What was published is still sent.</p>
              <Action
                verb="Delete this event type"
                sure="Delete it for good"
                act={() => removeEventType(tenant, name)}
                done=""
                onDone={() => go(linkTo('eventTypes', { tenant }))}
              />
            </div>
          </Section>
        </>
      )}
    </>
  )
}

function Change({ one, onChanged }: Props) {
  const { before, draft, setDraft, stored } = useDraft(() => typeDraftOf(one))
  const [warnings, setWarnings] = useState<readonly string[]>([])
  return (
    <SaveForm
      verb="Save the changes"
      complain={() => typeComplaint(draft, before)}
      save={async () => {
        const changed = await changeEventType(one.tenant, one.name, typeChange(draft, before))
        setWarnings(changed.warnings ?? [])
        stored(typeDraftOf(changed))
      }}
      onSaved={onChanged}
    >
      <p class="muted">It is in force for what is published from then on.</p>
      <EventTypeFields draft={draft} onChange={setDraft} />
      <Warnings all={warnings} />
    </SaveForm>
  )
}
