// The modules that are mapped into memory, the least recently called dropped first.
// A compiled form that is lost, damaged or of another version is made anew from the stored binary.
import { AppError } from '../errors.ts'
import type { Compiler } from './compiler.ts'
import type { NativeSandbox } from './native.ts'
import type { ModuleRef } from './sandbox.ts'

export interface LoadedModules {
  /** The runtime's handle. Refused modules stay refused until they are forgotten. */
  load(module: ModuleRef): Promise<number>
  /** Calls under way still end. */
  unload(sha256: string): Promise<void>
}

/** Each holds a file descriptor and, beyond its code, some kilobytes. */
const LOADED_MODULES_MAX = 1000

export function createLoadedModules(runtime: NativeSandbox, compiler: Compiler): LoadedModules {
  /** In the order of their last call. */
  const modules = new Map<string, Promise<number>>()

  async function open({ sha256, readWasm }: ModuleRef): Promise<number> {
    const present = await compiler.find(sha256)
    if (present !== undefined) {
      try {
        return runtime.load(present.path, JSON.stringify(present.interface))
      } catch (error) {
        // Made under other settings of the engine, it is of no use; anything else is no fault of its.
        if ((error as { code?: string }).code !== 'ARTEFACT_UNUSABLE') throw refused(error)
      }
    }
    await compiler.compile(await readWasm(), { force: true })
    const made = await compiler.find(sha256)
    if (made === undefined) throw new AppError('INTERNAL', 'A compiled module was lost at once.')
    try {
      return runtime.load(made.path, JSON.stringify(made.interface))
    } catch (error) {
      throw refused(error)
    }
  }

  function dropOldest(): void {
    const oldest = modules.keys().next()
    if (modules.size > LOADED_MODULES_MAX && oldest.done !== true) void unload(oldest.value)
  }

  async function unload(sha256: string): Promise<void> {
    const loading = modules.get(sha256)
    modules.delete(sha256)
    const handle = await loading?.catch(() => undefined)
    if (handle !== undefined) runtime.unload(handle)
  }

  return {
    load(module) {
      const { sha256 } = module
      const present = modules.get(sha256)
      if (present !== undefined) {
        modules.delete(sha256)
        modules.set(sha256, present)
        return present
      }
      const loading = open(module)
      modules.set(sha256, loading)
      dropOldest()
      loading.catch((error: unknown) => {
        // The module's own fault will not pass: compiling it again at each call would only cost.
        if (!(error instanceof AppError && error.fault === 'caller')) modules.delete(sha256)
      })
      return loading
    },
    unload,
  }
}

function refused(cause: unknown): AppError {
  return new AppError('INTERNAL', 'A compiled module could not be loaded.', { cause })
}
