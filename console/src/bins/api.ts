// Request bins: addresses of this server that keep for a while what is sent to them.
import { client, keys, whoAmI } from '../client.ts'

export function listBins(tenant: string, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/bins', { query: { tenant, cursor }, ...keys(), signal })
}

export function findBin(tenant: string, id: string, signal?: AbortSignal) {
  return client.get('/api/bins/{id}', { path: { id }, query: { tenant }, ...keys(), signal })
}

export type Bin = Awaited<ReturnType<typeof findBin>>

export function makeBin(tenant: string) {
  return client.post('/api/bins', { json: { tenant }, ...keys() })
}

/** For whoever tries something out and has named no tenant: a token's own, or this one. */
const TENANT = 'console'

export async function makeBinForTrying(): Promise<Bin> {
  const { tenant } = await whoAmI()
  return makeBin(tenant ?? TENANT)
}

export function deleteBin({ tenant, bin_id: id }: Bin) {
  return client.delete('/api/bins/{id}', { path: { id }, query: { tenant }, ...keys() })
}

interface BinPage {
  cursor?: string | undefined
  limit?: number
}

export function listBinRequests(
  { tenant, id }: { tenant: string; id: string },
  page: BinPage,
  signal?: AbortSignal,
) {
  const query = { tenant, ...page }
  return client.get('/api/bins/{id}/requests', { path: { id }, query, ...keys(), signal })
}

export type BinRequest = Awaited<ReturnType<typeof listBinRequests>>['items'][number]
