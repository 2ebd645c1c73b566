// Runs functions: keeps loaded modules, hands calls to the runtime's own threads and settles their
// promises. Fairness, queues, limits and isolation live in the runtime (runtime/engine); compiling
// lives in compiler.ts.
import { AppError } from '../errors.ts'
import type { CallLimits, DeclaredTypes } from '../model.ts'
import { createCompiler } from './compiler.ts'
import type { Compiled, CompilerOptions, CompilerStats } from './compiler.ts'
import { createLoadedModules } from './loaded-modules.ts'
import type { ModuleRef } from './loaded-modules.ts'
import { native } from './native.ts'
import type {
  NativeProfile,
  NativeProfileOptions,
  NativeStats,
  NativeStoreOptions,
} from './native.ts'
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
  limits: CallLimits
}

/** A caller who may leave while the call waits. */
export interface Leaving {
  readonly left: boolean
  readonly signal: AbortSignal
  onLeave: (() => void) | undefined
}

export interface Invocation {
  module: ModuleRef
  profile: Profile
  functionName: string
  inputs: Buffer[]
  /** True when the caller wants text, false for bytes. */
  text: boolean
  /** Whose leaving takes the call out of the queue; one that has begun goes on. */
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
  const calls = new Map<number, Settle>()
  let nextCall = 1
  const runtime = new native.Sandbox(
    {
      threads: options.threads,
      memoryMaxBytes: options.memoryBytesMax,
      tableMaxElements: options.tableElementsMax,
      stackBytes: options.stackBytes,
      // On wasmtime 48 the scan can leave swapped-out pages of the call before (decision 0008).
      pagemapScan: false,
    },
    (records, extras) => {
      readOutcomes(records, extras, (id, result) => {
        const settle = calls.get(id)
        calls.delete(id)
        settle?.(result)
      })
    },
  )

  const modules = createLoadedModules(runtime, compiler)
  /** Wakes the runtime's threads once for all calls of this turn of the event loop. */
  let beginning = false
  const begin = (): void => {
    beginning = false
    runtime.begin()
  }

  function invoke(invocation: Invocation): Promise<InvocationResult> {
    const { module, profile, leaving } = invocation
    const handle = modules.loaded(module)
    if (handle !== undefined) return call(handle, invocation)
    const { queueWaitMs: waitMs } = profile
    const loading = whileWanted(modules.load(module), { waitMs, signal: leaving?.signal })
    return loading.then((loaded) => call(loaded, invocation))
  }

  function call(handle: number, invocation: Invocation): Promise<InvocationResult> {
    const { profile, functionName, text, inputs, leaving, store } = invocation
    return new Promise((resolve, reject) => {
      if (leaving?.left === true) {
        reject(new AppError('CANCELED'))
        return
      }
      const id = nextCall++
      calls.set(id, resolve)
      try {
        if (store === undefined) {
          runtime.call(id, handle, profile.native, functionName, text, inputs)
        } else {
          runtime.callWithStore(id, handle, profile.native, functionName, text, inputs, store)
        }
      } catch (error) {
        calls.delete(id)
        // Only a module unloaded or a sandbox closed in this very moment refuses a call.
        reject(new AppError('CLOSED', undefined, { cause: error }))
        return
      }
      if (leaving !== undefined) leaving.onLeave = () => void runtime.cancelWaiting(id)
      if (!beginning) {
        beginning = true
        setImmediate(begin)
      }
    })
  }

  return {
    async compile(wasm, signal, { metered } = { metered: false }) {
      const compiled = await compiler.compile(wasm, { signal })
      // Beside the plain form, so that metering can be switched off again at no wait.
      if (metered) await compiler.compile(wasm, { signal, metered })
      modules.compiledAnew(compiled.sha256)
      return compiled
    },
    async warm(module) {
      await modules.load(module)
    },
    profile: (options) => ({
      native: new native.Profile(toNative(options)),
      queueWaitMs: options.limits.queueWaitMs,
    }),
    invoke,
    stores: {
      load: (group, content) => runtime.loadStore(group, [...content]),
      apply: (group, committed) => runtime.applyToStore(group, [...committed]) ?? 0,
      forget: (group) => runtime.forgetStore(group),
    },
    compiled: () => compiler.list(),
    async forget(sha256) {
      await modules.unload(sha256)
      await compiler.remove(sha256)
    },
    stats: () => ({ ...runtime.stats(), compiler: compiler.stats() }),
    async close() {
      await compiler.close()
      await runtime.close()
    },
  }
}

type Settle = (result: InvocationResult) => void

function toNative({
  group,
  limits,
  types,
  state,
  variables,
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
    types: Object.fromEntries(declared.map(([name, own]) => [name, JSON.stringify(own)])),
    ...(state === null ? {} : { state }),
    variables: Object.entries(variables).flat(),
  }
}
