// Runs functions: keeps loaded modules, hands calls to the runtime's own threads and settles their
// promises. Fairness, queues, limits and isolation live in the runtime (runtime/engine); compiling
// lives in compiler.ts.
import { AppError } from '../errors.ts'
import type { CallLimits, DeclaredTypes } from '../model.ts'
import { createCompiler } from './compiler.ts'
import type { Compiled, CompilerOptions, CompilerStats } from './compiler.ts'
import type { ModuleRef } from './loaded-modules.ts'
import { native } from './native.ts'
import type {
  NativeProfile,
  NativeProfileOptions,
  NativeSandbox,
  NativeStats,
  NativeStoreOptions,
} from './native.ts'
import { createRuntimes } from './runtimes.ts'
import type { Runtime } from './runtimes.ts'
import { createSwap } from './swap.ts'
import type { SwapOptions } from './swap.ts'
import { readOutcomes } from './outcomes.ts'
import type { InvocationResult } from './outcomes.ts'
import { whileWanted } from './while-wanted.ts'

export type { ModuleRef } from './loaded-modules.ts'
export type { InvocationResult } from './outcomes.ts'
/** What one call may do with its executable's storage. */
export type StoreOptions = NativeStoreOptions

/** An executable's settings, ready for any number of calls. */
export interface Profile {
  native: NativeProfile
  queueWaitMs: number
}

/** What an executable's owner settled for all its calls. */
export interface ProfileOptions {
  /** The executable's id: the unit of fairness, concurrency and queue. */
  group: number
  types: Readonly<Record<string, DeclaredTypes>>
  state: string | null
  variables: Readonly<Record<string, string>>
  /** An instance serves several of the executable's calls. */
  reuse: boolean
  limits: CallLimits
}

/** A caller who may leave while the call waits, and somebody who may end it at any time. */
export interface Leaving {
  /** Either has happened. */
  readonly left: boolean
  readonly interrupted: boolean
  readonly signal: AbortSignal
  onLeave: ((interrupted: boolean) => void) | undefined
}

export interface Invocation {
  module: ModuleRef
  profile: Profile
  functionName: string
  inputs: Buffer[]
  /** True when the caller wants text, false for bytes. */
  text: boolean
  /** JSON: the request that a source got, which the function may have for an argument. */
  webhook?: string | undefined
  /** Whose leaving takes the call out of the queue; one that has begun ends on an interrupt only. */
  leaving: Leaving | undefined
  /** Given for a module that uses storage, and only while `stores` knows the group's. */
  store?: StoreOptions
}

/** A key and what it holds from now on; without a value it is gone. */
export interface StoreChange {
  key: Buffer
  value?: Buffer
}

/** The committed storage of executables, as calls find it. Sizes are those of keys and values. */
export interface Stores {
  /** Replaces what is known; tells its size. */
  load(group: number, content: readonly StoreChange[]): number
  /** Adds what was committed; tells the new size. */
  apply(group: number, committed: readonly StoreChange[]): number
  forget(group: number): void
}

export interface SandboxOptions extends CompilerOptions {
  threads: number
  swap: SwapOptions
}

/** What the runtime is made of and does at the moment. */
export interface SandboxStats extends NativeStats {
  compiler: CompilerStats
}

export interface Sandbox {
  /** Compiles in another process, in turn; throws the upload codes, and CANCELED once aborted. */
  compile(wasm: Buffer, signal: AbortSignal, options?: { metered: boolean }): Promise<Compiled>
  /** Loads a module ahead of its first call. */
  warm(module: ModuleRef): Promise<void>
  /** Settings as the runtime reads them: made once, used by many calls. */
  profile(options: ProfileOptions): Profile
  invoke(invocation: Invocation): Promise<InvocationResult>
  readonly stores: Stores
  /** Hashes of all binaries whose compiled form lies in the cache. */
  compiled(): Promise<string[]>
  /** Forgets a binary that nothing uses any more; calls under way still end. */
  forget(sha256: string): Promise<void>
  /** For /readyz and /metrics. */
  stats(): SandboxStats
  close(): Promise<void>
}

export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const compiler = await createCompiler(options)
  const calls = new Map<number, Call>()
  let nextCall = 1
  let beginning: NativeSandbox | undefined
  const runtimes = createRuntimes({
    settings: {
      threads: options.threads,
      memoryMaxBytes: options.memoryBytesMax,
      tableMaxElements: options.tableElementsMax,
      stackBytes: options.stackBytes,
    },
    compiler,
    swap: createSwap(options.swap),
    onOutcomes(records, extras) {
      readOutcomes(records, extras, (id, result) => {
        const call = calls.get(id)
        if (call === undefined) return
        calls.delete(id)
        call.runtime.users--
        call.settle(result)
      })
    },
  })

  function invoke(invocation: Invocation): Promise<InvocationResult> {
    const runtime = runtimes.current()
    const { module, profile, leaving } = invocation
    const handle = runtime.modules.loaded(module)
    if (handle !== undefined) return call(runtime, handle, invocation)
    const { queueWaitMs: waitMs } = profile
    runtime.users++
    return whileWanted(runtime.modules.load(module), { waitMs, signal: leaving?.signal })
      .then((loaded) => call(runtime, loaded, invocation))
      .finally(() => runtime.users--)
  }

  function call(
    runtime: Runtime,
    handle: number,
    invocation: Invocation,
  ): Promise<InvocationResult> {
    const { profile, functionName, text, inputs, leaving, store, webhook } = invocation
    const { sandbox } = runtime
    return new Promise((resolve, reject) => {
      if (leaving?.left === true) {
        reject(new AppError('CANCELED'))
        return
      }
      const id = nextCall++
      try {
        sandbox.call(id, handle, profile.native, functionName, text, inputs, store, webhook)
      } catch (error) {
        // Only a module unloaded or a sandbox closed in this very moment refuses a call.
        reject(new AppError('CLOSED', undefined, { cause: error }))
        return
      }
      runtime.users++
      calls.set(id, { settle: resolve, runtime })
      if (leaving !== undefined) {
        leaving.onLeave = (interrupted) => {
          if (interrupted) sandbox.cancel(id)
          else sandbox.cancelWaiting(id)
        }
      }
      beginSoon(sandbox)
    })
  }

  /** Wakes the runtime's threads once for all calls of this turn of the event loop. */
  function beginSoon(sandbox: NativeSandbox): void {
    if (beginning === sandbox) return
    beginning = sandbox
    setImmediate(() => {
      if (beginning === sandbox) beginning = undefined
      sandbox.begin()
    })
  }

  return {
    async compile(wasm, signal, { metered } = { metered: false }) {
      const compiled = await compiler.compile(wasm, { signal })
      // Beside the plain form, so that metering can be switched off again at no wait.
      if (metered) await compiler.compile(wasm, { signal, metered })
      runtimes.current().modules.compiledAnew(compiled.sha256)
      return compiled
    },
    async warm(module) {
      await runtimes.current().modules.load(module)
    },
    profile: (options) => ({
      native: new native.Profile(toNative(options)),
      queueWaitMs: options.limits.queueWaitMs,
    }),
    invoke,
    stores: {
      load: (group, content) => runtimes.current().sandbox.loadStore(group, [...content]),
      apply: (group, committed) =>
        runtimes.current().sandbox.applyToStore(group, [...committed]) ?? 0,
      forget: (group) => runtimes.current().sandbox.forgetStore(group),
    },
    compiled: () => compiler.list(),
    async forget(sha256) {
      await runtimes.current().modules.unload(sha256)
      await compiler.remove(sha256)
    },
    stats: () => ({ ...runtimes.current().sandbox.stats(), compiler: compiler.stats() }),
    async close() {
      await compiler.close()
      await runtimes.close()
    },
  }
}

/** A call under way. */
interface Call {
  settle(result: InvocationResult): void
  runtime: Runtime
}

function toNative({
  group,
  limits,
  types,
  state,
  variables,
  reuse,
}: ProfileOptions): NativeProfileOptions {
  const declared = Object.entries(types)
  return {
    group,
    concurrency: limits.concurrency,
    queueLength: limits.queueLength,
    queueWaitMs: limits.queueWaitMs,
    timeoutMs: limits.timeoutMs,
    memoryBytes: limits.memoryBytes,
    tableElements: limits.tableElements,
    outputBytes: limits.outputBytes,
    logBytes: limits.logBytes,
    fuel: limits.fuel,
    ...(reuse ? { reuseCalls: limits.reuseCalls, reuseAgeMs: limits.reuseAgeMs } : {}),
    types: Object.fromEntries(declared.map(([name, own]) => [name, JSON.stringify(own)])),
    ...(state === null ? {} : { state }),
    variables: Object.entries(variables).flat(),
  }
}
