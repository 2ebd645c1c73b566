// What `npm ci` runs last: the console, which takes a second, and the two native parts, in order of cost.
// better-sqlite3's own install script is switched off in package.json ("allowScripts"), because it asks
// nodejs.org for headers even where they lie beside the running node. Here a prebuilt binary is tried first,
// then a build against those headers where there are any.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

buildConsole()
installSqlite()
// CI installs a second copy for another Node beside a runtime that is built already.
if (process.env.WASMHOOK_SKIP_RUNTIME_BUILD === '1') process.exit(0)
const built = spawnSync(process.execPath, [path.join(root, 'scripts', 'build-runtime.mjs')], {
  stdio: 'inherit',
})
process.exit(built.status ?? 1)

/** Its tools are left out by `npm ci --omit=dev`; the server then serves what a build before that left, or says so. */
function buildConsole() {
  const vite = path.join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  if (!existsSync(vite)) {
    console.log('The console is not built: its tools are not installed.')
    return
  }
  const args = [vite, 'build', path.join(root, 'console'), '--logLevel', 'warn']
  const built = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (built.status !== 0) process.exit(built.status ?? 1)
}

function installSqlite() {
  const folder = path.dirname(require.resolve('better-sqlite3/package.json'))
  if (sqliteLoads()) return
  const env = { ...process.env }
  const prefix = path.dirname(path.dirname(process.execPath))
  if (existsSync(path.join(prefix, 'include', 'node', 'node_version.h'))) {
    env.npm_config_nodedir = prefix
  }
  const prebuilt = spawnSync(
    process.execPath,
    [require.resolve('prebuild-install/bin.js', { paths: [folder] })],
    { cwd: folder, env, stdio: 'ignore' },
  )
  if (prebuilt.status === 0 && sqliteLoads()) return
  console.log('Building better-sqlite3 from source (1 to 2 minutes) ...')
  // npm puts its own node-gyp on the PATH of lifecycle scripts.
  const built = spawnSync('node-gyp', ['rebuild', '--release'], {
    cwd: folder,
    env,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (built.status === 0 && sqliteLoads()) return
  console.error(built.stdout, built.stderr, built.error?.message ?? '')
  console.error('better-sqlite3 could not be built: a C++ compiler, make and Python 3 are needed.')
  process.exit(1)
}

function sqliteLoads() {
  const probe = "new (require('better-sqlite3'))(':memory:').close()"
  return spawnSync(process.execPath, ['-e', probe], { cwd: root, stdio: 'ignore' }).status === 0
}
