// Deliveries, what is done with one, and the jobs that send many again.
import { ownerOf } from './delivery-filter.ts'
import type { Filter } from './delivery-filter.ts'
import { asOwner, client, keys } from '../client.ts'

export function listDeliveries(filter: Filter, cursor?: string, signal?: AbortSignal) {
  const query = { ...filter, cursor }
  return client.get('/api/deliveries', { query, ...keys(ownerOf(filter)), signal })
}

export type DeliveryItem = Awaited<ReturnType<typeof listDeliveries>>['items'][number]

/** With its newest attempts, the oldest of them first. */
export function findDelivery(id: string, signal?: AbortSignal) {
  return asOwner((own) => client.get('/api/deliveries/{id}', { path: { id }, ...own, signal }))
}

export type Delivery = Awaited<ReturnType<typeof findDelivery>>
export type Attempt = NonNullable<Delivery['attempts']>[number]

export function resend(id: string) {
  return asOwner((own) => client.post('/api/deliveries/{id}/resend', { path: { id }, ...own }))
}

export function cancel(id: string) {
  return asOwner((own) => client.post('/api/deliveries/{id}/cancel', { path: { id }, ...own }))
}

/** Begins a job; `ratePerSecond` undefined: as fast as targets may be asked. */
export function resendAll(filter: Filter, ratePerSecond: number | undefined) {
  const json = resendBody(filter, ratePerSecond)
  return client.post('/api/deliveries/resend', { json, ...keys(ownerOf(filter)) })
}

/** What that sends. */
export function resendBody(filter: Filter, ratePerSecond: number | undefined) {
  const { wasm_id: id, ...fields } = filter
  return {
    ...fields,
    ...(id === undefined ? {} : { wasm_id: Number(id) }),
    ...(ratePerSecond === undefined ? {} : { rate_per_second: ratePerSecond }),
  }
}

export function listJobs(cursor?: string, signal?: AbortSignal) {
  return client.get('/api/resend-jobs', { query: { cursor }, ...keys(), signal })
}

export type Job = Awaited<ReturnType<typeof listJobs>>['items'][number]

export function findJob(id: string, signal?: AbortSignal) {
  return asOwner((own) => client.get('/api/resend-jobs/{id}', { path: { id }, ...own, signal }))
}

export function cancelJob(id: string) {
  return asOwner((own) => client.post('/api/resend-jobs/{id}/cancel', { path: { id }, ...own }))
}
