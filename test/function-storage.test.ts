// Function storage, end to end: what calls see, what they leave, and what their owner may do with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { until } from './helpers/until.ts'

interface Page {
  items: { key: string; encoding: string; bytes: number; updated_at: string }[]
  next: string | null
  total: { keys: number; bytes: number }
}

const storage = await guest('storage')

async function list(app: TestApp, one: Uploaded, query = ''): Promise<Page> {
  const response = await app.request(`/api/executables/${one.id}/storage${query}`, {
    headers: admin(one),
  })
  assert.equal(response.status, 200)
  return (await response.json()) as Page
}

function remove(app: TestApp, one: Uploaded, key = ''): Promise<Response> {
  const path = `/api/executables/${one.id}/storage${key === '' ? '' : `/${key}`}`
  return app.request(path, { method: 'DELETE', headers: admin(one) })
}

test('a counter incremented by 200 calls at once reads 200', async (t) => {
  const app = await buildApp(t, { QUEUE_WAIT_MS: 60_000 })
  const one = await upload(app, storage)
  const calls = Array.from({ length: 200 }, () => textOf(app, one, 'increment'))
  const seen = (await Promise.all(calls)).map(Number)
  // No two saw the same, and each saw its own.
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n + 1),
  )
  assert.equal(await textOf(app, one, 'read'), '200')
})
