// Where the results of a function are sent: by fields, or as the JSON that a script would store.
import { useState } from 'preact/hooks'
import { client, keys } from '../api/client.ts'
import type { Description } from '../api/functions.ts'
import { METHODS, NO_CALLBACK, complaintOfText, complaints, toSpec } from '../callback.ts'
import type { CallbackFields } from '../callback.ts'
import { curlFor } from '../curl.ts'
import { CommandLine } from './copy.tsx'
import { Field } from './field.tsx'
import { SaveForm } from './save-form.tsx'

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
  const wrongText = complaintOfText(text)
  const touched = fields.url !== '' || fields.headers !== ''

  const complain = (): string | undefined => {
    if (way === 'fields') return Object.values(wrong)[0]
    return text.trim() === '' ? 'Give a URL, or HTTP options as JSON.' : wrongText
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
      more={
        !none && (
          <button type="button" onClick={() => void put('{}').then(changed)}>
            Remove it
          </button>
        )
      }
    >
      {none ? (
        <>
          <p>
            Results go back to the caller. To send them on, name where, here or from a terminal:
          </p>
          <CommandLine
            text={curlFor('PUT', `/api/callback/${id}`, '--data', 'https://example.org/receive')}
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
        <Field label="A URL, or HTTP options as JSON" wrong={wrongText}>
          {(given) => (
            <textarea
              {...given}
              class="mono"
              rows={8}
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          )}
        </Field>
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
      <Field label="URL" wrong={wrong.url}>
        {(given) => (
          <input
            {...given}
            type="text"
            inputMode="url"
            autoComplete="off"
            spellcheck={false}
            placeholder="https://…"
            value={fields.url}
            onInput={(event) => onChange({ url: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label="Method">
        {(given) => (
          <select
            {...given}
            value={fields.method}
            onChange={(event) => onChange({ method: event.currentTarget.value })}
          >
            {METHODS.map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Headers, one on a line, as Name: value" wrong={wrong.headers}>
        {(given) => (
          <textarea
            {...given}
            class="mono"
            rows={2}
            spellcheck={false}
            value={fields.headers}
            onInput={(event) => onChange({ headers: event.currentTarget.value })}
          />
        )}
      </Field>
      <label class="check">
        <input
          type="checkbox"
          checked={fields.again}
          onChange={(event) => onChange({ again: event.currentTarget.checked })}
        />
        Keep it and try again where the target fails
      </label>
      {fields.again && (
        <div class="limits">
          <Field label="Tries after the first" wrong={wrong.tries}>
            {(given) => (
              <input
                {...given}
                type="text"
                inputMode="numeric"
                value={fields.tries}
                onInput={(event) => onChange({ tries: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field
            label="Seconds before the second"
            hint="Each pause after it is twice as long."
            wrong={wrong.pauseS}
          >
            {(given) => (
              <input
                {...given}
                type="text"
                inputMode="decimal"
                value={fields.pauseS}
                onInput={(event) => onChange({ pauseS: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
      )}
    </>
  )
}
