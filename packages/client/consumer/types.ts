// Compiled, never run: what a user's compiler accepts and refuses. test/client.test.ts hands it to tsc.
import type { IncomingMessage } from 'node:http'
import { WasmhookError, createClient, publicKeys, verify } from '@wasmhook/client'
import type { Endpoint, ErrorCode, Item, Message, NewEndpoint, paths } from '@wasmhook/client'
import { WebhookVerificationError } from '@wasmhook/client/verify'
import type { VerificationCode, VerifiedWebhook } from '@wasmhook/client/verify'

const client = createClient({
  baseUrl: new URL('http://127.0.0.1:8080'),
  token: 'wht_x',
  timeoutMs: 5_000,
})

export async function answers(): Promise<void> {
  const upload = await client.post('/api/executables', { body: new Uint8Array(8) })
  const key: string = upload.SSVM_Admin_Key
  const path = { id: upload.wasm_id, fn: 'say' }
  const text: string = await client.post('/api/run/{id}/{fn}', { path, body: 'world', as: 'text' })
  const bytes: Uint8Array = await client.post('/api/run/{id}/{fn}/bytes', {
    path,
    json: { a: 1 },
    as: 'bytes',
  })
  const response: Response = await client.post('/api/multipart/run/{id}/{fn}', {
    path,
    body: new FormData(),
    headers: { Prefer: 'respond-async', 'X-Any': 1 },
    adminKey: key,
    as: 'response',
  })
  const fetched: unknown = await client.post('/api/run/{id}/{fn}', {
    path,
    headers: { SSVM_Fetch: 'https://example.com/in' },
    as: 'json',
  })
  const message: Message = await client.post('/api/messages', {
    json: { type: 'order.created', payload: { any: ['thing'] } },
  })
  const page = await client.get('/api/messages', { query: { limit: 50, cursor: undefined } })
  const first: Message | undefined = page.items[0]
  for await (const endpoint of client.items('/api/endpoints')) {
    const one: Endpoint = endpoint
    const id: string = one.endpoint_id
    await client.post('/api/endpoints/{id}/resume', { path: { id } })
  }
  const hook = { path: { id: 'src_x' }, as: 'response' } as const
  await client.post('/hooks/{id}', {
    ...hook,
    body: '<a/>',
    headers: { 'content-type': 'text/xml' },
  })
  await client.post('/hooks/{id}', { ...hook, body: new Uint8Array(8) })
  await client.post('/hooks/{id}', { ...hook, json: { a: ['thing'] } })
  await client.get('/hooks/{id}', { ...hook, query: { 'hub.mode': 'subscribe' } })
  await client.options('/hooks/{id}', { ...hook, headers: { 'WebHook-Request-Rate': 10 } })
  const raw = await client.get('/healthz', { as: 'response', signal: AbortSignal.timeout(1_000) })
  const jwks = await client.get('/.well-known/jwks/{id}.json', { path: { id: 1 } })
  const keys: string[] = publicKeys(jwks)
  const item: Item<'/api/deliveries'>['state'] = 'succeeded'
  void [text, bytes, response, fetched, message, first, raw, keys, item]
}

export async function refused(path: { id: string }): Promise<void> {
  // @ts-expect-error a path that is not there
  await client.get('/api/mesages')
  // @ts-expect-error a method that it has not
  await client.put('/api/messages', { json: {} })
  // @ts-expect-error what stands for {id} is missing
  await client.get('/api/messages/{id}')
  // @ts-expect-error a misspelt one
  await client.get('/api/messages/{id}', { path: { ID: '1' } })
  // @ts-expect-error a query that the route does not take
  await client.get('/api/messages', { query: { kind: 'order.created' } })
  // @ts-expect-error a misspelt option
  await client.get('/api/messages', { querry: {} })
  // @ts-expect-error a field that is missing
  await client.post('/api/messages', { json: { type: 'order.created' } })
  // @ts-expect-error a field that is not one
  await client.post('/api/messages', { json: { type: 'order.created', payload: 1, at: 1 } })
  // @ts-expect-error a value that is not one of these
  await client.post('/api/tokens', { json: { rights: ['write'] } })
  // @ts-expect-error a retry that is neither of both
  await client.patch('/api/endpoints/{id}', { path, json: { retry: { interval_ms: 1 } } })
  // @ts-expect-error text where JSON belongs
  await client.post('/api/messages', { body: '{}' })
  // @ts-expect-error JSON where bytes belong
  await client.post('/api/executables', { json: {} })
  // @ts-expect-error JSON and text at once
  await client.post('/hooks/{id}', { path, json: {}, body: '{}', as: 'text' })
  // @ts-expect-error nothing where something has to be sent
  await client.post('/hooks/{id}', { path, as: 'text' })
  // @ts-expect-error it has to be said what a source's answer is read as
  await client.post('/hooks/{id}', { path, body: '{}' })
  // @ts-expect-error several values where one belongs
  await client.get('/api/messages', { query: { type: ['a', 'b'] } })
  // @ts-expect-error it has to be said what a function's result is read as
  await client.post('/api/run/{id}/{fn}', { path: { ...path, fn: 'say' }, body: 'world' })
  // @ts-expect-error a member that an answer has not
  void (await client.get('/api/messages/{id}', { path })).mesage_id
  // @ts-expect-error no list
  client.items('/api/messages/{id}', { path })
}

export function failure(error: unknown): boolean {
  if (!(error instanceof WasmhookError)) return false
  const code: ErrorCode = error.code
  const runId: unknown = error.detail.run_id
  const wait = error.headers.get('retry-after')
  return (
    code === 'UNKNOWN_EVENT_TYPE' || error.status >= 500 || wait !== null || runId === undefined
  )
}

export async function receive(
  request: IncomingMessage | Request,
  body: Uint8Array,
): Promise<VerifiedWebhook | VerificationCode> {
  try {
    if (request instanceof Request)
      await verify(request.headers, await request.arrayBuffer(), 'whsec_')
    // @ts-expect-error what was parsed
    else await verify(request.headers, { order: 1 }, 'whsec_')
    await verify(new Map([['webhook-id', 'x']]), body, 'whsec_')
    // @ts-expect-error a number in place of a time
    await verify({}, body, 'whsec_', { now: Date.now() })
    const options = { toleranceSeconds: 60, now: new Date() }
    return await verify({ 'Webhook-Id': 'x' }, body, ['whsec_', 'whpk_'], options)
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.code
    throw error
  }
}

export const endpoint: NewEndpoint = {
  url: 'https://example.com/hook',
  event_types: ['order.*'],
  retry: { interval_ms: 10_000, backoff: 2, retries: 3 },
  payload_filter: { and: [{ path: 'total', gte: 100 }, { not: { path: 'test', equals: true } }] },
  v1a: true,
}
export type Described = keyof paths
