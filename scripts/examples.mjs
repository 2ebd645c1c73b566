// Builds the example functions, and checks that the committed .wasm files belong to their sources.
//
//   node scripts/examples.mjs check          what CI runs: needs no WebAssembly toolchain
//   node scripts/examples.mjs build [name]   rebuilds one example or all, and their records
//
// Building needs the `wasm-bindgen` command in the version that examples-rust/Cargo.lock names (or
// its path in WASM_BINDGEN), `wasm-opt` of npm's binaryen package (or its path in WASM_OPT), and
// Rust with the targets wasm32-unknown-unknown and wasm32-wasip1. Where rustup cannot supply these,
// Debian's packages do: rustc-web cargo-web rust-web-src lld wasi-libc; the standard library is
// then built too.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', 'examples-rust')
const TARGET_DIR = process.env.CARGO_TARGET_DIR ?? join(EXAMPLES, 'target')
// Left as cargo made it, to show that a function runs without the wasm-bindgen command too.
const RAW = new Set(['order'])
const LIBRARY_TARGET = 'wasm32-unknown-unknown'
const COMMAND_TARGET = 'wasm32-wasip1'
const DEBIAN_RUSTC = '/usr/bin/rustc'
const DEBIAN_CARGO = '/usr/bin/cargo'
const WASI_LIBC = process.env.WASI_LIBC ?? '/usr/lib/wasm32-wasi'
// Release 108, which Debian 12 has, exports the function table where references are meant.
const WASM_OPT_OLDEST = 132

class ExampleError extends Error {}

const names = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(EXAMPLES, entry.name, 'Cargo.toml')))
  .map((entry) => entry.name)
  .sort()

const wasmPath = (name) => join(EXAMPLES, name, `${name}.wasm`)
const recordPath = (name) => `${wasmPath(name)}.json`
const isCommand = (name) => existsSync(join(EXAMPLES, name, 'src', 'main.rs'))
const usesBindgen = (name) => !isCommand(name) && !RAW.has(name)

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** One hash over the paths and contents of all that decides what an example compiles to. */
function sourcesSha256(name) {
  const sources = readdirSync(join(EXAMPLES, name, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(EXAMPLES, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join('/'))
  const hash = createHash('sha256')
  for (const path of ['Cargo.lock', 'Cargo.toml', `${name}/Cargo.toml`, ...sources].sort()) {
    hash.update(`${path}\0${sha256(readFileSync(join(EXAMPLES, path)))}\n`)
  }
  return hash.digest('hex')
}

function check() {
  const problems = names.flatMap((name) => {
    const fix = `run: node scripts/examples.mjs build ${name}`
    if (!existsSync(wasmPath(name)) || !existsSync(recordPath(name))) {
      return [`examples-rust/${name}: ${name}.wasm or its record is missing; ${fix}`]
    }
    const record = JSON.parse(readFileSync(recordPath(name), 'utf8'))
    const found = []
    if (record.sources_sha256 !== sourcesSha256(name)) {
      found.push(`examples-rust/${name}: its sources changed since ${name}.wasm was built; ${fix}`)
    }
    if (record.wasm_sha256 !== sha256(readFileSync(wasmPath(name)))) {
      found.push(`examples-rust/${name}: ${name}.wasm is not the file that was recorded; ${fix}`)
    }
    return found
  })
  if (problems.length > 0) throw new ExampleError(problems.join('\n'))
  console.log(`${names.length} examples match their sources`)
}

function run(command, args, env = {}) {
  return execFileSync(command, args, {
    cwd: EXAMPLES,
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
  prefixes.push([run(rustc, ['--print', 'sysroot']), 'rust'], [EXAMPLES, 'examples-rust'])
  return prefixes.map(([from, to]) => `--remap-path-prefix=${from}=${to}`)
}

function lockedBindgenVersion() {
  const lock = readFileSync(join(EXAMPLES, 'Cargo.lock'), 'utf8')
  return /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)[1]
}

function versionOf(command, install) {
  try {
    return run(command, ['--version'])
  } catch (error) {
    throw new ExampleError(`${command} does not run: ${install}`, { cause: error })
  }
}

function bindgenCommand() {
  const command = process.env.WASM_BINDGEN ?? 'wasm-bindgen'
  const wanted = lockedBindgenVersion()
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

function build(name) {
  const target = isCommand(name) ? COMMAND_TARGET : LIBRARY_TARGET
  const { cargo, rustc, args, flags, env } = findToolchain(target)
  run(cargo, ['fetch', '--locked'], env)
  const rustFlags = [...flags, ...pathFlags(rustc)].join('\x1f')
  run(cargo, ['build', '--locked', '--release', ...args, '--target', target, '-p', name], {
    ...env,
    CARGO_TARGET_DIR: TARGET_DIR,
    CARGO_ENCODED_RUSTFLAGS: rustFlags,
  })
  const file = isCommand(name) ? name : name.replaceAll('-', '_')
  const built = join(TARGET_DIR, target, 'release', `${file}.wasm`)
  if (RAW.has(name)) {
    writeFileSync(wasmPath(name), readFileSync(built))
  } else {
    optimise(usesBindgen(name), built, file, wasmPath(name))
  }
  writeRecord(name, run(rustc, ['--version']).replace('rustc ', ''))
}

function optimise(bindgen, built, file, output) {
  const folder = mkdtempSync(join(tmpdir(), 'example-'))
  try {
    let input = built
    if (bindgen) {
      run(bindgenCommand(), ['--target', 'nodejs', '--no-typescript', '--out-dir', folder, built])
      input = join(folder, `${file}_bg.wasm`)
    }
    run(optimiserCommand(), ['-Oz', '--strip-debug', input, '-o', output])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function writeRecord(name, rustc) {
  const wasm = readFileSync(wasmPath(name))
  const record = {
    sources_sha256: sourcesSha256(name),
    wasm_sha256: sha256(wasm),
    wasm_bindgen: isCommand(name) ? null : lockedBindgenVersion(),
    rustc,
  }
  writeFileSync(recordPath(name), `${JSON.stringify(record, null, 2)}\n`)
  console.log(`examples-rust/${name}/${name}.wasm: ${wasm.length} bytes`)
}

const [command, only] = process.argv.slice(2)
try {
  if (only !== undefined && !names.includes(only)) {
    throw new ExampleError(`no example is called ${only}; there are ${names.join(', ')}`)
  }
  if (command === 'check') check()
  else if (command === 'build') (only === undefined ? names : [only]).forEach(build)
  else throw new ExampleError('usage: node scripts/examples.mjs check | build [name]')
} catch (error) {
  if (!(error instanceof ExampleError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
