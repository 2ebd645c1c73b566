// Request bins: /bin/:id takes any request at all, and its owner looks at what came.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import type { Bins } from '../../core/bins.ts'
import type { Bin, BinRequest } from '../../model.ts'
import { textOf } from '../cut-text.ts'
import type { KeyGuard } from '../key-guard.ts'
import { idOf, isUuid, missing, readPage } from '../page.ts'
import { NO_BYTES, rawBody, readBeginning, takeRawBodies } from '../raw-body.ts'
import {
  ErrorBody,
  OptionalTenant,
  SECURITY,
  TenantQuery,
  listOf,
  nullable,
  tenantPage,
} from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'
import { headerText } from '../wire.ts'

export interface BinsRoutesDeps {
  bins: Bins
  keyGuard: KeyGuard
  config: Pick<Config, 'BIN_BODY_BYTES'>
  /** Of addresses that are shown. */
  origin: () => string
}

/** What one page shows of requests as they are kept: as JSON it can be six times as long. */
const BIN_PAGE_BYTES_MAX = 2 * 1024 * 1024

const Body = Type.Object({ tenant: OptionalTenant }, { additionalProperties: false })
const Shape = Type.Object({
  bin_id: Type.String(),
  tenant: Type.String(),
  url: Type.String({ description: 'Takes any method, and any path below it; needs no key' }),
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  expires_at: Type.String({ description: 'It is gone then, with all that it kept' }),
})
const Kept = Type.Object({
  request_id: Type.String(),
  received_at: Type.String({ description: 'RFC 3339, UTC' }),
  method: Type.String(),
  path: Type.String({ description: "Below the bin's address, as it was sent" }),
  query: Type.String({ description: 'As it was sent, without the question mark' }),
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() }), {
    description: 'As they were sent, in their order; nothing is masked',
  }),
  size_bytes: Type.Integer({ description: 'Of the whole body' }),
  body_cut: Type.Boolean({ description: 'Only its beginning is kept' }),
  body: nullable(Type.String({ description: 'Where it is text' })),
  body_base64: nullable(Type.String({ description: 'Where it is not' })),
})
const Deleted = Type.Object({ bin_id: Type.String() })
const Params = Type.Object({ id: Type.String({ description: 'bin_id' }) })

export function registerBins(app: App, { bins, keyGuard, config, origin }: BinsRoutesDeps): void {
  const common = { tags: ['bins'] }
  const show = (bin: Bin) => toWire(bin, origin())

  app.post(
    '/api/bins',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Make a request bin: an address that keeps for a while whatever is sent to it',
        body: Body,
        response: { 201: Shape, '4xx': ErrorBody },
      },
      config: { access: 'manage', optionalBody: true },
    },
    async (request, reply) => {
      const tenant = keyGuard.tenantOf(request, request.body.tenant)
      reply.code(201)
      return show(await bins.add(tenant))
    },
  )

  app.get(
    '/api/bins',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: "A tenant's request bins, newest first",
        querystring: tenantPage({}),
        response: { 200: listOf(Shape), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, ...page } = request.query
      const { items, next } = await bins.list(keyGuard.tenantOf(request, named), readPage(page))
      return { items: items.map(show), next }
    },
  )

  app.get(
    '/api/bins/:id',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary: 'One request bin, without what was sent to it',
        params: Params,
        querystring: TenantQuery,
        response: { 200: Shape, '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const id = idOf(request.params, 'request bin')
      return show(await bins.find(keyGuard.tenantOf(request, request.query.tenant), id))
    },
  )

  app.delete(
    '/api/bins/:id',
    {
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Delete a request bin with all that it kept',
        params: Params,
        querystring: TenantQuery,
        response: { 200: Deleted, '4xx': ErrorBody },
      },
      config: { access: 'manage' },
    },
    async (request) => {
      const id = idOf(request.params, 'request bin')
      await bins.remove(keyGuard.tenantOf(request, request.query.tenant), id)
      return { bin_id: id }
    },
  )

  app.get(
    '/api/bins/:id/requests',
    {
      schema: {
        ...common,
        security: SECURITY.read,
        summary:
          'What was sent to a request bin, newest first; a page may have fewer than it could',
        params: Params,
        querystring: tenantPage({}),
        response: { 200: listOf(Kept), '4xx': ErrorBody },
      },
      config: { access: 'read' },
    },
    async (request) => {
      const { tenant: named, ...query } = request.query
      const tenant = keyGuard.tenantOf(request, named)
      const id = idOf(request.params, 'request bin')
      const page = readPage(query)
      request.lease.take(Math.min(page.limit * config.BIN_BODY_BYTES, BIN_PAGE_BYTES_MAX))
      const { items, next } = await bins.requests(tenant, id, {
        ...page,
        bytes: BIN_PAGE_BYTES_MAX,
      })
      return { items: items.map(requestToWire), next }
    },
  )

  registerBin(app, { bins, config })
}

/** Not in the API's description, which cannot say of a path that all below it is one. */
function registerBin(app: App, { bins, config }: Pick<BinsRoutesDeps, 'bins' | 'config'>): void {
  void app.register((scope, _options, done) => {
    takeRawBodies(scope, readBeginning)
    for (const url of ['/bin/:id', '/bin/:id/*']) {
      scope.route({
        method: scope.supportedMethods,
        url,
        exposeHeadRoute: false,
        bodyLimit: config.BIN_BODY_BYTES,
        schema: { hide: true },
        config: { access: 'open' },
        // Before a body is read: a stranger cannot make the server hold one.
        onRequest: findBin,
        handler: keep,
      })
    }
    done()
  })

  async function findBin(request: FastifyRequest): Promise<void> {
    await bins.open(binOf(request))
  }

  async function keep(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { url = '/', rawHeaders } = request.raw
    const [, path = '', query = ''] = BELOW.exec(url) ?? []
    const body = rawBody(request) ?? NO_BYTES
    await bins.keep({
      ...{ binId: binOf(request), method: request.method, path, query, body },
      headers: pairs(rawHeaders),
      sizeBytes: request.rawBodySize,
    })
    return reply.type('text/plain; charset=utf-8').send('The bin has kept it.\n')
  }
}

/** Path and query below a bin, whose address may be written with an origin before it or with `%62in`. */
const BELOW = /^(?:[a-z]+:\/\/[^/?#]*)?\/[^/]*\/[^/?#]*([^?]*)\??(.*)$/is

function binOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string }
  if (isUuid(id)) return id
  throw missing('request bin')
}

/** @param raw names and values in turn */
function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, n): [string, string][] =>
    n % 2 === 0 ? [[name, headerText(raw[n + 1] ?? '')]] : [],
  )
}

function toWire(bin: Bin, origin: string) {
  return {
    bin_id: bin.id,
    tenant: bin.tenant,
    url: `${origin}/bin/${bin.id}`,
    created_at: toTime(bin.createdAtMs),
    expires_at: toTime(bin.expiresAtMs),
  }
}

function requestToWire(kept: BinRequest) {
  const { id, receivedAtMs, method, path, query, headers, sizeBytes, body } = kept
  const cut = body.length < sizeBytes
  const text = textOf(body, cut)
  return {
    request_id: id,
    received_at: toTime(receivedAtMs),
    ...{ method, path, query },
    headers: headers.map(([name, value]) => ({ name, value })),
    size_bytes: sizeBytes,
    body_cut: cut,
    body: text ?? null,
    body_base64: text === undefined ? body.toString('base64') : null,
  }
}
