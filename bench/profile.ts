// `npm run bench -- profile`: where the CPU time of hello goes, by Linux's perf. Writes folded stacks
// (one line for each: thread;outermost;…;innermost count), which flame graph tools read, and prints the
// functions that most of the time was spent in.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { guestFile } from './guests.ts'
import type { Load } from './load.ts'
import { startWasmhook } from './wasmhook.ts'
import { HELLO } from './workloads/hello.ts'
import type { BenchOptions } from './workload.ts'

const run = promisify(execFile)

/** A prime, lest it beat in time with a ticker. */
const SAMPLES_PER_SECOND = 997
const OUTPUT_BYTES_MAX = 2 ** 30
const SHOWN = 40
/** Names for what V8 compiles; the stacks of its interpreter as frames of their own. */
const NODE_ARGS = ['--perf-basic-prof', '--interpreted-frames-native-stack']

/** @returns the folded stacks and a table of the functions, the dearest first */
export async function profileHello(
  load: Load,
  options: BenchOptions,
): Promise<{ folded: string; summary: string }> {
  perf('--version')
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmhook-profile-'))
  const data = path.join(folder, 'perf.data')
  const server = await startWasmhook({ SWAP_OFF: '1' }, NODE_ARGS)
  try {
    const { id } = await server.upload(readFileSync(guestFile(HELLO.guest)))
    const request = {
      origin: server.origin,
      paths: [`/api/run/${id}/${HELLO.fn}`],
      headers: { 'content-type': 'text/plain' },
      body: HELLO.input,
    }
    await load.run(request, { ...options, seconds: options.warmUpSeconds })
    const seconds = options.seconds * options.rounds
    const record = ['record', '-F', String(SAMPLES_PER_SECOND), '-g', '-o', data]
    await Promise.all([
      load.run(request, { ...options, seconds: seconds + 1 }),
      run('perf', [...record, '--pid', String(server.pid), '--', 'sleep', String(seconds)]),
    ])
    dropStaleNames(`/tmp/perf-${server.pid}.map`)
    const { stdout } = await run('perf', ['script', '-i', data, '-F', 'comm,ip,sym'], {
      maxBuffer: OUTPUT_BYTES_MAX,
    })
    const stacks = fold(stdout)
    return { folded: toText(stacks), summary: summarise(stacks) }
  } finally {
    await server.close()
    rmSync(`/tmp/perf-${server.pid}.map`, { force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}

function perf(...args: readonly string[]): void {
  try {
    execFileSync('perf', args, { stdio: 'ignore' })
  } catch (error) {
    throw new Error('perf does not run; on Debian: apt-get install linux-perf', { cause: error })
  }
}

/**
 * perf looks names up in a file that V8 only ever appends to. Where code has taken the place of other code,
 * the older name goes, or perf might choose it.
 */
function dropStaleNames(file: string): void {
  const kept: { from: number; to: number; line: string }[] = []
  for (const line of readFileSync(file, 'utf8').split('\n').reverse()) {
    const [from = NaN, size = NaN] = line.split(' ', 2).map((hex) => Number.parseInt(hex, 16))
    if (Number.isNaN(from + size)) continue
    const to = from + size
    let [low, high] = [0, kept.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (kept[middle]!.to <= from) low = middle + 1
      else high = middle
    }
    const next = kept[low]
    if (next === undefined || next.from >= to) kept.splice(low, 0, { from, to, line })
  }
  writeFileSync(file, `${kept.map(({ line }) => line).join('\n')}\n`)
}

/** Samples by their stack, from what `perf script` prints: a thread's name, then frames, innermost first. */
export function fold(script: string): Map<string, number> {
  const stacks = new Map<string, number>()
  for (const sample of script.split('\n\n')) {
    const [thread = '', ...lines] = sample.split('\n').filter((line) => line.trim() !== '')
    if (thread === '') continue
    const frames = lines.map((line) =>
      line
        .trim()
        .replace(/^[0-9a-f]+ /, '')
        .replaceAll(';', ':'),
    )
    const stack = [thread.trim(), ...frames.reverse()].join(';')
    stacks.set(stack, (stacks.get(stack) ?? 0) + 1)
  }
  return stacks
}

function toText(stacks: ReadonlyMap<string, number>): string {
  const lines = [...stacks].map(([stack, count]) => `${stack} ${count}`)
  return `${lines.sort().join('\n')}\n`
}

function summarise(stacks: ReadonlyMap<string, number>): string {
  const all = [...stacks.values()].reduce((sum, samples) => sum + samples, 0)
  const dearest = (names: (frames: string[]) => Iterable<string>): string => {
    const sums = new Map<string, number>()
    for (const [stack, samples] of stacks) {
      for (const name of names(stack.split(';'))) sums.set(name, (sums.get(name) ?? 0) + samples)
    }
    return [...sums]
      .sort(([, one], [, other]) => other - one)
      .slice(0, SHOWN)
      .map(([name, samples]) => `${((100 * samples) / all).toFixed(1).padStart(5)} %  ${name}`)
      .join('\n')
  }
  return [
    'By thread:',
    dearest(([thread = '']) => [thread]),
    '\nBy function, without what it calls:',
    dearest((frames) => [`${frames.at(-1) ?? ''}  (${frames[0] ?? ''})`]),
    '\nBy JavaScript function, with what it calls:',
    // A function that calls itself counts once.
    dearest((frames) => new Set(frames.filter((name) => name.startsWith('JS:')))),
  ].join('\n')
}
