// `npm run test:schemathesis`: the schemathesis package from PyPI, in an environment of its own, calls every route of a
// real server as its /openapi.json says, and as it says not to. What it must not hold against a route is listed in
// schemathesis-exclusions.ts. The same seed each time, or the argument: `npm run test:schemathesis -- 7`.
// SCHEMATHESIS_PYTHON names a python that has the package already, SCHEMATHESIS_EXAMPLES how often a route is called.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { startApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { readRoutes } from '../test/helpers/api-description.ts'
import { Things } from '../test/helpers/api-things.ts'
import { toToml } from './schemathesis-config.ts'

const run = promisify(execFile)
const VERSION = '4.32.5'
const SEED = process.argv[2] ?? '1'
/** Calls of one route in each phase. */
const EXAMPLES = process.env.SCHEMATHESIS_EXAMPLES ?? '40'
const WORKERS = '2'
const API_TOKEN = 'a-token-of-enough-characters'
const TENANT = 'acme'

const folder = await mkdtemp(path.join(tmpdir(), 'wasmhook-schemathesis-'))
const config = loadConfig({
  PORT: '0',
  DATA_DIR: path.join(folder, 'data'),
  LOG_LEVEL: 'warn',
  API_TOKEN,
  // Nothing that it makes up is called: no name is resolved, and what is an address ends at a port where nobody
  // listens.
  OUTBOUND_ALLOW: '127.0.0.1',
  OUTBOUND_PROXY: 'http://127.0.0.1:1',
  DRAIN_MS: '500',
})
const app = await startApp({
  config,
  logger: pino({ level: config.LOG_LEVEL }),
  resolve: () => Promise.reject(new Error('no name is resolved here')),
})
try {
  const python = await install()
  const toml = path.join(folder, 'schemathesis.toml')
  await writeFile(toml, await configuration())
  const args = [
    '-m',
    'schemathesis.cli',
    '--config-file',
    toml,
    'run',
    `${app.origin}/openapi.json`,
  ]
  const bounds = ['--workers', WORKERS, '--seed', SEED, '--max-examples', EXAMPLES]
  const child = spawn(python, [...args, ...bounds, '--no-color'], { stdio: 'inherit', cwd: folder })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 1
} finally {
  await app.close()
  await rm(folder, { recursive: true, force: true })
}

async function install(): Promise<string> {
  const ready = process.env.SCHEMATHESIS_PYTHON
  if (ready !== undefined) return ready
  await run('python3', ['-m', 'venv', path.join(folder, 'venv')])
  const python = path.join(folder, 'venv', 'bin', 'python')
  const quiet = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await run(python, [...quiet, `schemathesis==${VERSION}`])
  return python
}

/** Real things stand in the paths, made for each route alone: what one deletes, no other misses. */
async function configuration(): Promise<string> {
  const caller = { request: (url: string, init?: RequestInit) => fetch(app.origin + url, init) }
  const target = 'http://127.0.0.1:1/in'
  const things = new Things({ app: caller, token: API_TOKEN, tenant: TENANT, target })
  await things.begin()
  const operations = []
  for (const route of await readRoutes(caller)) {
    const executable = await things.executable()
    operations.push({ route, path: await things.parameters(route, executable) })
  }
  return toToml({ token: API_TOKEN, tenant: TENANT, target, operations })
}
