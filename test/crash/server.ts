// A server as it is deployed (dist/main.js), in a process of its own whose death is no surprise.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface CrashServer {
  origin: string
  start(): void
  /** Resolves once it serves; rejects where it ended before. */
  ready(): Promise<void>
  running(): boolean
  /** SIGKILL; resolves once the process is gone. False where it had ended by itself. */
  kill(): Promise<boolean>
  /** SIGTERM. */
  stop(): void
  /** The exit code, once it has ended: null after a SIGKILL. */
  ended(): Promise<number | null>
  /** Resident memory now; 0 where nobody runs or the system does not tell. */
  memoryBytes(): Promise<number>
  /** Log lines of errors so far, each message with how often it was logged. */
  errors: Map<string, number>
  /** Ends that nobody asked for. */
  deaths: string[]
}

/** @param log the file that gets what the server says */
export function createServer(port: number, env: Record<string, string>, log: string): CrashServer {
  const errors = new Map<string, number>()
  const deaths: string[] = []
  let child: ChildProcess | undefined
  let served: Promise<void> = Promise.resolve()
  let gone: Promise<number | null> = Promise.resolve(null)
  let asked = false

  function start(): void {
    asked = false
    const one = spawn(process.execPath, ['dist/main.js'], {
      cwd: ROOT,
      env: { ...process.env, PORT: String(port), LOG_LEVEL: 'info', API_TOKEN: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = one
    gone = once(one, 'exit').then(([code, signal]) => {
      if (!asked) deaths.push(`a server ended by itself: ${code ?? signal}; see ${log}`)
      return code as number | null
    })
    served = new Promise((resolve, reject) => {
      void gone.then(() => reject(new Error(`The server ended before it served; see ${log}`)))
      createInterface({ input: one.stdout }).on('line', (line) => {
        appendFileSync(log, `${line}\n`)
        const { level, msg, origin } = parse(line)
        if (origin !== undefined) resolve()
        if (level >= 50) errors.set(msg, (errors.get(msg) ?? 0) + 1)
      })
    })
    // Whoever does not wait for it does not mind.
    served.catch(() => undefined)
    createInterface({ input: one.stderr }).on('line', (line) => {
      appendFileSync(log, `${line}\n`)
      errors.set(line, (errors.get(line) ?? 0) + 1)
    })
  }

  const running = (): boolean =>
    child !== undefined && child.exitCode === null && child.signalCode === null

  return {
    origin: `http://127.0.0.1:${port}`,
    start,
    ready: () => served,
    running,
    async kill() {
      const was = running()
      asked = true
      child?.kill('SIGKILL')
      await gone
      return was && child?.signalCode === 'SIGKILL'
    },
    stop() {
      asked = true
      child?.kill('SIGTERM')
    },
    ended: () => gone,
    async memoryBytes() {
      const status = await readFile(`/proc/${child?.pid}/status`, 'utf8').catch(() => '')
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
    },
    errors,
    deaths,
  }
}

function parse(line: string): { level: number; msg: string; origin?: string } {
  try {
    return JSON.parse(line) as { level: number; msg: string; origin?: string }
  } catch {
    return { level: 60, msg: line }
  }
}
