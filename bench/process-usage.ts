// What a process has used: CPU time of all its threads, memory, descriptors; read from Linux's /proc.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** User and system time in microseconds, its threads included, those that have ended too. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The command's name stands in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [Number(fields[11]), Number(fields[12])]
  return ((user + system) / TICKS_PER_SECOND) * 1e6
}

export interface Memory {
  /** Resident in all. */
  residentBytes: number
  /** Of that, what belongs to no file: heaps, stacks, instances. */
  anonymousBytes: number
  /** Of that, pages of files: binaries, libraries, and artefacts that are mapped. */
  fileBytes: number
  /** Images of initial memories, which lie in anonymous files whether mapped or not. */
  memfdBytes: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
  return {
    residentBytes: bytes('VmRSS'),
    anonymousBytes: bytes('RssAnon'),
    fileBytes: bytes('RssFile'),
    memfdBytes: memfdBytes(pid),
  }
}

/** Open file descriptors. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** The unit that stat counts blocks in, whatever the file system. */
const BLOCK_BYTES = 512

function memfdBytes(pid: number): number {
  const files = new Map<number, number>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (!readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('/memfd:')) continue
      const { ino, blocks } = statSync(`/proc/${pid}/fd/${fd}`)
      files.set(ino, blocks * BLOCK_BYTES)
    } catch {
      // Closed since the folder was read.
    }
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}
