// The frame around the pages: whether one has to sign in, where one is, and where the focus goes.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { WasmhookError } from '../../packages/client/src/error.ts'
import { whoAmI } from './client.ts'
import { SignIn } from './sign-in.tsx'
import { Boundary } from './parts/boundary.tsx'
import { ErrorNote } from './parts/error-note.tsx'
import { Head } from './parts/head.tsx'
import { Loading } from './parts/shown.tsx'
import { PAGES, SECTIONS } from './pages.tsx'
import { linkTo, useRoute } from './route.ts'
import { session } from './session.ts'
import { useLoad } from './hooks/use-load.ts'
import { WhoContext, mayOf } from './who.ts'

export function App() {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const [visit, setVisit] = useState(0)
  // Where no token is needed, as on loopback, nobody is asked for one.
  const { value: known, error, reload } = useLoad(`session ${visit}`, whoAmI)
  const locked = error instanceof WasmhookError && [401, 403].includes(error.status)
  const place = locked ? 'sign-in' : JSON.stringify([route.page, route.params])

  const who = known && mayOf(known)
  const sections = SECTIONS.filter((one) => who?.barredFrom(one.page) === undefined)
  // A tenant's home is its webhooks.
  const page = who?.tenant && route.page === 'functions' ? 'webhooks' : route.page
  const show = page && PAGES[page]
  const barred = page && who?.barredFrom(page, route.params)

  const before = useRef(place)
  // Before anybody can have begun to type in it.
  useLayoutEffect(() => {
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
            {known !== undefined &&
              sections.map(({ name, page: first, within }) => (
                <a
                  key={first}
                  href={linkTo(first)}
                  aria-current={within.test(page ?? '') ? 'page' : undefined}
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
          <Loading />
        ) : show === undefined ? (
          <NoSuchPage />
        ) : barred !== undefined ? (
          <>
            <Head title="Not for this token" />
            <p class="note bad">{barred}</p>
          </>
        ) : (
          <WhoContext.Provider value={known}>
            <Boundary address={JSON.stringify(route)}>{show(route)}</Boundary>
          </WhoContext.Provider>
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
