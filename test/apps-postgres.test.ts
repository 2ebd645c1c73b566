// What other files claim of runs and deliveries, on PostgreSQL; of webhooks in apps-postgres-webhooks.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp, buildAppsOn } from './helpers/build-app.ts'
import type { Scope } from './helpers/build-app.ts'
import { upload } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { SECRET_KEY, ask, emptyDatabase } from './helpers/postgres.ts'

let newest = ''

buildAppsOn(async (scope: Scope) => {
  newest = await emptyDatabase(scope)
  return { DATABASE_URL: newest, SECRET_KEY }
})

test('what these servers keep is in PostgreSQL', async (t) => {
  const { id } = await upload(await buildApp(t), await guest('echo'))
  assert.deepEqual(await ask(newest, 'select id::int from executables'), [{ id }])
})

const CLAIMS = ['durable-runs', 'idempotency', 'run-retry', 'delivery-resend', 'resend-jobs']
for (const name of CLAIMS) await import(`./${name}.test.ts`)
