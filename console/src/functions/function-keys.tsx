// Who may call a function, and what its results are signed with. Each key is shown once, as it is made.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Action } from '../parts/action.tsx'
import { Secret } from '../parts/secret.tsx'
import { Shown } from '../parts/shown.tsx'
import { NEW_ROTATION, RotationFields, SecretList, sureOf, toRotation } from '../parts/signing.tsx'

export function UsageKey({ id }: { id: number }) {
  const [made, setMade] = useState<string | undefined>(undefined)
  const path = { id }
  return (
    <div class="card">
      <p>
        Whoever knows its address may call it. Once it has a usage key, only who has that key may.
      </p>
      {made !== undefined && (
        <Secret text={made} what={`the usage key of function ${id}`}>
          The usage key is shown this once. Callers send it as <code>SSVM_Usage_Key</code>.
        </Secret>
      )}
      <Action
        verb="Make a new usage key"
        sure="Make it; an old key stops working"
        done="Made"
        act={async () => {
          const answer = await client.put('/api/keys/{id}/usage_key', { path, ...keys(id) })
          setMade(answer.SSVM_Usage_Key)
        }}
      />
      <Action
        verb="Open it to all"
        sure="Let anybody call it"
        done="Anybody may call it"
        act={async () => {
          await client.delete('/api/keys/{id}/usage_key', { path, ...keys(id) })
          setMade(undefined)
        }}
      />
    </div>
  )
}

const SECRET = '/api/executables/{id}/signing-secret'

function listSecrets(id: number, signal?: AbortSignal) {
  return client.get(SECRET, { path: { id }, ...keys(id), signal })
}

export function SigningSecret({ id }: { id: number }) {
  const loaded = useLoad(`signing ${id}`, (signal) => listSecrets(id, signal))
  return (
    <Shown of={loaded}>
      {({ secrets }) => <Signing id={id} secrets={secrets} onChanged={loaded.reload} />}
    </Shown>
  )
}

interface SigningProps {
  id: number
  secrets: Awaited<ReturnType<typeof listSecrets>>['secrets']
  onChanged: () => void
}

function Signing({ id, secrets, onChanged }: SigningProps) {
  const path = { id }
  const [made, setMade] = useState<string | undefined>(undefined)
  const [draft, setDraft] = useState(NEW_ROTATION)
  const signs = secrets.length > 0
  return (
    <div class="card">
      <p>
        {signs
          ? 'Its callbacks are signed.'
          : 'Its callbacks are not signed. With a secret they are, as Standard Webhooks says, so that a receiver knows whose they are.'}
      </p>
      <SecretList secrets={secrets} />
      {made !== undefined && (
        <Secret text={made} what={`the signing secret of function ${id}`}>
          The secret is shown this once. Receivers verify with it.
        </Secret>
      )}
      <RotationFields draft={draft} onChange={setDraft} secrets={secrets} />
      <Action
        verb={signs ? 'Rotate it' : 'Make a signing secret'}
        {...(signs ? { sure: sureOf(draft) } : {})}
        done="Made"
        act={async () => {
          const json = toRotation(draft)
          setMade((await client.post(SECRET, { path, ...keys(id), json })).secret)
          setDraft(NEW_ROTATION)
        }}
        onDone={onChanged}
      />
      {signs && (
        <Action
          verb="Stop signing"
          sure="Forget every secret of it"
          done="Nothing is signed"
          act={async () => {
            await client.delete(SECRET, { path, ...keys(id) })
            setMade(undefined)
          }}
          onDone={onChanged}
        />
      )}
    </div>
  )
}
