// `npm run fuzz -- TARGET SECONDS [SEED]`: runs one target, or `all` one after another, from a seed for a
// time. 0 seconds is one seed, which replays a finding. docs/fuzzing.md says what each target holds to be true.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** A run that is this much over its time hangs: starting and building are within it. */
const GRACE_S = 1_200
const RUST = ['describe', 'abi', 'imports']
const TYPESCRIPT = [
  'request-spec',
  'multipart',
  'callback',
  'headers',
  'addresses',
  'settings',
  'documents',
  'uploads',
]
const TARGETS = [...RUST, ...TYPESCRIPT]

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const [target, seconds, seed = '1'] = process.argv.slice(2)
const isNumber = (text) => /^\d+$/.test(text ?? '')
if (!(target === 'all' || TARGETS.includes(target)) || !isNumber(seconds) || !isNumber(seed)) {
  console.error('usage: npm run fuzz -- TARGET SECONDS [SEED]')
  console.error(`The targets: ${TARGETS.join(', ')}; or all.`)
  process.exit(2)
}

const { stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root })
console.log(`commit ${String(stdout).trim()}`)
for (const one of target === 'all' ? TARGETS : [target]) {
  const at = path.join(tmpdir(), `wasmhook-fuzz-${one}-${process.pid}`)
  const [command, ...args] = RUST.includes(one) ? rust(one) : typescript(one)
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    timeout: (Number(seconds) + GRACE_S) * 1000,
    killSignal: 'SIGKILL',
    env: {
      ...process.env,
      WASMHOOK_FUZZ_SECONDS: seconds,
      WASMHOOK_FUZZ_SEED: seed,
      WASMHOOK_FUZZ_AT: at,
    },
  })
  const reached = lastSeed(at)
  if (status === 0) continue
  console.error(`${one} failed${signal === null ? '' : ` (${signal})`}, at seed ${reached}.`)
  process.exit(1)
}

/** Our own Rust with its arithmetic checked; the crates underneath stay as they are built. */
function rust(one) {
  const checks = ['overflow-checks', 'debug-assertions'].flatMap((check) => [
    '--config',
    `profile.release.package.wasmhook-engine.${check}=true`,
  ])
  const test = ['test', '--release', '--locked', '--test', 'fuzz', ...checks]
  return ['cargo', ...test, '--', '--exact', one, '--nocapture']
}

function typescript(one) {
  return [process.execPath, '--import', 'tsx', '--test', `test/fuzz-${one}.test.ts`]
}

/** The seed at work when the process ended, of targets that note it. */
function lastSeed(file) {
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .replace(/^0+(?=\d)/, '')
  } catch {
    return 'unknown'
  } finally {
    rmSync(file, { force: true })
  }
}
