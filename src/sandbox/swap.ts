// Whether memory of this process can be swapped out. wasmtime's page map scan wipes what a call wrote
// by asking for pages that are present; on wasmtime 48 one that was swapped out escapes it and would
// reach the next call (docs/decisions/0011). So it is used only where nothing can be swapped.
import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface SwapOptions {
  /** The operator says that this machine never swaps (SWAP_OFF). */
  swapOff: boolean
  /** Where the kernel tells; tests bring their own. */
  procRoot?: string
  cgroupRoot?: string
}

/** A cgroup v1 limit from here on means that there is none (the largest page-aligned number). */
const NO_LIMIT = 2 ** 62

export interface Swap {
  /** True where nothing can be swapped, now and later, as far as the kernel or the operator says. */
  isImpossible(): boolean
  /** True as soon as there is any swap space. */
  isPresent(): boolean
}

export function createSwap(options: SwapOptions): Swap {
  const { swapOff, procRoot = '/proc', cgroupRoot = '/sys/fs/cgroup' } = options

  /** One line of headings, then one for each swap space; a kernel that does not tell may swap. */
  function isPresent(): boolean {
    const swaps = read(procRoot, 'swaps')
    return swaps === undefined || swaps.trim().split('\n').length > 1
  }

  return {
    isPresent,
    isImpossible: () => !isPresent() && (swapOff || cgroupForbidsSwap(procRoot, cgroupRoot)),
  }
}

function cgroupForbidsSwap(procRoot: string, cgroupRoot: string): boolean {
  const lines = read(procRoot, 'self', 'cgroup')?.trim().split('\n') ?? []
  return lines.some((line) => {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (group === undefined) return false
    if (controllers === '') return upwards(group).some((one) => forbidsV2(cgroupRoot, one))
    return controllers?.split(',').includes('memory') === true && forbidsV1(cgroupRoot, group)
  })
}

function forbidsV2(cgroupRoot: string, group: string): boolean {
  return read(cgroupRoot, group, 'memory.swap.max')?.trim() === '0'
}

/** Memory and swap together are limited to what memory alone is. */
function forbidsV1(cgroupRoot: string, group: string): boolean {
  const memory = Number(read(cgroupRoot, 'memory', group, 'memory.limit_in_bytes') ?? NaN)
  const both = Number(read(cgroupRoot, 'memory', group, 'memory.memsw.limit_in_bytes') ?? NaN)
  return memory < NO_LIMIT && memory === both
}

/** A group and all those that it lies in: a limit of one holds for all below it. */
function upwards(group: string): string[] {
  const above = path.dirname(group)
  return above === group ? [group] : [group, ...upwards(above)]
}

function read(...parts: string[]): string | undefined {
  try {
    return readFileSync(path.join(...parts), 'utf8')
  } catch {
    return undefined
  }
}
