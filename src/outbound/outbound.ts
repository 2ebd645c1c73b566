// Sends every request this server makes: inputs, callbacks and deliveries. One place for the address
// guard, the deadline, the size caps and redirects. It neither retries nor signs nor stores.
import { Agent, buildConnector, Pool, ProxyAgent, type Client, type Dispatcher } from 'undici'
import type { RequestSpec } from '../model.ts'
import { formatUrl } from '../request-spec.ts'
import { createAddressGuard, type AddressGuard, type Resolve } from './address-guard.ts'
import { OutboundError, toOutboundError } from './outbound-error.ts'
import { nextHop, type Hop } from './redirect.ts'
import { ACCEPT_ENCODING, readBody, StoppedByCaller } from './response-body.ts'
import { TracedClient, type Trace } from './trace.ts'

export { Trace } from './trace.ts'
export { OutboundError, type OutboundErrorClass } from './outbound-error.ts'
export { isSignatureHeader, signatureHeaders } from './signature.ts'

export interface OutboundRequest {
  spec: RequestSpec
  /** The spec's own, or the purpose's default. */
  method: string
  /** Sent in place of the spec's body. */
  body?: Buffer
  /** The server's own headers; they win over the spec's. */
  headers?: Readonly<Record<string, string>>
  /** One deadline over name resolution, connection, headers, body and every redirect. */
  timeoutMs: number
  /** Cap on the response body, after decompression. */
  maxBytes: number
  /**
   * Past the cap: fail with `too_large`, or keep what fits. Who keeps what fits also keeps an answer whose
   * body cannot be decompressed.
   */
  overflow: 'fail' | 'cut'
  /** The purpose's default; the spec's own wins. At 0 a redirect is an answer like any other. */
  maxRedirects: number
  /** Sent as Wasmhook-Hops, by which a chain of calls that loops is found out. */
  hops: number
  /** Told of each chunk of the body before it is kept; what it throws ends the request. */
  onBytes?: (bytes: number) => void
  signal?: AbortSignal
  /** Filled on the way, and whole once the request has ended, well or not. */
  trace?: Trace
}

export interface OutboundResponse {
  status: number
  /** Lower-case names; as they came, though the body is decompressed and may be cut. */
  headers: Record<string, string>
  body: Buffer
  /** True where the body was cut at its cap. */
  truncated: boolean
  /** Why the body could not be decompressed, in part or at all (class `encoding`). */
  damage: OutboundError | undefined
  /** The URL that answered, after redirects. */
  url: string
}

export interface Outbound {
  /** Resolves with any answer, whatever its status; rejects with OutboundError, or with what `onBytes` threw. */
  send(request: OutboundRequest): Promise<OutboundResponse>
  /** Throws OutboundError of class `guard` where the URL alone tells that it may not be called. */
  check(spec: RequestSpec): void
  /** Ends what is under way (class `aborted`) and closes every connection. */
  close(): Promise<void>
}

export interface OutboundOptions {
  /** Hosts and CIDRs that may be called although they are not global (OUTBOUND_ALLOW). */
  allow: readonly string[]
  /** Origins of this server; asked on each send, as the listening port may be known late. */
  ownOrigins: () => readonly string[]
  /** HTTP proxy for everything but the own origins (OUTBOUND_PROXY); empty for none. */
  proxy?: string
  /** User-Agent of requests whose spec names none. */
  userAgent: string
  /** Resolves names in place of the system; for tests. */
  resolve?: Resolve
}

/** Bytes of a response's headers: four times Node.js's own default. */
const HEADER_BYTES_MAX = 64 * 1024
/** Connections to one origin; further requests wait for one, within their deadline. */
const CONNECTIONS_PER_ORIGIN_MAX = 256
/** A connection attempt that a request no longer waits for ends after this time too. */
const CONNECT_TIMEOUT_MS = 10_000
/** Time each address of a name is tried before the next; Node.js's 250 ms is short for slow links. */
const ADDRESS_ATTEMPT_TIMEOUT_MS = 1_000
/** Idle connections are kept this long, less where the peer says so (Keep-Alive). */
const KEEP_ALIVE_MS = 4_000
const KEEP_ALIVE_MAX_MS = 30_000

const POOL_OPTIONS = {
  connections: CONNECTIONS_PER_ORIGIN_MAX,
  pipelining: 1,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
  maxHeaderSize: HEADER_BYTES_MAX,
  // The deadline of the request covers both.
  headersTimeout: 0,
  bodyTimeout: 0,
  allowH2: false,
}

/** Builds the one way out; throws for a bad entry of `allow` or a bad proxy URL. */
export function createOutbound(options: OutboundOptions): Outbound {
  const guard = createAddressGuard(options)
  const direct = new Agent({
    ...POOL_OPTIONS,
    factory(origin) {
      const connect = guarded(guard, origin)
      const factory = (to: URL, given: Client.Options) => new TracedClient(to, given, connect)
      return new Pool(origin, { ...POOL_OPTIONS, factory })
    },
  })
  const proxied = createProxied(options.proxy ?? '')

  async function exchange(hop: Hop, request: OutboundRequest, signal: AbortSignal) {
    guard.checkPath(hop.url)
    guard.checkLiteral(hop.url)
    // The own server is behind no proxy.
    const useProxy = proxied !== undefined && !guard.isOwn(hop.url)
    if (useProxy) await untilAborted(guard.checkAll(hop.url), signal)
    const dispatcher: Dispatcher = useProxy ? proxied : direct
    const { trace } = request
    const headers = {
      accept: '*/*',
      'accept-encoding': ACCEPT_ENCODING,
      'user-agent': options.userAgent,
      ...hop.callerHeaders,
      ...hop.ownHeaders,
      'wasmhook-hops': String(request.hops),
    }
    trace?.sending(headers)
    const response = dispatcher.request({
      origin: hop.url.origin,
      path: hop.url.pathname + hop.url.search,
      method: hop.method,
      headers,
      body: hop.body ?? null,
      signal,
      opaque: trace ?? null,
    })
    return await untilAborted(response, signal)
  }

  async function follow(request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
    const redirectsMax = request.spec.maxRedirects ?? request.maxRedirects
    let hop = firstHop(request)
    for (let redirects = 0; ; redirects += 1) {
      try {
        const response = await exchange(hop, request, signal)
        const location = response.headers.location
        const next =
          redirectsMax === 0 ? undefined : nextHop(hop, response.statusCode, firstOf(location))
        if (next === undefined) return await toResponse(hop, request, response, signal)
        response.body.on('error', () => undefined).destroy()
        if (redirects === redirectsMax) {
          throw new OutboundError('redirects', `More than ${redirectsMax} redirects in a row.`)
        }
        hop = next
      } catch (error) {
        // Whatever an abort breaks on its way, its reason is what happened.
        if (error instanceof StoppedByCaller) throw error.reason
        throw signal.aborted ? signal.reason : toOutboundError(error, hop.url)
      }
    }
  }

  return {
    async send(request) {
      const ending = createEnding(request)
      try {
        return await follow(request, ending.signal)
      } finally {
        ending.dispose()
      }
    },
    check(spec) {
      const url = new URL(formatUrl(spec))
      guard.checkPath(url)
      guard.checkLiteral(url)
    },
    async close() {
      const reason = new OutboundError('aborted', 'The server is shutting down.')
      await Promise.all([direct.destroy(reason), proxied?.destroy(reason)])
    },
  }
}

/** Connects to one origin through the guard: names in the lookup, addresses (never looked up) here. */
function guarded(guard: AddressGuard, origin: string | URL): buildConnector.connector {
  const url = new URL(origin)
  const connect = buildConnector({
    lookup: guard.lookupFor(url),
    timeout: CONNECT_TIMEOUT_MS,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_TIMEOUT_MS,
  })
  return (options, callback) => {
    try {
      guard.checkLiteral(url)
    } catch (error) {
      queueMicrotask(() => {
        callback(toOutboundError(error, url), null)
      })
      return
    }
    // Traces take the socket, of which the type does not tell.
    return connect(options, callback)
  }
}

/** Every request through the proxy is tunnelled (CONNECT), plain HTTP too. */
function createProxied(proxy: string): Dispatcher | undefined {
  if (proxy === '') return undefined
  if (!URL.canParse(proxy) || !/^https?:$/.test(new URL(proxy).protocol)) {
    throw new Error('OUTBOUND_PROXY must be the URL of an HTTP proxy, as in http://proxy:3128.')
  }
  return new ProxyAgent({ ...POOL_OPTIONS, uri: proxy, proxyTunnel: true })
}

function firstHop({ spec, method, body, headers = {} }: OutboundRequest): Hop {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    url: new URL(formatUrl(spec)),
    method,
    body: body ?? (spec.body === undefined ? undefined : Buffer.from(spec.body)),
    callerHeaders: spec.headers,
    ownHeaders: Object.fromEntries(entries) as Record<string, string>,
  }
}

async function toResponse(
  hop: Hop,
  request: OutboundRequest,
  response: Dispatcher.ResponseData<unknown>,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  request.trace?.answered(response.statusCode, headers)
  // Headers may describe a body that is not there, and nothing at all is no compressed data.
  const bodiless =
    hop.method === 'HEAD' ||
    [204, 304].includes(response.statusCode) ||
    headers['content-length'] === '0'
  const coding = bodiless ? undefined : headers['content-encoding']
  const { body, truncated, failure } = await readBody(response.body, coding, request)
  const damage = failure === undefined ? undefined : toOutboundError(failure, hop.url)
  if (damage !== undefined && (damage.class !== 'encoding' || signal.aborted)) throw damage
  return { status: response.statusCode, headers, body, truncated, damage, url: hop.url.href }
}

/** The one signal of a send: it aborts at the deadline, or when the caller's does. */
function createEnding({ timeoutMs, signal }: OutboundRequest): {
  signal: AbortSignal
  dispose(): void
} {
  const ending = new AbortController()
  const end = (errorClass: 'timeout' | 'aborted', message: string): void => {
    ending.abort(new OutboundError(errorClass, message))
  }
  const timer = setTimeout(end, timeoutMs, 'timeout', `No full answer within ${timeoutMs} ms.`)
  const cancel = (): void => {
    end('aborted', 'The request was canceled.')
  }
  signal?.addEventListener('abort', cancel, { once: true })
  if (signal?.aborted === true) cancel()
  return {
    signal: ending.signal,
    dispose() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
    },
  }
}

/** Rejects at the abort, where the work itself (a name's resolution, a connection) cannot be ended. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort)
    })
  })
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
