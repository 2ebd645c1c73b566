// What is said of an event type: what it is, and what its payloads look like.
import type { NewEventType } from '../../../packages/client/src/generated/api.ts'
import type { EventType } from './events-api.ts'
import { exactComplaint, readJson } from '../json-text.ts'
import { Choice, JsonField, TextField } from '../parts/fields.tsx'

type Enforcement = NonNullable<NewEventType['enforcement']>

interface EventTypeDraft {
  description: string
  schema: string
  example: string
  enforcement: Enforcement
}

export const NEW_TYPE: EventTypeDraft = {
  ...{ description: '', schema: '', example: '', enforcement: 'off' },
}

export function typeDraftOf(one: EventType): EventTypeDraft {
  const text = (value: unknown) => (value === null ? '' : JSON.stringify(value, null, 2))
  return {
    description: one.description,
    ...{ schema: text(one.schema), example: text(one.example) },
    enforcement: one.enforcement as Enforcement,
  }
}

/** Of what is sent alone. */
export function typeComplaint(draft: EventTypeDraft, before: EventTypeDraft): string | undefined {
  const wrong = (['schema', 'example'] as const).some(
    (name) => draft[name] !== before[name] && exactComplaint(draft[name]) !== undefined,
  )
  return wrong ? 'Correct the marked JSON.' : undefined
}

/** What of `draft` is not as it was in `before`; what is empty is taken away. */
export function typeChange(draft: EventTypeDraft, before: EventTypeDraft) {
  const { description, enforcement, schema, example } = draft
  return {
    ...(description !== before.description && { description }),
    ...(enforcement !== before.enforcement && { enforcement }),
    ...(schema !== before.schema && { schema: readJson(schema) ?? null }),
    ...(example !== before.example && { example: readJson(example) ?? null }),
  }
}

interface Props {
  draft: EventTypeDraft
  onChange: (draft: EventTypeDraft) => void
}

export function EventTypeFields({ draft, onChange }: Props) {
  const set = (changed: Partial<EventTypeDraft>) => onChange({ ...draft, ...changed })
  return (
    <>
      <TextField
        label="Description"
        value={draft.description}
        onChange={(description) => set({ description })}
      />
      <JsonField
        exact
        label="JSON Schema"
        placeholder='{"type":"object","required":["id"]}'
        help="Of the payloads; may be left empty."
        value={draft.schema}
        onChange={(schema) => set({ schema })}
      />
      <Choice
        label="A payload that does not satisfy it"
        value={draft.enforcement}
        options={{
          off: 'is not checked for',
          warn: 'is taken with a warning',
          reject: 'is refused',
        }}
        onChange={(enforcement) => set({ enforcement })}
      />
      <JsonField
        exact
        label="Example"
        rows={3}
        help="A payload that satisfies the schema; tests of endpoints send it."
        value={draft.example}
        onChange={(example) => set({ example })}
      />
    </>
  )
}
