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
import { TextField } from '../parts/fields.tsx'
import { pairsOf } from '../parts/lines.ts'
import { Shown } from '../parts/shown.tsx'
import { SigningSecret, UsageKey } from './function-keys.tsx'
import { OptionsForm, TypesForm } from './function-options.tsx'
import { LimitsForm } from './limits.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { Section } from '../parts/section.tsx'
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
      <Section title="Versions">
        <Versions id={id} onChanged={onChanged} />
      </Section>
      <Section title="State">
        <State id={id} />
      </Section>
      <Section title="Variables">
        <Variables one={one} onChanged={onChanged} />
      </Section>
      <Section title="Callback">
        <CallbackForm one={one} onChanged={onChanged} />
      </Section>
      <Section title="Signing">
        <SigningSecret id={id} />
      </Section>
      <Section title="Types">
        <TypesForm one={one} onChanged={onChanged} />
      </Section>
      <Section title="Usage key">
        <UsageKey id={id} />
      </Section>
      <Section title="Limits">
        <LimitsForm id={id} />
      </Section>
      <Section title="Name and options">
        <OptionsForm one={one} onChanged={onChanged} />
      </Section>
      <Section title="Delete">
        <Delete id={id} />
      </Section>
    </>
  )
}

function State({ id }: { id: number }) {
  const loaded = useLoad(`state ${id}`, (signal) =>
    client.get('/api/state/{id}', { path: { id }, ...keys(id), signal, as: 'text' }),
  )
  const [changed, setChanged] = useState<string | undefined>(undefined)
  return (
    // What is not there yet would be replaced by nothing.
    <Shown of={loaded}>
      {(value) => (
        <SaveForm
          verb="Save the state"
          save={() =>
            client.put('/api/state/{id}', {
              ...{ path: { id }, ...keys(id), as: 'text' },
              body: changed ?? value,
            })
          }
        >
          <TextField
            label="A text that functions get as their context"
            rows={4}
            mono
            value={changed ?? value}
            onChange={setChanged}
          />
          {value === '{}' && changed === undefined && (
            <CommandLine
              text={ownerCurl('PUT', `/api/state/${id}`, '--data', 'Good morning,')}
              label="curl line that sets the state"
            />
          )}
        </SaveForm>
      )}
    </Shown>
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
      save={() => put(Object.fromEntries(pairsOf(text, '=')))}
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
