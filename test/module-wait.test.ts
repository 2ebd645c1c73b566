// A call whose module has to be made anew waits no longer than its queue, and not without its caller.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { loadConfig } from '../src/config.ts'
import { createLimits } from '../src/core/limits.ts'
import { HangUp } from '../src/core/hang-up.ts'
import { createSandbox } from '../src/sandbox/sandbox.ts'
import type { Invocation, Profile, Sandbox } from '../src/sandbox/sandbox.ts'
import { guest } from './helpers/guests.ts'

async function openSandbox(t: TestContext): Promise<Sandbox> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-wait-'))
  const sandbox = await createSandbox({
    dataDir,
    threads: 2,
    swap: { swapOff: false },
    stackBytes: 512 * 1024,
    memoryBytesMax: 64 * 1024 * 1024,
    tableElementsMax: 1_000,
    compileTimeoutMs: 60_000,
    compileMemoryBytes: 2 ** 31,
    compileQueueLength: 4,
    onCompiled: () => undefined,
  })
  t.after(async () => {
    await sandbox.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  return sandbox
}

/** A call of a module that is compiled once `wasm` is there, which a test decides. */
async function coldCall(sandbox: Sandbox, readWasm: () => Promise<Buffer>): Promise<Invocation> {
  const compiled = await sandbox.compile(await guest('raw-numbers'), new AbortController().signal)
  await sandbox.forget(compiled.sha256)
  return {
    module: { ...compiled, metered: false, readWasm },
    profile: waitingUpTo(sandbox, 0),
    functionName: 'answer',
    inputs: [],
    text: true,
    leaving: undefined,
  }
}

function waitingUpTo(sandbox: Sandbox, queueWaitMs: number): Profile {
  const limits = { ...createLimits(loadConfig({})).defaults, concurrency: 1, queueWaitMs }
  return sandbox.profile({ group: 1, types: {}, state: null, variables: {}, reuse: false, limits })
}

test('a call that waits for its module ends with its caller, and after its longest wait', async (t) => {
  const sandbox = await openSandbox(t)
  let arrive: (wasm: Buffer) => void = () => undefined
  const wasm = new Promise<Buffer>((resolve) => (arrive = resolve))
  const cold = await coldCall(sandbox, () => wasm)
  const gone = new HangUp()
  const leaving = sandbox.invoke({ ...cold, leaving: gone })
  gone.leave()
  await assert.rejects(leaving, { code: 'CANCELED' })
  await assert.rejects(sandbox.invoke({ ...cold, leaving: gone }), { code: 'CANCELED' })
  await assert.rejects(sandbox.invoke(cold), { code: 'QUEUE_TIMEOUT', status: 503 })

  // What the others waited for was going on all the time, and serves the next one.
  const staying = sandbox.invoke({ ...cold, profile: waitingUpTo(sandbox, 60_000) })
  arrive(await guest('raw-numbers'))
  const { outcome } = await staying
  assert.equal(outcome.ok && outcome.bytes.toString(), '42')
  // With no wait at all, a thread would have to come for it before the next tick.
  const patient = waitingUpTo(sandbox, 60_000)
  const { outcome: warm } = await sandbox.invoke({ ...cold, profile: patient })
  assert.equal(warm.ok, true)
})

test('a module that cannot be made fails the call that waits for it, with its own error', async (t) => {
  const sandbox = await openSandbox(t)
  const cold = await coldCall(sandbox, () => Promise.reject(new Error('the binary cannot be read')))
  await assert.rejects(sandbox.invoke(cold), /the binary cannot be read/)
})
