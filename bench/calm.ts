// What a process holds once it has come to rest: pools are given back and garbage is collected only some
// time after the last call.
import { setTimeout as wait } from 'node:timers/promises'
import { cpuUs, memoryOf } from './process-usage.ts'
import type { Memory } from './process-usage.ts'

const LOOK_MS = 500
/** So long must its memory stay as it is. */
const CALM_MS = 5_000
const CALM_MS_MAX = 60_000
/** What may change without being called a change. */
const SAME_BYTES = 256 * 1024

export async function memoryAtRest(pid: number): Promise<Memory> {
  let memory = memoryOf(pid)
  let used = cpuUs(pid)
  let calmMs = 0
  for (let waited = 0; waited < CALM_MS_MAX && calmMs < CALM_MS; waited += LOOK_MS) {
    await wait(LOOK_MS)
    const now = memoryOf(pid)
    const usedNow = cpuUs(pid)
    const moved = Math.abs(now.residentBytes - memory.residentBytes) > SAME_BYTES
    // More than a tenth of a core is no rest.
    const works = usedNow - used > LOOK_MS * 100
    calmMs = moved || works ? 0 : calmMs + LOOK_MS
    if (moved) memory = now
    used = usedNow
  }
  return memoryOf(pid)
}
