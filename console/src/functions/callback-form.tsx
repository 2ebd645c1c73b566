// Where the results of a function are sent: by fields, or as the JSON that a script would store.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import type { Description } from './api.ts'
import {
  METHODS,
  NO_CALLBACK,
  NO_TARGET,
  complaintOfTarget,
  complaints,
  toSpec,
} from './callback.ts'
import type { CallbackFields } from './callback.ts'
import { ownerCurl } from '../curl.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { Check, Choice, TextField } from '../parts/fields.tsx'
import { SaveForm } from '../parts/save-form.tsx'

interface Props {
  one: Description
  onChanged: () => void
}

type Way = 'fields' | 'json'

export function CallbackForm({
  one: { wasm_id: id, wasm_callback_object: stored },
  onChanged,
}: Props) {
  const [way, setWay] = useState<Way>('fields')
  const [fields, setFields] = useState(NO_CALLBACK)
  const [text, setText] = useState('')
  const none = stored === undefined || JSON.stringify(stored) === '{}'
  const wrong = complaints(fields)
  const wrongText = complaintOfTarget(text)
  const touched = fields.url !== '' || fields.headers !== ''

  const complain = (): string | undefined => {
    if (way === 'fields') return Object.values(wrong)[0]
    return text.trim() === '' ? NO_TARGET : wrongText
  }
  const put = (body: string) =>
    client.put('/api/callback/{id}', { path: { id }, ...keys(id), body, as: 'text' })
  const changed = (): void => {
    setFields(NO_CALLBACK)
    setText('')
    onChanged()
  }

  function choose(next: Way): void {
    // What the fields say is there to be changed further.
    if (next === 'json' && Object.keys(wrong).length === 0) setText(toSpec(fields))
    setWay(next)
  }

  return (
    <SaveForm
      verb={none ? 'Store the callback' : 'Replace the callback'}
      complain={complain}
      save={() => put(way === 'fields' ? toSpec(fields) : text)}
      onSaved={changed}
      more={!none && <Action verb="Remove it" act={() => put('{}')} done="" onDone={changed} />}
    >
      {none ? (
        <>
          <p>
            Results go back to the caller. To send them on, name where, here or from a terminal:
          </p>
          <CommandLine
            text={ownerCurl('PUT', `/api/callback/${id}`, '--data', 'https://example.org/receive')}
            label="curl line that stores a callback"
          />
        </>
      ) : (
        <>
          <p>Results are sent here; what may be secret is masked:</p>
          <pre class="block">
            {typeof stored === 'string' ? stored : JSON.stringify(stored, null, 2)}
          </pre>
        </>
      )}
      <fieldset class="ways">
        <legend class="hidden">How the callback is given</legend>
        {(['fields', 'json'] as const).map((one) => (
          <label key={one} class="check">
            <input
              type="radio"
              name="callback-way"
              checked={way === one}
              onChange={() => choose(one)}
            />
            {one === 'fields' ? 'Form' : 'URL or JSON'}
          </label>
        ))}
      </fieldset>
      {way === 'fields' ? (
        <Fields
          fields={fields}
          wrong={touched ? wrong : {}}
          onChange={(changes) => setFields({ ...fields, ...changes })}
        />
      ) : (
        <TextField
          label="A URL, or HTTP options as JSON"
          rows={8}
          mono
          value={text}
          onChange={setText}
          wrong={wrongText}
        />
      )}
    </SaveForm>
  )
}

interface FieldsProps {
  fields: CallbackFields
  wrong: ReturnType<typeof complaints>
  onChange: (changes: Partial<CallbackFields>) => void
}

function Fields({ fields, wrong, onChange }: FieldsProps) {
  return (
    <>
      <TextField
        label="URL"
        inputMode="url"
        placeholder="https://…"
        value={fields.url}
        onChange={(url) => onChange({ url })}
        wrong={wrong.url}
      />
      <Choice
        label="Method"
        value={fields.method}
        options={METHODS}
        onChange={(method) => onChange({ method })}
      />
      <TextField
        label="Headers, one on a line, as Name: value"
        rows={2}
        mono
        value={fields.headers}
        onChange={(headers) => onChange({ headers })}
        wrong={wrong.headers}
      />
      <Check checked={fields.again} onChange={(again) => onChange({ again })}>
        Keep it and try again where the target fails
      </Check>
      {fields.again && (
        <div class="fields">
          <TextField
            label="Tries after the first"
            inputMode="numeric"
            value={fields.tries}
            onChange={(tries) => onChange({ tries })}
            wrong={wrong.tries}
          />
          <TextField
            label="Seconds before the second"
            help="Each pause after it is twice as long."
            value={fields.pauseS}
            onChange={(pauseS) => onChange({ pauseS })}
            wrong={wrong.pauseS}
          />
        </div>
      )}
    </>
  )
}
