// Which tenants there are, and the tokens of one.
import type { NewToken } from '../../../packages/client/src/generated/api.ts'
import { client, keys } from '../client.ts'

/** Those that have something, by name. */
export function listTenants(cursor?: string, signal?: AbortSignal) {
  return client.get('/api/tenants', { query: { cursor }, ...keys(), signal })
}

export type TenantItem = Awaited<ReturnType<typeof listTenants>>['items'][number]

export function listTokens(tenant: string, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/tokens', { query: { tenant, cursor }, ...keys(), signal })
}

export type TokenItem = Awaited<ReturnType<typeof listTokens>>['items'][number]

export function addToken(json: NewToken) {
  return client.post('/api/tokens', { json, ...keys() })
}

export type MadeToken = Awaited<ReturnType<typeof addToken>>

export function revokeToken(id: string) {
  return client.delete('/api/tokens/{id}', { path: { id }, ...keys() })
}
