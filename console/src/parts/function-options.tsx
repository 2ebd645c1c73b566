// What else the owner of a function decides: what it is called, what types it has, and how it is run.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { client, keys } from '../api/client.ts'
import type { Description } from '../api/functions.ts'
import { curlFor } from '../curl.ts'
import { CommandLine } from './copy.tsx'
import { Field } from './field.tsx'
import { SaveForm } from './save-form.tsx'

interface Props {
  one: Description
  onChanged: () => void
}

export function OptionsForm({ one, onChanged }: Props) {
  const { wasm_id: id } = one
  const [description, setDescription] = useState(one.wasm_description)
  const [embedded, setEmbedded] = useState(one.embedded_callback !== 'off')
  const [reuse, setReuse] = useState(one.reuse ?? false)
  const [metered, setMetered] = useState(one.metered ?? false)
  const save = () =>
    client.patch('/api/executables/{id}', {
      path: { id },
      ...keys(id),
      json: { description, embedded_callback: embedded ? 'on' : 'off', reuse, metered },
    })
  return (
    <SaveForm verb="Save these" save={save} onSaved={onChanged}>
      <Field label="Name">
        {(given) => (
          <input
            {...given}
            type="text"
            autoComplete="off"
            value={description}
            onInput={(event) => setDescription(event.currentTarget.value)}
          />
        )}
      </Field>
      <Check checked={embedded} onChange={setEmbedded}>
        A <code>callback</code> in the JSON that it returns is followed
      </Check>
      <Check checked={reuse} onChange={setReuse}>
        Later calls may find what earlier ones left in memory (faster)
      </Check>
      <Check checked={metered} onChange={setMetered}>
        What it computes is counted and bounded by <code>run_fuel</code> (slower)
      </Check>
    </SaveForm>
  )
}

interface CheckProps {
  checked: boolean
  onChange: (checked: boolean) => void
  children: ComponentChildren
}

function Check({ checked, onChange, children }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  )
}

export function TypesForm({ one: { wasm_id: id, types = {}, functions }, onChanged }: Props) {
  const none = Object.keys(types).length === 0
  const [text, setText] = useState(none ? '' : JSON.stringify(types, null, 2))
  const wrong = complaint(text)
  const example = functions[0]?.name ?? 'say'
  return (
    <SaveForm
      verb="Save the types"
      complain={() => wrong}
      save={() =>
        client.put('/api/executables/{id}/types', {
          path: { id },
          ...keys(id),
          json: text.trim() === '' ? {} : (JSON.parse(text) as Record<string, string[]>),
        })
      }
      onSaved={onChanged}
    >
      <p>What the module does not tell of its functions can be declared:</p>
      {none && (
        <CommandLine
          text={curlFor(
            'PUT',
            `/api/executables/${id}/types`,
            '-H',
            'Content-Type: application/json',
            '--data',
            JSON.stringify({ [example]: { params: ['text'], result: 'text' } }),
          )}
          label="curl line that declares types"
        />
      )}
      <Field label="Types by function, as JSON; empty for none" wrong={wrong}>
        {(given) => (
          <textarea
            {...given}
            class="mono"
            rows={4}
            spellcheck={false}
            placeholder={`{"${example}": {"params": ["text"], "result": "text"}}`}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
    </SaveForm>
  )
}

function complaint(text: string): string | undefined {
  if (text.trim() === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return undefined
    return 'Give an object: names of functions and their types.'
  } catch (error) {
    return `This is not valid JSON: ${(error as Error).message}`
  }
}
