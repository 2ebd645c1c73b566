// All functions, newest first, and where to upload another.
import { listFunctions } from './api.ts'
import type { FunctionItem } from './api.ts'
import { curl } from '../curl.ts'
import * as format from '../format.ts'
import { Chart } from '../parts/chart.tsx'
import { CommandLine } from '../parts/copy.tsx'
import { Names, Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { Uploads } from './uploads.tsx'
import { linkTo } from '../route.ts'
import { usePages } from '../hooks/use-pages.ts'

export function Functions() {
  const pages = usePages('functions', listFunctions)
  return (
    <>
      <Head title="Functions" />
      <Uploads onUploaded={pages.reload} />
      <List
        things="functions"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.wasm_id}
        empty={<Empty />}
      />
    </>
  )
}

const COLUMNS: readonly Column<FunctionItem>[] = [
  {
    head: 'Function',
    cell: ({ wasm_id: id, description }) => (
      <>
        <a href={linkTo('function', { id })}>{description || `Function ${id}`}</a>
        {description !== '' && <span class="muted small"> {id}</span>}
      </>
    ),
  },
  { head: 'Exports', cell: ({ functions }) => <Names all={functions} /> },
  { head: 'Last hour', cell: ({ last_hour: hour }) => <LastHour hour={hour} /> },
  {
    head: 'p95',
    number: true,
    cell: ({ last_hour: { p95_ms: p95 } }) =>
      p95 === null ? '' : p95 < 1 ? '< 1 ms' : format.duration(p95),
    wide: true,
  },
  { head: 'Version', cell: ({ version }) => version, wide: true },
  { head: 'Uploaded', cell: ({ created_at: at }) => <Time at={at} /> },
]

function LastHour({ hour: { calls, errors, slots } }: { hour: FunctionItem['last_hour'] }) {
  const words = `${calls} ${calls === 1 ? 'call' : 'calls'}`
  if (calls === 0) return <span class="muted">no calls</span>
  return (
    <div class="last-hour">
      <Chart
        kind="spark"
        label={`${words}, ${errors} failed, by five minutes`}
        times={slots.map((slot) => Date.parse(slot.from))}
        series={[
          { name: 'calls', color: '--accent', values: slots.map((slot) => slot.calls) },
          { name: 'errors', color: '--bad', values: slots.map((slot) => slot.errors) },
        ]}
      />
      <span>
        {words}
        {errors > 0 && <span class="status bad">, {errors} failed</span>}
      </span>
    </div>
  )
}

function Empty() {
  const type = ['-H', 'Content-Type: application/octet-stream']
  const file = ['--data-binary', '@examples-rust/hello/hello.wasm']
  return (
    <>
      <p>There are no functions yet. Upload a .wasm above, or from a terminal:</p>
      <CommandLine
        text={curl('POST', '/api/executables', ...type, ...file)}
        label="curl line that uploads"
      />
    </>
  )
}
