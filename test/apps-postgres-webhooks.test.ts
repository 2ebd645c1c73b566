// What other files claim of tokens, event types, bins and sources, on PostgreSQL.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, buildAppsOn } from './helpers/build-app.ts'
import type { Scope, TestApp } from './helpers/build-app.ts'
import { SECRET_KEY, emptyDatabase } from './helpers/postgres.ts'

let newest = ''

buildAppsOn(async (scope: Scope) => {
  newest = await emptyDatabase(scope)
  return { DATABASE_URL: newest, SECRET_KEY }
})

test('a type that another server has changed judges what is published from then on', async (t) => {
  const one = await buildApp(t)
  const two = await buildApp(t, { DATABASE_URL: newest })
  const send = async (app: TestApp, method: string, url: string, body: object): Promise<number> => {
    const headers = { 'content-type': 'application/json' }
    const response = await app.request(url, { method, headers, body: JSON.stringify(body) })
    await response.arrayBuffer()
    return response.status
  }
  const message = { tenant: 't', type: 'a', payload: {} }
  assert.equal(await send(one, 'POST', '/api/event-types', { tenant: 't', name: 'a' }), 201)
  for (let n = 0; n < 3; n++) {
    const schema = { required: [`field${n}`] }
    const rule = { schema, enforcement: 'reject' }
    assert.equal(await send(one, 'PATCH', '/api/event-types/a?tenant=t', rule), 200)
    assert.equal(await send(two, 'POST', '/api/messages', message), 422)
    assert.equal(await send(one, 'PATCH', '/api/event-types/a?tenant=t', { schema: null }), 200)
    assert.equal(await send(two, 'POST', '/api/messages', message), 202)
  }
})

const CLAIMS = [
  'ordered',
  'replays',
  'tokens',
  'event-types',
  'event-fetch',
  'bins',
  'hooks',
  'sources',
]
for (const name of CLAIMS) await import(`./${name}.test.ts`)
