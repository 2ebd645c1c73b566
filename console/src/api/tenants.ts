// Which tenants there are, and the tokens of one.
import { client, keys } from './client.ts'

/** Those that have something, by name. */
export function listTenants(cursor?: string, signal?: AbortSignal) {
  return client.get('/api/tenants', { query: { cursor }, ...keys(), signal })
}

export type TenantItem = Awaited<ReturnType<typeof listTenants>>['items'][number]
