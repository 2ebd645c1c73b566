// The runtime that calls begin on. It wipes only written pages where nothing can be swapped; should swap
// space appear all the same, calls move to one that wipes everything (docs/decisions/0011).
import { createLoadedModules } from './loaded-modules.ts'
import type { LoadedModules } from './loaded-modules.ts'
import type { Compiler } from './compiler.ts'
import { native } from './native.ts'
import type { NativeOptions, NativeSandbox, OnOutcomes } from './native.ts'
import type { Swap } from './swap.ts'

/** The runtime's threads, and the modules that it has loaded. */
export interface Runtime {
  sandbox: NativeSandbox
  modules: LoadedModules
  /** Calls under way, those that wait for their module included. */
  users: number
}

export interface Runtimes {
  current(): Runtime
  /** Looks for swap space; called every second where it matters. */
  check(): void
  close(): Promise<void>
}

export interface RuntimesOptions {
  settings: Omit<NativeOptions, 'pagemapScan'>
  onOutcomes: OnOutcomes
  compiler: Compiler
  swap: Swap
}

/** How often the kernel is asked for swap space, as the design has it. */
const CHECK_MS = 1_000

export function createRuntimes({
  settings,
  onOutcomes,
  compiler,
  swap,
}: RuntimesOptions): Runtimes {
  let current = open(swap.isImpossible(), undefined)
  const retired = new Set<Runtime>()
  const timer = current.sandbox.stats().pagemapScan ? setInterval(check, CHECK_MS) : undefined
  timer?.unref()

  function open(pagemapScan: boolean, before: NativeSandbox | undefined): Runtime {
    const sandbox = new native.Sandbox({ ...settings, pagemapScan }, onOutcomes, before)
    return { sandbox, modules: createLoadedModules(sandbox, compiler), users: 0 }
  }

  function check(): void {
    if (current.sandbox.stats().pagemapScan && swap.isPresent()) {
      retired.add(current)
      current = open(false, current.sandbox)
    }
    for (const runtime of retired) {
      if (runtime.users > 0) continue
      retired.delete(runtime)
      void runtime.sandbox.close()
    }
    if (retired.size === 0 && !current.sandbox.stats().pagemapScan) clearInterval(timer)
  }

  return {
    current: () => current,
    check,
    async close() {
      clearInterval(timer)
      await Promise.all([current, ...retired].map(({ sandbox }) => sandbox.close()))
    },
  }
}
