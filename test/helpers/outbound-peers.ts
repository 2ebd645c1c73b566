// An Outbound to test, and the peers it talks to: honest, raw and endless ones, on port 0.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { type TestContext } from 'node:test'
import {
  createOutbound,
  OutboundError,
  type Outbound,
  type OutboundErrorClass,
  type OutboundOptions,
  type OutboundRequest,
  type OutboundResponse,
} from '../../src/outbound/outbound.ts'
import { parseRequestSpec } from '../../src/request-spec.ts'
import { createSelfSigned } from './self-signed.ts'

export const LOOPBACK = ['127.0.0.1']

export function build(t: TestContext, changes: Partial<OutboundOptions> = {}): Outbound {
  const outbound = createOutbound({
    allow: LOOPBACK,
    ownOrigins: () => [],
    userAgent: 'Wasmhook/test',
    ...changes,
  })
  t.after(async () => {
    await outbound.close()
  })
  return outbound
}

export function request(
  spec: OutboundRequest['spec'],
  changes: Partial<OutboundRequest> = {},
): OutboundRequest {
  return {
    spec,
    method: 'GET',
    timeoutMs: 10_000,
    maxBytes: 1024 * 1024,
    overflow: 'fail',
    maxRedirects: 5,
    hops: 1,
    ...changes,
  }
}

export async function send(
  outbound: Outbound,
  spec: unknown,
  changes: Partial<OutboundRequest> = {},
): Promise<OutboundResponse> {
  return await outbound.send(request(parseRequestSpec(spec, 'fetch').spec, changes))
}

/** A promise that a server resolves when a request has reached it. */
export function createGate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    opened,
    open: () => {
      open()
    },
  }
}

/** HTTP options for a URL, as callers write them. */
export function options(url: string, fields: Record<string, unknown>): Record<string, unknown> {
  const { protocol, hostname, port, pathname } = new URL(url)
  return { protocol, hostname, port, path: pathname, ...fields }
}

export async function fails(
  sent: Promise<OutboundResponse>,
  errorClass: OutboundErrorClass,
): Promise<OutboundError> {
  const outcome = await sent.catch((error: unknown) => error)
  assert.ok(outcome instanceof OutboundError, `expected ${errorClass}, got ${String(outcome)}`)
  assert.equal(outcome.class, errorClass, outcome.message)
  return outcome
}

export async function serve(
  t: TestContext,
  listener: (...args: Parameters<RequestListener>) => unknown,
  prepare: (server: Server) => void = () => undefined,
): Promise<string> {
  const server = createServer((incoming, response) => void listener(incoming, response))
  prepare(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function serveTls(t: TestContext): Promise<{ origin: string; cert: string }> {
  const { key, cert } = createSelfSigned()
  const server = createTlsServer({ key, cert }, (_request, response) => response.end('over tls'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cert }
}

export async function serveTcp(
  t: TestContext,
  onSocket: (socket: Socket) => void,
): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that gives one raw answer and hangs up. */
export async function answering(t: TestContext, answer: string): Promise<string> {
  return await serveTcp(t, (socket) => {
    socket.once('data', () => socket.end(answer))
  })
}

/** Writes the same piece for as long as somebody reads. */
export function endlessly(target: ServerResponse | Socket, piece: Buffer): void {
  const more = (): void => {
    while (!target.destroyed && target.write(piece));
  }
  target.on('drain', more).on('error', () => undefined)
  more()
}

export async function read(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
