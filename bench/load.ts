// The load generator: wrk, or autocannon where wrk is absent. Connections ask again as soon as they
// are answered, so that a server is never idle for want of requests.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What each connection asks, again and again. */
export interface LoadRequest {
  origin: string
  /** More than one: each request takes one at random. */
  paths: readonly string[]
  headers?: Readonly<Record<string, string>>
  /** With a body POST, without one GET. */
  body?: Buffer
}

export interface LoadOptions {
  connections: number
  seconds: number
}

export interface LoadResult {
  requests: number
  seconds: number
  /** Answers that are not 2xx. */
  refused: number
  /** Connections and requests that came to nothing. */
  broken: number
  p50Us: number
  p99Us: number
}

export interface Load {
  tool: 'wrk' | 'autocannon'
  run(request: LoadRequest, options: LoadOptions): Promise<LoadResult>
  close: () => void
}

/** An answer that takes longer counts as broken. */
export const ANSWER_SECONDS_MAX = 30

export function createLoad(): Load {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmhook-load-'))
  const wrk = findWrk()
  let plans = 0
  return {
    tool: wrk === undefined ? 'autocannon' : 'wrk',
    run(request, options) {
      const plan = path.join(folder, String(plans++))
      if (request.body !== undefined) writeFileSync(`${plan}.body`, request.body)
      return wrk === undefined
        ? runAutocannon(plan, request, options)
        : runWrk(wrk, plan, request, options)
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function findWrk(): string | undefined {
  const command = process.env.WRK ?? 'wrk'
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return command
  } catch (error) {
    // It answers its version with exit code 1.
    return (error as { code?: string }).code === 'ENOENT' ? undefined : command
  }
}

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url))
/** One thread of wrk outruns any server here, and leaves the other cores to it. */
const WRK_THREADS = 1

async function runWrk(
  command: string,
  plan: string,
  request: LoadRequest,
  { connections, seconds }: LoadOptions,
): Promise<LoadResult> {
  const quoted = (value: string): string => JSON.stringify(value)
  const headers = Object.entries(request.headers ?? {})
  const lua = [
    'return {',
    `method = ${quoted(request.body === undefined ? 'GET' : 'POST')},`,
    `headers = { ${headers.map(([name, value]) => `[${quoted(name)}] = ${quoted(value)}`).join(', ')} },`,
    request.body === undefined ? '' : `body_file = ${quoted(`${plan}.body`)},`,
    `paths = { ${request.paths.map(quoted).join(', ')} },`,
    `seed = 1`,
    '}',
  ]
  writeFileSync(plan, lua.join('\n'))
  const { stdout } = await run(command, [
    ...['--threads', String(WRK_THREADS), '--connections', String(connections)],
    ...['--duration', `${seconds}s`, '--timeout', `${ANSWER_SECONDS_MAX}s`],
    ...['--script', SCRIPT, request.origin, '--', plan],
  ])
  const told = /^RESULT (.*)$/m.exec(stdout)?.[1]
  if (told === undefined) throw new Error(`wrk told no result:\n${stdout}`)
  const { us, ...rest } = JSON.parse(told) as Omit<LoadResult, 'seconds'> & { us: number }
  return { ...rest, seconds: us / 1e6 }
}

const AUTOCANNON = fileURLToPath(new URL('autocannon-load.ts', import.meta.url))

async function runAutocannon(
  plan: string,
  { body, ...request }: LoadRequest,
  options: LoadOptions,
): Promise<LoadResult> {
  const bodyFile = body === undefined ? undefined : `${plan}.body`
  writeFileSync(plan, JSON.stringify({ ...request, ...options, bodyFile }))
  const { stdout } = await run(process.execPath, ['--import', 'tsx', AUTOCANNON, plan])
  return JSON.parse(stdout) as LoadResult
}
