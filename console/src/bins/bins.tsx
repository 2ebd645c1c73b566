// A tenant's request bins: addresses to try calling out with, each until it expires.
import { listBins, makeBin } from './api.ts'
import type { Bin } from './api.ts'
import { curl, jsonWords } from '../curl.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { CommandLine, CopyButton } from '../parts/copy.tsx'
import { Time } from '../parts/facts.tsx'
import { List } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'
import { TenantHead } from '../parts/tenant-head.tsx'
import { go, linkTo } from '../route.ts'
import { usePages } from '../hooks/use-pages.ts'
import { useWho } from '../who.ts'

export function Bins({ tenant }: { tenant: string }) {
  const pages = usePages(`bins ${tenant}`, (cursor, signal) => listBins(tenant, cursor, signal))
  const { mayManage } = useWho()
  return (
    <>
      <TenantHead tenant={tenant} tab="bins" />
      <p class="muted">
        A request bin is an address that takes whatever is sent to it, and shows it to you: a target
        to try callbacks and endpoints with.
      </p>
      {mayManage && (
        <Action
          verb="Make a request bin"
          primary
          act={() => makeBin(tenant)}
          done=""
          onDone={({ bin_id: id }) => go(linkTo('bin', { tenant, id }))}
        />
      )}
      <List
        things="request bins"
        columns={COLUMNS}
        pages={pages}
        keyOf={(bin) => bin.bin_id}
        empty={<Empty tenant={tenant} />}
      />
    </>
  )
}

const COLUMNS: readonly Column<Bin>[] = [
  {
    head: 'Bin',
    cell: ({ tenant, bin_id: id }) => (
      <a href={linkTo('bin', { tenant, id })}>
        <span class="hidden">Bin </span>
        <code>{format.shortId(id)}</code>
      </a>
    ),
  },
  {
    head: 'Address',
    cell: ({ url, bin_id: id }) => (
      <CopyButton text={url} what={`the address of bin ${format.shortId(id)}`} />
    ),
  },
  { head: 'Made', cell: ({ created_at: at }) => <Time at={at} />, wide: true },
  { head: 'Expires', cell: ({ expires_at: at }) => <Time at={at} /> },
]

function Empty({ tenant }: { tenant: string }) {
  const { mayManage } = useWho()
  return (
    <>
      <p>
        There are no request bins.{' '}
        {mayManage ? 'Make one above, or from a terminal:' : 'A token that may manage makes one:'}
      </p>
      <CommandLine
        text={curl('POST', '/api/bins', ...jsonWords({ tenant }))}
        label="curl line that makes a bin"
      />
    </>
  )
}
