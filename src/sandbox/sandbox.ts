// Runs functions: keeps loaded modules, hands calls to the runtime's own threads and settles their
// promises. Fairness, queues, limits and isolation live in the runtime (runtime/engine); compiling
// lives in compiler.ts.
import { AppError, isErrorCode } from '../errors.ts'
import type { ErrorDetail } from '../errors.ts'
import type { CallLimits, DeclaredTypes } from '../model.ts'
import { createCompiler } from './compiler.ts'
import type { Compiled, CompilerOptions } from './compiler.ts'
import { createLoadedModules } from './loaded-modules.ts'
import type { ModuleRef } from './loaded-modules.ts'
import { native } from './native.ts'
import type { NativeCall, NativeOutcome, NativeStoreOptions, NativeStoreOutcome } from './native.ts'

export type { ModuleRef } from './loaded-modules.ts'

export interface Invocation {
  module: ModuleRef
  /** The executable's id: the unit of fairness, concurrency and queue. */
  group: number
  functionName: string
  inputs: readonly Buffer[]
  /** True when the caller wants text, false for bytes. */
  text: boolean
  types: DeclaredTypes | undefined
  state: string | null
  variables: Readonly<Record<string, string>>
  limits: CallLimits
  /** Set for a module that uses storage, and only while `stores` knows the group's. */
  store?: 'in turn' | 'out of turn'
  /** Takes the call out of the queue; one that has begun goes on. */
  signal: AbortSignal | undefined
}

export interface InvocationResult {
  /** `isJson`: the text is a JSON object or array. */
  outcome:
    { ok: true; bytes: Buffer; isText: boolean; isJson: boolean } | { ok: false; error: AppError }
  log: string
  logTruncated: boolean
  queueUs: number
  instantiateUs: number
  runUs: number
  memoryBytes: number
  store: StoreUse
}

/** What a call did with its executable's storage. */
export interface StoreUse {
  /** It began to store; where that was out of turn it was ended, for want of anything else to do. */
  began: boolean
  /** What a call that succeeded stored; not committed yet. */
  stored: readonly { key: Buffer; value: Buffer }[]
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

export interface Sandbox {
  /** Compiles in another process, in turn; throws the upload codes, and CANCELED once aborted. */
  compile(wasm: Buffer, signal: AbortSignal): Promise<Compiled>
  /** Loads a module ahead of its first call. */
  warm(module: ModuleRef): Promise<void>
  invoke(invocation: Invocation): Promise<InvocationResult>
  readonly stores: Stores
  /** Hashes of all binaries whose compiled form lies in the cache. */
  compiled(): Promise<string[]>
  /** Forgets a binary that nothing uses any more; calls under way still end. */
  forget(sha256: string): Promise<void>
  /** What the runtime is made of and does, for /readyz. */
  stats(): Record<string, unknown>
  close(): Promise<void>
}

export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const compiler = await createCompiler(options)
  const waiting = new Map<number, (outcome: NativeOutcome) => void>()
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
    (outcomes) => {
      for (const outcome of outcomes) {
        const settle = waiting.get(outcome.id)
        waiting.delete(outcome.id)
        settle?.(outcome)
      }
    },
  )

  const modules = createLoadedModules(runtime, compiler)

  async function invoke(invocation: Invocation): Promise<InvocationResult> {
    const { module, signal } = invocation
    const handle = await modules.load(module)
    if (signal?.aborted === true) throw new AppError('CANCELED')
    const id = nextCall++
    const leave = (): void => void runtime.cancelWaiting(id)
    signal?.addEventListener('abort', leave, { once: true })
    const outcome = await new Promise<NativeOutcome>((resolve, reject) => {
      waiting.set(id, resolve)
      try {
        const call = toNative(invocation)
        if (invocation.store === undefined) runtime.call(id, handle, call)
        else runtime.callWithStore(id, handle, call, toStoreOptions(invocation))
      } catch (error) {
        waiting.delete(id)
        // Only a module unloaded or a sandbox closed in this very moment refuses a call.
        reject(new AppError('CLOSED', undefined, { cause: error }))
      }
    }).finally(() => signal?.removeEventListener('abort', leave))
    return toResult(outcome)
  }

  return {
    async compile(wasm, signal) {
      const compiled = await compiler.compile(wasm, { signal })
      modules.compiledAnew(compiled.sha256)
      return compiled
    },
    async warm(module) {
      await modules.load(module)
    },
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
    stats: () => ({ ...runtime.stats() }),
    async close() {
      await compiler.close()
      await runtime.close()
    },
  }
}

function toNative({ limits, types, state, ...invocation }: Invocation): NativeCall {
  return {
    group: invocation.group,
    concurrency: limits.concurrency,
    queueLength: limits.queueLength,
    queueWaitMs: limits.queueWaitMs,
    timeoutMs: limits.timeoutMs,
    memoryBytes: limits.memoryBytes,
    tableElements: limits.tableElements,
    outputBytes: limits.outputBytes,
    logBytes: limits.logBytes,
    function: invocation.functionName,
    inputs: [...invocation.inputs],
    text: invocation.text,
    ...(types === undefined ? {} : { types: JSON.stringify(types) }),
    ...(state === null ? {} : { state }),
    variables: Object.entries(invocation.variables).flat(),
  }
}

function toStoreOptions({ store, limits }: Invocation): NativeStoreOptions {
  return {
    inTurn: store === 'in turn',
    bytesMax: limits.storeBytes,
    keysMax: limits.storeKeys,
  }
}

const UNUSED: StoreUse = { began: false, stored: [] }

function toStoreUse({ began, keys, values }: NativeStoreOutcome): StoreUse {
  const stored = keys.map((key, index) => ({ key, value: values[index] ?? Buffer.alloc(0) }))
  return { began, stored }
}

function toResult(outcome: NativeOutcome): InvocationResult {
  return {
    outcome: outcome.ok
      ? {
          ok: true,
          bytes: outcome.bytes ?? Buffer.alloc(0),
          isText: outcome.isText,
          isJson: outcome.isJson,
        }
      : { ok: false, error: toError(outcome) },
    log: outcome.log?.toString('utf8') ?? '',
    logTruncated: outcome.logTruncated,
    queueUs: microseconds(outcome.queueNs),
    instantiateUs: microseconds(outcome.instantiateNs),
    runUs: microseconds(outcome.runNs),
    memoryBytes: outcome.memoryBytes,
    store: outcome.store === undefined ? UNUSED : toStoreUse(outcome.store),
  }
}

function microseconds(nanoseconds: number): number {
  return Math.round(nanoseconds / 1000)
}

function toError(outcome: NativeOutcome): AppError {
  const code = outcome.code ?? 'INTERNAL'
  const detail = outcome.detail === undefined ? {} : (JSON.parse(outcome.detail) as ErrorDetail)
  if (!isErrorCode(code)) return new AppError('INTERNAL', `${code}: ${outcome.message ?? ''}`)
  return new AppError(code, outcome.message, { detail, cause: outcome.cause })
}
