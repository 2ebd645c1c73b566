// Sending again whatever a filter finds: a job that is begun, watched and canceled.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Endpoints } from '../../core/endpoints.ts'
import type { ResendJobs, Span } from '../../core/resend-jobs.ts'
import { AppError } from '../../errors.ts'
import type { Endpoint, ResendJob, TokenRight } from '../../model.ts'
import { FILTER_FIELDS, readDeliveryFilter, writeDeliveryFilter } from '../delivery-filter.ts'
import { EndpointParams } from '../endpoint-wire.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readPage, idOf, missing } from '../page.ts'
import { ErrorBody, NoFields, PageQuery, SECURITY, TenantQuery, nullable } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime, readTime } from '../times.ts'
import { toExecutableId } from '../wire.ts'

export interface ResendJobsDeps {
  resendJobs: ResendJobs
  endpoints: Endpoints
  keyGuard: KeyGuard
}

/** Deliveries that a job may ask to have sent in a second. */
const RATE_PER_SECOND_MAX = 10_000

const JobShape = Type.Object(
  {
    job_id: Type.String(),
    wasm_id: nullable(Type.Integer()),
    tenant: nullable(Type.String()),
    kind: Type.String({ description: 'resend or replay' }),
    state: Type.String({ description: 'running, finished or canceled' }),
    filter: Type.Object(FILTER_FIELDS),
    rate_per_second: nullable(Type.Integer()),
    matched: Type.Integer(),
    resent: Type.Integer(),
    skipped: Type.Integer(),
    succeeded: nullable(Type.Integer({ description: 'Of a resend' })),
    failed: nullable(Type.Integer()),
    cursor: nullable(Type.String()),
    created_at: Type.String({ description: 'RFC 3339, UTC' }),
    ended_at: nullable(Type.String()),
  },
  { additionalProperties: true },
)
const JobParams = Type.Object({ id: Type.String({ description: 'job_id' }) })
const Body = Type.Object(
  {
    ...FILTER_FIELDS,
    wasm_id: Type.Optional(Type.Integer({ description: "Of that executable's results" })),
    rate_per_second: Type.Optional(Type.Integer({ minimum: 1, maximum: RATE_PER_SECOND_MAX })),
  },
  { additionalProperties: false },
)
const SpanBody = Type.Object(
  {
    since: Type.String({ description: 'RFC 3339; of what was made then or later' }),
    until: Type.Optional(Type.String({ description: 'RFC 3339; and before' })),
    rate_per_second: Body.properties.rate_per_second,
  },
  { additionalProperties: false },
)
const Query = Type.Object(
  {
    ...PageQuery.properties,
    wasm_id: Type.Optional(Type.String({ description: 'Of that executable' })),
  },
  { additionalProperties: false },
)

export function registerResendJobs(app: App, deps: ResendJobsDeps): void {
  const { resendJobs, endpoints, keyGuard } = deps
  const common = {
    tags: ['deliveries'],
    params: JobParams,
    response: { 200: JobShape, '4xx': ErrorBody },
  }

  async function find(
    request: FastifyRequest<{ Params: { id: string } }>,
    right: TokenRight,
  ): Promise<ResendJob> {
    const tenant = await keyGuard.tenantSent(request, right)
    const job = await resendJobs.find(idOf(request.params, 'job'))
    if (tenant === undefined) await keyGuard.requireOwner(request, job.executableId ?? undefined)
    else if (job.tenant !== tenant) throw missing('job')
    return job
  }

  app.post(
    '/api/deliveries/resend',
    {
      schema: {
        summary: 'Send again what a filter finds; of one executable with its admin key',
        tags: ['deliveries'],
        body: Body,
        security: SECURITY.adminOrManage,
        response: { 202: JobShape, '4xx': ErrorBody },
      },
      config: { access: 'route' },
    },
    async (request, reply) => {
      const { wasm_id: wasmId, rate_per_second: rate, ...wire } = request.body
      const executableId = wasmId === undefined ? undefined : toExecutableId(String(wasmId))
      const tenant = await keyGuard.tenantForFilter(request, 'manage', { ...wire, executableId })
      const filter = readDeliveryFilter({ ...wire, ...tenant }, executableId)
      const job = await resendJobs.begin(filter, rate ?? null)
      reply.code(202).header('location', `/api/resend-jobs/${job.id}`)
      return toWire(job)
    },
  )

  const ofEndpoint = {
    tags: ['events'],
    params: EndpointParams,
    querystring: TenantQuery,
    body: SpanBody,
    security: SECURITY.manage,
    response: { 202: JobShape, '4xx': ErrorBody },
  }

  async function findEndpoint(
    request: FastifyRequest<{ Params: { id: string }; Querystring: { tenant?: string } }>,
  ): Promise<Endpoint> {
    const tenant = keyGuard.tenantOf(request, request.query.tenant)
    return endpoints.find(tenant, idOf(request.params, 'endpoint'))
  }

  app.post(
    '/api/endpoints/:id/recover',
    {
      schema: { ...ofEndpoint, summary: 'Send an endpoint again what failed, as a job' },
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const job = await resendJobs.recover(await findEndpoint(request), readSpan(request.body))
      reply.code(202).header('location', `/api/resend-jobs/${job.id}`)
      return toWire(job)
    },
  )

  app.post(
    '/api/endpoints/:id/replay',
    {
      schema: {
        ...ofEndpoint,
        summary: 'Send an endpoint the messages that it wants and was never sent, as a job',
      },
      config: { access: 'manage' },
    },
    async (request, reply) => {
      const job = await resendJobs.replay(await findEndpoint(request), readSpan(request.body))
      reply.code(202).header('location', `/api/resend-jobs/${job.id}`)
      return toWire(job)
    },
  )

  app.get(
    '/api/resend-jobs',
    {
      schema: {
        summary: 'Jobs that send deliveries again, newest first',
        tags: ['deliveries'],
        querystring: Query,
        security: SECURITY.adminOrRead,
        response: {
          200: Type.Object({
            items: Type.Array(JobShape),
            next: Type.Union([Type.String(), Type.Null()]),
          }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'route' },
    },
    async (request) => {
      const { wasm_id: wasmId, ...query } = request.query
      const executableId = wasmId === undefined ? undefined : toExecutableId(wasmId)
      const tenant = await keyGuard.tenantForFilter(request, 'read', { executableId })
      const page = await resendJobs.list({ executableId, ...tenant }, readPage(query))
      return { items: page.items.map(toWire), next: page.next }
    },
  )

  app.get(
    '/api/resend-jobs/:id',
    {
      schema: { ...common, security: SECURITY.adminOrRead, summary: 'How far a job is' },
      config: { access: 'route' },
    },
    async (request) => toWire(await find(request, 'read')),
  )

  app.post(
    '/api/resend-jobs/:id/cancel',
    {
      schema: {
        ...common,
        security: SECURITY.adminOrManage,
        summary: 'End a job; what it asked for and is not under way is not sent',
        body: NoFields,
      },
      config: { access: 'route', optionalBody: true },
    },
    async (request) => {
      const { id } = await find(request, 'manage')
      return toWire(await resendJobs.cancel(id))
    },
  )
}

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
function readSpan({ since, until, rate_per_second: rate }: Static<typeof SpanBody>): Span {
  const fromMs = readTime(since, 'since')
  const beforeMs = until === undefined ? undefined : readTime(until, 'until')
  if (beforeMs !== undefined && beforeMs <= fromMs) {
    throw new AppError('BAD_REQUEST', 'until must be later than since.', {
      detail: { field: 'until' },
    })
  }
  return { fromMs, beforeMs, ratePerSecond: rate ?? null }
}

function toWire(job: ResendJob) {
  return {
    job_id: job.id,
    wasm_id: job.executableId,
    tenant: job.tenant,
    kind: job.kind,
    state: job.state,
    filter: writeDeliveryFilter(job.filter),
    rate_per_second: job.ratePerSecond,
    matched: job.matched,
    resent: job.resent,
    skipped: job.skipped,
    succeeded: job.kind === 'resend' ? job.succeeded : null,
    failed: job.kind === 'resend' ? job.failed : null,
    cursor: job.cursor,
    created_at: toTime(job.createdAtMs),
    ended_at: toTime(job.endedAtMs),
  }
}
