// The client: one function that makes a request of a path and its options, and a method for each HTTP method.
import { notJson, toError, unexpected } from './error.ts'
import type {
  Answer,
  As,
  CallSettings,
  Credentials,
  Item,
  Method,
  PagedPath,
  PathOf,
  Rest,
} from './types.ts'

export interface ClientOptions extends CallSettings {
  /**
   * Where the server is, as `https://hooks.example.org`; a path is put before those of the API. It has no user, no
   * password, no query and no fragment.
   */
  baseUrl: string | URL
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>> | undefined
  /** In place of the global `fetch`, as one with a proxy, or that counts. */
  fetch?: typeof globalThis.fetch | undefined
  /**
   * Reads the JSON that calls answer, as one that keeps numbers past 2^53 exact, and throws where a text is none;
   * `JSON.parse` by default. Refusals are read without it.
   */
  parse?: ((text: string) => unknown) | undefined
}

/**
 * A client of one server. Each method takes a path as the API's description writes it, and what the route takes:
 * `path`, `query`, `headers`, `json` or `body`, all typed. It answers what the route answers: its JSON, or what `as` says.
 *
 * A call makes one request and is never sent again by itself. It rejects with
 * - `WasmhookError` where the answer is no success, or not what was asked for;
 * - a `TypeError` where nothing can be sent as it is said;
 * - what `fetch` rejects with (a `TypeError` with its `cause`) where there is no answer;
 * - the signal's reason, or a `TimeoutError`, where it was ended.
 */
export interface Client {
  get: Call<'get'>
  post: Call<'post'>
  put: Call<'put'>
  patch: Call<'patch'>
  delete: Call<'delete'>
  options: Call<'options'>
  /**
   * All items of a list, which it asks for page by page while they are read; `query.limit` is the size of a page.
   *
   * ```ts
   * for await (const message of client.items('/api/messages', { query: { type: 'order.created' } })) …
   * ```
   */
  items: <P extends PagedPath>(
    path: P,
    ...rest: Rest<'get', P, 'json'>
  ) => AsyncGenerator<Item<P>, void, undefined>
}

const NO_CONTENT = 204

/** A call of any route with this method. */
export type Call<M extends Method> = <P extends PathOf<M>, A extends As = 'json'>(
  path: P,
  ...rest: Rest<M, P, A>
) => Promise<Answer<M, P, A>>

type Value = string | number | boolean | null | undefined
type Values = Readonly<Record<string, Value>>

/** Options as they are once their types have done their work. */
interface AnyOptions extends CallSettings {
  path?: Values
  query?: Readonly<Record<string, Value | readonly Value[]>>
  headers?: Values
  json?: unknown
  body?: unknown
  as?: As
}

/**
 * ```ts
 * const client = createClient({ baseUrl: 'http://127.0.0.1:8080', token: process.env.WASMHOOK_TOKEN })
 * const message = await client.post('/api/messages', { json: { type: 'order.created', payload: { order: 1 } } })
 * ```
 *
 * @throws TypeError where `baseUrl` is no URL of a server, or a key is empty
 */
export function createClient(options: ClientOptions): Client {
  const root = rootOf(options.baseUrl)
  checkKeys(options)

  async function call(method: Method, path: string, given: AnyOptions = {}): Promise<unknown> {
    const name = `${method.toUpperCase()} ${path}`
    const send = options.fetch ?? globalThis.fetch
    const signal = signalOf(options, given)
    const response = await send(root + fill(path, given.path) + queryOf(given.query), {
      method: method.toUpperCase(),
      headers: headersOf(options, given),
      ...bodyOf(given),
      // Keys would go along to wherever a redirect leads.
      redirect: 'manual',
      ...(signal === undefined ? {} : { signal }),
    })
    if (!response.ok) throw await toError(name, response)
    return read(name, response, options.parse, given.as)
  }

  async function* items(path: string, given: AnyOptions = {}): AsyncGenerator {
    const name = `GET ${path}`
    const asked = new Set<unknown>()
    let cursor = given.query?.cursor ?? undefined
    do {
      asked.add(cursor)
      const query = { ...given.query, cursor }
      const response = (await call('get', path, { ...given, query, as: 'response' })) as Response
      const page = await read(name, response, options.parse)
      if (!isPage(page)) throw unexpected(`The answer to ${name} is no list.`, name, response)
      yield* page.items
      cursor = page.next ?? undefined
      if (cursor !== undefined && asked.has(cursor)) {
        throw unexpected(`${name} names a page as the next that was there before.`, name, response)
      }
    } while (cursor !== undefined)
  }

  const having = (method: Method) => (path: string, given?: AnyOptions) => call(method, path, given)
  const untyped = {
    get: having('get'),
    post: having('post'),
    put: having('put'),
    patch: having('patch'),
    delete: having('delete'),
    options: having('options'),
    items,
  }
  // The types are those of the document; at run time every route is called the same way.
  return untyped as unknown as Client
}

/** @throws TypeError where it is not where a server is: what it says besides would be lost without a word */
function rootOf(baseUrl: string | URL): string {
  const { protocol, origin, pathname, username, password, search, hash } = new URL(baseUrl)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TypeError(`baseUrl has to begin with http:// or https://, not with ${protocol}`)
  }
  // Not shown: errors are logged.
  if (username !== '' || password !== '') {
    throw new TypeError(
      'baseUrl has a user or password, which are not sent: say `token`, or `headers`.',
    )
  }
  if (search !== '' || hash !== '') {
    throw new TypeError(
      'baseUrl has a query or fragment, which no call has: say `query` with the calls.',
    )
  }
  return origin + pathname.replace(/\/+$/, '')
}

/** @throws TypeError where a key is said and is none, as of a variable that is set to nothing */
function checkKeys({ token, adminKey, usageKey }: Credentials): void {
  for (const [name, key] of Object.entries<unknown>({ token, adminKey, usageKey })) {
    if (key !== undefined && (typeof key !== 'string' || key === '')) {
      throw new TypeError(`${name} has to be a text that is not empty, or be left out.`)
    }
  }
}

function isPage(value: unknown): value is { items: unknown[]; next?: string | null } {
  if (typeof value !== 'object' || value === null) return false
  const { items, next = null } = value as Record<string, unknown>
  return Array.isArray(items) && (next === null || typeof next === 'string')
}

/** @throws TypeError where a value is missing, has no encoding, or would name another path */
function fill(path: string, values: Values = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = textOf(values[name])
    // URLs read dots as steps, encoded or not.
    if (value === undefined || /^\.{0,2}$/.test(value)) {
      throw new TypeError(`path.${name} of ${path} has to be said, and be neither empty nor dots.`)
    }
    if (/\p{Surrogate}/u.test(value)) {
      throw new TypeError(
        `path.${name} of ${path} has half of a surrogate pair, which no URL can hold.`,
      )
    }
    return encodeURIComponent(value)
  })
}

function queryOf(values: AnyOptions['query'] = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const one of typeof value === 'object' && value !== null ? value : [value]) {
      const text = textOf(one)
      if (text !== undefined) query.append(name, text)
    }
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}

/** What is undefined or null is left out. */
function textOf(value: Value): string | undefined {
  return value === undefined || value === null ? undefined : String(value)
}

function headersOf(client: ClientOptions, given: AnyOptions): Headers {
  checkKeys(given)
  const headers = new Headers(client.headers)
  const { token = client.token, adminKey = client.adminKey, usageKey = client.usageKey } = given
  const body = bodyType(given)
  const said: Values = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    SSVM_Admin_Key: adminKey,
    SSVM_Usage_Key: usageKey,
    ...(body === undefined ? {} : { 'content-type': body }),
  }
  // What the call says itself comes last.
  for (const [name, value] of [...Object.entries(said), ...Object.entries(given.headers ?? {})]) {
    const text = textOf(value)
    if (text !== undefined) headers.set(name, text)
  }
  return headers
}

/** Undefined: none is sent, or fetch says it, of a form with its boundary. */
function bodyType({ json, body }: AnyOptions): string | undefined {
  if (json !== undefined) return 'application/json'
  if (typeof body === 'string') return 'text/plain; charset=utf-8'
  if (body === undefined || body instanceof FormData) return undefined
  return (body instanceof Blob && body.type) || 'application/octet-stream'
}

function bodyOf({ json, body }: AnyOptions): Pick<RequestInit, 'body'> {
  if (json !== undefined) return { body: JSON.stringify(json) }
  return body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }
}

function signalOf(client: CallSettings, given: CallSettings): AbortSignal | undefined {
  const { timeoutMs = client.timeoutMs } = given
  const signals = [client.signal, given.signal].filter((signal) => signal !== undefined)
  if (timeoutMs !== undefined) signals.push(AbortSignal.timeout(timeoutMs))
  return signals.length > 1 ? AbortSignal.any(signals) : signals[0]
}

/** @throws WasmhookError where JSON was asked for and something else came; nothing is no JSON, and undefined */
async function read(
  name: string,
  response: Response,
  parse: (text: string) => unknown = JSON.parse,
  as: As = 'json',
): Promise<unknown> {
  if (as === 'response') return response
  if (as === 'bytes') return new Uint8Array(await response.arrayBuffer())
  const text = await response.text()
  if (as === 'text') return text
  if (response.status === NO_CONTENT) return undefined
  try {
    return await parse(text)
  } catch (cause) {
    throw notJson(name, response, { text, cause })
  }
}
