// The frame around the pages: whether one has to sign in, where one is, and where the focus goes.
import type { ComponentChild } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { WasmhookError } from '../../packages/client/src/error.ts'
import { whoAmI } from './api/client.ts'
import { FunctionPage } from './pages/function.tsx'
import { Functions } from './pages/functions.tsx'
import { RunPage } from './pages/run.tsx'
import { Runs } from './pages/runs.tsx'
import { SignIn } from './pages/sign-in.tsx'
import { ErrorNote } from './parts/error-note.tsx'
import { Head } from './parts/head.tsx'
import { linkTo, useRoute } from './route.ts'
import type { PageName, Route } from './route.ts'
import { session } from './session.ts'
import { useLoad } from './use-load.ts'

const PAGES: Readonly<Partial<Record<PageName, (route: Route) => ComponentChild>>> = {
  functions: () => <Functions />,
  function: ({ page, params }) => (
    <FunctionPage key={params.id} id={Number(params.id)} page={page} />
  ),
  settings: ({ page, params }) => (
    <FunctionPage key={params.id} id={Number(params.id)} page={page} />
  ),
  runs: ({ query }) => <Runs query={query} />,
  run: ({ params: { id = '' }, query }) => (
    <RunPage key={id} id={id} wasmId={Number(query.wasm_id) || undefined} />
  ),
}

/** What stands at the top of every page, and the pages that belong to each. */
const SECTIONS: readonly { name: string; page: PageName; within: RegExp }[] = [
  { name: 'Functions', page: 'functions', within: /^(functions?|settings)$/ },
  { name: 'Runs', page: 'runs', within: /^runs?$/ },
]

export function App() {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const [visit, setVisit] = useState(0)
  // Where no token is needed, as on loopback, nobody is asked for one.
  const { value: known, error, reload } = useLoad(`session ${visit}`, whoAmI)
  const locked = error instanceof WasmhookError && [401, 403].includes(error.status)
  const place = locked ? 'sign-in' : JSON.stringify([route.page, route.params])

  const show = route.page && PAGES[route.page]

  const before = useRef(place)
  useEffect(() => {
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
          <a class="brand" href={linkTo('functions')}>
            Wasmhook
          </a>
          <nav aria-label="Pages">
            {!locked &&
              SECTIONS.map(({ name, page, within }) => (
                <a
                  key={page}
                  href={linkTo(page)}
                  aria-current={within.test(route.page ?? '') ? 'page' : undefined}
                >
                  {name}
                </a>
              ))}
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
            <Head title="Wasmhook" />
            <ErrorNote error={error} retry={reload} />
          </>
        ) : known === undefined ? (
          <p class="muted">Loading …</p>
        ) : show === undefined ? (
          <NoSuchPage />
        ) : (
          show(route)
        )}
      </main>
    </>
  )
}

function NoSuchPage() {
  return (
    <>
      <Head title="There is no such page" />
      <p>
        <a href={linkTo('functions')}>To the functions</a>
      </p>
    </>
  )
}
