// Sending again whatever a filter finds: a job that is begun, watched and canceled.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { ResendJobs } from '../../core/resend-jobs.ts'
import { AppError } from '../../errors.ts'
import type { ResendJob } from '../../model.ts'
import { FILTER_FIELDS, readDeliveryFilter, writeDeliveryFilter } from '../delivery-filter.ts'
import type { KeyGuard } from '../key-guard.ts'
import { isUuid, readPage } from '../page.ts'
import { ErrorBody, NoFields, PageQuery, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toExecutableId } from '../wire.ts'

export interface ResendJobsDeps {
  resendJobs: ResendJobs
  keyGuard: KeyGuard
}

/** Deliveries that a job may ask to have sent in a second. */
const RATE_PER_SECOND_MAX = 10_000

const JobShape = Type.Object({ job_id: Type.String() }, { additionalProperties: true })
const JobParams = Type.Object({ id: Type.String({ description: 'job_id' }) })
const Body = Type.Object(
  {
    ...FILTER_FIELDS,
    wasm_id: Type.Optional(Type.Integer({ description: "Of that executable's results" })),
    rate_per_second: Type.Optional(Type.Integer({ minimum: 1, maximum: RATE_PER_SECOND_MAX })),
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

export function registerResendJobs(app: App, { resendJobs, keyGuard }: ResendJobsDeps): void {
  const common = {
    tags: ['deliveries'],
    params: JobParams,
    security: SECURITY.admin,
    response: { 200: JobShape, '4xx': ErrorBody },
  }

  async function find(request: FastifyRequest, id: string): Promise<ResendJob> {
    if (!isUuid(id)) throw new AppError('NOT_FOUND', 'There is no such job.')
    const job = await resendJobs.find(id)
    await keyGuard.requireOwner(request, job.executableId ?? undefined)
    return job
  }

  app.post(
    '/api/deliveries/resend',
    {
      schema: {
        summary: 'Send again what a filter finds; of one executable with its admin key',
        tags: ['deliveries'],
        body: Body,
        security: SECURITY.admin,
        response: { 202: JobShape, '4xx': ErrorBody },
      },
      config: { access: 'route' },
    },
    async (request, reply) => {
      const { wasm_id: wasmId, rate_per_second: rate, ...wire } = request.body
      const executableId = wasmId === undefined ? undefined : toExecutableId(String(wasmId))
      await keyGuard.requireOwner(request, executableId)
      const job = await resendJobs.begin(readDeliveryFilter(wire, executableId), rate ?? null)
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
        security: SECURITY.admin,
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
      await keyGuard.requireOwner(request, executableId)
      const page = await resendJobs.list({ executableId }, readPage(query))
      return { items: page.items.map(toWire), next: page.next }
    },
  )

  app.get(
    '/api/resend-jobs/:id',
    {
      schema: { ...common, summary: 'How far a job is' },
      config: { access: 'route' },
    },
    async (request) => toWire(await find(request, request.params.id)),
  )

  app.post(
    '/api/resend-jobs/:id/cancel',
    {
      schema: {
        ...common,
        summary: 'End a job; what it asked for and is not under way is not sent',
        body: NoFields,
      },
      config: { access: 'route', optionalBody: true },
    },
    async (request) => {
      const { id } = await find(request, request.params.id)
      return toWire(await resendJobs.cancel(id))
    },
  )
}

function toWire(job: ResendJob): { job_id: string } & Record<string, unknown> {
  return {
    job_id: job.id,
    wasm_id: job.executableId,
    state: job.state,
    filter: writeDeliveryFilter(job.filter),
    rate_per_second: job.ratePerSecond,
    matched: job.matched,
    resent: job.resent,
    skipped: job.skipped,
    succeeded: job.succeeded,
    failed: job.failed,
    cursor: job.cursor,
    created_at: new Date(job.createdAtMs).toISOString(),
    ended_at: job.endedAtMs === null ? null : new Date(job.endedAtMs).toISOString(),
  }
}
