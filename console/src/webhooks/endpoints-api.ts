// A tenant's endpoints: what they are, what became of what they were sent, and what can be done with them.
import type { EndpointChange, NewEndpoint } from '../../../packages/client/src/generated/api.ts'
import { client, keys } from '../client.ts'

/** Which endpoint of which tenant. */
export interface OfEndpoint {
  tenant: string
  id: string
}

const at = ({ tenant, id }: OfEndpoint) => ({ path: { id }, query: { tenant }, ...keys() })

export function listEndpoints(tenant: string, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/endpoints', { query: { tenant, cursor }, ...keys(), signal })
}

export function readEndpoint(of: OfEndpoint, signal?: AbortSignal) {
  return client.get('/api/endpoints/{id}', { ...at(of), signal })
}

export type Endpoint = Awaited<ReturnType<typeof readEndpoint>>

export function readStats(of: OfEndpoint, signal?: AbortSignal) {
  return client.get('/api/endpoints/{id}/stats', { ...at(of), signal })
}

export type EndpointStats = Awaited<ReturnType<typeof readStats>>

/** @param wasmId of the function that it names, whose admin key goes along where this tab has it */
export function addEndpoint(json: NewEndpoint, wasmId?: number) {
  return client.post('/api/endpoints', { json, ...keys(wasmId) })
}

export type MadeEndpoint = Awaited<ReturnType<typeof addEndpoint>>

export function changeEndpoint(of: OfEndpoint, json: EndpointChange, wasmId?: number) {
  return client.patch('/api/endpoints/{id}', { ...at(of), json, ...keys(wasmId) })
}

export function removeEndpoint(of: OfEndpoint) {
  return client.delete('/api/endpoints/{id}', at(of))
}

/** @param json what is absent is as before */
export function rotateSecret(of: OfEndpoint, json: { v1a?: boolean; overlap_ms?: number }) {
  return client.post('/api/endpoints/{id}/secret/rotate', { ...at(of), json })
}

/** Its answer is the attempt, whatever came of it. */
export function testEndpoint(of: OfEndpoint, json: { type?: string; payload?: unknown }) {
  return client.post('/api/endpoints/{id}/test', { ...at(of), json })
}

export type Tested = Awaited<ReturnType<typeof testEndpoint>>

/** What it would be sent; nothing is. */
export function previewEndpoint(of: OfEndpoint, json: { type?: string; payload?: unknown }) {
  return client.post('/api/endpoints/{id}/transform/test', { ...at(of), json })
}

export type Previewed = Awaited<ReturnType<typeof previewEndpoint>>

export function disableEndpoint(of: OfEndpoint) {
  return client.post('/api/endpoints/{id}/disable', at(of))
}

export function enableEndpoint(of: OfEndpoint) {
  return client.post('/api/endpoints/{id}/enable', at(of))
}

export function resumeEndpoint(of: OfEndpoint) {
  return client.post('/api/endpoints/{id}/resume', at(of))
}

/** What it was never sent. */
export function replay(of: OfEndpoint, since: string) {
  return client.post('/api/endpoints/{id}/replay', { ...at(of), json: { since } })
}

/** What failed. */
export function recover(of: OfEndpoint, since: string) {
  return client.post('/api/endpoints/{id}/recover', { ...at(of), json: { since } })
}
