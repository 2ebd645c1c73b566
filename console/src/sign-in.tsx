// Who has the API token comes in; it stays in this tab and is in no address.
import { useState } from 'preact/hooks'
import { whoAmI } from './client.ts'
import { ErrorNote } from './parts/error-note.tsx'
import { TextField } from './parts/fields.tsx'
import { Head } from './parts/head.tsx'
import { session } from './session.ts'

export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [token, setToken] = useState('')
  const [error, setError] = useState<unknown>(undefined)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    if (token.trim() === '') return
    session.signIn(token.trim())
    try {
      await whoAmI()
      onSignedIn()
    } catch (refused) {
      session.signOut()
      setError(refused)
    }
  }

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <Head title="Sign in" />
      <p class="muted">
        With the server's <code>API_TOKEN</code>, or a token of a tenant. This tab remembers it
        until it is closed.
      </p>
      <TextField label="API token" type="password" value={token} onChange={setToken} />
      <button type="submit" class="primary">
        Sign in
      </button>
      <div aria-live="assertive">{error !== undefined && <ErrorNote error={error} />}</div>
    </form>
  )
}
