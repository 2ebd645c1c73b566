// What else the owner of a function decides: what it is called, what types it has, and how it is run.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import type { Description } from './api.ts'
import { jsonWords, ownerCurl } from '../curl.ts'
import { CommandLine } from '../parts/copy.tsx'
import { jsonComplaint, readJson } from '../json-text.ts'
import { Check, JsonField, TextField } from '../parts/fields.tsx'
import { SaveForm } from '../parts/save-form.tsx'

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
    <SaveForm verb="Save the options" save={save} onSaved={onChanged}>
      <TextField label="Name" value={description} onChange={setDescription} />
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

export function TypesForm({ one: { wasm_id: id, types = {}, functions }, onChanged }: Props) {
  const none = Object.keys(types).length === 0
  const [text, setText] = useState(none ? '' : JSON.stringify(types, null, 2))
  const example = functions[0]?.name ?? 'say'
  return (
    <SaveForm
      verb="Save the types"
      complain={() => jsonComplaint(text)}
      save={() =>
        client.put('/api/executables/{id}/types', {
          path: { id },
          ...keys(id),
          json: (readJson(text) ?? {}) as Record<string, string[]>,
        })
      }
      onSaved={onChanged}
    >
      <p>What the module does not tell of its functions can be declared:</p>
      {none && (
        <CommandLine
          text={ownerCurl(
            'PUT',
            `/api/executables/${id}/types`,
            ...jsonWords({ [example]: { params: ['text'], result: 'text' } }),
          )}
          label="curl line that declares types"
        />
      )}
      <JsonField
        label="Types by function, as JSON; empty for none"
        placeholder={`{"${example}": {"params": ["text"], "result": "text"}}`}
        value={text}
        onChange={setText}
      />
    </SaveForm>
  )
}
