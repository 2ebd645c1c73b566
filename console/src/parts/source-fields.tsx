// What a source does with what it gets: run a function, publish a message, or both; and what is rarely set.
import { useId, useState } from 'preact/hooks'
import { listFunctions } from '../api/functions.ts'
import { PLACE_WORDS, complaintOfRare } from '../source-draft.ts'
import type { Draft } from '../source-draft.ts'
import { useLoad } from '../use-load.ts'

interface Props {
  draft: Draft
  onChange: (changed: Partial<Draft>) => void
}

export function SourceFields({ draft, onChange }: Props) {
  const id = useId()
  return (
    <>
      <fieldset class="choice">
        <legend>What it does</legend>
        <label class="check">
          <input
            type="checkbox"
            checked={draft.runs}
            onChange={(event) => onChange({ runs: event.currentTarget.checked })}
          />
          Run a function
        </label>
        {draft.runs && <Runs draft={draft} onChange={onChange} />}
        <label class="check">
          <input
            type="checkbox"
            checked={draft.publishes}
            onChange={(event) => onChange({ publishes: event.currentTarget.checked })}
          />
          Publish it as a message
        </label>
        {draft.publishes && <Publishes draft={draft} onChange={onChange} />}
      </fieldset>
      <div class="field">
        <label for={`${id}-description`}>Description</label>
        <input
          id={`${id}-description`}
          type="text"
          autoComplete="off"
          maxLength={1000}
          placeholder="Pushes of our repositories"
          value={draft.description}
          onInput={(event) => onChange({ description: event.currentTarget.value })}
        />
      </div>
      <Rare text={draft.rare} onChange={(rare) => onChange({ rare })} />
    </>
  )
}

function Runs({ draft, onChange }: Props) {
  const id = useId()
  // The newest are offered; any other is named by its number. A tenant's token may see none.
  const { value } = useLoad('newest functions', (signal) =>
    listFunctions(undefined, signal).catch(() => undefined),
  )
  const known = value?.items ?? []
  const chosen = known.find((one) => String(one.wasm_id) === draft.wasmId.trim())
  return (
    <div class="fields">
      <div class="field">
        <label for={`${id}-function`}>Number of the function</label>
        <input
          id={`${id}-function`}
          type="text"
          inputMode="numeric"
          autoComplete="off"
          list={`${id}-functions`}
          value={draft.wasmId}
          onInput={(event) => {
            const wasmId = event.currentTarget.value
            const named = known.find((one) => String(one.wasm_id) === wasmId.trim())
            const [only, second] = named?.functions ?? []
            // Where there is but one export, nobody has to name it.
            onChange({ wasmId, ...(second === undefined && only ? { functionName: only } : {}) })
          }}
        />
        <datalist id={`${id}-functions`}>
          {known.map(({ wasm_id: one, description }) => (
            <option key={one} value={one}>
              {description}
            </option>
          ))}
        </datalist>
      </div>
      <div class="field">
        <label for={`${id}-export`}>Export that it calls</label>
        <input
          id={`${id}-export`}
          type="text"
          autoComplete="off"
          spellcheck={false}
          list={`${id}-exports`}
          value={draft.functionName}
          onInput={(event) => onChange({ functionName: event.currentTarget.value })}
        />
        <datalist id={`${id}-exports`}>
          {chosen?.functions.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </div>
      <div class="field">
        <label for={`${id}-answer`}>What the sender gets</label>
        <select
          id={`${id}-answer`}
          value={draft.answer}
          onChange={(event) => onChange({ answer: event.currentTarget.value as Draft['answer'] })}
        >
          <option value="accepted">202 at once</option>
          <option value="result">the result, once it is there</option>
        </select>
      </div>
    </div>
  )
}

function Publishes({ draft, onChange }: Props) {
  const id = useId()
  const { typeIn } = draft
  return (
    <div class="fields">
      <div class="field">
        <label for={`${id}-from`}>Its event type</label>
        <select
          id={`${id}-from`}
          value={typeIn}
          onChange={(event) => onChange({ typeIn: event.currentTarget.value as Draft['typeIn'] })}
        >
          <option value="fixed">is always the same</option>
          {Object.entries(PLACE_WORDS).map(([place, words]) => (
            <option key={place} value={place}>
              stands in {words}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for={`${id}-type`}>{typeIn === 'fixed' ? 'Event type' : 'Its name there'}</label>
        <input
          id={`${id}-type`}
          type="text"
          autoComplete="off"
          spellcheck={false}
          placeholder={typeIn === 'fixed' ? 'order.created' : 'X-GitHub-Event'}
          value={draft.type}
          onInput={(event) => onChange({ type: event.currentTarget.value })}
        />
      </div>
      {typeIn !== 'fixed' && (
        <div class="field">
          <label for={`${id}-prefix`}>What is put before it</label>
          <input
            id={`${id}-prefix`}
            type="text"
            autoComplete="off"
            spellcheck={false}
            placeholder="github."
            value={draft.prefix}
            onInput={(event) => onChange({ prefix: event.currentTarget.value })}
          />
        </div>
      )}
    </div>
  )
}

const RARE_EXAMPLE = `{
  "format": "json",
  "event_id": { "in": "header", "name": "X-Event-Id" },
  "challenge": { "kind": "meta", "verify_token": "…" }
}`

function Rare({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const id = useId()
  const wrong = complaintOfRare(text)
  // Only at first: it would close while somebody empties it.
  const [open] = useState(text !== '')
  return (
    <details class="more" open={open}>
      <summary>Format, event id and challenge</summary>
      <div class="field">
        <label for={id}>As JSON; empty for what is usual</label>
        <textarea
          id={id}
          class="mono"
          rows={5}
          spellcheck={false}
          placeholder={RARE_EXAMPLE}
          aria-invalid={wrong !== undefined || undefined}
          aria-describedby={`${id}-wrong`}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
        <p class="wrong" id={`${id}-wrong`} role="status">
          {wrong}
        </p>
      </div>
    </details>
  )
}
