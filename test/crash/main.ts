// `npm run test:crash`: kills servers under load, hundreds of times, and shows that nothing which was accepted is
// lost (docs/reliability.md). Exits with 1 where a claim does not hold.
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describeMachine } from '../../bench/machine.ts'
import { putBetweenMarkers } from '../../bench/report.ts'
import { crash } from './crash.ts'
import type { Outcome } from './crash.ts'
import { USAGE, readOptions } from './options.ts'
import type { CrashOptions } from './options.ts'
import { claimLines, figuresOf, figuresTable, summaryLines } from './report.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = new URL('../../docs/reliability.md', import.meta.url)

function optionsOrUsage(): CrashOptions {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

async function main(): Promise<boolean> {
  const options = optionsOrUsage()
  console.log(`seed ${options.seed}`)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
  const outcomes: Outcome[] = []
  for (const name of options.engines) {
    const outcome = await crash(name, options, (line) => console.log(line))
    outcomes.push(outcome)
    for (const line of claimLines(outcome)) console.log(line)
    for (const [what, figure] of figuresOf(outcome)) console.log(`  ${what}: ${figure}`)
    for (const [what, times] of outcome.logged) console.log(`  logged ${times} times: ${what}`)
  }
  if (options.write) await writeFigures(options, outcomes)
  for (const line of summaryLines(outcomes)) console.log(line)
  return outcomes.every(({ claims }) => claims.every(({ violations }) => violations.length === 0))
}

async function writeFigures({ seed }: CrashOptions, outcomes: Outcome[]): Promise<void> {
  const { date, commit, changed, cpu, cores, kernel, node } = describeMachine()
  const where =
    `${date.slice(0, 10)}, commit ${commit}${changed ? ' with changes' : ''}, ${cpu}, ` +
    `${cores} cores, ${kernel}, Node ${node}, seed ${seed}.`
  const page = await readFile(PAGE, 'utf8')
  const text = `${where}\n\n${figuresTable(outcomes)}`
  await writeFile(PAGE, putBetweenMarkers(page, 'crash', text))
}

process.exit((await main()) ? 0 : 1)
