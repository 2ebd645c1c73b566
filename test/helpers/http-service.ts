// A real HTTP service on a free loopback port: an upstream to fetch from, or a target to send to.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from './build-app.ts'

export interface Received {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: Buffer
}

export interface HttpService {
  origin: string
  port: number
  /** Every request so far, in order. */
  received: Received[]
}

export type Handler = (request: Received, reply: ServerResponse) => void

export async function httpService(scope: Scope, handler: Handler): Promise<HttpService> {
  const received: Received[] = []
  const server = createServer((message, reply) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const request = {
        method: message.method ?? '',
        path: message.url ?? '',
        headers: message.headers,
        body: Buffer.concat(chunks),
      }
      received.push(request)
      handler(request, reply)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, port, received }
}
