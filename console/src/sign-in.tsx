// Who has the API token comes in; it stays in this tab and is in no address.
import { useState } from 'preact/hooks'
import { mayBeKey, whoAmI } from './client.ts'
import { ErrorNote } from './parts/error-note.tsx'
import { TextField } from './parts/fields.tsx'
import { Head } from './parts/head.tsx'
import { session } from './session.ts'

export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [token, setToken] = useState('')
  const [error, setError] = useState<unknown>(undefined)
  const [odd, setOdd] = useState(false)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const given = token.trim()
    if (given === '') return
    setOdd(!mayBeKey(given))
    setError(undefined)
    if (!mayBeKey(given)) return
    session.signIn(given)
    try {
      await whoAmI()
      onSignedIn()
    } catch (refused) {
      // The admin keys of what was uploaded here stay: the server never shows them again.
      session.forgetToken()
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
      <div aria-live="assertive">
        {odd && <p class="wrong">A token has letters, digits and signs of ASCII only.</p>}
        {error !== undefined && <ErrorNote error={error} />}
      </div>
    </form>
  )
}
