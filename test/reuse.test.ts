// An executable whose owner lets an instance serve several calls: which calls share one, and what ends it.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { configure } from './helpers/guest-calls.ts'
import { assemble, example } from './helpers/guests.ts'

/** Counts its calls, from `first` on; fails, grows and spins on demand. */
function counting(first = 0): Buffer {
  return assemble(`(module
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const ${first}))
    (func $count (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls))
    (func (export "trap") (result i32) (drop (call $count)) unreachable)
    (func (export "grow") (result i32)
      (drop (memory.grow (i32.const 20000)))
      (call $count))
    (func (export "take") (result i32)
      (drop (memory.grow (i32.const 300)))
      (call $count))
    (func (export "spin") (result i32) (loop $again (br $again)) (i32.const 0)))`)
}

describe('reuse', () => {
  const scope = suiteScope()
  let app: TestApp

  before(async () => {
    app = await buildApp(scope, { RUN_TIMEOUT_MS: 1_000 })
  })

  async function reusing(wasm: Buffer, limits: Record<string, number> = {}): Promise<Uploaded> {
    const one = await upload(app, wasm)
    await set(one, { reuse: true })
    await configure(app, one, 'limits', limits)
    return one
  }

  async function set(one: Uploaded, settings: Record<string, unknown>): Promise<void> {
    const response = await app.request(`/api/executables/${one.id}`, {
      method: 'PATCH',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    })
    assert.equal(response.status, 200)
  }

  async function count(one: Uploaded, times: number): Promise<number[]> {
    const counted: number[] = []
    for (let at = 0; at < times; at++) {
      counted.push(Number(await (await call(app, one, 'count')).text()))
    }
    return counted
  }

  test('is off until asked for, and can be switched off again', async () => {
    const one = await upload(app, counting())
    assert.deepEqual(await count(one, 3), [1, 1, 1])
    await set(one, { reuse: true })
    assert.deepEqual(await count(one, 3), [1, 2, 3])
    await set(one, { reuse: false })
    assert.deepEqual(await count(one, 2), [1, 1])
  })

  test('ends after as many calls as the owner allows', async () => {
    const one = await reusing(counting(), { reuse_calls: 3 })
    assert.deepEqual(await count(one, 7), [1, 2, 3, 1, 2, 3, 1])
  })

  test('ends with a trap, a memory that was refused or the time limit', async () => {
    const one = await reusing(counting())
    for (const [name, status, code] of [
      ['trap', 500, 'TRAP'],
      ['spin', 504, 'RUN_TIMEOUT'],
    ] as const) {
      await count(one, 2)
      await refused(await call(app, one, name), status, code)
      assert.deepEqual(await count(one, 2), [1, 2])
    }
    assert.equal(await (await call(app, one, 'grow')).text(), '3')
    assert.deepEqual(await count(one, 2), [1, 2])
  })

  test('ends where an instance holds more memory than may wait', async () => {
    const one = await reusing(counting())
    assert.equal(await (await call(app, one, 'take')).text(), '1')
    assert.deepEqual(await count(one, 2), [1, 2])
  })

  test('ends with a hot swap and with every setting that a call can see', async () => {
    const one = await reusing(counting())
    await count(one, 2)
    const swapped = await app.request(`/api/update_wasm_binary/${one.id}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': 'application/octet-stream' },
      body: counting(10),
    })
    assert.equal(swapped.status, 200)
    assert.deepEqual(await count(one, 2), [11, 12])
    await configure(app, one, 'variables', { name: 'value' })
    assert.deepEqual(await count(one, 2), [11, 12])
    const state = await app.request(`/api/state/${one.id}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': 'text/plain' },
      body: 'a state',
    })
    assert.equal(state.status, 200)
    assert.deepEqual(await count(one, 2), [11, 12])
  })

  test('never reaches another executable, not even one of the same bytes', async () => {
    const [one, other] = [await reusing(counting(20)), await reusing(counting(20))]
    assert.deepEqual(await count(one, 2), [21, 22])
    assert.deepEqual(await count(other, 2), [21, 22])
    assert.deepEqual(await count(one, 1), [23])
  })

  test('gives concurrent calls different instances, none of which serves two at once', async () => {
    const one = await reusing(counting())
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(app, one, 'count')))
    const counted = await Promise.all(answers.map(async (answer) => Number(await answer.text())))
    // Each instance counts its calls without a gap, so there are as many of each number as went on to it.
    const times = (number: number): number => counted.filter((each) => each === number).length
    for (let number = 2; number <= 100; number++) assert.ok(times(number) <= times(number - 1))
    assert.equal(counted.length, 100)
  })

  test('frees what its calls took: the memory of a thousand calls is that of a few', async () => {
    const one = await reusing(await example('hello'))
    const body = 'x'.repeat(50_000)
    const memoryAfter = async (calls: number): Promise<number> => {
      let run = ''
      for (let at = 0; at < calls; at++) {
        const answer = await call(app, one, 'say', { body })
        assert.equal(await answer.text(), `hello ${body}`)
        run = answer.headers.get('wasmhook-run') ?? ''
      }
      const record = await (await app.request(`/api/runs/${run}`)).json()
      return (record as { memory_bytes: number }).memory_bytes
    }
    assert.equal(await memoryAfter(300), await memoryAfter(10))
  })
})
