// What the owner of a function changes: versions, state, variables, callback, limits, and its end.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import { mayAdminister } from './api.ts'
import type { Description } from './api.ts'
import { jsonWords, ownerCurl } from '../curl.ts'
import { Action } from '../parts/action.tsx'
import { AdminKey } from '../parts/admin-key.tsx'
import { CallbackForm } from './callback-form.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { TextField } from '../parts/fields.tsx'
import { SigningSecret, UsageKey } from './function-keys.tsx'
import { OptionsForm, TypesForm } from './function-options.tsx'
import { LimitsForm } from './limits.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Versions } from './versions.tsx'
import { go, linkTo } from '../route.ts'
import { session } from '../session.ts'
import { useLoad } from '../hooks/use-load.ts'

interface Props {
  one: Description
  onChanged: () => void
}

export function Settings({ one, onChanged }: Props) {
  const id = one.wasm_id
  if (!mayAdminister(one)) return <AdminKey id={id} onKey={onChanged} />
  return (
    <>
      <section aria-labelledby="versions">
        <h2 id="versions">Versions</h2>
        <Versions id={id} onChanged={onChanged} />
      </section>
      <section aria-labelledby="state">
        <h2 id="state">State</h2>
        <State id={id} />
      </section>
      <section aria-labelledby="variables">
        <h2 id="variables">Variables</h2>
        <Variables one={one} onChanged={onChanged} />
      </section>
      <section aria-labelledby="callback">
        <h2 id="callback">Callback</h2>
        <CallbackForm one={one} onChanged={onChanged} />
      </section>
      <section aria-labelledby="signing">
        <h2 id="signing">Signing</h2>
        <SigningSecret id={id} />
      </section>
      <section aria-labelledby="types">
        <h2 id="types">Types</h2>
        <TypesForm one={one} onChanged={onChanged} />
      </section>
      <section aria-labelledby="usage">
        <h2 id="usage">Usage key</h2>
        <UsageKey id={id} />
      </section>
      <section aria-labelledby="limits">
        <h2 id="limits">Limits</h2>
        <LimitsForm id={id} />
      </section>
      <section aria-labelledby="options">
        <h2 id="options">Name and options</h2>
        <OptionsForm one={one} onChanged={onChanged} />
      </section>
      <section aria-labelledby="delete">
        <h2 id="delete">Delete</h2>
        <Delete id={id} />
      </section>
    </>
  )
}

function State({ id }: { id: number }) {
  const { value, error, reload } = useLoad(`state ${id}`, (signal) =>
    client.get('/api/state/{id}', { path: { id }, ...keys(id), signal, as: 'text' }),
  )
  const [changed, setChanged] = useState<string | undefined>(undefined)
  if (error !== undefined) return <ErrorNote error={error} retry={reload} />
  // What is not there yet would be replaced by nothing.
  if (value === undefined) return <p class="muted">Loading …</p>
  const text = changed ?? value
  return (
    <SaveForm
      verb="Save the state"
      save={() =>
        client.put('/api/state/{id}', { path: { id }, ...keys(id), body: text, as: 'text' })
      }
    >
      <TextField
        label="A text that functions get as their context"
        rows={4}
        mono
        value={text}
        onChange={setChanged}
      />
      {value === '{}' && changed === undefined && (
        <CommandLine
          text={ownerCurl('PUT', `/api/state/${id}`, '--data', 'Good morning,')}
          label="curl line that sets the state"
        />
      )}
    </SaveForm>
  )
}

function Variables({ one: { wasm_id: id, variables = [] }, onChanged }: Props) {
  const [text, setText] = useState('')
  const put = (json: Record<string, string>) =>
    client.put('/api/executables/{id}/variables', { path: { id }, ...keys(id), json })
  return (
    <SaveForm
      verb="Replace the variables"
      complain={() =>
        text.trim() === ''
          ? 'Write one at least.'
          : /^(?=.*\S)[^=\n]*$/m.test(text)
            ? 'Each line has to be NAME=value.'
            : undefined
      }
      save={() => put(readLines(text))}
      onSaved={() => {
        setText('')
        onChanged()
      }}
      more={
        variables.length > 0 && (
          <Action
            verb="Remove all"
            sure="Remove all variables"
            act={() => put({})}
            done=""
            onDone={onChanged}
          />
        )
      }
    >
      {variables.length === 0 ? (
        <>
          <p>There are none. Set them here, or from a terminal:</p>
          <CommandLine
            text={ownerCurl(
              'PUT',
              `/api/executables/${id}/variables`,
              ...jsonWords({ MAIL_FROM: 'ann@example.org' }),
            )}
            label="curl line that sets variables"
          />
        </>
      ) : (
        <p>
          Set: <code>{variables.join(', ')}</code>. Their values are never shown. What is saved here
          replaces all of them.
        </p>
      )}
      <TextField
        label="One on a line, as NAME=value"
        rows={3}
        mono
        value={text}
        onChange={setText}
      />
    </SaveForm>
  )
}

function readLines(text: string): Record<string, string> {
  const lines = text.split('\n').filter((one) => one.trim() !== '')
  return Object.fromEntries(
    lines.map((one) => {
      const at = one.indexOf('=')
      return at < 0 ? [one.trim(), ''] : [one.slice(0, at).trim(), one.slice(at + 1)]
    }),
  )
}

function Delete({ id }: { id: number }) {
  return (
    <div class="call">
      <p>Its versions, settings and runs go with it. This cannot be undone.</p>
      <Action
        verb="Delete this function"
        sure={`Delete function ${id} for good`}
        act={async () => {
          await client.delete('/api/executables/{id}', { path: { id }, ...keys(id) })
          session.forgetAdminKey(id)
        }}
        done=""
        onDone={() => go(linkTo('functions'))}
      />
    </div>
  )
}
