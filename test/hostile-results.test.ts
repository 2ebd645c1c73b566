// Guests whose results are not what they should be: too long, outside their memory, not there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, refused, upload } from './helpers/client.ts'
import { assemble, guest } from './helpers/guests.ts'
import { HOSTILE_SETTINGS } from './helpers/hostile-guests.ts'
import { testTopic, neighbourhood } from './helpers/hostile-suite.ts'

const MiB = 1024 * 1024
const LARGE = 100 * MiB

/** large(): 100 MiB of `x`. */
function large(): Buffer {
  return assemble(`(module
    (memory (export "memory") 1601)
    (func (export "__wbindgen_malloc") (param i32 i32) (result i32) (i32.const 8))
    (func (export "large") (result i32 i32)
      (memory.fill (i32.const 65536) (i32.const 0x78) (i32.const ${LARGE}))
      (i32.const 65536) (i32.const ${LARGE})))`)
}

testTopic('results')

test('a guest that returns 100 MiB gets 500 OUTPUT_TOO_LARGE, and nobody else is touched', async (t) => {
  const here = await neighbourhood(t, { RUN_MEMORY_BYTES: 128 * MiB })
  const one = await upload(here.app, large())
  const calls = [1, 2, 3].map(() => call(here.app, one, 'large'))
  await here.neighbourAnswers()
  for (const response of await Promise.all(calls)) {
    const answer = await refused(response, 500, 'OUTPUT_TOO_LARGE')
    assert.equal(answer.output_bytes, HOSTILE_SETTINGS.OUTPUT_BYTES)
  }
  await here.isWhole()
})

test('a guest that may return 100 MiB does, unless the server holds too much already', async (t) => {
  const settings = { RUN_MEMORY_BYTES: 128 * MiB, OUTPUT_BYTES: LARGE }
  const here = await neighbourhood(t, { ...settings, BUFFERED_BYTES: 150 * MiB })
  const one = await upload(here.app, large())
  const response = await call(here.app, one, 'large')
  assert.equal(response.status, 200)
  assert.equal((await response.arrayBuffer()).byteLength, LARGE)
  await here.isWhole()
  const narrow = await neighbourhood(t, { ...settings, BUFFERED_BYTES: LARGE - 1 })
  const other = await upload(narrow.app, large())
  const refusal = await call(narrow.app, other, 'large')
  assert.equal(refusal.headers.get('retry-after'), '1')
  await refused(refusal, 503, 'BUFFERS_FULL')
  await narrow.isWhole()
})

test('a guest may return what is no UTF-8 as bytes', async (t) => {
  const { app } = await neighbourhood(t)
  const one = await upload(app, await guest('broken-results'))
  const response = await call(app, one, 'not_utf8', { bytes: true })
  assert.deepEqual(
    Buffer.from(await response.arrayBuffer()),
    Buffer.from('\xff\xfe text', 'latin1'),
  )
})

test('a guest that floods its log is cut at LOG_BYTES and goes on', async (t) => {
  const { app, isWhole } = await neighbourhood(t)
  const response = await call(app, await upload(app, await guest('flood-log')), 'answer')
  const run = response.headers.get('wasmhook-run')
  assert.equal(await response.text(), '42')
  const record = (await (await app.request(`/api/runs/${run}`)).json()) as Record<string, unknown>
  assert.equal(String(record.log).length, HOSTILE_SETTINGS.LOG_BYTES)
  assert.equal(record.log_truncated, true)
  await isWhole()
})
