// What became of a request on its way, for whoever asks for it: what was sent, to whom, and how long the
// connection took. Each connection keeps its own times; a request learns of them when it gets the connection.
import { isIPv6, Socket } from 'node:net'
import { Client, type buildConnector, type Dispatcher } from 'undici'
import type { ConnectionTimings } from '../model.ts'

/** A connection as it was made; times are of performance.now(). */
interface Making {
  beganAt: number
  /** Undefined for an address, which is not looked up. */
  resolvedAt?: number
  connectedAt?: number
  securedAt?: number
  peer: string | null
}

/** Where a client, which has one connection at a time, tells of it. */
interface Line {
  making: Making | undefined
}

/** Filled while a request is under way; where redirects are followed, of the last exchange. */
export class Trace {
  /** As they were sent, but for what frames the message. */
  headers: Readonly<Record<string, string>> = {}
  /** Of an answer whose headers came, whatever became of its body. */
  status: number | null = null
  responseHeaders: Readonly<Record<string, string>> = {}
  readonly #beganAt = performance.now()
  #firstByteUs: number | null = null
  #line: Line | undefined
  #lineAt = 0

  sending(headers: Readonly<Record<string, string>>): void {
    this.headers = headers
    this.status = null
    this.responseHeaders = {}
    this.#line = undefined
  }

  /** The request goes out on this line. */
  on(line: Line): void {
    this.#line = line
    this.#lineAt = performance.now()
  }

  answered(status: number, headers: Readonly<Record<string, string>>): void {
    this.#firstByteUs = microseconds(this.#beganAt, performance.now())
    this.status = status
    this.responseHeaders = headers
  }

  get durationUs(): number {
    return microseconds(this.#beganAt, performance.now())
  }

  /** Null where none was connected to, or it is hidden behind a proxy. */
  get peer(): string | null {
    return this.#line?.making?.peer ?? null
  }

  /** What has happened so far. */
  get timings(): ConnectionTimings {
    const firstByteUs = this.#firstByteUs
    const making = this.#line?.making
    // One that was made before this request took none of its time.
    if (making === undefined || making.beganAt < this.#lineAt) {
      return { dnsUs: null, connectUs: null, tlsUs: null, firstByteUs }
    }
    const { beganAt, resolvedAt, connectedAt, securedAt } = making
    return {
      dnsUs: between(beganAt, resolvedAt),
      connectUs: between(resolvedAt ?? beganAt, connectedAt),
      tlsUs: between(connectedAt, securedAt),
      firstByteUs,
    }
  }
}

/** A client that tells the trace of a request (its `opaque`) of its connection. */
export class TracedClient extends Client {
  readonly #line: Line

  constructor(origin: string | URL, options: Client.Options, connect: buildConnector.connector) {
    const line: Line = { making: undefined }
    super(origin, { ...options, connect: watched(connect, line) })
    this.#line = line
  }

  override dispatch(
    options: Dispatcher.DispatchOptions & { opaque?: unknown },
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    if (options.opaque instanceof Trace) options.opaque.on(this.#line)
    return super.dispatch(options, handler)
  }
}

function watched(connect: buildConnector.connector, line: Line): buildConnector.connector {
  return (options, callback) => {
    const making: Making = { beganAt: performance.now(), peer: null }
    line.making = making
    // It is typed as giving nothing, and gives the socket.
    const socket: unknown = connect(options, callback)
    if (!(socket instanceof Socket)) return
    // Several addresses are told one by one.
    socket.once('lookup', () => (making.resolvedAt = performance.now()))
    socket.once('connect', () => {
      making.connectedAt = performance.now()
      making.peer = peerOf(socket)
    })
    socket.once('secureConnect', () => (making.securedAt = performance.now()))
  }
}

function peerOf({ remoteAddress: address, remotePort: port }: Socket): string | null {
  if (address === undefined || port === undefined) return null
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`
}

function between(from: number | undefined, to: number | undefined): number | null {
  return from === undefined || to === undefined ? null : microseconds(from, to)
}

function microseconds(from: number, to: number): number {
  return Math.round((to - from) * 1000)
}
