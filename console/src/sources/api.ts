// Sources: a tenant's addresses that other services call, and the history of what they got.
import type { NewSource, SourceChange } from '../../../packages/client/src/generated/api.ts'
import { client, keys } from '../client.ts'

export type { NewSource, SourceChange }

export function listSources(tenant: string, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/sources', { query: { tenant, cursor }, ...keys(), signal })
}

export function findSource(tenant: string, id: string, signal?: AbortSignal) {
  return client.get('/api/sources/{id}', { path: { id }, query: { tenant }, ...keys(), signal })
}

export type Source = Awaited<ReturnType<typeof findSource>>

/** Who names a function shows a key of it, where this tab knows one. */
export function makeSource(source: NewSource) {
  return client.post('/api/sources', { json: source, ...keys(source.function?.wasm_id) })
}

export function changeSource({ tenant, source_id: id }: Source, change: SourceChange) {
  const about = { path: { id }, query: { tenant }, ...keys(change.function?.wasm_id) }
  return client.patch('/api/sources/{id}', { ...about, json: change })
}

export function deleteSource({ tenant, source_id: id }: Source) {
  return client.delete('/api/sources/{id}', { path: { id }, query: { tenant }, ...keys() })
}

export function listSourceEvents(
  { tenant, id }: { tenant: string; id: string },
  page: { verdict?: Verdict | undefined; cursor?: string | undefined; limit?: number },
  signal?: AbortSignal,
) {
  const query = { tenant, ...page }
  return client.get('/api/sources/{id}/events', { path: { id }, query, ...keys(), signal })
}

export type SourceEvent = Awaited<ReturnType<typeof listSourceEvents>>['items'][number]

export const VERDICTS = ['accepted', 'duplicate', 'challenge', 'refused'] as const
export type Verdict = (typeof VERDICTS)[number]

export function findSourceEvent(tenant: string, event: SourceEvent, signal?: AbortSignal) {
  const path = { id: event.source_id, event: event.event_id }
  return client.get('/api/sources/{id}/events/{event}', {
    ...{ path, query: { tenant }, signal },
    ...keys(),
  })
}

export type WholeEvent = Awaited<ReturnType<typeof findSourceEvent>>

export function replaySourceEvent(tenant: string, event: SourceEvent) {
  const path = { id: event.source_id, event: event.event_id }
  const options = { path, query: { tenant }, ...keys() }
  return client.post('/api/sources/{id}/events/{event}/replay', options)
}
