// Two runtimes handle memory faults in one process, wasmtime's and V8's own: each throws for its own.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { suiteScope } from './helpers/build-app.ts'
import { call, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { neighbourhood } from './helpers/hostile-suite.ts'
import type { Neighbourhood } from './helpers/hostile-suite.ts'

/** What is used of V8's own WebAssembly, which is typed only in a browser's library. */
interface V8 {
  Module: new (wasm: Buffer) => object
  Instance: new (module: object) => { exports: Record<string, () => unknown> }
}

const FAULTS = ['memory_out_of_bounds', 'recurse', 'unreachable', 'bad_signature'] as const

describe('a fault of a guest and one in V8’s own WebAssembly', () => {
  const scope = suiteScope()
  let here: Neighbourhood
  let wasm: Buffer
  let one: Uploaded
  let inV8: Record<string, () => unknown>
  before(async () => {
    here = await neighbourhood(scope)
    wasm = await guest('misbehaves')
    one = await upload(here.app, wasm)
    const { Instance, Module } = (globalThis as unknown as { WebAssembly: V8 }).WebAssembly
    inV8 = new Instance(new Module(wasm)).exports
  })

  const faultInV8 = (name: string): void => {
    assert.throws(() => inV8[name]?.(), /RangeError|RuntimeError/)
  }

  for (const name of FAULTS) {
    test(`are both just thrown, one after the other: ${name}`, async () => {
      for (let round = 0; round < 5; round++) {
        faultInV8(name)
        await refused(await call(here.app, one, name), 500, 'TRAP')
        faultInV8(name)
      }
      await here.isWhole()
    })
  }

  test('are both just thrown while the other happens on another thread', async () => {
    const pending = Array.from({ length: 100 }, (_, n) =>
      call(here.app, one, FAULTS[n % FAULTS.length] ?? 'recurse'),
    )
    let answered = 0
    const all = Promise.all(pending.map(async (each) => (answered++, each)))
    // Each turn lets the event loop send and receive, so that faults fall on both sides.
    while (answered < pending.length) {
      for (const name of FAULTS) faultInV8(name)
      await here.neighbourAnswers()
    }
    for (const response of await all) await refused(response, 500, 'TRAP')
    await here.isWhole()
  })

  test('are both just thrown where V8’s is on a thread of its own', async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const { exports } = new WebAssembly.Instance(new WebAssembly.Module(workerData))
       let thrown = 0
       for (let n = 0; n < 2000; n++) {
         try { exports.memory_out_of_bounds() } catch { thrown++ }
       }
       parentPort.postMessage(thrown)`,
      { eval: true, workerData: wasm },
    )
    const thrown = once(worker, 'message')
    const calls = Array.from({ length: 100 }, () => call(here.app, one, 'memory_out_of_bounds'))
    for (const response of await Promise.all(calls)) await refused(response, 500, 'TRAP')
    assert.deepEqual(await thrown, [2_000])
    await here.isWhole()
  })
})
