// Asks for the admin key of a function that another tab, or curl, uploaded.
import { useState } from 'preact/hooks'
import { WasmhookError } from '../../../packages/client/src/error.ts'
import { adminKeyOpens, keyAskedFor, mayBeKey } from '../client.ts'
import { session } from '../session.ts'
import { ErrorNote } from './error-note.tsx'
import { TextField } from './fields.tsx'

export function AdminKey({ id, onKey }: { id: number; onKey: () => void }) {
  const [key, setKey] = useState('')
  const [refused, setRefused] = useState(session.adminKey(id) !== undefined)
  const [error, setError] = useState<unknown>(undefined)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const given = key.trim()
    if (given === '') return
    setRefused(false)
    setError(undefined)
    session.keepAdminKey(id, given)
    try {
      if (mayBeKey(given) && (await adminKeyOpens(id))) {
        onKey()
        return
      }
      setRefused(true)
    } catch (problem) {
      const known = problem instanceof WasmhookError && [401, 403].includes(problem.status)
      if (known) setRefused(true)
      else setError(problem)
    }
    session.forgetAdminKey(id)
  }

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <p>This is shown to whoever has the admin key, which the upload answered.</p>
      <TextField label="Admin key" type="password" value={key} onChange={setKey} />
      <button type="submit">Show it</button>
      <p class="wrong" role="alert">
        {refused ? 'This is not the admin key of this function.' : ''}
      </p>
      {error !== undefined && <ErrorNote error={error} />}
    </form>
  )
}

/** Why nothing is shown; where a key of a function would help, it is asked for. */
export function Refused({ error, retry }: { error: unknown; retry: () => void }) {
  const id = keyAskedFor(error)
  return id === undefined ? (
    <ErrorNote error={error} retry={retry} />
  ) : (
    <AdminKey key={id} id={id} onKey={retry} />
  )
}
