// Metered modules over the sandbox: the fuel that a call uses is told and bounded, and the two compiled
// forms of a module are kept, loaded, made anew and forgotten side by side.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { CallLimits } from '../src/model.ts'
import { createSandbox } from '../src/sandbox/sandbox.ts'
import type { Invocation, InvocationResult, ModuleRef, Sandbox } from '../src/sandbox/sandbox.ts'
import type { Scope } from './helpers/build-app.ts'
import { assemble } from './helpers/guests.ts'

const WASM = assemble(`(module
  (func $count (export "count") (param i32) (result i32) (local $done i32)
    (loop $again
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $done) (local.get 0))))
    (local.get $done))
  (func (export "trap") (param i32) (result i32)
    (drop (call $count (local.get 0))) unreachable)
  (func (export "spin") (loop (br 0))))`)
const SHA256 = createHash('sha256').update(WASM).digest('hex')
const PLAIN = [`${SHA256}.cwasm`, `${SHA256}.record`]
const METERED = [`${SHA256}.metered.cwasm`, `${SHA256}.metered.record`]

const LIMITS: CallLimits = {
  storeBytes: 0,
  storeKeys: 0,
  timeoutMs: 60_000,
  memoryBytes: 1 << 20,
  tableElements: 10,
  inputBytes: 1 << 20,
  outputBytes: 1 << 20,
  logBytes: 1 << 10,
  concurrency: 2,
  queueLength: 10,
  queueWaitMs: 60_000,
  fuel: 10_000,
  reuseCalls: 1,
  reuseAgeMs: 1,
}

async function dataFolder(t: Scope): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-test-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

async function openSandbox(t: Scope, dataDir: string): Promise<Sandbox> {
  const sandbox = await createSandbox({
    dataDir,
    threads: 2,
    swap: { swapOff: false },
    stackBytes: 512 * 1024,
    memoryBytesMax: 1 << 20,
    tableElementsMax: 100,
    compileTimeoutMs: 60_000,
    compileMemoryBytes: 2 ** 30,
    compileQueueLength: 10,
    onCompiled: () => undefined,
  })
  t.after(() => sandbox.close())
  return sandbox
}

/** The module as it was stored; `readWasm` tells whether its compiled form had to be made anew. */
async function compile(
  sandbox: Sandbox,
  readWasm: () => Promise<Buffer> = () => Promise.reject(new Error('nothing is compiled anew')),
): Promise<{ plain: ModuleRef; metered: ModuleRef }> {
  const made = await sandbox.compile(WASM, new AbortController().signal, { metered: true })
  const module = { ...made, readWasm }
  return { plain: { ...module, metered: false }, metered: { ...module, metered: true } }
}

function invoke(
  sandbox: Sandbox,
  module: ModuleRef,
  [functionName, input]: readonly [name: string, input?: string],
  limits: Partial<CallLimits> = {},
): Promise<InvocationResult> {
  const profile = sandbox.profile({
    group: 1,
    types: {},
    state: null,
    variables: {},
    reuse: false,
    limits: { ...LIMITS, ...limits },
  })
  const inputs = input === undefined ? [] : [Buffer.from(input)]
  const invocation: Invocation = {
    module,
    profile,
    functionName,
    inputs,
    text: true,
    leaving: undefined,
  }
  return sandbox.invoke(invocation)
}

async function filesIn(dataDir: string): Promise<{ folder: string; names: string[] }> {
  const [compatibility = ''] = await readdir(path.join(dataDir, 'modules'))
  const folder = path.join(dataDir, 'modules', compatibility)
  return { folder, names: (await readdir(folder)).sort() }
}

function codeOf({ outcome }: InvocationResult): string | undefined {
  return outcome.ok ? undefined : outcome.error.code
}

test('a metered call tells its fuel, the same each time, and ends with FUEL_LIMIT past it', async (t) => {
  const sandbox = await openSandbox(t, await dataFolder(t))
  const { metered } = await compile(sandbox)
  const first = await invoke(sandbox, metered, ['count', '100'])
  assert.equal(codeOf(first), undefined)
  assert.ok(first.fuelUsed !== null && first.fuelUsed >= 100)
  const again = await invoke(sandbox, metered, ['count', '100'])
  assert.equal(again.fuelUsed, first.fuelUsed)
  const enough = await invoke(sandbox, metered, ['count', '100'], { fuel: first.fuelUsed + 1 })
  assert.equal(codeOf(enough), undefined)

  const spent = await invoke(sandbox, metered, ['spin'])
  assert.equal(spent.fuelUsed, LIMITS.fuel)
  assert.ok(!spent.outcome.ok)
  const { error } = spent.outcome
  assert.deepEqual([error.code, error.status, error.fault], ['FUEL_LIMIT', 500, 'guest'])
  assert.deepEqual(error.detail, { fuel: LIMITS.fuel })
  assert.match(error.message, /10000 .*RUN_FUEL/)
})

test('the fuel of a call that fails is told; a call that never began tells none', async (t) => {
  const sandbox = await openSandbox(t, await dataFolder(t))
  const { metered } = await compile(sandbox)
  const counted = await invoke(sandbox, metered, ['count', '100'])
  const trapped = await invoke(sandbox, metered, ['trap', '100'])
  assert.equal(codeOf(trapped), 'TRAP')
  assert.ok(trapped.fuelUsed! > counted.fuelUsed!)
  const late = await invoke(sandbox, metered, ['spin'], { timeoutMs: 20, fuel: 1e15 })
  assert.equal(codeOf(late), 'RUN_TIMEOUT')
  assert.notEqual(late.fuelUsed, null)
  const unknown = await invoke(sandbox, metered, ['nothing'])
  assert.deepEqual([codeOf(unknown), unknown.fuelUsed], ['UNKNOWN_FUNCTION', null])
})

test('the plain form of a metered module is neither counted nor bounded', async (t) => {
  const sandbox = await openSandbox(t, await dataFolder(t))
  const { plain, metered } = await compile(sandbox)
  const calls = [plain, metered].map((module) => invoke(sandbox, module, ['count', '1000000']))
  const [free, bounded] = await Promise.all(calls)
  assert.deepEqual([codeOf(free!), free!.fuelUsed], [undefined, null])
  assert.deepEqual([codeOf(bounded!), bounded!.fuelUsed], ['FUEL_LIMIT', LIMITS.fuel])
})

test('both forms stay through a restart and go together', async (t) => {
  const dataDir = await dataFolder(t)
  const before = await openSandbox(t, dataDir)
  const { plain, metered } = await compile(before)
  await before.close()
  const sandbox = await openSandbox(t, dataDir)
  assert.deepEqual(await sandbox.compiled(), [SHA256])
  assert.deepEqual((await filesIn(dataDir)).names, [...PLAIN, ...METERED].sort())
  for (const module of [plain, metered]) {
    assert.equal(codeOf(await invoke(sandbox, module, ['count', '1'])), undefined)
  }
  await sandbox.forget(SHA256)
  assert.deepEqual((await filesIn(dataDir)).names, [])
})

test('a module that is not metered has one form', async (t) => {
  const dataDir = await dataFolder(t)
  const sandbox = await openSandbox(t, dataDir)
  await sandbox.compile(WASM, new AbortController().signal)
  assert.deepEqual((await filesIn(dataDir)).names, PLAIN)
})

test('a form that is lost, or is the other one under its name, is made anew', async (t) => {
  const dataDir = await dataFolder(t)
  const before = await openSandbox(t, dataDir)
  let asked = 0
  const { plain, metered } = await compile(before, () => {
    asked++
    return Promise.resolve(WASM)
  })
  await before.close()
  const { folder } = await filesIn(dataDir)
  for (const [at, name] of PLAIN.entries()) {
    await rm(path.join(folder, name))
    await copyFile(path.join(folder, METERED[at]!), path.join(folder, name))
    await rm(path.join(folder, METERED[at]!))
  }
  const sandbox = await openSandbox(t, dataDir)
  const free = await invoke(sandbox, plain, ['count', '1000000'])
  assert.deepEqual([codeOf(free), free.fuelUsed, asked], [undefined, null, 1])
  const bounded = await invoke(sandbox, metered, ['count', '1000000'])
  assert.deepEqual([codeOf(bounded), bounded.fuelUsed, asked], ['FUEL_LIMIT', LIMITS.fuel, 2])
})
