// Trying an endpoint out: a test send, and what it would be sent.
import { isUtf8 } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Config } from '../../config.ts'
import { jsonMemberText } from '../../core/json-members.ts'
import type { Caller, Preview, TrialEvent, Trials } from '../../core/trials.ts'
import { AppError } from '../../errors.ts'
import { AttemptShape, attemptToWire } from '../delivery-shape.ts'
import { EndpointParams } from '../endpoint-wire.ts'
import type { KeyGuard } from '../key-guard.ts'
import { idOf } from '../page.ts'
import { ErrorBody, SECURITY, TenantQuery, nullable, AROUND_PAYLOAD_BYTES } from '../schemas.ts'
import type { App } from '../server.ts'
import { hopsOf } from '../wire.ts'

export interface TrialsRoutesDeps {
  trials: Trials
  keyGuard: KeyGuard
  config: Config
}

const Event = {
  type: Type.Optional(Type.String({ description: "One of the tenant's event types" })),
  payload: Type.Optional(Type.Unknown({ description: "Default: the type's example" })),
}
const TestBody = Type.Object(Event, { additionalProperties: false })
const PreviewBody = Type.Object(
  {
    message_id: Type.Optional(Type.String({ description: 'Of a message, in place of an event' })),
    ...Event,
  },
  { additionalProperties: false },
)
const TestShape = Type.Object(
  {
    endpoint_id: Type.String(),
    type: Type.String(),
    webhook_id: Type.String(),
    state: Type.String({ description: 'succeeded, failed or discarded' }),
    reason: nullable(Type.String()),
    attempt: nullable(AttemptShape),
  },
  { additionalProperties: true },
)
const PreviewShape = Type.Object(
  {
    endpoint_id: Type.String(),
    outcome: Type.String({ description: 'ready, discarded or failed' }),
    reason: nullable(Type.String()),
    content_type: nullable(Type.String()),
    size_bytes: nullable(Type.Integer()),
    body: nullable(Type.String({ description: 'Where it is text' })),
    body_base64: nullable(Type.String({ description: 'Where it is not' })),
    error: nullable(Type.String()),
    error_class: nullable(Type.String()),
    run_id: nullable(Type.String({ description: 'Of the function that failed' })),
    log: nullable(Type.String({ description: 'For who named the function with its admin key' })),
  },
  { additionalProperties: true },
)

export function registerTrials(app: App, { trials, keyGuard, config }: TrialsRoutesDeps): void {
  const common = { tags: ['events'], params: EndpointParams, querystring: TenantQuery }
  const access = { access: 'manage', optionalBody: true, keepsText: true } as const
  const bodyLimit = config.MESSAGE_BYTES + AROUND_PAYLOAD_BYTES

  app.post(
    '/api/endpoints/:id/test',
    {
      bodyLimit,
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'Send an endpoint an example now; the attempt is the answer',
        body: TestBody,
        response: { 200: TestShape, '4xx': ErrorBody },
      },
      config: access,
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const id = idOf(request.params, 'endpoint')
      const event = toEvent(request.body, request.jsonText)
      const { attempt, webhookId, ...sent } = await trials.send(
        tenant,
        id,
        event,
        callerOf(request),
      )
      return {
        endpoint_id: id,
        webhook_id: webhookId,
        ...sent,
        attempt: attempt === null ? null : attemptToWire(attempt),
      }
    },
  )

  app.post(
    '/api/endpoints/:id/transform/test',
    {
      bodyLimit,
      schema: {
        ...common,
        security: SECURITY.manage,
        summary: 'What an endpoint would be sent of a message, or of an event; nothing is sent',
        body: PreviewBody,
        response: { 200: PreviewShape, '4xx': ErrorBody },
      },
      config: access,
    },
    async (request) => {
      const tenant = keyGuard.tenantOf(request, request.query.tenant)
      const id = idOf(request.params, 'endpoint')
      const { message_id: messageId, ...event } = request.body
      const of =
        messageId === undefined
          ? toEvent(event, request.jsonText)
          : { messageId: readMessageId(messageId, event) }
      return { endpoint_id: id, ...toWire(await trials.preview(tenant, id, of, callerOf(request))) }
    },
  )
}

function callerOf({ headers, hangUp }: FastifyRequest): Caller {
  return { hops: hopsOf(headers), left: hangUp.signal }
}

/** @param text of the body, whose payload is sent byte for byte; empty where there was none */
function toEvent({ type }: Static<typeof TestBody>, text: string): TrialEvent {
  return { type, payload: text === '' ? undefined : jsonMemberText(text, 'payload') }
}

function readMessageId(id: string, { type, payload }: Static<typeof TestBody>): string {
  if (type !== undefined || payload !== undefined) {
    throw new AppError('BAD_REQUEST', 'Name a message, or an event, and not both.', {
      detail: { field: 'message_id' },
    })
  }
  return idOf({ id }, 'message')
}

const NOTHING = {
  ...{ reason: null, content_type: null, size_bytes: null, body: null, body_base64: null },
  ...{ error: null, error_class: null, run_id: null, log: null },
}

function toWire(made: Preview) {
  switch (made.kind) {
    case 'ready': {
      const { body, contentType } = made
      const shown = isUtf8(body)
        ? { body: body.toString() }
        : { body_base64: body.toString('base64') }
      const type = { content_type: contentType, size_bytes: body.length }
      return { ...NOTHING, outcome: made.kind, ...type, ...shown }
    }
    case 'discarded':
      return { ...NOTHING, outcome: made.kind, reason: made.reason }
    case 'failed': {
      const { step, message, runId, log } = made
      const failed = { error: message, error_class: step, run_id: runId, log }
      return { ...NOTHING, outcome: made.kind, ...failed }
    }
  }
}
