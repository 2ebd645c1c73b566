// The frame around the pages: whether one has to sign in, where one is, and where the focus goes.
import type { ComponentChild } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { WasmhookError } from '../../packages/client/src/error.ts'
import { whoAmI } from './api/client.ts'
import { BinPage } from './pages/bin.tsx'
import { Bins } from './pages/bins.tsx'
import { EndpointPage } from './pages/endpoint.tsx'
import { Endpoints } from './pages/endpoints.tsx'
import { EventTypePage } from './pages/event-type.tsx'
import { EventTypes } from './pages/event-types.tsx'
import { FunctionPage } from './pages/function.tsx'
import { Functions } from './pages/functions.tsx'
import { MessagePage } from './pages/message.tsx'
import { Messages } from './pages/messages.tsx'
import { SignIn } from './pages/sign-in.tsx'
import { SourcePage } from './pages/source.tsx'
import { Sources } from './pages/sources.tsx'
import { Tokens } from './pages/tokens.tsx'
import { Webhooks } from './pages/webhooks.tsx'
import { ErrorNote } from './parts/error-note.tsx'
import { Head } from './parts/head.tsx'
import { linkTo, useRoute } from './route.ts'
import type { PageName, Route } from './route.ts'
import { session } from './session.ts'
import { useLoad } from './use-load.ts'
import { WhoContext } from './who.ts'

const PAGES: Readonly<Partial<Record<PageName, (route: Route) => ComponentChild>>> = {
  functions: () => <Functions />,
  function: ({ page, params }) => (
    <FunctionPage key={params.id} id={Number(params.id)} page={page} />
  ),
  settings: ({ page, params }) => (
    <FunctionPage key={params.id} id={Number(params.id)} page={page} />
  ),
  webhooks: () => <Webhooks />,
  endpoints: ({ params: { tenant = '' }, query }) => (
    <Endpoints key={tenant} tenant={tenant} url={query.url ?? ''} />
  ),
  sources: ({ params: { tenant = '' } }) => <Sources key={tenant} tenant={tenant} />,
  source: ({ params: { tenant = '', id = '' }, query }) => (
    <SourcePage key={id} tenant={tenant} id={id} query={query} />
  ),
  bins: ({ params: { tenant = '' } }) => <Bins key={tenant} tenant={tenant} />,
  bin: ({ params: { tenant = '', id = '' } }) => <BinPage key={id} tenant={tenant} id={id} />,
  endpoint: ({ params: { tenant = '', id = '' } }) => (
    <EndpointPage key={id} tenant={tenant} id={id} />
  ),
  eventTypes: ({ params: { tenant = '' } }) => <EventTypes key={tenant} tenant={tenant} />,
  eventType: ({ params: { tenant = '', id = '' } }) => (
    <EventTypePage key={id} tenant={tenant} name={id} />
  ),
  messages: ({ params: { tenant = '' }, query }) => (
    <Messages key={tenant} tenant={tenant} query={query} />
  ),
  message: ({ params: { tenant = '', id = '' } }) => (
    <MessagePage key={id} tenant={tenant} id={id} />
  ),
  tokens: ({ params: { tenant = '' } }) => <Tokens key={tenant} tenant={tenant} />,
}

/** What stands at the top of every page, and the pages that belong to each. */
const SECTIONS: readonly Section[] = [
  { name: 'Functions', page: 'functions', within: /^(functions?|settings)$/, operator: true },
  {
    name: 'Webhooks',
    page: 'webhooks',
    within: /^(webhooks|endpoints?|eventTypes?|messages?|sources?|bins?|tokens)$/,
  },
]

interface Section {
  name: string
  page: PageName
  within: RegExp
  /** Nothing that a tenant's token opens. */
  operator?: true
}

export function App() {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const [visit, setVisit] = useState(0)
  // Where no token is needed, as on loopback, nobody is asked for one.
  const { value: known, error, reload } = useLoad(`session ${visit}`, whoAmI)
  const locked = error instanceof WasmhookError && [401, 403].includes(error.status)
  const place = locked ? 'sign-in' : JSON.stringify([route.page, route.params])

  const ofTenant = typeof known?.tenant === 'string'
  const sections = SECTIONS.filter(({ operator }) => !(operator && ofTenant))
  // A tenant's home is its webhooks.
  const page = ofTenant && route.page === 'functions' ? 'webhooks' : route.page
  const show = page && PAGES[page]

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
          <p class="muted">Loading …</p>
        ) : show === undefined ? (
          <NoSuchPage />
        ) : (
          <WhoContext.Provider value={known}>{show(route)}</WhoContext.Provider>
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
