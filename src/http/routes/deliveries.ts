// Deliveries, for who holds the admin key of the executable whose result is sent, a token of the tenant whose event it
// is, or the API token.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Deliveries } from '../../core/deliveries.ts'
import type { Delivery, TokenRight } from '../../model.ts'
import { formatRetry } from '../../retry-policy.ts'
import { FILTER_FIELDS, readDeliveryFilter } from '../delivery-filter.ts'
import { DeliveryShape, attemptToWire } from '../delivery-shape.ts'
import type { KeyGuard } from '../key-guard.ts'
import { readPage, idOf, missing } from '../page.ts'
import { ErrorBody, ExecutableParams, NoFields, PageQuery, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toTime } from '../times.ts'
import { toExecutableId } from '../wire.ts'

export interface DeliveriesRoutesDeps {
  deliveries: Deliveries
  keyGuard: KeyGuard
}

const DeliveryList = Type.Object({
  items: Type.Array(DeliveryShape),
  next: Type.Union([Type.String(), Type.Null()]),
})
const OwnQuery = Type.Object(
  { ...PageQuery.properties, ...FILTER_FIELDS },
  { additionalProperties: false },
)
const AllQuery = Type.Object(
  {
    ...OwnQuery.properties,
    wasm_id: Type.Optional(Type.String({ description: "Of that executable's results" })),
  },
  { additionalProperties: false },
)
const DeliveryParams = Type.Object({ id: Type.String({ description: 'delivery_id' }) })

export function registerDeliveries(app: App, deps: DeliveriesRoutesDeps): void {
  const { deliveries, keyGuard } = deps
  const common = {
    tags: ['deliveries'],
    params: DeliveryParams,
    response: { 200: DeliveryShape, '4xx': ErrorBody },
  }

  async function find(
    request: FastifyRequest<{ Params: { id: string } }>,
    right: TokenRight,
  ): Promise<Delivery> {
    const tenant = await keyGuard.tenantSent(request, right)
    const delivery = await deliveries.find(idOf(request.params, 'delivery'))
    if (tenant === undefined) {
      await keyGuard.requireOwner(request, delivery.executableId ?? undefined)
    } else if (delivery.event?.tenant !== tenant) throw missing('delivery')
    return delivery
  }

  async function list(query: Static<typeof OwnQuery>, executableId: number | undefined) {
    const page = await deliveries.list(readDeliveryFilter(query, executableId), readPage(query))
    return { items: page.items.map(toWire), next: page.next }
  }

  app.get(
    '/api/deliveries',
    {
      schema: {
        summary: 'Deliveries, newest first; those of one executable for its admin key too',
        tags: ['deliveries'],
        querystring: AllQuery,
        security: SECURITY.adminOrRead,
        response: { 200: DeliveryList, '4xx': ErrorBody },
      },
      config: { access: 'route' },
    },
    async (request) => {
      const { wasm_id: wasmId, ...query } = request.query
      const executableId = wasmId === undefined ? undefined : toExecutableId(wasmId)
      const tenant = await keyGuard.tenantForFilter(request, 'read', { ...query, executableId })
      return list({ ...query, ...tenant }, executableId)
    },
  )

  app.get(
    '/api/deliveries/:id',
    {
      schema: {
        ...common,
        security: SECURITY.adminOrRead,
        summary: 'One delivery with its newest attempts',
      },
      config: { access: 'route' },
    },
    async (request) => {
      const delivery = await find(request, 'read')
      const attempts = await deliveries.attempts(delivery.id)
      const heldUntilMs = await deliveries.heldUntil(delivery)
      return {
        ...toWire(delivery),
        held_until: toTime(heldUntilMs),
        attempts: attempts.items.map(attemptToWire),
        attempts_omitted: attempts.omitted,
      }
    },
  )

  app.post(
    '/api/deliveries/:id/cancel',
    {
      schema: {
        ...common,
        security: SECURITY.adminOrManage,
        summary: 'Take back a resend, cancel a delivery, or let go of one that holds up its line',
        body: NoFields,
      },
      config: { access: 'route', optionalBody: true },
    },
    async (request) => {
      const { id } = await find(request, 'manage')
      return toWire(await deliveries.cancel(id))
    },
  )

  app.post(
    '/api/deliveries/:id/resend',
    {
      schema: {
        ...common,
        security: SECURITY.adminOrManage,
        summary: 'Send a delivery again, whatever became of it',
        body: NoFields,
        response: { 202: DeliveryShape, '4xx': ErrorBody },
      },
      config: { access: 'route', optionalBody: true },
    },
    async (request, reply) => {
      const { id } = await find(request, 'manage')
      reply.code(202).header('location', `/api/deliveries/${id}`)
      return toWire(await deliveries.resend(id))
    },
  )

  app.get(
    '/api/executables/:id/deliveries',
    {
      schema: {
        summary: "Deliveries of an executable's results, newest first",
        tags: ['deliveries'],
        params: ExecutableParams,
        querystring: OwnQuery,
        security: SECURITY.admin,
        response: { 200: DeliveryList, '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    (request) => list(request.query, toExecutableId(request.params.id)),
  )
}

function toWire(delivery: Delivery) {
  return {
    delivery_id: delivery.id,
    run_id: delivery.runId,
    wasm_id: delivery.executableId,
    tenant: delivery.event?.tenant ?? null,
    message_id: delivery.event?.messageId ?? null,
    endpoint_id: delivery.event?.endpointId ?? null,
    event_type: delivery.event?.type ?? null,
    order_key: delivery.event?.line?.key ?? null,
    order_state: delivery.event?.line?.place ?? null,
    target: delivery.target,
    state: delivery.state,
    reason: delivery.reason,
    due_at: toTime(delivery.dueAtMs),
    tries: delivery.tries,
    last_status: delivery.lastStatus,
    last_error_class: delivery.lastErrorClass,
    resending: delivery.resending,
    payload_kept: delivery.payloadKept,
    retry: formatRetry(delivery.retry),
    content_type: delivery.contentType,
    size_bytes: delivery.sizeBytes,
    created_at: toTime(delivery.createdAtMs),
    ended_at: toTime(delivery.endedAtMs),
  }
}
