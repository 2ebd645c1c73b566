// Which page each route shows, and the sections that stand at the top of all.
import type { ComponentChild } from 'preact'
import { BinPage } from './pages/bin.tsx'
import { Bins } from './pages/bins.tsx'
import { Deliveries } from './pages/deliveries.tsx'
import { DeliveryPage } from './pages/delivery.tsx'
import { EndpointPage } from './pages/endpoint.tsx'
import { Endpoints } from './pages/endpoints.tsx'
import { EventTypePage } from './pages/event-type.tsx'
import { EventTypes } from './pages/event-types.tsx'
import { FunctionPage } from './pages/function.tsx'
import { Functions } from './pages/functions.tsx'
import { MessagePage } from './pages/message.tsx'
import { Messages } from './pages/messages.tsx'
import { ResendPage, Resends } from './pages/resends.tsx'
import { RunPage } from './pages/run.tsx'
import { Runs } from './pages/runs.tsx'
import { SourcePage } from './pages/source.tsx'
import { Sources } from './pages/sources.tsx'
import { SystemPage } from './pages/system.tsx'
import { Tokens } from './pages/tokens.tsx'
import { Webhooks } from './pages/webhooks.tsx'
import type { PageName, Route } from './route.ts'

export const PAGES: Readonly<Record<PageName, (route: Route) => ComponentChild>> = {
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
  deliveries: ({ query }) => <Deliveries query={query} />,
  delivery: ({ params: { id = '' } }) => <DeliveryPage key={id} id={id} />,
  resends: () => <Resends />,
  resend: ({ params: { id = '' } }) => <ResendPage key={id} id={id} />,
  webhooks: () => <Webhooks />,
  endpoints: ({ params: { tenant = '' }, query }) => (
    <Endpoints key={tenant} tenant={tenant} url={query.url ?? ''} />
  ),
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
  sources: ({ params: { tenant = '' } }) => <Sources key={tenant} tenant={tenant} />,
  source: ({ params: { tenant = '', id = '' }, query }) => (
    <SourcePage key={id} tenant={tenant} id={id} query={query} />
  ),
  bins: ({ params: { tenant = '' } }) => <Bins key={tenant} tenant={tenant} />,
  bin: ({ params: { tenant = '', id = '' } }) => <BinPage key={id} tenant={tenant} id={id} />,
  tokens: ({ params: { tenant = '' } }) => <Tokens key={tenant} tenant={tenant} />,
  system: () => <SystemPage />,
}

/** What stands at the top of every page, and the pages that belong to each. */
export const SECTIONS: readonly Section[] = [
  { name: 'Functions', page: 'functions', within: /^(functions?|settings)$/, operator: true },
  { name: 'Runs', page: 'runs', within: /^runs?$/, operator: true },
  { name: 'Deliveries', page: 'deliveries', within: /^(deliver(ies|y)|resends?)$/ },
  {
    name: 'Webhooks',
    page: 'webhooks',
    within: /^(webhooks|endpoints?|eventTypes?|messages?|sources?|bins?|tokens)$/,
  },
  { name: 'System', page: 'system', within: /^system$/, operator: true },
]

interface Section {
  name: string
  page: PageName
  within: RegExp
  /** Nothing that a tenant's token opens. */
  operator?: true
}
