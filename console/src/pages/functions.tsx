// All functions, newest first, and where to upload another.
import { ROOT } from '../api/client.ts'
import { listFunctions } from '../api/functions.ts'
import type { FunctionItem } from '../api/functions.ts'
import { line, tokenWords } from '../curl.ts'
import { CommandLine } from '../parts/copy.tsx'
import { Time } from '../parts/facts.tsx'
import { Head } from '../parts/head.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { Uploads } from '../parts/uploads.tsx'
import { linkTo } from '../route.ts'
import { session } from '../session.ts'
import { usePages } from '../use-pages.ts'

export function Functions() {
  const pages = usePages('functions', listFunctions)
  return (
    <>
      <Head title="Functions" />
      <Uploads onUploaded={pages.reload} />
      <List
        label="Functions"
        columns={COLUMNS}
        pages={pages}
        keyOf={(one) => one.wasm_id}
        empty={<Empty />}
        moreWords="Show older functions"
      />
    </>
  )
}

const EXPORTS_SHOWN = 3

const COLUMNS: readonly Column<FunctionItem>[] = [
  {
    head: 'Function',
    cell: ({ wasm_id: id, description }) => (
      <>
        <a href={linkTo('function', { id })}>{description || `Function ${id}`}</a>{' '}
        <span class="muted small">{id}</span>
      </>
    ),
  },
  { head: 'Exports', cell: ({ functions }) => <Exports names={functions} /> },
  { head: 'Kind', cell: ({ kind }) => kind, wide: true },
  { head: 'Version', cell: ({ version }) => version, wide: true },
  { head: 'Uploaded', cell: ({ created_at: at }) => <Time at={at} /> },
]

function Exports({ names }: { names: readonly string[] }) {
  const more = names.length - EXPORTS_SHOWN
  return (
    <>
      <code>{names.slice(0, EXPORTS_SHOWN).join(', ')}</code>
      {more > 0 && <span class="muted"> and {more} more</span>}
    </>
  )
}

function Empty() {
  const words = [{ raw: 'curl' }, '-X', 'POST', `${ROOT}/api/executables`]
  const type = ['-H', 'Content-Type: application/octet-stream']
  const file = ['--data-binary', '@examples-rust/hello/hello.wasm']
  return (
    <>
      <p>There are no functions yet. Upload a .wasm above, or from a terminal:</p>
      <CommandLine
        text={line([...words, ...tokenWords(session.token()), ...type, ...file])}
        label="curl line that uploads"
      />
    </>
  )
}
