// All functions, newest first, and where to upload another.
import { useState } from 'preact/hooks'
import { ROOT, describe, listIds } from '../api.ts'
import { line, tokenWords } from '../curl.ts'
import * as format from '../format.ts'
import { CommandLine } from '../parts/copy.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Uploads } from '../parts/uploads.tsx'
import { functionPath } from '../route.ts'
import { session } from '../session.ts'
import { useLoad } from '../use-load.ts'

/** Each is asked for by itself. */
const SHOWN_AT_FIRST = 50
const SHOWN_MORE = 50

export function Functions() {
  const { value: ids, error, reload } = useLoad('functions', listIds)
  return (
    <>
      <h1 tabIndex={-1}>Functions</h1>
      <Uploads onUploaded={reload} />
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {ids === undefined && error === undefined && <p class="muted">Loading …</p>}
      {ids?.length === 0 && <Empty />}
      {ids !== undefined && ids.length > 0 && <List ids={ids} />}
    </>
  )
}

function Empty() {
  const words = [{ raw: 'curl' }, '-X', 'POST', `${ROOT}/api/executables`]
  const type = ['-H', 'Content-Type: application/octet-stream']
  const file = ['--data-binary', '@examples-rust/hello/hello.wasm']
  return (
    <div class="empty">
      <p>There are no functions yet. Upload a .wasm above, or from a terminal:</p>
      <CommandLine
        text={line([...words, ...tokenWords(session.token()), ...type, ...file])}
        label="curl line that uploads"
      />
    </div>
  )
}

function List({ ids }: { ids: readonly number[] }) {
  const [count, setCount] = useState(SHOWN_AT_FIRST)
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Functions">
        <table>
          <thead>
            <tr>
              <th scope="col">Function</th>
              <th scope="col">Exports</th>
              <th scope="col" class="wide">
                Kind
              </th>
              <th scope="col" class="wide">
                Version
              </th>
              <th scope="col">Uploaded</th>
            </tr>
          </thead>
          <tbody>
            {ids.slice(0, count).map((id) => (
              <Row key={id} id={id} />
            ))}
          </tbody>
        </table>
      </div>
      {ids.length > count && (
        <button type="button" onClick={() => setCount(count + SHOWN_MORE)}>
          Show more of {ids.length}
        </button>
      )}
    </>
  )
}

const EXPORTS_SHOWN = 3

function Row({ id }: { id: number }) {
  const { value: one, error } = useLoad(`function ${id}`, (signal) => describe(id, signal))
  const names = one?.functions.map((fn) => fn.name) ?? []
  const more = names.length - EXPORTS_SHOWN
  return (
    <tr>
      <td>
        <a href={functionPath(id)}>{one?.wasm_description || `Function ${id}`}</a>{' '}
        <span class="muted small">{id}</span>
      </td>
      {one === undefined ? (
        <td colSpan={4} class="muted">
          {error === undefined ? '…' : 'It could not be asked for.'}
        </td>
      ) : (
        <>
          <td>
            <code>{names.slice(0, EXPORTS_SHOWN).join(', ')}</code>
            {more > 0 && <span class="muted"> and {more} more</span>}
          </td>
          <td class="wide">{one.kind}</td>
          <td class="wide">{one.version}</td>
          <td>
            <time dateTime={one.created_at}>{format.time(one.created_at)}</time>
          </td>
        </>
      )}
    </tr>
  )
}
