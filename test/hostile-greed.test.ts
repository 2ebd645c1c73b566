// Guests that want more memory, table or stack than they may have, or reach past what they have.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, refused, upload } from './helpers/client.ts'
import { textOf } from './helpers/guest-calls.ts'
import { guest } from './helpers/guests.ts'
import { HOSTILE_SETTINGS } from './helpers/hostile-guests.ts'
import { testTopic, neighbourhood } from './helpers/hostile-suite.ts'

testTopic('greed')

test('a guest works within its limits, beyond them, and within them again', async (t) => {
  const { app, isWhole } = await neighbourhood(t)
  const one = await upload(app, await guest('misbehaves'))
  const pages = String(HOSTILE_SETTINGS.RUN_MEMORY_BYTES / 65_536)
  for (let round = 0; round < 3; round++) {
    assert.equal(await textOf(app, one, 'pages'), pages)
    await refused(await call(app, one, 'grow_memory'), 500, 'MEMORY_LIMIT')
    await refused(await call(app, one, 'recurse'), 500, 'TRAP')
  }
  await isWhole()
})
