// The frame around the pages: whether one has to sign in, where one is, and where the focus goes.
import { useEffect, useRef, useState } from 'preact/hooks'
import { WasmhookError } from '../../packages/client/src/error.ts'
import { listIds } from './api.ts'
import { FunctionPage } from './pages/function.tsx'
import { Functions } from './pages/functions.tsx'
import { SignIn } from './pages/sign-in.tsx'
import { ErrorNote } from './parts/error-note.tsx'
import { HOME, useRoute } from './route.ts'
import type { Route } from './route.ts'
import { session } from './session.ts'
import { useLoad } from './use-load.ts'

export function App() {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const [visit, setVisit] = useState(0)
  // Where no token is needed, as on loopback, nobody is asked for one.
  const { value: known, error, reload } = useLoad(`session ${visit}`, listIds)
  const locked = error instanceof WasmhookError && [401, 403].includes(error.status)
  const place = locked ? 'sign-in' : JSON.stringify(route)

  const before = useRef(place)
  useEffect(() => {
    document.title = `${locked ? 'Sign in' : titleOf(route)} – Wasmhook`
    // A page that was asked for is read from its heading; the first one is left to the browser.
    if (before.current !== place) main.current?.querySelector('h1')?.focus()
    before.current = place
  }, [place])

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href={HOME}>
            Wasmhook
          </a>
          <nav aria-label="Pages">
            <a href={HOME} aria-current={route.page === 'functions' ? 'page' : undefined}>
              Functions
            </a>
          </nav>
          {session.token() !== undefined && !locked && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                session.signOut()
                setVisit(visit + 1)
              }}
            >
              Sign out
            </button>
          )}
        </div>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {locked ? (
          <SignIn onSignedIn={() => setVisit(visit + 1)} />
        ) : error !== undefined ? (
          <>
            <h1 tabIndex={-1}>Wasmhook</h1>
            <ErrorNote error={error} retry={reload} />
          </>
        ) : known === undefined ? (
          <p class="muted">Loading …</p>
        ) : (
          <Page route={route} />
        )}
      </main>
    </>
  )
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'functions':
      return <Functions />
    case 'function':
    case 'settings':
      return <FunctionPage key={route.id} id={route.id} page={route.page} />
    case 'unknown':
      return (
        <>
          <h1 tabIndex={-1}>There is no such page</h1>
          <p>
            <a href={HOME}>To the functions</a>
          </p>
        </>
      )
  }
}

function titleOf(route: Route): string {
  if (route.page === 'function') return `Function ${route.id}`
  if (route.page === 'settings') return `Settings of function ${route.id}`
  return route.page === 'functions' ? 'Functions' : 'No such page'
}
