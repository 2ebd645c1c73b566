// The server under test, started as its users start it: the built process, settings in its environment,
// a data folder of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProcess } from './process.ts'
import type { Running } from './process.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Removed even where the bench is interrupted. */
const folders = new Set<string>()
process.once('exit', () => folders.forEach(remove))

export type Settings = Readonly<Record<string, string>>

export interface Executable {
  id: number
  adminKey: string
}

export interface Wasmhook extends Running {
  dataDir: string
  /** What /readyz says of the sandbox. */
  sandbox(): Promise<SandboxState>
  upload(wasm: Buffer): Promise<Executable>
  /** Ends the process, does something meanwhile, and starts another on the same data. */
  restart(meanwhile?: () => Promise<void>): Promise<Wasmhook>
  /** Microseconds that the guest itself took, of the newest runs of the function. */
  runTimesUs(one: Executable, fn: string): Promise<number[]>
  /** A request with an executable's admin key. */
  asOwner(one: Executable, method: string, path: string, body: unknown): Promise<Response>
}

export interface SandboxState {
  threads: number
  allocator: string
  pagemapScan: boolean
}

/**
 * @param nodeArgs for Node itself, before the server's file
 */
export async function startWasmhook(
  settings: Settings = {},
  nodeArgs: readonly string[] = [],
): Promise<Wasmhook> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'wasmhook-bench-'))
  folders.add(dataDir)
  return startOn(dataDir, settings, nodeArgs)
}

async function startOn(
  dataDir: string,
  settings: Settings,
  nodeArgs: readonly string[],
): Promise<Wasmhook> {
  const running = await startProcess({
    command: process.execPath,
    args: [...nodeArgs, MAIN],
    env: {
      NODE_ENV: 'production',
      PORT: '0',
      DATA_DIR: dataDir,
      // Upstreams and targets of the bench listen there.
      OUTBOUND_ALLOW: '127.0.0.1',
      API_TOKEN: '',
      SWAP_OFF: '0',
      ...settings,
    },
  })
  const { origin } = running
  return {
    ...running,
    dataDir,
    async sandbox() {
      const answer = await fetch(`${origin}/readyz`)
      return ((await answer.json()) as { sandbox: SandboxState }).sandbox
    },
    async upload(wasm) {
      const answer = await fetch(`${origin}/api/executables`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(wasm),
      })
      const told = (await answer.json()) as { wasm_id: number; SSVM_Admin_Key: string }
      if (!answer.ok) throw new Error(`An upload was refused: ${JSON.stringify(told)}`)
      return { id: told.wasm_id, adminKey: told.SSVM_Admin_Key }
    },
    asOwner: (one, method, route, body) =>
      fetch(origin + route, {
        method,
        headers: { SSVM_Admin_Key: one.adminKey, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    async runTimesUs({ id, adminKey }, fn) {
      const answer = await fetch(`${origin}/api/executables/${id}/runs?limit=100`, {
        headers: { SSVM_Admin_Key: adminKey },
      })
      const { items } = (await answer.json()) as {
        items: { function: string; status: string; timings_us: { run: number } }[]
      }
      return items
        .filter((run) => run.function === fn && run.status === 'succeeded')
        .map((run) => run.timings_us.run)
    },
    async restart(meanwhile) {
      await running.close()
      await meanwhile?.()
      return startOn(dataDir, settings, nodeArgs)
    },
    async close() {
      await running.close()
      remove(dataDir)
    },
  }
}

function remove(folder: string): void {
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}
