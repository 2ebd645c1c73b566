// The same Rust compiled natively: built by cargo when it is first asked for, called in a process of
// its own that measures itself.
import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Contestant, Round } from '../contest.ts'
import { percentile } from '../statistics.ts'

const run = promisify(execFile)
const WORKSPACE = fileURLToPath(new URL('../guests', import.meta.url))

/** Builds the computations; undefined where there is no cargo. */
export function buildNative(): string | undefined {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(WORKSPACE, 'target')
  const args = ['build', '--quiet', '--release', '--locked', '--package', 'compute']
  try {
    execFileSync('cargo', args, {
      cwd: WORKSPACE,
      env: { ...process.env, CARGO_TARGET_DIR: target },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
  return path.join(target, 'release', 'native')
}

/** @param expected what the guest answers */
export function nativeContestant(
  binary: string,
  { fn, input, expected }: { fn: string; input: string; expected: string },
): Contestant {
  const call = async (seconds: number): Promise<Round> => {
    const { stdout } = await run(binary, [fn, input, String(seconds)], { maxBuffer: 1e9 })
    const told = JSON.parse(stdout) as { answer: string; cpuUs: number; callsUs: number[] }
    if (told.answer !== expected) throw new Error(`${fn} answers ${told.answer} natively.`)
    const { callsUs, cpuUs } = told
    return {
      requests: callsUs.length,
      seconds: callsUs.reduce((sum, us) => sum + us, 0) / 1e6,
      refused: 0,
      broken: 0,
      p50Us: percentile(callsUs, 0.5),
      p99Us: percentile(callsUs, 0.99),
      cpuUs: cpuUs / callsUs.length,
    }
  }
  return {
    name: 'native',
    async check() {
      await call(0.1)
    },
    measure: ({ seconds }) => call(seconds),
  }
}
