// What lists of runs show of each.
import { linkTo } from '../route.ts'
import type { RunItem } from './api.ts'
import * as format from '../format.ts'
import { Status, Time } from '../parts/facts.tsx'
import type { Column } from '../parts/table.tsx'

/** With the function, whose key may be needed to see it. */
function runLink({ run_id: id, wasm_id }: Pick<RunItem, 'run_id' | 'wasm_id'>): string {
  return linkTo('run', { id }, { wasm_id })
}

const TIME: Column<RunItem> = {
  head: 'Time',
  cell: (run) => (
    <a href={runLink(run)}>
      <Time at={run.created_at} />
    </a>
  ),
}
const OUTCOME: readonly Column<RunItem>[] = [
  { head: 'Status', cell: (run) => <Status word={run.status} code={run.code} /> },
  { head: 'Took', number: true, cell: (run) => took(run) },
  { head: 'Version', cell: (run) => run.version, wide: true },
]

/** Of one function. */
export const RUN_COLUMNS: readonly Column<RunItem>[] = [
  TIME,
  { head: 'Function', cell: (run) => <code>{run.function}</code>, wide: true },
  ...OUTCOME,
]

/** Of all functions. */
export const ALL_RUN_COLUMNS: readonly Column<RunItem>[] = [
  TIME,
  {
    head: 'Function',
    cell: ({ wasm_id: id, function: name }) => (
      <a href={linkTo('function', { id })}>
        <code>{name}</code> of {id}
      </a>
    ),
  },
  ...OUTCOME,
]

function took({ timings_us: timings, ended_at: ended }: RunItem): string {
  if (ended === null) return '…'
  const us = Object.values(timings).reduce<number>((sum, one) => sum + (one ?? 0), 0)
  return format.duration(us / 1000)
}
