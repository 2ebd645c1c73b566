// A tenant's event types, and what was published of them.
import type { NewEventType, NewMessage } from '../../../packages/client/src/generated/api.ts'
import { client, keys } from '../client.ts'

export function listEventTypes(tenant: string, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/event-types', { query: { tenant, cursor }, ...keys(), signal })
}

export function readEventType(tenant: string, name: string, signal?: AbortSignal) {
  const query = { tenant }
  return client.get('/api/event-types/{name}', { path: { name }, query, ...keys(), signal })
}

export type EventType = Awaited<ReturnType<typeof readEventType>>

export function addEventType(json: NewEventType) {
  return client.post('/api/event-types', { json, ...keys() })
}

export function changeEventType(tenant: string, name: string, json: Omit<NewEventType, 'name'>) {
  const query = { tenant }
  return client.patch('/api/event-types/{name}', { path: { name }, query, json, ...keys() })
}

export function removeEventType(tenant: string, name: string) {
  return client.delete('/api/event-types/{name}', { path: { name }, query: { tenant }, ...keys() })
}

interface ListedMessages {
  tenant: string
  type: string | undefined
}

export function listMessages(of: ListedMessages, cursor?: string, signal?: AbortSignal) {
  return client.get('/api/messages', { query: { ...of, cursor }, ...keys(), signal })
}

export type MessageItem = Awaited<ReturnType<typeof listMessages>>['items'][number]

export function readMessage(tenant: string, id: string, signal?: AbortSignal) {
  return client.get('/api/messages/{id}', { path: { id }, query: { tenant }, ...keys(), signal })
}

export type Message = Awaited<ReturnType<typeof readMessage>>

export function publish(json: NewMessage) {
  return client.post('/api/messages', { json, ...keys() })
}

/** What is left is its history. */
export function expunge(tenant: string, id: string) {
  const query = { tenant }
  return client.delete('/api/messages/{id}/payload', { path: { id }, query, ...keys() })
}
