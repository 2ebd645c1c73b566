// Asks for the admin key of a function that another tab, or curl, uploaded.
import { useState } from 'preact/hooks'
import { adminKeyOpens, keyAskedFor } from '../client.ts'
import { session } from '../session.ts'
import { ErrorNote } from './error-note.tsx'
import { TextField } from './fields.tsx'

export function AdminKey({ id, onKey }: { id: number; onKey: () => void }) {
  const [key, setKey] = useState('')
  const [refused, setRefused] = useState(session.adminKey(id) !== undefined)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    if (key.trim() === '') return
    session.keepAdminKey(id, key.trim())
    const opened = await adminKeyOpens(id).catch(() => false)
    if (!opened) session.forgetAdminKey(id)
    setRefused(!opened)
    if (opened) onKey()
  }

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <p>This is shown to whoever has the admin key, which the upload answered.</p>
      <TextField label="Admin key" type="password" value={key} onChange={setKey} />
      <button type="submit">Show it</button>
      <p class="wrong" role="alert">
        {refused ? 'This is not the admin key of this function.' : ''}
      </p>
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
