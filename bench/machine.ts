// What a measurement has to tell of where and of what it was taken.
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

export interface Machine {
  date: string
  cpu: string
  cores: number
  memoryBytes: number
  kernel: string
  node: string
  commit: string
  /** Files differ from that commit. */
  changed: boolean
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    commit: git('rev-parse', '--short=12', 'HEAD'),
    changed: git('status', '--porcelain', '--untracked-files=no') !== '',
  }
}

function git(...args: readonly string[]): string {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  try {
    return execFileSync('git', args, { cwd, encoding: 'utf8' }).trim()
  } catch {
    // A copy without its history.
    return 'unknown'
  }
}
