// What the workloads of durable runs share: the server that runs hello for nobody who waits, and whatever
// stands beside it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { guestFile } from '../guests.ts'
import type { PacedContestant } from '../paced/paced.ts'
import type { Variant } from '../workload.ts'
import type { Executable } from '../wasmhook.ts'
import { startQueue } from '../yardsticks/start.ts'
import type { Bench } from '../workload.ts'
import { HELLO } from './hello.ts'

export interface Durable extends PacedContestant {
  executable: Executable
}

export async function durableHello(name: string, { server, note }: Variant): Promise<Durable> {
  const executable = await server.upload(readFileSync(guestFile(HELLO.guest)))
  return {
    name,
    note,
    executable,
    origin: server.origin,
    path: `/api/run/${executable.id}/${HELLO.fn}`,
    headers: { 'content-type': 'text/plain', prefer: 'respond-async' },
    pids: () => [server.pid],
  }
}

/** The queue that one would write by hand (yardsticks/queue-server.ts). */
export async function handWritten(bench: Bench): Promise<PacedContestant> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmhook-queue-'))
  const server = await startQueue(folder)
  bench.own({
    async close() {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  })
  return {
    name: 'queue written by hand',
    origin: server.origin,
    path: '/',
    headers: { 'content-type': 'text/plain' },
    pids: () => [server.pid],
  }
}
