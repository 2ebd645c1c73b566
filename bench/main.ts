// `npm run bench`: measures the server beside its yardsticks.
//
//   npm run bench                        hello, bytes-1mib and mix: about ten minutes on two cores
//   npm run bench -- all                 every workload
//   npm run bench -- NAME [NAME …]       those workloads
//   npm run bench -- profile             where the CPU time of hello goes, by Linux's perf
//   npm run bench -- report FILE         writes the tables of a JSON file into README and docs: those of
//                                        calls, of durable work and of the console, whichever it has
//
// Options: --rounds N, --seconds N (of a round), --connections N, --quick (for development).
// Prints a table and keeps everything in bench/results/<date>.json.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runWorkload } from './bench.ts'
import { createLoad } from './load.ts'
import { describeMachine } from './machine.ts'
import { profileHello } from './profile.ts'
import { conditions, partsOf, putBetweenMarkers, targetTable, workloadTables } from './report.ts'
import type { Outcome } from './report.ts'
import type { BenchOptions, Result, Workload } from './workload.ts'
import { DEFAULT_WORKLOADS, MARKERS, WORKLOADS } from './workloads/all.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const RESULTS = path.join(ROOT, 'bench', 'results')

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  })
  const [first, second] = positionals
  if (first === 'report') report(second)
  else if (first === 'profile') await profile(readOptions(values))
  else await measure(choose(positionals), readOptions(values))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function measure(workloads: readonly Workload[], options: BenchOptions): Promise<void> {
  buildServer()
  const load = createLoad()
  const outcome: Outcome = { machine: describeMachine(), load: load.tool, options, workloads: {} }
  try {
    for (const workload of workloads) {
      const { name, summary } = workload
      console.log(`\n## ${name}: ${summary}`)
      const result = await runWorkload(workload, load, options, (told) =>
        console.log(`   ${told}`),
      ).catch(failed)
      outcome.workloads[name] = { summary, ...result }
      console.log(`\n${workloadTables(result)}`)
    }
  } finally {
    load.close()
  }
  console.log(`\n## Targets\n\n${targetTable(outcome)}\n\n${conditions(outcome)}`)
  console.log(`\n${path.relative(ROOT, keep(outcome))}`)
}

/** The others go on, and what they measured is kept. */
function failed(error: unknown): Result {
  process.exitCode = 1
  const told = error instanceof Error ? error.message : String(error)
  return { measured: [], figures: [], notes: [`It failed: ${told}`] }
}

async function profile(options: BenchOptions): Promise<void> {
  buildServer()
  const load = createLoad()
  const { folded, summary } = await profileHello(load, options).finally(load.close)
  const file = resultFile(`profile-${new Date().toISOString()}`, 'folded')
  writeFileSync(file, folded)
  console.log(`${summary}\n\n${path.relative(ROOT, file)}`)
}

function buildServer(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
}

function choose(names: readonly string[]): readonly Workload[] {
  if (names.includes('all')) return WORKLOADS
  return (names.length === 0 ? DEFAULT_WORKLOADS : names).map((name) => {
    const found = WORKLOADS.find((workload) => workload.name === name)
    if (found !== undefined) return found
    const known = WORKLOADS.map((workload) => workload.name).join(', ')
    throw new Error(`There is no workload ${JSON.stringify(name)}; there are ${known}, and all.`)
  })
}

type Counts = 'rounds' | 'seconds' | 'connections'

function readOptions(values: { [name in Counts]?: string } & { quick: boolean }): BenchOptions {
  const { quick } = values
  const number = (name: Counts, otherwise: number): number => {
    const given = values[name]
    if (given === undefined) return otherwise
    if (/^[1-9]\d{0,5}$/.test(given)) return Number(given)
    throw new Error(`--${name} is ${JSON.stringify(given)}; it must be a whole number from 1.`)
  }
  return {
    rounds: number('rounds', quick ? 3 : 7),
    seconds: number('seconds', quick ? 1 : 5),
    connections: number('connections', 32),
    warmUpSeconds: quick ? 2 : 5,
    quick,
  }
}

function keep(outcome: Outcome): string {
  const file = resultFile(outcome.machine.date, 'json')
  writeFileSync(file, `${JSON.stringify(outcome, null, 2)}\n`)
  return file
}

function resultFile(name: string, ending: string): string {
  mkdirSync(RESULTS, { recursive: true })
  return path.join(RESULTS, `${name.replace(/[:.]/g, '-')}.${ending}`)
}

function report(file: string | undefined): void {
  if (file === undefined) throw new Error('Name the file: npm run bench -- report FILE')
  const outcome = JSON.parse(readFileSync(file, 'utf8')) as Outcome
  for (const [marker, part] of Object.entries(partsOf(outcome, MARKERS))) {
    const summary = `${targetTable(part)}\n\n${conditions(part)}`
    const details = Object.entries(part.workloads).map(
      ([name, result]) => `### ${name}\n\n${result.summary}\n\n${workloadTables(result)}`,
    )
    const write = (document: string, text: string): void => {
      const target = path.join(ROOT, document)
      writeFileSync(target, putBetweenMarkers(readFileSync(target, 'utf8'), marker, text))
    }
    // What the README does not show stands in the docs alone.
    if (marker !== 'console') write('README.md', summary)
    write('docs/performance.md', [summary, ...details].join('\n\n'))
  }
}
