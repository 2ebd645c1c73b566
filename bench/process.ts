// A server in a process of its own. Every one of them tells its origin on a line as soon as it listens.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

export interface Running {
  pid: number
  /** As http://127.0.0.1:8080. */
  origin: string
  close(): Promise<void>
}

export interface Command {
  command: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
}

/** A bench that is interrupted leaves nothing behind. */
const children = new Set<ChildProcess>()
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const ORIGIN = /http:\/\/127\.0\.0\.1:\d+/
const START_MS_MAX = 60_000

export async function startProcess({ command, args, env = {} }: Command): Promise<Running> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  const exited = once(child, 'exit')
  exited.catch(() => undefined)

  const origin = await new Promise<string>((resolve, reject) => {
    let told = ''
    const late = setTimeout(() => fail('did not say within a minute'), START_MS_MAX)
    const fail = (what: string): void => {
      child.kill('SIGKILL')
      reject(new Error(`${command} ${args.join(' ')} ${what} where it listens:\n${told}`))
    }
    const listen = (chunk: Buffer): void => {
      told += chunk.toString('utf8')
      const found = ORIGIN.exec(told)
      if (found === null) return
      clearTimeout(late)
      resolve(found[0])
    }
    for (const stream of [child.stdout, child.stderr] as Readable[]) stream.on('data', listen)
    child.once('error', (error) => fail(`did not start (${error.message}) and cannot say`))
    child.once('exit', () => fail('ended before it said'))
    void exited.finally(() => clearTimeout(late)).catch(() => undefined)
  })
  // What is said from here on is read and forgotten, lest a full pipe stop the process.
  for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners('data').resume()

  return {
    pid: child.pid!,
    origin,
    async close() {
      children.delete(child)
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const stuck = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await exited
      clearTimeout(stuck)
    },
  }
}
