// Kept versions of one function: a new one by file, and back to an old one.
import { useState } from 'preact/hooks'
import { client, keys } from '../client.ts'
import { swap } from './api.ts'
import { ModuleButton, SendingBar, sendingWords } from './module-file.tsx'
import * as format from '../format.ts'
import { useLoad } from '../hooks/use-load.ts'
import { ErrorNote } from '../parts/error-note.tsx'
import { Status, Time } from '../parts/facts.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/table.tsx'

function list(id: number, signal?: AbortSignal) {
  return client.get('/api/executables/{id}/versions', { path: { id }, ...keys(id), signal })
}

type Version = Awaited<ReturnType<typeof list>>['items'][number]

const COLUMNS: readonly Column<Version>[] = [
  { head: 'Version', cell: (one) => one.version },
  { head: 'Uploaded', cell: (one) => <Time at={one.created_at} /> },
  { head: 'Size', number: true, cell: (one) => format.bytes(one.size_bytes), wide: true },
  { head: 'sha256', cell: (one) => <code>{one.wasm_sha256.slice(0, 14)}…</code>, wide: true },
]

export function Versions({ id, onChanged }: { id: number; onChanged: () => void }) {
  const { value, error, reload } = useLoad(`versions ${id}`, (signal) => list(id, signal))
  const [sent, setSent] = useState<number | undefined>(undefined)
  const [refused, setRefused] = useState<unknown>(undefined)
  const [said, setSaid] = useState('')

  async function change(what: () => Promise<{ version: number }>): Promise<void> {
    setRefused(undefined)
    try {
      const { version } = await what()
      setSaid(`Version ${version} is active`)
      reload()
      onChanged()
    } catch (problem) {
      setSaid('')
      setRefused(problem)
    } finally {
      setSent(undefined)
    }
  }

  const activate = (version: number) =>
    change(() =>
      client.post('/api/executables/{id}/versions/{version}/activate', {
        path: { id, version },
        ...keys(id),
      }),
    )

  const active = ({ version, active: is }: Version) =>
    is ? (
      <Status word="active" />
    ) : (
      <button type="button" onClick={() => void activate(version)}>
        Make version {version} active
      </button>
    )

  function take(file: File | undefined): void {
    if (file !== undefined) void change(() => swap(id, file, setSent))
  }

  return (
    <>
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {value !== undefined && (
        <Table
          things="versions"
          columns={[...COLUMNS, { head: 'Active', cell: active }]}
          items={value.items}
          keyOf={(one) => one.version}
        />
      )}
      <div class="row">
        <ModuleButton verb="Upload a new version" onFiles={([file]) => take(file)} />
        <span class="muted" role="status">
          {sent === undefined ? said : `It ${sendingWords(sent)}`}
        </span>
      </div>
      {sent !== undefined && <SendingBar of="the new version" sent={sent} />}
      <div aria-live="polite">{refused !== undefined && <ErrorNote error={refused} />}</div>
    </>
  )
}
