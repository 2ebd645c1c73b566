// Which tenants there are, as the operator is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'

test('the operator lists tenants by name, a page at a time', async (t) => {
  const app = await buildApp(t)
  const list = async (query: string): Promise<unknown> => {
    const response = await app.request(`/api/tenants${query}`)
    assert.equal(response.status, 200)
    return response.json()
  }
  assert.deepEqual(await list(''), { items: [], next: null })
  for (const tenant of ['globex', 'acme', 'initech']) {
    const made = await app.request('/api/event-types', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant, name: 'order.created' }),
    })
    assert.equal(made.status, 201)
  }
  const first = { items: [{ tenant: 'acme' }, { tenant: 'globex' }], next: 'globex' }
  assert.deepEqual(await list('?limit=2'), first)
  assert.deepEqual(await list('?limit=2&cursor=globex'), {
    ...{ items: [{ tenant: 'initech' }], next: null },
  })
  await refused(await app.request('/api/tenants?cursor=no+name'), 400, 'BAD_REQUEST')
  await refused(await app.request('/api/tenants?limit=0'), 400, 'BAD_REQUEST')
})
