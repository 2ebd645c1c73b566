// Kept versions of one function: a new one by file, and back to an old one.
import { useRef, useState } from 'preact/hooks'
import { client, keys, swap } from '../api.ts'
import * as format from '../format.ts'
import { useLoad } from '../use-load.ts'
import { ErrorNote } from './error-note.tsx'

export function Versions({ id, onChanged }: { id: number; onChanged: () => void }) {
  const { value, error, reload } = useLoad(`versions ${id}`, (signal) =>
    client.get('/api/executables/{id}/versions', { path: { id }, ...keys(id), signal }),
  )
  const [sent, setSent] = useState<number | undefined>(undefined)
  const [refused, setRefused] = useState<unknown>(undefined)
  const [said, setSaid] = useState('')
  const picker = useRef<HTMLInputElement>(null)

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

  function take(file: File | undefined): void {
    if (file !== undefined) void change(() => swap(id, file, setSent))
  }

  return (
    <>
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {value !== undefined && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of versions">
          <table>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Uploaded</th>
                <th scope="col" class="wide">
                  Size
                </th>
                <th scope="col" class="wide">
                  sha256
                </th>
                <th scope="col">Active</th>
              </tr>
            </thead>
            <tbody>
              {value.items.map((one) => (
                <tr key={one.version}>
                  <td>{one.version}</td>
                  <td>
                    <time dateTime={one.created_at}>{format.time(one.created_at)}</time>
                  </td>
                  <td class="wide">{format.bytes(one.size_bytes)}</td>
                  <td class="wide">
                    <code>{one.wasm_sha256.slice(0, 14)}…</code>
                  </td>
                  <td>
                    {one.active ? (
                      <span class="status good">active</span>
                    ) : (
                      <button type="button" onClick={() => void activate(one.version)}>
                        Make version {one.version} active
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div class="row">
        <button type="button" onClick={() => picker.current?.click()}>
          Upload a new version
        </button>
        <input
          ref={picker}
          type="file"
          accept=".wasm,application/wasm"
          hidden
          onChange={(event) => {
            take(event.currentTarget.files?.[0])
            event.currentTarget.value = ''
          }}
        />
        <span class="muted" role="status">
          {sent === undefined ? said : sent < 1 ? 'It is being sent …' : 'It is being compiled …'}
        </span>
      </div>
      {sent !== undefined && (
        <progress
          aria-label="Upload of the new version"
          max={1}
          {...(sent < 1 ? { value: sent } : {})}
        />
      )}
      <div aria-live="polite">{refused !== undefined && <ErrorNote error={refused} />}</div>
    </>
  )
}
