// The limits of a call: what holds, and what the owner sets in place of the default.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import { useLoad } from '../hooks/use-load.ts'
import { TextField } from '../parts/fields.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Shown } from '../parts/shown.tsx'

function load(id: number, signal?: AbortSignal) {
  return client.get('/api/executables/{id}/limits', { path: { id }, ...keys(id), signal })
}

type Limits = Awaited<ReturnType<typeof load>>['limits']

export function LimitsForm({ id }: { id: number }) {
  const loaded = useLoad(`limits ${id}`, (signal) => load(id, signal))
  return <Shown of={loaded}>{({ limits }) => <Fields id={id} limits={limits} />}</Shown>
}

function Fields({ id, limits }: { id: number; limits: Limits }) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(Object.entries(limits).map(([name, { own }]) => [name, String(own ?? '')])),
  )
  const own = (): Record<string, number | null> =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, text.trim() === '' ? null : Number(text)]),
    )
  const complain = (): string | undefined => {
    const odd = Object.entries(texts).find(([, text]) => !/^\s*\d*\s*$/.test(text))
    return odd === undefined ? undefined : `${odd[0]} has to be a whole number, or empty.`
  }
  return (
    <SaveForm
      verb="Save the limits"
      complain={complain}
      save={() =>
        client.put('/api/executables/{id}/limits', { path: { id }, ...keys(id), json: own() })
      }
    >
      <p class="muted">Where a field is empty, the server’s own limit holds.</p>
      <div class="fields">
        {Object.entries(limits).map(([name, limit]) => (
          <TextField
            key={name}
            label={<code>{name}</code>}
            inputMode="numeric"
            placeholder={String(limit.default)}
            help={`${limit.floor.toLocaleString()} to ${limit.ceiling.toLocaleString()} ${limit.unit}`}
            value={texts[name] ?? ''}
            onChange={(text) => setTexts({ ...texts, [name]: text })}
          />
        ))}
      </div>
    </SaveForm>
  )
}
