// Guests that never end, each by another way, while others are served.
import { test } from 'node:test'
import { call, refused, upload } from './helpers/client.ts'
import { assemble } from './helpers/guests.ts'
import { testTopic, neighbourhood } from './helpers/hostile-suite.ts'

const RUN_TIMEOUT_MS = 250

testTopic('time', { RUN_TIMEOUT_MS }, 1)

test('a guest that fills and copies gigabytes without a loop gets 504 RUN_TIMEOUT, and nobody else is touched', async (t) => {
  const MiB = 1024 * 1024
  const here = await neighbourhood(t, { RUN_TIMEOUT_MS, RUN_MEMORY_BYTES: 128 * MiB })
  // 64 GiB of them, or many seconds, in straight code of one function and of a start function.
  const fill = '(memory.fill (i32.const 0) (i32.const 1) (i32.const 0x8000000))'.repeat(512)
  const copy = '(memory.copy (i32.const 0) (i32.const 1) (i32.const 0x7ffffff))'.repeat(512)
  for (const wat of [
    `(module (memory 2048) (func (export "f") ${fill}))`,
    `(module (memory 2048) (func (export "f") ${copy}))`,
    `(module (memory 2048) (func $it ${fill}) (start $it) (func (export "f")))`,
  ]) {
    const one = await upload(here.app, assemble(wat))
    const filling = call(here.app, one, 'f')
    await here.neighbourAnswers()
    await refused(await filling, 504, 'RUN_TIMEOUT')
    await here.isWhole()
  }
})
