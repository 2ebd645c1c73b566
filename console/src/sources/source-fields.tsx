// What a source does with what it gets: run a function, publish a message, or both; and what is rarely set.
import { useState } from 'preact/hooks'
import { listFunctions } from '../functions/api.ts'
import { PLACE_WORDS, complaintOfRare } from './source-draft.ts'
import type { Draft } from './source-draft.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Check, Choice, TextField } from '../parts/fields.tsx'

interface Props {
  draft: Draft
  onChange: (changed: Partial<Draft>) => void
}

export function SourceFields({ draft, onChange }: Props) {
  return (
    <>
      <fieldset class="choice">
        <legend>What it does</legend>
        <Check checked={draft.runs} onChange={(runs) => onChange({ runs })}>
          Run a function
        </Check>
        {draft.runs && <Runs draft={draft} onChange={onChange} />}
        <Check checked={draft.publishes} onChange={(publishes) => onChange({ publishes })}>
          Publish it as a message
        </Check>
        {draft.publishes && <Publishes draft={draft} onChange={onChange} />}
      </fieldset>
      <TextField
        label="Description"
        placeholder="Pushes of our repositories"
        value={draft.description}
        onChange={(description) => onChange({ description })}
      />
      <Rare text={draft.rare} onChange={(rare) => onChange({ rare })} />
    </>
  )
}

function Runs({ draft, onChange }: Props) {
  // The newest are offered; any other is named by its id. A tenant's token may see none.
  const { value } = useLoad('newest functions', (signal) =>
    listFunctions(undefined, signal).catch(() => undefined),
  )
  const known = value?.items ?? []
  const numbered = (wasmId: string) => known.find((one) => String(one.wasm_id) === wasmId.trim())
  const chosen = numbered(draft.wasmId)

  function choose(wasmId: string): void {
    const [only, second] = numbered(wasmId)?.functions ?? []
    // Where there is but one export, nobody has to name it.
    onChange({ wasmId, ...(only !== undefined && second === undefined && { functionName: only }) })
  }

  return (
    <div class="fields">
      <TextField
        label="Function id"
        inputMode="numeric"
        help={chosen?.description || 'Its page shows it.'}
        suggestions={known.map(({ wasm_id: id }) => String(id))}
        value={draft.wasmId}
        onChange={choose}
      />
      <TextField
        label="Export that it calls"
        suggestions={chosen?.functions ?? []}
        value={draft.functionName}
        onChange={(functionName) => onChange({ functionName })}
      />
      <Choice
        label="What the sender gets"
        value={draft.answer}
        options={{ accepted: '202 at once', result: 'the result, once it is there' }}
        onChange={(answer) => onChange({ answer })}
      />
    </div>
  )
}

const TYPE_WORDS = {
  fixed: 'is always the same',
  header: `stands in ${PLACE_WORDS.header}`,
  query: `stands in ${PLACE_WORDS.query}`,
  json: `stands in ${PLACE_WORDS.json}`,
}

function Publishes({ draft, onChange }: Props) {
  const { typeIn } = draft
  const fixed = typeIn === 'fixed'
  return (
    <div class="fields">
      <Choice
        label="Its event type"
        value={typeIn}
        options={TYPE_WORDS}
        onChange={(place) => onChange({ typeIn: place })}
      />
      <TextField
        label={fixed ? 'Event type' : 'Its name there'}
        placeholder={fixed ? 'order.created' : 'X-GitHub-Event'}
        value={draft.type}
        onChange={(type) => onChange({ type })}
      />
      {!fixed && (
        <TextField
          label="What is put before it"
          placeholder="github."
          value={draft.prefix}
          onChange={(prefix) => onChange({ prefix })}
        />
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
  // Only at first: it would close while somebody empties it.
  const [open] = useState(text !== '')
  return (
    <details class="more" open={open}>
      <summary>Format, event id and challenge</summary>
      <div class="more-inside">
        <TextField
          label="As JSON; empty for the usual"
          rows={5}
          mono
          placeholder={RARE_EXAMPLE}
          wrong={complaintOfRare(text)}
          value={text}
          onChange={onChange}
        />
      </div>
    </details>
  )
}
