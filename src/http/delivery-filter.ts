// Which deliveries are asked for: the same fields in the query of a list and in the body of a resend.
import { Type } from 'typebox'
import { checkTenant } from '../core/tenants.ts'
import { AppError } from '../errors.ts'
import { DELIVERY_STATES, OPEN_STATES } from '../model.ts'
import type { DeliveryFilter, DeliveryState } from '../model.ts'
import { originOf, parseRequestSpec } from '../request-spec.ts'
import { isUuid } from './page.ts'
import { toTime, readTime } from './times.ts'

/** Words for several states. */
const STATES_OF: Readonly<Record<string, readonly DeliveryState[]>> = {
  ...Object.fromEntries(DELIVERY_STATES.map((state) => [state, [state]])),
  pending: OPEN_STATES,
  failed: ['exhausted', 'discarded'],
}

/** All but `wasm_id`, which is text in a query and a number in JSON. */
export const FILTER_FIELDS = {
  run_id: Type.Optional(Type.String({ description: 'Of that run' })),
  tenant: Type.Optional(Type.String({ description: "Of that tenant's events" })),
  message_id: Type.Optional(Type.String({ description: 'Of that message' })),
  endpoint_id: Type.Optional(Type.String({ description: 'To that endpoint' })),
  event_type: Type.Optional(
    Type.String({ description: 'Of that type; with a tenant, an endpoint or a message' }),
  ),
  target: Type.Optional(Type.String({ description: 'Sent to that origin, as https://host:443' })),
  state: Type.Optional(
    Type.String({
      description: `One or several, with commas: ${Object.keys(STATES_OF).join(', ')}`,
    }),
  ),
  created_after: Type.Optional(Type.String({ description: 'RFC 3339; made then or later' })),
  created_before: Type.Optional(Type.String({ description: 'RFC 3339; made before' })),
}

export interface WireFilter {
  run_id?: string
  tenant?: string
  message_id?: string
  endpoint_id?: string
  event_type?: string
  target?: string
  state?: string
  created_after?: string
  created_before?: string
}

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function readDeliveryFilter(wire: WireFilter, executableId?: number): DeliveryFilter {
  const { target, state, tenant } = wire
  if (tenant !== undefined) checkTenant(tenant)
  const eventType = wire.event_type
  const within = [tenant, wire.message_id, wire.endpoint_id]
  if (eventType !== undefined && within.every((part) => part === undefined)) {
    const sentence = 'event_type goes with a tenant, an endpoint_id or a message_id.'
    throw new AppError('BAD_REQUEST', sentence, { detail: { field: 'event_type' } })
  }
  return {
    runId: readId('run_id', wire.run_id, 'a run'),
    executableId,
    tenant,
    messageId: readId('message_id', wire.message_id, 'a message'),
    endpointId: readId('endpoint_id', wire.endpoint_id, 'an endpoint'),
    eventType,
    target: target === undefined ? undefined : readTarget(target),
    states: state === undefined ? undefined : readStates(state),
    createdFromMs: timeIn(wire, 'created_after'),
    createdBeforeMs: timeIn(wire, 'created_before'),
  }
}

/** The filter as it is written, but for `wasm_id`. */
export function writeDeliveryFilter(filter: DeliveryFilter): WireFilter {
  const { runId, tenant, messageId, endpointId, eventType } = filter
  const { target, states, createdFromMs: from, createdBeforeMs: before } = filter
  return {
    ...(runId !== undefined && { run_id: runId }),
    ...(tenant !== undefined && { tenant }),
    ...(messageId !== undefined && { message_id: messageId }),
    ...(endpointId !== undefined && { endpoint_id: endpointId }),
    ...(eventType !== undefined && { event_type: eventType }),
    ...(target !== undefined && { target }),
    ...(states !== undefined && { state: states.join(',') }),
    ...(from !== undefined && { created_after: toTime(from) }),
    ...(before !== undefined && { created_before: toTime(before) }),
  }
}

function readId(field: string, id: string | undefined, of: string): string | undefined {
  if (id === undefined || isUuid(id)) return id
  throw malformed(field, `the id of ${of}`)
}

function readStates(text: string): DeliveryState[] {
  const states = text.split(',').flatMap((word) => {
    const name = word.trim()
    const known = Object.hasOwn(STATES_OF, name) ? STATES_OF[name] : undefined
    if (known !== undefined) return known
    throw malformed('state', `one or several of ${Object.keys(STATES_OF).join(', ')}`)
  })
  return [...new Set(states)]
}

function readTarget(text: string): string {
  if (/^function:[1-9]\d{0,15}$/.test(text)) return text
  const expected =
    'an origin, as https://example.com or http://10.0.0.1:8080, or function:<wasm_id>'
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.href !== `${url.origin}/`) throw malformed('target', expected)
  return originOf(parseRequestSpec(url.href, 'callback').spec)
}

function timeIn(wire: WireFilter, field: 'created_after' | 'created_before'): number | undefined {
  const text = wire[field]
  return text === undefined ? undefined : readTime(text, field)
}

function malformed(field: string, expected: string): AppError {
  return new AppError('BAD_REQUEST', `${field} must be ${expected}.`, { detail: { field } })
}
