// Without API_TOKEN anybody who reaches the server may upload and run code, so it serves this machine
// only: no other host's name, no web page of another origin, nothing that came through a proxy.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isLoopback } from '../config.ts'
import { AppError } from '../errors.ts'

export interface OriginGuardOptions {
  /** Pages that may call all the same (CORS_ORIGINS). */
  allowedOrigins: readonly string[]
}

export function registerOriginGuard(app: FastifyInstance, options: OriginGuardOptions): void {
  // A rebound DNS name or a page in the developer's browser is stopped before anything is read.
  app.addHook('onRequest', (request, _reply, done) => {
    const reason = refusal(request, options)
    done(reason === undefined ? undefined : new AppError('ORIGIN_REFUSED', reason))
  })
}

function refusal(request: FastifyRequest, options: OriginGuardOptions): string | undefined {
  const { headers } = request
  const host = headers.host ?? ''
  if (!isLoopback(hostName(host))) {
    return `Without API_TOKEN the Host must be a loopback name, not ${JSON.stringify(host)}.`
  }
  const forwarded = Object.keys(headers).find(
    (name) => name === 'forwarded' || name.startsWith('x-forwarded-'),
  )
  if (forwarded !== undefined) {
    return `Without API_TOKEN a request that came through a proxy (${forwarded}) is refused.`
  }
  const { origin } = headers
  if (origin === undefined || origin === `${request.protocol}://${host}`) return undefined
  // The pages listed for CORS may call its routes, not upload or delete.
  const mayCall = request.routeOptions.config.cors === true
  if (mayCall && options.allowedOrigins.includes(origin)) return undefined
  return `Without API_TOKEN a page of ${JSON.stringify(origin)} may not call this server.`
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '')
}
