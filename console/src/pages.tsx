// Which page each route shows, and the sections that stand at the top of all.
import type { ComponentChild } from 'preact'
import { BinPage } from './bins/bin.tsx'
import { Bins } from './bins/bins.tsx'
import { Deliveries } from './deliveries/deliveries.tsx'
import { DeliveryPage } from './deliveries/delivery.tsx'
import { EndpointPage } from './webhooks/endpoint.tsx'
import { Endpoints } from './webhooks/endpoints.tsx'
import { EventTypePage } from './webhooks/event-type.tsx'
import { EventTypes } from './webhooks/event-types.tsx'
import { FunctionPage } from './functions/function.tsx'
import { Functions } from './functions/functions.tsx'
import { MessagePage } from './webhooks/message.tsx'
import { Messages } from './webhooks/messages.tsx'
import { ResendPage, Resends } from './deliveries/resends.tsx'
import { RunPage } from './runs/run.tsx'
import { Runs } from './runs/runs.tsx'
import { SourcePage } from './sources/source.tsx'
import { Sources } from './sources/sources.tsx'
import { SystemPage } from './system/system.tsx'
import { Tokens } from './webhooks/tokens.tsx'
import { Webhooks } from './webhooks/webhooks.tsx'
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
    <EndpointPage key={`${tenant}/${id}`} tenant={tenant} id={id} />
  ),
  eventTypes: ({ params: { tenant = '' } }) => <EventTypes key={tenant} tenant={tenant} />,
  eventType: ({ params: { tenant = '', id = '' } }) => (
    <EventTypePage key={`${tenant}/${id}`} tenant={tenant} name={id} />
  ),
  messages: ({ params: { tenant = '' }, query }) => (
    <Messages key={tenant} tenant={tenant} query={query} />
  ),
  message: ({ params: { tenant = '', id = '' } }) => (
    <MessagePage key={`${tenant}/${id}`} tenant={tenant} id={id} />
  ),
  sources: ({ params: { tenant = '' } }) => <Sources key={tenant} tenant={tenant} />,
  source: ({ params: { tenant = '', id = '' }, query }) => (
    <SourcePage key={`${tenant}/${id}`} tenant={tenant} id={id} query={query} />
  ),
  bins: ({ params: { tenant = '' } }) => <Bins key={tenant} tenant={tenant} />,
  bin: ({ params: { tenant = '', id = '' } }) => (
    <BinPage key={`${tenant}/${id}`} tenant={tenant} id={id} />
  ),
  tokens: ({ params: { tenant = '' } }) => <Tokens key={tenant} tenant={tenant} />,
  system: () => <SystemPage />,
}

/** What stands at the top of every page, and the pages that belong to each. */
export const SECTIONS: readonly Section[] = [
  { name: 'Functions', page: 'functions', within: /^(functions?|settings)$/ },
  { name: 'Runs', page: 'runs', within: /^runs?$/ },
  { name: 'Deliveries', page: 'deliveries', within: /^(deliver(ies|y)|resends?)$/ },
  {
    name: 'Webhooks',
    page: 'webhooks',
    within: /^(webhooks|endpoints?|eventTypes?|messages?|sources?|bins?|tokens)$/,
  },
  { name: 'System', page: 'system', within: /^system$/ },
]

interface Section {
  name: string
  page: PageName
  within: RegExp
}
