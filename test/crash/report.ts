// A crash run's outcome: lines in the manner of node's test runner, and figures for docs/reliability.md.
import { table } from '../../bench/report.ts'
import type { Claim } from './audit.ts'
import type { Outcome } from './crash.ts'
import { countKills } from './siege.ts'
import type { Kill, Moment } from './siege.ts'

/** Evidence shown of one claim. */
const EVIDENCE_MAX = 10

/** One line a claim, each violation below it. */
export function claimLines({ engine, claims }: Outcome): string[] {
  return claims.flatMap(({ says, cases, violations }) => {
    const line = `${engine}: ${says}${cases === undefined ? '' : ` (${cases} cases)`}`
    if (violations.length === 0) return [`✔ ${line}`]
    const rest = violations.length - EVIDENCE_MAX
    return [
      `✖ ${line}`,
      ...violations.slice(0, EVIDENCE_MAX).map((sentence) => `    ${sentence}`),
      ...(rest > 0 ? [`    and ${rest} more`] : []),
    ]
  })
}

/** The figures of one run, name and value. */
export function figuresOf(outcome: Outcome): [string, string][] {
  const { accounts, seconds, settledSeconds, refusals, heldUpMs } = outcome
  const { ledger, arrivals, siege, runs, deliveries, attempts } = accounts
  const { kills, leases } = siege
  const told = (as: string): number => ledger.filter((item) => item.told.as === as).length
  const leased = kills.map((kill) => kill.leasedDeliveries)
  const states = countBy(deliveries.map(({ state }) => state))
  const made = [...attempts.values()].flat()
  const failures = countBy(
    made
      .filter(({ status, error_class: failure }) => failure !== null || (status ?? 300) >= 300)
      .map((one) => one.error_class ?? `answered ${one.status}`),
  )
  return [
    ['server processes', String(outcome.processes)],
    ['kills (SIGKILL)', `${whole(countKills(siege))}: ${moments(kills)}`],
    ['moments of kills that found work leased', whole(kills.filter(foundWork).length)],
    ['database taken away', listed(countBy(siege.disturbances)) || 'never'],
    ['time', `${whole(seconds)} s, of which ${whole(settledSeconds)} s until nothing waited`],
    ['runs handed over', whole(ledger.length)],
    ['accepted (202, or a delivery that goes on)', whole(told('accepted'))],
    ['delivered while the caller waited', whole(told('delivered'))],
    ['refused', whole(told('refused'))],
    ['without an answer', whole(told('nothing'))],
    ['lost', whole(violationsOf(outcome, ['lost', 'has ended', 'was delivered, or']))],
    ['runs', listed(countBy([...runs.values()].map((run) => run.error_code ?? run.status)))],
    ['deliveries', listed(states)],
    ['attempts', `${whole(made.length)}, failed: ${listed(failures)}`],
    ['arrivals', `${whole(arrivals.length)}; targets went away ${whole(refusals)} times`],
    ['deliveries leased at a kill', `${whole(sum(leased))} in all; ${spread(leased)} a kill`],
    ['runs leased at a kill', `${whole(sum(kills.map((kill) => kill.leasedRuns)))} in all`],
    ['open at a kill', spread(kills.map((kill) => kill.open))],
    [
      'duplicates',
      `${whole(arrivals.filter((arrival) => arrival.duplicate).length)}, of ${whole(
        [...leases.values()].reduce((all, ids) => all + ids.size, 0),
      )} that the leases allow`,
    ],
    ['largest process', `${mebibytes(siege.memoryBytesMax)} resident`],
    ['database at the end', mebibytes(outcome.databaseBytes)],
    ['receiver held up', `${whole(heldUpMs)} ms at most`],
  ]
}

/** The table of docs/reliability.md. */
export function figuresTable(outcomes: readonly Outcome[]): string {
  const columns = outcomes.map((outcome) => new Map(figuresOf(outcome)))
  const names = [...columns[0]!.keys()]
  return table(
    ['', ...outcomes.map(({ engine }) => engine)],
    names.map((name) => [name, ...columns.map((column) => column.get(name) ?? '')]),
  )
}

/** The closing lines: how many claims held. */
export function summaryLines(outcomes: readonly Outcome[]): string[] {
  const claims = outcomes.flatMap((outcome) => outcome.claims)
  const failed = claims.filter(({ violations }) => violations.length > 0).length
  return [
    `ℹ claims ${claims.length}`,
    `ℹ pass ${claims.length - failed}`,
    `ℹ fail ${failed}`,
    ...outcomes.map(({ engine, accounts }) => `ℹ kills ${countKills(accounts.siege)} ${engine}`),
  ]
}

function foundWork({ leasedDeliveries, leasedRuns }: Kill): boolean {
  return leasedDeliveries + leasedRuns > 0
}

function violationsOf({ claims }: Outcome, parts: readonly string[]): number {
  const lost = (claim: Claim): boolean => parts.some((part) => claim.says.includes(part))
  return sum(claims.filter(lost).map(({ violations }) => violations.length))
}

function moments(kills: readonly Kill[]): string {
  const words: Record<Moment, string> = {
    load: 'under load',
    start: 'while starting',
    drain: 'while draining',
  }
  return Object.entries(words)
    .map(([moment, word]) => {
      const then = kills.filter((kill) => kill.moment === moment)
      return `${whole(sum(then.map(({ processes }) => processes)))} ${word}`
    })
    .join(', ')
}

function countBy(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

function listed(counts: Map<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([word, times]) => `${whole(times)} ${word}`)
    .join(', ')
}

function spread(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${whole(median)} (median), ${whole(sorted.at(-1) ?? 0)} at most`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function whole(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

function mebibytes(bytes: number): string {
  return `${whole(bytes / 1024 / 1024)} MiB`
}
