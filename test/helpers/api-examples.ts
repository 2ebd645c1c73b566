// A body for each route that asks for one, so that tests can call every route there is. The row of a new route
// holds the least that it takes; `tenant` and `wasm_id` are put in where its description has them.
import { randomUUID } from 'node:crypto'
import { example } from './guests.ts'

export interface Example {
  type: string
  body: string | Buffer | Record<string, unknown>
}

/** What a row may name besides. */
export interface ExampleContext {
  /** Where a service of the test listens. */
  target: string
}

type Row = (context: ExampleContext) => Example | Promise<Example>

const json = (body: Record<string, unknown>): Example => ({ type: 'application/json', body })
const text = (body: string): Example => ({ type: 'text/plain', body })
const wasm = async (): Promise<Example> => ({
  type: 'application/octet-stream',
  body: await example('counter'),
})
const part = '--x\r\nContent-Disposition: form-data; name="input_1"\r\n\r\nvisits\r\n--x--\r\n'
const multipart = (): Example => ({ type: 'multipart/form-data; boundary=x', body: part })
const anew = (word: string): string => `${word}.${randomUUID()}`

export const EXAMPLES: Readonly<Record<string, Row>> = {
  'POST /api/executables': wasm,
  'PUT /api/update_wasm_binary/{id}': wasm,
  'PATCH /api/executables/{id}': () => json({ description: 'counts' }),
  'PUT /api/executables/{id}/types': () => json({ increment: ['text'] }),
  'PUT /api/executables/{id}/limits': () => json({}),
  'PUT /api/executables/{id}/variables': () => json({ GREETING: 'hello' }),
  'PUT /api/state/{id}': () => text('a state'),
  'PUT /api/callback/{id}': ({ target }) => text(target),
  'POST /api/run/{id}/{fn}': () => text('visits'),
  'POST /api/run/{id}/{fn}/bytes': () => text('visits'),
  'POST /api/multipart/run/{id}/{fn}': multipart,
  'POST /api/multipart/run/{id}/{fn}/bytes': multipart,
  'POST /api/deliveries/resend': () => json({ state: 'exhausted' }),
  'POST /api/tokens': () => json({ rights: ['read'] }),
  'POST /api/event-types': () => json({ name: anew('made') }),
  'PATCH /api/event-types/{name}': () => json({ description: 'changed' }),
  'POST /api/endpoints': ({ target }) => json({ url: target, event_types: ['nothing.like.it'] }),
  'PATCH /api/endpoints/{id}': () => json({ description: 'a shop' }),
  'POST /api/endpoints/{id}/recover': () => json({ since: '2026-01-31T12:00:00Z' }),
  'POST /api/endpoints/{id}/replay': () => json({ since: '2026-01-31T12:00:00Z' }),
  'POST /api/messages': () => json({ type: 'thing.happened', payload: { n: 1 } }),
  'POST /api/messages/batch': () =>
    json({ messages: [{ type: 'thing.happened', payload: { n: 1 } }] }),
  'POST /api/sources': () =>
    json({
      verify: { scheme: 'none' },
      publish: { type_from: { in: 'header', name: 'x-type' } },
    }),
  'PATCH /api/sources/{id}': () => json({ description: 'a shop' }),
  'POST /api/bins': () => json({}),
  'POST /hooks/{id}': () => json({ n: 1 }),
  'POST /api/ephemeral_storage': () => json({ n: 1 }),
  'PUT /api/ephemeral_storage/{key}': () => json({ n: 2 }),
}

/** What a route without a body asks for besides its path. */
export const ASKED: Readonly<
  Record<string, { query?: Record<string, string>; headers?: Record<string, string> }>
> = {
  'GET /hooks/{id}': {
    query: { 'hub.mode': 'subscribe', 'hub.challenge': '17', 'hub.verify_token': 'it is us' },
  },
  'OPTIONS /hooks/{id}': { headers: { 'webhook-request-origin': 'events.example' } },
}

/** @throws Error naming the row to add */
export async function exampleFor(
  route: { name: string; requestBody?: { required?: boolean } },
  context: ExampleContext,
): Promise<Example | undefined> {
  const row = EXAMPLES[route.name]
  if (row !== undefined) return row(context)
  if (route.requestBody?.required !== true) return undefined
  throw new Error(
    `${route.name} needs a body: add a row '${route.name}' with the least that it takes to EXAMPLES in ` +
      'test/helpers/api-examples.ts.',
  )
}
