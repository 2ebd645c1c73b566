// What a form says of an endpoint, as texts, and what the server is told of it: only what differs from what was there.
import type { EndpointChange } from '../../../packages/client/src/generated/api.ts'
import type { Endpoint } from './endpoints-api.ts'
import { isJsonObject, jsonComplaint, readJson } from '../json-text.ts'
import { badHeader, headersOf } from '../parts/lines.ts'

export interface EndpointDraft {
  to: 'url' | 'function'
  url: string
  wasmId: string
  name: string
  callback: boolean
  types: string
  description: string
  headers: string
  bodyStyle: NonNullable<EndpointChange['body_style']>
  order: 'none' | 'block' | 'skip' | 'park'
  orderKey: string
  rateAttempts: string
  rateSeconds: string
  inFlight: string
  timeoutMs: string
  retry: string
  filter: string
  others: string
}

export const NEW_ENDPOINT: EndpointDraft = {
  ...{ to: 'url', url: '', wasmId: '', name: '', callback: false },
  ...{ types: '', description: '', headers: '', bodyStyle: 'envelope' },
  ...{ order: 'none', orderKey: '', rateAttempts: '', rateSeconds: '1', inFlight: '' },
  ...{ timeoutMs: '', retry: '', filter: '', others: '' },
}

/** URL and headers are masked where they are shown: left empty, they stay. */
export function draftOf(endpoint: Endpoint): EndpointDraft {
  const { function: called, ordered, rate_limit: rate } = endpoint
  return {
    ...NEW_ENDPOINT,
    ...(called === null ? {} : { to: 'function', wasmId: String(called.wasm_id) }),
    ...{ name: called?.name ?? '', callback: called?.callback ?? false },
    ...{ types: (endpoint.event_types ?? []).join(' '), description: endpoint.description ?? '' },
    bodyStyle: endpoint.body_style ?? 'envelope',
    ...{ order: ordered?.on_exhaustion ?? 'none', orderKey: ordered?.key ?? '' },
    rateAttempts: text(rate?.attempts),
    rateSeconds: rate ? String(rate.per_ms / 1000) : '1',
    ...{ inFlight: text(endpoint.max_in_flight), timeoutMs: text(endpoint.timeout_ms) },
    ...{ retry: text(endpoint.retry), filter: text(endpoint.payload_filter) },
  }
}

function text(value: string | number | object | null | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A sentence where what is there cannot be sent. */
export function complaintOf(draft: EndpointDraft, isNew: boolean): string | undefined {
  if (typesOf(draft).length === 0) return 'Say which event types it gets; * is all.'
  if (isNew && draft.to === 'url' && draft.url.trim() === '') return 'Give the URL it is sent to.'
  if (draft.to === 'function' && !(isWhole(draft.wasmId) && draft.name.trim() !== '')) {
    return 'Give the id of the function and the name of its export.'
  }
  if (badHeader(draft.headers) !== undefined) {
    return 'Each line of the headers has to be Name: value.'
  }
  const odd = [draft.rateAttempts, draft.inFlight, draft.timeoutMs].find(
    (one) => one.trim() !== '' && !isWhole(one),
  )
  if (odd !== undefined || !(Number(draft.rateSeconds) > 0)) {
    return 'Rate, attempts and milliseconds have to be numbers, or empty.'
  }
  const wrong = [draft.retry, draft.filter, draft.others].some((one) => jsonComplaint(one))
  if (wrong) return 'Correct the marked JSON.'
  const others = readJson(draft.others) ?? {}
  return isJsonObject(others) ? undefined : 'The other fields have to be one JSON object.'
}

/** What of `draft` is not as it was in `before`. */
export function changesOf(draft: EndpointDraft, before: EndpointDraft): EndpointChange {
  const was: Readonly<Record<string, unknown>> = bodyOf(before)
  const changed = Object.entries(bodyOf(draft)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name]),
  )
  return Object.fromEntries(changed)
}

function bodyOf(draft: EndpointDraft): EndpointChange {
  const attempts = numberOf(draft.rateAttempts)
  const headers = headersOf(draft.headers)
  const key = draft.orderKey.trim()
  return {
    ...(draft.to === 'url'
      ? draft.url.trim() !== '' && { url: draft.url.trim() }
      : {
          function: {
            ...{ wasm_id: Number(draft.wasmId), name: draft.name.trim() },
            callback: draft.callback,
          },
        }),
    event_types: typesOf(draft),
    description: draft.description,
    ...(Object.keys(headers).length > 0 && { headers }),
    body_style: draft.bodyStyle,
    ordered: draft.order === 'none' ? null : { ...(key && { key }), on_exhaustion: draft.order },
    rate_limit:
      attempts === null ? null : { attempts, per_ms: Math.round(Number(draft.rateSeconds) * 1000) },
    ...{ max_in_flight: numberOf(draft.inFlight), timeout_ms: numberOf(draft.timeoutMs) },
    retry: (readJson(draft.retry) ?? null) as Exclude<EndpointChange['retry'], undefined>,
    payload_filter: (readJson(draft.filter) ?? null) as Exclude<
      EndpointChange['payload_filter'],
      undefined
    >,
    ...(readJson(draft.others) as EndpointChange | undefined),
  }
}

function typesOf({ types }: EndpointDraft): string[] {
  return types.split(/[\s,]+/).filter((one) => one !== '')
}

function isWhole(one: string): boolean {
  return /^\s*\d+\s*$/.test(one)
}

function numberOf(one: string): number | null {
  return one.trim() === '' ? null : Number(one)
}
