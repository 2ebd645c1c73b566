// Builds the Rust runtime and puts its two files where the server looks for them. Quick when nothing
// changed. With --types it also writes runtime/addon/index.d.ts anew from the Rust sources.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const RUST_MINOR_MIN = 95
const GET_RUST = `Wasmhook's runtime is built with Rust 1.${RUST_MINOR_MIN} or newer: install it from https://rustup.rs and run this again.`

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const runtime = path.join(root, 'runtime')

const built = build(findCargo())
install(built.addon, path.join(runtime, 'native.node'))
install(built.compiler, path.join(runtime, 'wasmhook-compile'))
if (process.argv.includes('--types')) writeTypes(path.dirname(built.addon))

function findCargo() {
  const home = process.env.CARGO_HOME ?? path.join(homedir(), '.cargo')
  for (const cargo of ['cargo', path.join(home, 'bin', 'cargo')]) {
    const { stdout } = spawnSync(cargo, ['--version'], { cwd: root, encoding: 'utf8' })
    const minor = Number(/^cargo 1\.(\d+)\./.exec(stdout ?? '')?.[1])
    if (minor >= RUST_MINOR_MIN) return cargo
  }
  fail(GET_RUST)
}

/** Runs cargo and reads from its messages where it put the addon and the compiler. */
function build(cargo) {
  const args = ['build', '--release', '--locked', '-p', 'wasmhook-addon', '-p', 'wasmhook-engine']
  const { status, stdout } = spawnSync(
    cargo,
    [...args, '--message-format=json-render-diagnostics'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  if (status !== 0) fail('The runtime could not be built; cargo says why above.')
  const artifacts = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter((message) => message.reason === 'compiler-artifact')
  const addon = artifacts.find(({ target }) => target.name === 'wasmhook_addon')
  const compiler = artifacts.find(({ target }) => target.name === 'wasmhook-compile')
  return { addon: addon.filenames[0], compiler: compiler.executable }
}

/** Copies under another name first: a running server has the old file mapped as code. */
function install(from, to) {
  if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) return
  const temporary = `${to}.${process.pid}`
  copyFileSync(from, temporary)
  renameSync(temporary, to)
}

/** Turns the definitions that napi-derive leaves (a JSON object a line) into one declaration file. */
function writeTypes(profileFolder) {
  const lines = readFileSync(path.join(profileFolder, 'napi-types', 'wasmhook-addon'), 'utf8')
  const items = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const methods = new Map(
    items.filter(({ kind }) => kind === 'impl').map((it) => [it.name, it.def]),
  )
  const declarations = items
    .filter(({ kind }) => kind !== 'impl')
    .map(({ kind, name, js_doc: doc, def }) => {
      if (kind === 'fn') return `${doc}export declare ${def}`
      const head = kind === 'struct' ? `export declare class ${name}` : `export interface ${name}`
      return `${doc}${head} {\n${indent(methods.get(name) ?? def)}\n}`
    })
    .sort()
  const note =
    '// Made by `npm run build:runtime -- --types` from runtime/addon/src; do not edit.\n'
  writeFileSync(
    path.join(runtime, 'addon', 'index.d.ts'),
    `${note}\n${declarations.join('\n\n')}\n`,
  )
}

function indent(text) {
  return text
    .split('\n')
    .map((line) => (line.startsWith(' *') ? `  ${line}` : `  ${line.trim()}`))
    .join('\n')
}

function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}
