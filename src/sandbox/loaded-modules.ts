// The modules that are mapped into memory, the least recently called dropped first.
// A compiled form that is lost, damaged or of another version is made anew from the stored binary.
import { AppError } from '../errors.ts'
import type { ModuleInterface } from '../model.ts'
import { formName, formNames } from './compiler.ts'
import type { Compiler } from './compiler.ts'
import type { NativeSandbox } from './native.ts'

/** A compiled binary, and how to get its bytes should the compiled form be lost. */
export interface ModuleRef {
  sha256: string
  interface: ModuleInterface
  /** True: the compiled form that counts fuel. */
  metered: boolean
  readWasm: () => Promise<Buffer>
}

export interface LoadedModules {
  /** The runtime's handle of a module that is loaded: no promise for what nearly every call asks. */
  loaded(module: ModuleRef): number | undefined
  /** The runtime's handle. A module that the compiler refused stays refused. */
  load(module: ModuleRef): Promise<number>
  /** The compiler took it after all. */
  compiledAnew(sha256: string): void
  /** Both forms; calls under way still end. */
  unload(sha256: string): Promise<void>
}

interface Loading {
  loading: Promise<number>
  /** Undefined until it is loaded. */
  handle: number | undefined
}

/** Each holds a file descriptor and, beyond its code, some kilobytes. */
const LOADED_MODULES_MAX = 1000

export function createLoadedModules(runtime: NativeSandbox, compiler: Compiler): LoadedModules {
  /** By the name of their form, in the order of their last call. */
  const modules = new Map<string, Loading>()
  /** The last of them, which need not be moved. */
  let newest: Loading | undefined
  /** Modules that the compiler of this version refuses: asking it at each call would only cost. */
  const refusals = new Map<string, AppError>()

  async function open({ sha256, metered, readWasm }: ModuleRef): Promise<number> {
    const present = await compiler.find(sha256, metered)
    if (present !== undefined) {
      try {
        return await runtime.load(present.path, present.interfaceJson, metered)
      } catch (error) {
        // Made under other settings of the engine, or removed just now, it is made anew; anything else
        // is no fault of its.
        const unusable = (error as { code?: string }).code === 'ARTEFACT_UNUSABLE'
        if (!unusable && (await compiler.find(sha256, metered)) !== undefined) throw refused(error)
      }
    }
    await recompile(formName(sha256, metered), await readWasm(), metered)
    const made = await compiler.find(sha256, metered)
    if (made === undefined) throw new AppError('INTERNAL', 'A compiled module was lost at once.')
    try {
      return await runtime.load(made.path, made.interfaceJson, metered)
    } catch (error) {
      throw refused(error)
    }
  }

  async function recompile(form: string, wasm: Buffer, metered: boolean): Promise<void> {
    try {
      await compiler.compile(wasm, { force: true, metered })
    } catch (error) {
      // The module's own fault lasts; a compiler that was ended by a limit may do better later.
      const lasts = error instanceof AppError && error.fault === 'caller'
      if (lasts && error.detail.ended_by === undefined) refusals.set(form, error)
      throw error
    }
  }

  function dropOldest(): void {
    const oldest = modules.keys().next()
    if (modules.size > LOADED_MODULES_MAX && oldest.done !== true) void drop(oldest.value)
  }

  async function drop(form: string): Promise<void> {
    const entry = modules.get(form)
    modules.delete(form)
    refusals.delete(form)
    const handle = await entry?.loading.catch(() => undefined)
    if (handle !== undefined) runtime.unload(handle)
  }

  function known(form: string): Loading | undefined {
    const entry = modules.get(form)
    if (entry !== undefined && entry !== newest) {
      modules.delete(form)
      modules.set(form, entry)
      newest = entry
    }
    return entry
  }

  return {
    loaded: ({ sha256, metered }) => known(formName(sha256, metered))?.handle,
    load(module) {
      const form = formName(module.sha256, module.metered)
      const present = known(form)
      if (present !== undefined) return present.loading
      const refusal = refusals.get(form)
      if (refusal !== undefined) return Promise.reject(refusal)
      const entry: Loading = { loading: open(module), handle: undefined }
      modules.set(form, entry)
      newest = entry
      dropOldest()
      entry.loading.then(
        (handle) => (entry.handle = handle),
        () => {
          if (modules.get(form) === entry) modules.delete(form)
        },
      )
      return entry.loading
    },
    compiledAnew(sha256) {
      for (const form of formNames(sha256)) refusals.delete(form)
    },
    async unload(sha256) {
      await Promise.all(formNames(sha256).map(drop))
    },
  }
}

function refused(cause: unknown): AppError {
  return new AppError('INTERNAL', 'A compiled module could not be loaded.', { cause })
}
