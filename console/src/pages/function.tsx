// One function: what it exports, a form to call each, and its recent runs.
import { useId, useState } from 'preact/hooks'
import { describe } from '../api.ts'
import type { Description, Export } from '../api.ts'
import { curlOf, firstInputs } from '../call.ts'
import * as format from '../format.ts'
import { CallForm } from '../parts/call-form.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Fact, Runs } from '../parts/runs.tsx'
import { HOME } from '../route.ts'
import { session } from '../session.ts'
import { useLoad } from '../use-load.ts'

export function FunctionPage({ id }: { id: number }) {
  const { value: one, error, reload } = useLoad(`function ${id}`, (signal) => describe(id, signal))
  return (
    <>
      <p class="crumb">
        <a href={HOME}>Functions</a>
      </p>
      <h1 tabIndex={-1}>{one?.wasm_description || `Function ${id}`}</h1>
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {one === undefined && error === undefined && <p class="muted">Loading …</p>}
      {one !== undefined && <Known one={one} onKey={reload} />}
    </>
  )
}

function Known({ one, onKey }: { one: Description; onKey: () => void }) {
  const id = one.wasm_id
  const [turn, setTurn] = useState(0)
  const callable = one.functions.filter((fn) => fn.unsupported === undefined)
  const [name, setName] = useState(callable[0]?.name)
  const chosen = callable.find((fn) => fn.name === name) ?? callable[0]
  // What the admin key opens is shown only to whoever has it, or needs none.
  const mayAdminister = one.limits !== undefined
  return (
    <>
      <dl class="facts">
        <Fact name="id" text={String(id)} />
        <Fact name="version" text={String(one.version)} />
        <Fact name="kind" text={one.kind} />
        <Fact name="uploaded" text={format.time(one.created_at)} />
        <Fact name="sha256" text={`${one.wasm_sha256.slice(0, 14)}…`} />
      </dl>
      {one.warnings.map((warning) => (
        <p key={warning} class="note warn">
          {warning}
        </p>
      ))}
      {one.missing_imports.length > 0 && (
        <p class="note warn">
          Nobody provides what it imports: <code>{one.missing_imports.join(', ')}</code>
        </p>
      )}
      <section aria-labelledby="call">
        <h2 id="call">Call</h2>
        {chosen === undefined ? (
          <p class="muted">It exports no function that can be called.</p>
        ) : (
          <>
            <Exports all={one.functions} chosen={chosen} onChoose={setName} />
            <CallForm
              key={chosen.name}
              id={id}
              kind={one.kind}
              fn={chosen}
              onCalled={() => setTurn((before) => before + 1)}
            />
          </>
        )}
      </section>
      <section aria-labelledby="runs">
        <h2 id="runs">Recent runs</h2>
        {mayAdminister ? (
          <Runs id={id} turn={turn} curl={chosen === undefined ? '' : firstCurl(one, chosen)} />
        ) : (
          <AdminKey id={id} onKey={onKey} />
        )}
      </section>
    </>
  )
}

function firstCurl({ wasm_id: id, kind }: Description, fn: Export): string {
  const text = kind === 'raw' ? '1' : 'hello'
  const inputs = firstInputs(fn, kind).map((one) => ({ ...one, text }))
  return curlOf({ id, name: fn.name, inputs, bytes: fn.result?.includes('bytes') ?? false })
}

interface ExportsProps {
  all: readonly Export[]
  chosen: Export
  onChoose: (name: string) => void
}

function Exports({ all, chosen, onChoose }: ExportsProps) {
  return (
    <fieldset class="exports">
      <legend>Exports</legend>
      {all.map((fn) => (
        <label key={fn.name} class="export">
          <input
            type="radio"
            name="export"
            checked={fn.name === chosen.name}
            disabled={fn.unsupported !== undefined}
            onChange={() => onChoose(fn.name)}
          />
          <code>
            <span class="strong">{fn.name}</span>
            {format.signature(fn.params, fn.result)}
          </code>
          {fn.unsupported !== undefined && <span class="muted small">{fn.unsupported}</span>}
        </label>
      ))}
    </fieldset>
  )
}

function AdminKey({ id, onKey }: { id: number; onKey: () => void }) {
  const field = useId()
  const [key, setKey] = useState('')
  const [refused, setRefused] = useState(session.adminKey(id) !== undefined)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    if (key.trim() === '') return
    session.keepAdminKey(id, key.trim())
    const opened = await describe(id).then(
      ({ limits }) => limits !== undefined,
      () => false,
    )
    if (!opened) session.forgetAdminKey(id)
    setRefused(!opened)
    if (opened) onKey()
  }

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <p>They are shown to whoever has the admin key, which the upload answered.</p>
      <label for={field}>Admin key</label>
      <input
        id={field}
        type="password"
        autoComplete="off"
        value={key}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <button type="submit">Show them</button>
      <p class="wrong" role="alert">
        {refused ? 'This is not the admin key of this function.' : ''}
      </p>
    </form>
  )
}
