// What an owner asks of an executable's function storage.
import assert from 'node:assert/strict'
import type { TestApp } from './build-app.ts'
import { admin } from './client.ts'
import type { Uploaded } from './client.ts'

export interface Page {
  items: { key: string; encoding: string; bytes: number; updated_at: string }[]
  next: string | null
  total: { keys: number; bytes: number }
}

export async function listStored(app: TestApp, one: Uploaded, query = ''): Promise<Page> {
  const response = await app.request(`/api/executables/${one.id}/storage${query}`, {
    headers: admin(one),
  })
  assert.equal(response.status, 200)
  return (await response.json()) as Page
}

export function removeStored(app: TestApp, one: Uploaded, key = ''): Promise<Response> {
  const url = `/api/executables/${one.id}/storage${key === '' ? '' : `/${key}`}`
  return app.request(url, { method: 'DELETE', headers: admin(one) })
}
