// What takes the compiler long: its own limits end it, and other uploads have their turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refused, upload } from './helpers/client.ts'
import { textOf } from './helpers/guest-calls.ts'
import { assemble } from './helpers/guests.ts'
import { neighbourhood, post, uploadBeside } from './helpers/hostile-suite.ts'
import * as binary from './helpers/wasm-binary.ts'

const MiB = 1024 * 1024
const ATTACKERS = 10
/** What is before an upload in the queue, and as much again that ends while it travels. */
const TURNS_MAX = 3 * ATTACKERS

test('an upload that never ends to compile is ended by its own limit, and nobody else is touched', async (t) => {
  const here = await neighbourhood(t, { COMPILE_TIMEOUT_MS: 1_000 })
  const answer = await refused(
    await uploadBeside(here, binary.hugeFunction(1_900_000)),
    400,
    'MODULE_TOO_COMPLEX',
  )
  assert.equal(typeof answer.ended_by, 'string')
})

test('ten hostile uploads at once, for as long as it takes, let ordinary ones through in their turn', async (t) => {
  const here = await neighbourhood(t, { COMPILE_MEMORY_BYTES: 64 * MiB })
  const hostile = [
    binary.hugeFunction(3_000_000),
    binary.manyFunctions(1, 100_000),
    binary.manyFunctions(200_000, 1),
    binary.branchTable(2_000_000),
  ]
  // One of them keeps the compiler busy until its memory is used up.
  const greedy = binary.hugeFunction(2_000_000)
  let ended = 0
  let over = false
  const attack = Array.from({ length: ATTACKERS }, async (_, n) => {
    while (!over) {
      await refused(
        await post(here, n === 0 ? greedy : (hostile[n % hostile.length] ?? greedy)),
        400,
        'MODULE_TOO_COMPLEX',
      )
      ended++
    }
  })
  for (let n = 0; n < 3; n++) {
    const before = ended
    const one = await upload(
      here.app,
      assemble(`(module (func (export "answer") (result i32) (i32.const ${n})))`),
    )
    assert.ok(ended - before <= TURNS_MAX, `${ended - before} hostile uploads were before it`)
    assert.equal(await textOf(here.app, one, 'answer'), String(n))
    await here.neighbourAnswers()
  }
  over = true
  await Promise.all(attack)
  await here.isWhole()
})
