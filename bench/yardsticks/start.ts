// What the server is measured beside, each in a process of its own.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../process.ts'
import type { Running } from '../process.ts'

function startScript(name: string, ...args: readonly string[]): Promise<Running> {
  const script = fileURLToPath(new URL(name, import.meta.url))
  return startProcess({
    command: process.execPath,
    args: ['--import', 'tsx', script, ...args],
    env: { NODE_ENV: 'production' },
  })
}

const startNode = (mode: string, ...args: readonly string[]): Promise<Running> =>
  startScript('node-server.ts', mode, ...args)

/** What each of them answers to a GET. */
export const FETCHED = Buffer.from('world')

/** A bare Fastify route that answers what it was sent. */
export const startEcho = (): Promise<Running> => startNode('echo')

/** A bare Fastify route that calls the module through Node's own WebAssembly. */
export const startNodeWasm = (
  instance: 'fresh' | 'warm',
  wasmFile: string,
  fn: string,
): Promise<Running> => startNode(instance, wasmFile, fn)

/** A bare Fastify route that gets the URL it was sent and answers what that answered. */
export const startFetcher = (): Promise<Running> => startNode('fetch')

/** A bare Fastify route that sends its body on and answers what that answered. */
export const startForwarder = (target: string): Promise<Running> => startNode('forward', target)

/** A queue in one SQLite table in the folder, as one would write it by hand. */
export const startQueue = (folder: string): Promise<Running> =>
  startScript('queue-server.ts', folder)

/** Where `wasmtime` is: WASMTIME or the PATH; undefined where it is not. */
export function findWasmtime(): { command: string; version: string } | undefined {
  const command = process.env.WASMTIME ?? 'wasmtime'
  try {
    const version = execFileSync(command, ['--version'], { encoding: 'utf8' }).trim()
    return { command, version }
  } catch {
    return undefined
  }
}

/** `wasmtime serve` with a wasi:http component; Rust's standard library imports wasi:cli. */
export function startWasmtimeServe(command: string, component: string): Promise<Running> {
  if (!existsSync(component)) throw new Error(`${component} is missing.`)
  return startProcess({
    command,
    args: ['serve', '-S', 'cli', '--addr', '127.0.0.1:0', component],
  })
}
