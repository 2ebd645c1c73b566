// Damaged guests through a real server, its compile child and its addon: each is refused or described,
// what is described can be asked for, and the process lives, Node's own WebAssembly included.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { before } from 'node:test'
import type { ModuleInterface } from '../src/model.ts'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { fuzz } from './helpers/fuzz.ts'
import { guest } from './helpers/guests.ts'

const GUESTS = [
  'echo',
  'counter',
  'misbehaves',
  'wasm-bindgen-61',
  'wasm-bindgen-87',
  'wasm-bindgen-100',
  'wasm-bindgen-130',
  'cargo-output',
  'wasi-program',
]

const scope = suiteScope()
let app: TestApp
let modules: Buffer[]
/** Node's own engine, which its types leave to browsers' libraries. */
const { WebAssembly: own } = globalThis as unknown as {
  WebAssembly: {
    Module: new (wasm: Buffer) => object
    Instance: new (module: object) => { exports: { f: () => void } }
    RuntimeError: ErrorConstructor
  }
}
/** (module (memory 1) (func (export "f") (drop (i32.load (i32.const -1))))): a read past its memory. */
const TRAPPING = new own.Module(
  Buffer.from(
    '0061736d01000000010401600000030201000503010001070501016600000a0a010800417f2802001a0b',
    'hex',
  ),
)

before(async () => {
  app = await buildApp(scope, { RUN_TIMEOUT_MS: 100, COMPILE_TIMEOUT_MS: 20_000 })
  modules = await Promise.all(GUESTS.map((name) => guest(name)))
})

const edits = fc.array(
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 2 }), fc.nat({ max: 2 }), fc.boolean()),
  { maxLength: 4 },
)

fuzz({
  name: 'uploads',
  cases: 20,
  claims: {
    'a damaged module is refused or described and called, and the server goes on': fc.asyncProperty(
      fc.nat({ max: GUESTS.length - 1 }),
      edits,
      fc.string({ maxLength: 20 }),
      async (which, changes, input) => {
        let wasm = modules[which] ?? Buffer.alloc(0)
        for (const [where, put, cut, replaces] of changes) {
          const at = where % wasm.length
          const after = at + (replaces ? put.length : cut)
          wasm = Buffer.concat([wasm.subarray(0, at), put, wasm.subarray(after)])
        }
        await uploadAndCall(wasm, input)
        const { f } = new own.Instance(TRAPPING).exports
        assert.throws(f, own.RuntimeError)
        assert.equal((await app.request('/healthz')).status, 200)
      },
    ),
  },
})

async function uploadAndCall(wasm: Buffer, input: string): Promise<void> {
  const response = await app.request('/api/executables', {
    method: 'POST',
    headers: { 'content-type': 'application/wasm' },
    body: wasm,
  })
  const answer = (await response.json()) as Record<string, unknown>
  if (response.status !== 200) {
    assert.ok(response.status === 400 || response.status === 422, JSON.stringify(answer))
    return
  }
  const id = String(answer['wasm_id'])
  const shown = await app.request(`/api/executables/${id}`)
  assert.equal(shown.status, 200)
  const { functions, warnings } = (await shown.json()) as ModuleInterface
  assert.ok(warnings.every((warning) => typeof warning === 'string'))
  for (const { name, core_params, params } of functions.slice(0, 4)) {
    assert.ok(core_params.every((core) => typeof core === 'string'))
    assert.ok(params === null || params.every((type) => typeof type === 'string'))
    const run = await app.request(`/api/run/${id}/${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: input,
    })
    const { code } = (await run.json().catch(() => ({}))) as { code?: string }
    assert.notEqual(code, 'INTERNAL', name)
  }
  const removed = await app.request(`/api/executables/${id}`, {
    method: 'DELETE',
    headers: { SSVM_Admin_Key: String(answer['SSVM_Admin_Key']) },
  })
  assert.ok(removed.ok)
}
