// What the process as a whole uses, read when asked for. prom-client's own default metrics are not used:
// they start observers (garbage collection, event loop) that slow every call a little and never stop.
// Only figures are read here; settings, signals and the end of the process are main.ts's.
import { readFile, readdir } from 'node:fs/promises'
import { cpuUsage, memoryUsage, version as nodeVersion } from 'node:process'

export interface ProcessFigures {
  cpuSeconds: number
  startedAtSeconds: number
  residentBytes: number
  heapUsedBytes: number
  heapTotalBytes: number
  externalBytes: number
  /** Seconds that the event loop did anything, since it started. */
  loopBusySeconds: number
  /** From /proc, so undefined where there is none. */
  virtualBytes: number | undefined
  threads: number | undefined
  openFds: number | undefined
  maxFds: number | undefined
}

export const NODE_VERSION: string = nodeVersion

export async function readProcessFigures(): Promise<ProcessFigures> {
  const [status, limits, fds] = await Promise.all([
    readFile('/proc/self/status', 'utf8').catch(() => ''),
    readFile('/proc/self/limits', 'utf8').catch(() => ''),
    readdir('/proc/self/fd').catch(() => undefined),
  ])
  const { user, system } = cpuUsage()
  const { rss, heapUsed, heapTotal, external } = memoryUsage()
  const virtualKiB = numberIn(/^VmSize:\s+(\d+) kB$/m, status)
  return {
    cpuSeconds: (user + system) / 1e6,
    startedAtSeconds: performance.timeOrigin / 1000,
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    loopBusySeconds: performance.eventLoopUtilization().active / 1000,
    virtualBytes: virtualKiB === undefined ? undefined : virtualKiB * 1024,
    threads: numberIn(/^Threads:\s+(\d+)$/m, status),
    // One of them was open for the list itself.
    openFds: fds === undefined ? undefined : fds.length - 1,
    maxFds: numberIn(/^Max open files\s+(\d+) /m, limits),
  }
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const digits = pattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
