// A server of several processes. Each request goes over a connection of its own: they are handed to the processes
// in turn.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { Caller } from './client.ts'
import { startProcess } from './server-process.ts'
import type { Server } from './server-process.ts'

export const WORKERS = 3

export interface Crew extends Server, Caller {
  /** Those that are alive. */
  workers(): Promise<number[]>
}

export async function startCrew(
  scope: Pick<TestContext, 'after'>,
  dataDir: string,
  settings: Record<string, string> = {},
): Promise<Crew> {
  const server = await startProcess(scope, dataDir, {
    WORKERS: String(WORKERS),
    OUTBOUND_ALLOW: '127.0.0.1',
    LOG_LEVEL: 'debug',
    ...settings,
  })
  return {
    ...server,
    workers: () => childrenOf(server.child.pid),
    request: (path, init) => freshRequest(`${server.origin}${path}`, init),
  }
}

/** As fetch(), but never on a connection that was used before. */
async function freshRequest(url: string, init: RequestInit = {}): Promise<Response> {
  const sent = httpRequest(url, {
    agent: false,
    method: init.method ?? 'GET',
    headers: init.headers as Record<string, string>,
  })
  sent.end(init.body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ])
  return new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 0, headers })
}

/** Servers among the processes that this one began; not the compiler's, nor those of the tools it runs under. */
export async function childrenOf(parent: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args='])
  return stdout.split('\n').flatMap((line) => {
    const [, pid, ppid, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return Number(ppid) === parent && args.includes('src/main.ts') ? [Number(pid)] : []
  })
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Asks until it is so. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
