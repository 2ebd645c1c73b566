// The Bench that a workload works with.
import { contest } from './contest.ts'
import type { Load } from './load.ts'
import type { Running } from './process.ts'
import { startWasmhook } from './wasmhook.ts'
import type { Settings } from './wasmhook.ts'
import type { Bench, BenchOptions, Result, Variant, Workload } from './workload.ts'

export async function runWorkload(
  workload: Workload,
  load: Load,
  options: BenchOptions,
  progress: (sentence: string) => void,
): Promise<Result> {
  const owned: Pick<Running, 'close'>[] = []
  const own = <T extends Pick<Running, 'close'>>(server: T): T => {
    owned.push(server)
    return server
  }
  const start = async (swapOff: string, settings: Settings): Promise<Variant> => {
    const server = own(await startWasmhook({ SWAP_OFF: swapOff, ...settings }))
    const { pagemapScan } = await server.sandbox()
    return { server, note: `pagemap scan ${pagemapScan ? 'on' : 'off'}` }
  }
  const bench: Bench = {
    options,
    load,
    own,
    progress,
    wasmhook: (settings = {}) => start('1', settings),
    async wasmhooks(settings = {}) {
      const variants = [await start('0', settings), await start('1', settings)]
      return variants[0]!.note === variants[1]!.note ? variants.slice(0, 1) : variants
    },
    contest: (contestants, changed = {}) =>
      contest(contestants, { ...options, ...changed }, progress),
  }
  try {
    return await workload.run(bench)
  } finally {
    // The last first: a database outlives the servers that use it.
    for (const one of owned.reverse()) await one.close()
  }
}
