// Nothing of a call reaches the next one: not in its memory, tables, globals, segments, streams or
// on its stack, in whichever slot and on whichever thread it runs.
import assert from 'node:assert/strict'
import { describe, before, test } from 'node:test'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { callWith, configure, textOf } from './helpers/guest-calls.ts'
import { assemble, guest } from './helpers/guests.ts'

const MiB = 1024 * 1024
const THREADS = 4
/** Enough that every slot and every thread is used many times over. */
const CALLS = 60
const NOTHING = '[0,0,0,0,0,0,0,0]'

/** Memory that nobody wrote: how many of its bytes are not zero, over all that can be had. */
const READER = `(module
  (memory (export "memory") 0)
  (func (export "finds") (result i32)
    (local $at i32) (local $found i32)
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (local.get $found)))`

/** Tables of another size than the marker's, in the same slots. */
const TABLES = `(module
  (table $a 1 funcref) (table $b 2 externref) (table $c 3 funcref)
  (func (export "finds") (result i32)
    (local $at i32) (local $found i32)
    (drop (table.grow $a (ref.null func) (i32.const 900)))
    (drop (table.grow $b (ref.null extern) (i32.const 900)))
    (drop (table.grow $c (ref.null func) (i32.const 900)))
    (loop $next
      (local.set $found
        (i32.add (local.get $found)
          (i32.add
            (i32.eqz (ref.is_null (table.get $a (local.get $at))))
            (i32.add
              (i32.eqz (ref.is_null (table.get $b (local.get $at))))
              (i32.eqz (ref.is_null (table.get $c (local.get $at))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 900))))
    (local.get $found)))`

describe('a call finds nothing', () => {
  const scope = suiteScope()
  let app: TestApp
  let remains: Uploaded

  before(async () => {
    app = await buildApp(scope, {
      SANDBOX_THREADS: THREADS,
      CONCURRENCY: THREADS,
      RUN_MEMORY_BYTES: 2 * MiB,
      RUN_MEMORY_BYTES_MAX: 2 * MiB,
      TABLE_ELEMENTS: 3_000,
      TABLE_ELEMENTS_MAX: 3_000,
    })
    remains = await upload(app, await guest('hostile/remains'))
  })

  const trapped = (response: Response) => refused(response, 500, 'TRAP')
  const found = async (one: Uploaded): Promise<string> => textOf(app, one, 'finds')

  test('where nothing is left, though the same instance sees each mark of its own', async () => {
    const seen = JSON.parse(await textOf(app, remains, 'sees_its_own')) as number[]
    // Locals begin at zero by the rules of WebAssembly, whatever the stack holds.
    assert.deepEqual(
      seen.map((count) => count > 0),
      [true, true, true, true, true, true, true, false],
    )
  })

  test('of the call before it in memory, grown memory, tables, globals, segments, streams and stack', async () => {
    for (let round = 0; round < 5; round++) {
      assert.equal(await found(remains), NOTHING)
      assert.equal(await textOf(app, remains, 'leaves'), '')
    }
    assert.equal(await found(remains), NOTHING)
  })

  test('of a call that ended by a trap', async () => {
    for (let round = 0; round < 5; round++) {
      await trapped(await call(app, remains, 'leaves_and_traps'))
      assert.equal(await found(remains), NOTHING)
    }
  })

  test('of calls beside it and before it, over all threads and slots', async () => {
    const calls = Array.from({ length: CALLS }, async (_, n) => {
      if (n % 3 === 0) await textOf(app, remains, 'leaves')
      else if (n % 3 === 1) await trapped(await call(app, remains, 'leaves_and_traps'))
      else assert.equal(await found(remains), NOTHING)
    })
    await Promise.all(calls)
  })

  test('of another executable, whose slot it takes over', async () => {
    const reader = await upload(app, assemble(READER))
    const tables = await upload(app, assemble(TABLES))
    const same = await upload(app, await guest('hostile/remains'))
    const calls = Array.from({ length: 2 * CALLS }, async (_, n) => {
      if (n % 2 === 0) await textOf(app, remains, 'leaves')
      else if (n % 3 === 0) assert.equal(await found(reader), '0')
      else if (n % 3 === 1) assert.equal(await found(tables), '0')
      else assert.equal(await found(same), NOTHING)
    })
    await Promise.all(calls)
  })

  test('of more executables than there are slots, each of which left its mark', async () => {
    // Each a module of its own, so that no slot is kept ready for the next call of the same.
    const many = await Promise.all(
      Array.from({ length: 3 * THREADS }, (_, n) =>
        upload(
          app,
          assemble(`(module (memory (export "memory") 3)
            (data (i32.const ${n * 8}) "\\${(n + 16).toString(16)}")
            (func (export "finds") (result i32 i32)
              (local $at i32) (local $found i32)
              (loop $next
                (local.set $found
                  (i32.add (local.get $found)
                    (i64.ne (i64.load (local.get $at)) (i64.const 0))))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 196608))))
              (i32.load8_u (i32.const ${n * 8}))
              (local.get $found)
              (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 196608))))`),
        ),
      ),
    )
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(many.map((one) => found(one)))
      assert.deepEqual(
        answers,
        many.map((_, n) => `[${n + 16},1]`),
      )
    }
  })

  test('after a hot swap, of the version before', async () => {
    const swapped = await upload(app, await guest('hostile/remains'))
    await textOf(app, swapped, 'leaves')
    const response = await app.request(`/api/update_wasm_binary/${swapped.id}`, {
      method: 'PUT',
      headers: admin(swapped),
      body: assemble(READER),
    })
    assert.equal(response.status, 200)
    assert.equal(await found(swapped), '0')
  })

  test('that counts more than itself: counters read 1 on every one of many calls', async () => {
    const counter = await upload(app, await guest('counter'))
    const calls = Array.from({ length: CALLS }, (_, n) =>
      textOf(app, counter, n % 2 === 0 ? 'count' : 'wide'),
    )
    for (const text of await Promise.all(calls)) assert.equal(text, '[1,1,1]')
  })

  test('of the log, the inputs, the state and the variables of another call', async () => {
    const [mine, other] = await Promise.all([
      upload(app, await guest('wasm-bindgen-wasi')),
      upload(app, await guest('wasm-bindgen-wasi')),
    ])
    await configure(app, other, 'state', 'the state of another')
    await configure(app, other, 'variables', { OTHER: 'the variable of another' })
    await textOf(app, other, 'print', ['the input of another'])
    assert.equal(await textOf(app, mine, 'argument'), '')
    assert.doesNotMatch(await textOf(app, mine, 'variables'), /another/)
    const response = await callWith(app, mine, 'print', ['mine'])
    const run = response.headers.get('wasmhook-run')
    assert.equal(await response.text(), 'mine')
    const record = (await (await app.request(`/api/runs/${run}`)).json()) as Record<string, unknown>
    assert.equal(record.log, 'mine')
  })

  test('of the values that the host kept for another call', async () => {
    const bindgen = await upload(app, await guest('wasm-bindgen-87'))
    await refused(await call(app, bindgen, 'hoard'), 500, 'MEMORY_LIMIT')
    // It makes and drops twice as many values as a call may hold.
    assert.equal(await textOf(app, bindgen, 'churn', ['x']), 'x')
  })
})
