// A bench's outcome as Markdown: what is printed, and what stands in README and docs/performance.md.
import { column } from './contest.ts'
import type { Measured } from './contest.ts'
import type { Machine } from './machine.ts'
import { latency } from './paced/paced.ts'
import type { Paced, PacedRound } from './paced/paced.ts'
import { median, spreadOf } from './statistics.ts'
import type { Spread } from './statistics.ts'
import { TARGETS, reached } from './targets.ts'
import type { Target } from './targets.ts'
import type { BenchOptions, Figure, Result } from './workload.ts'

/** What the JSON file holds. */
export interface Outcome {
  machine: Machine
  load: string
  options: BenchOptions
  workloads: Record<string, Result & { summary: string }>
}

/** The workloads by the marker that their tables stand between; a part without any is left out. */
export function partsOf(
  outcome: Outcome,
  markers: Readonly<Record<string, readonly string[]>>,
): Record<string, Outcome> {
  const parts: Record<string, Outcome> = {}
  for (const [name, result] of Object.entries(outcome.workloads)) {
    const [marker = 'table'] =
      Object.entries(markers).find(([, names]) => names.includes(name)) ?? []
    const part = (parts[marker] ??= { ...outcome, workloads: {} })
    part.workloads[name] = result
  }
  return parts
}

/** The figures that have a target, from all workloads. */
export function targetTable({ workloads }: Outcome): string {
  const figures = Object.values(workloads).flatMap((workload) => workload.figures)
  const rows = Object.entries(TARGETS).flatMap(([key, target]: [string, Target]) =>
    figures
      .filter((figure) => figure.target === key)
      .map(({ value, unit, variant }) => [
        withVariant(target.figure, variant),
        `**${amount(value.median, unit)}**`,
        range(value, unit),
        bound(target),
        reached(target, value.median) ? 'met' : 'missed',
      ]),
  )
  return table(['figure', 'median', 'spread', 'target', ''], rows)
}

/** Everything that one workload measured. */
export function workloadTables({ measured, paced = [], figures, notes }: Result): string {
  const parts: string[] = []
  if (measured.length > 0) parts.push(measuredTable(measured))
  if (paced.length > 0) parts.push(pacedTable(paced))
  if (figures.length > 0) {
    parts.push(
      table(
        ['figure', 'median', 'spread', 'target'],
        figures.map((figure) => [
          withVariant(figure.name, figure.variant),
          amount(figure.value.median, figure.unit),
          range(figure.value, figure.unit),
          targetOf(figure),
        ]),
      ),
    )
  }
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join('\n'))
  return parts.join('\n\n')
}

/** Where and with what it was measured, in a sentence. */
export function conditions({ machine, load, options }: Outcome): string {
  const { cpu, cores, kernel, node, commit, changed, date } = machine
  return (
    `${date.slice(0, 10)}, commit ${commit}${changed ? ' with changes' : ''}, ${cpu}, ` +
    `${cores} cores, ${kernel}, Node ${node}, ${load} with ${options.connections} connections, ` +
    `${options.rounds} rounds of ${options.seconds} s.${options.quick ? ' A quick run: not to be quoted.' : ''}`
  )
}

/** The document with what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` replaced. */
export function putBetweenMarkers(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`The document has no ${begin} … ${end}.`)
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`
}

/** A Markdown table whose columns are as wide as their cells, as Prettier would have it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) =>
    Math.max(3, cell.length, ...rows.map((row) => row[at]!.length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function measuredTable(measured: readonly Measured[]): string {
  return table(
    ['', 'CPU a request', 'spread', 'requests/s', 'p50', 'p99', 'failed'],
    measured.map((one) => {
      const cpu = spreadOf(column(one, 'cpuUs'))
      const perSecond = spreadOf(one.rounds.map(({ requests, seconds }) => requests / seconds))
      const failed = one.rounds.reduce((sum, { refused, broken }) => sum + refused + broken, 0)
      return [
        withVariant(one.name, one.note),
        amount(cpu.median, 'µs'),
        range(cpu, 'µs'),
        round(perSecond.median),
        amount(median(column(one, 'p50Us')) / 1000, 'ms'),
        amount(median(column(one, 'p99Us')) / 1000, 'ms'),
        String(failed),
      ]
    }),
  )
}

/** Times as p50 / p95 / p99; of the rounds, the medians. */
function pacedTable(paced: readonly Paced[]): string {
  return table(
    ['', 'a second', 'accepted in', 'arrived in', 'arrived/s', 'CPU an item', 'failed'],
    paced.map((row) => {
      const of = (pick: (one: PacedRound) => number): number => median(row.rounds.map(pick))
      const times = (what: 'accepted' | 'arrived'): string => {
        const shares = (['p50', 'p95', 'p99'] as const).map((share) =>
          round(median(latency(row, what, share))),
        )
        return `${shares.join(' / ')} ms`
      }
      const failed = row.rounds.reduce((sum, one) => sum + one.failed + one.missing, 0)
      return [
        withVariant(row.name, row.note),
        row.perSecond.toLocaleString('en-US'),
        times('accepted'),
        times('arrived'),
        round(of((one) => one.arrivedPerSecond)),
        amount(
          of((one) => one.cpuUs),
          'µs',
        ),
        String(failed),
      ]
    }),
  )
}

function targetOf({ target, value }: Figure): string {
  if (target === undefined) return ''
  return `${bound(TARGETS[target])}, ${reached(TARGETS[target], value.median) ? 'met' : 'missed'}`
}

function bound(target: Target): string {
  return 'most' in target
    ? `≤ ${amount(target.most, target.unit)}`
    : `≥ ${amount(target.least, target.unit)}`
}

function withVariant(name: string, variant = ''): string {
  return variant === '' ? name : `${name}, ${variant}`
}

function range({ least, most }: Spread, unit: string): string {
  return least === most ? '' : `${round(least)} to ${amount(most, unit)}`
}

function amount(value: number, unit: string): string {
  return `${round(value)} ${unit}`
}

/** Three significant digits: what is measured here is worth no more. */
function round(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 3) })
}
