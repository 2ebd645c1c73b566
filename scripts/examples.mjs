// Builds the example functions and the bench's guests, and checks that the committed .wasm files belong to
// their sources.
//
//   node scripts/examples.mjs check          what CI runs: needs no WebAssembly toolchain
//   node scripts/examples.mjs build [name]   rebuilds one or all, and their records
//
// Building needs the `wasm-bindgen` command in the version that the workspace's Cargo.lock names (or
// its path in WASM_BINDGEN), `wasm-opt` of npm's binaryen package (or its path in WASM_OPT), and
// Rust with the targets wasm32-unknown-unknown, wasm32-wasip1 and wasm32-wasip2. Where rustup cannot
// supply the first two, Debian's packages do: rustc-web cargo-web rust-web-src lld wasi-libc; the
// standard library is then built too.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
/** Cargo workspaces, and what their modules are optimised for: size, or speed. */
const WORKSPACES = [
  { folder: 'examples-rust', optimise: '-Oz' },
  { folder: 'bench/guests', optimise: '-O3' },
]
// Left as cargo made it, to show that a function runs without the wasm-bindgen command too.
const RAW = new Set(['order'])
// A wasi:http component, which `wasmtime serve` runs.
const COMPONENTS = new Set(['component'])
// Native code is compiled with SSE2; this is what WebAssembly has in its place.
const SIMD = new Set(['compute'])
const LIBRARY_TARGET = 'wasm32-unknown-unknown'
const COMMAND_TARGET = 'wasm32-wasip1'
const COMPONENT_TARGET = 'wasm32-wasip2'
const DEBIAN_RUSTC = '/usr/bin/rustc'
const DEBIAN_CARGO = '/usr/bin/cargo'
const WASI_LIBC = process.env.WASI_LIBC ?? '/usr/lib/wasm32-wasi'
// Release 108, which Debian 12 has, exports the function table where references are meant.
const WASM_OPT_OLDEST = 132

class ExampleError extends Error {}

/** Each guest: its name, its crate's folder and its workspace. */
const guests = WORKSPACES.flatMap((workspace) =>
  readdirSync(join(ROOT, workspace.folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, folder: `${workspace.folder}/${name}`, workspace }))
    .filter(({ folder }) => existsSync(join(ROOT, folder, 'Cargo.toml'))),
).sort((one, other) => (one.folder < other.folder ? -1 : 1))

const wasmPath = ({ name, folder }) => join(ROOT, folder, `${name}.wasm`)
const recordPath = (guest) => `${wasmPath(guest)}.json`
const isCommand = ({ folder }) => existsSync(join(ROOT, folder, 'src', 'main.rs'))
const isComponent = ({ name }) => COMPONENTS.has(name)
const isRaw = ({ name }) => RAW.has(name)
const isLibrary = (guest) => !isCommand(guest) && !isComponent(guest)
const targetDir = ({ folder }) => process.env.CARGO_TARGET_DIR ?? join(ROOT, folder, 'target')

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** One hash over the paths and contents of all that decides what a guest compiles to. */
function sourcesSha256({ name, workspace }) {
  const base = join(ROOT, workspace.folder)
  const sources = readdirSync(join(base, name, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join('/'))
  const hash = createHash('sha256')
  for (const path of ['Cargo.lock', 'Cargo.toml', `${name}/Cargo.toml`, ...sources].sort()) {
    hash.update(`${path}\0${sha256(withoutOthers(readFileSync(join(base, path)), path, name))}\n`)
  }
  return hash.digest('hex')
}

/** Without what tells of the workspace's other guests alone: one more of them changes no other. */
function withoutOthers(bytes, path, name) {
  if (path === 'Cargo.toml') return bytes.toString().replace(/^members = \[[^\]]*\]/m, '')
  if (path !== 'Cargo.lock') return bytes
  const packages = bytes.toString().split('\n\n')
  const isOther = (one) => !/^source = /m.test(one) && !one.includes(`name = "${name}"\n`)
  return packages.filter((one) => one.includes('[[package]]') && !isOther(one)).join('\n\n')
}

function check() {
  const problems = guests.flatMap((guest) => {
    const { name, folder } = guest
    const fix = `run: node scripts/examples.mjs build ${name}`
    if (!existsSync(wasmPath(guest)) || !existsSync(recordPath(guest))) {
      return [`${folder}: ${name}.wasm or its record is missing; ${fix}`]
    }
    const record = JSON.parse(readFileSync(recordPath(guest), 'utf8'))
    const found = []
    if (record.sources_sha256 !== sourcesSha256(guest)) {
      found.push(`${folder}: its sources changed since ${name}.wasm was built; ${fix}`)
    }
    if (record.wasm_sha256 !== sha256(readFileSync(wasmPath(guest)))) {
      found.push(`${folder}: ${name}.wasm is not the file that was recorded; ${fix}`)
    }
    return found
  })
  if (problems.length > 0) throw new ExampleError(problems.join('\n'))
  console.log(`${guests.length} guests match their sources`)
}

function run(command, args, { env = {}, cwd = ROOT } = {}) {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

/** The compiler that can build for the target: rustup's with the target added, or Debian's. */
function findToolchain(target) {
  // A library that std needs is the sign that the target is installed, not only known.
  const libraries = run('rustc', ['--print', 'target-libdir', '--target', target])
  if (existsSync(libraries)) return { cargo: 'cargo', rustc: 'rustc', args: [], flags: [], env: {} }
  if (!existsSync(DEBIAN_CARGO)) {
    throw new ExampleError(
      `no Rust for ${target}: run rustup target add ${target}, or on Debian ` +
        'apt-get install rustc-web cargo-web rust-web-src lld wasi-libc',
    )
  }
  const linker = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_LINKER`
  // Debian has no prebuilt library for WebAssembly. Building it takes the flag for nightly features.
  const env = { RUSTC_BOOTSTRAP: '1', RUSTC: DEBIAN_RUSTC, [linker]: 'wasm-ld' }
  const flags = target === COMMAND_TARGET ? wasiLibcFlags() : []
  return {
    cargo: DEBIAN_CARGO,
    rustc: DEBIAN_RUSTC,
    args: ['-Z', 'build-std=std,panic_abort'],
    flags,
    env,
  }
}

function wasiLibcFlags() {
  if (!existsSync(WASI_LIBC)) {
    throw new ExampleError('no C library for WASI: apt-get install wasi-libc')
  }
  const linkArgs = [join(WASI_LIBC, 'crt1-command.o'), `-L${WASI_LIBC}`, '-lc']
  return ['-Clink-self-contained=no', ...linkArgs.map((arg) => `-Clink-arg=${arg}`)]
}

/** Panic messages hold source paths: keep this machine's out of the committed files. */
function pathFlags(rustc) {
  const registry = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src')
  const prefixes = readdirSync(registry).map((index) => [join(registry, index), 'crates'])
  prefixes.push([run(rustc, ['--print', 'sysroot']), 'rust'], [ROOT, 'wasmhook'])
  return prefixes.map(([from, to]) => `--remap-path-prefix=${from}=${to}`)
}

function lockedBindgenVersion({ workspace }) {
  const lock = readFileSync(join(ROOT, workspace.folder, 'Cargo.lock'), 'utf8')
  return /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)[1]
}

function versionOf(command, install) {
  try {
    return run(command, ['--version'])
  } catch (error) {
    throw new ExampleError(`${command} does not run: ${install}`, { cause: error })
  }
}

function bindgenCommand(guest) {
  const command = process.env.WASM_BINDGEN ?? 'wasm-bindgen'
  const wanted = lockedBindgenVersion(guest)
  const install = `cargo install wasm-bindgen-cli --version ${wanted}`
  const found = versionOf(command, install).split(' ')[1]
  if (found !== wanted) throw new ExampleError(`wasm-bindgen is ${found}: ${install}`)
  return command
}

function optimiserCommand() {
  const command = process.env.WASM_OPT ?? 'wasm-opt'
  const install = `npm install binaryen has wasm-opt ${WASM_OPT_OLDEST} or later; name it in WASM_OPT`
  const version = Number(/version (\d+)/.exec(versionOf(command, install))?.[1])
  if (!(version >= WASM_OPT_OLDEST)) throw new ExampleError(`${command} is too old: ${install}`)
  return command
}

function targetOf(guest) {
  if (isComponent(guest)) return COMPONENT_TARGET
  return isCommand(guest) ? COMMAND_TARGET : LIBRARY_TARGET
}

function build(guest) {
  const { name, workspace } = guest
  const target = targetOf(guest)
  const { cargo, rustc, args, flags, env } = findToolchain(target)
  const cwd = join(ROOT, workspace.folder)
  run(cargo, ['fetch', '--locked'], { env, cwd })
  if (SIMD.has(name)) flags.push('-Ctarget-feature=+simd128')
  const rustFlags = [...flags, ...pathFlags(rustc)].join('\x1f')
  const what = isCommand(guest) ? ['-p', name] : ['-p', name, '--lib']
  run(cargo, ['build', '--locked', '--release', ...args, '--target', target, ...what], {
    env: { ...env, CARGO_TARGET_DIR: targetDir(workspace), CARGO_ENCODED_RUSTFLAGS: rustFlags },
    cwd,
  })
  const file = isCommand(guest) ? name : name.replaceAll('-', '_')
  const built = join(targetDir(workspace), target, 'release', `${file}.wasm`)
  // The optimiser knows modules only.
  if (isRaw(guest) || isComponent(guest)) writeFileSync(wasmPath(guest), readFileSync(built))
  else optimise(guest, built, file)
  writeRecord(guest, run(rustc, ['--version']).replace('rustc ', ''))
}

function optimise(guest, built, file) {
  const folder = mkdtempSync(join(tmpdir(), 'example-'))
  try {
    let input = built
    if (isLibrary(guest)) {
      const options = ['--target', 'nodejs', '--no-typescript', '--out-dir', folder]
      run(bindgenCommand(guest), [...options, built])
      input = join(folder, `${file}_bg.wasm`)
    }
    const { optimise: level } = guest.workspace
    run(optimiserCommand(), [level, '--strip-debug', input, '-o', wasmPath(guest)])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function writeRecord(guest, rustc) {
  const wasm = readFileSync(wasmPath(guest))
  const record = {
    sources_sha256: sourcesSha256(guest),
    wasm_sha256: sha256(wasm),
    wasm_bindgen: isLibrary(guest) ? lockedBindgenVersion(guest) : null,
    rustc,
  }
  writeFileSync(recordPath(guest), `${JSON.stringify(record, null, 2)}\n`)
  console.log(`${relative(ROOT, wasmPath(guest))}: ${wasm.length} bytes`)
}

const [command, only] = process.argv.slice(2)
try {
  const chosen = guests.filter(({ name }) => only === undefined || name === only)
  if (chosen.length === 0) {
    const known = guests.map(({ name }) => name).join(', ')
    throw new ExampleError(`no guest is called ${only}; there are ${known}`)
  }
  if (command === 'check') check()
  else if (command === 'build') chosen.forEach(build)
  else throw new ExampleError('usage: node scripts/examples.mjs check | build [name]')
} catch (error) {
  if (!(error instanceof ExampleError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
