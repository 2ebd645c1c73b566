// A form that calls one exported function, and the curl line that does the same.
import { useId, useRef, useState } from 'preact/hooks'
import { WasmhookError } from '../../../packages/client/src/error.ts'
import type { Export } from './api.ts'
import {
  INPUT_KINDS,
  NOTHING_MORE,
  NO_INPUT,
  complaint,
  complaintOfMore,
  curlOf,
  firstInputs,
  send,
} from './call.ts'
import type { Answer, Call, Input, InputKind } from './call.ts'
import { CallMore } from './call-more.tsx'
import { linkTo } from '../route.ts'
import { CommandLine } from '../parts/copy.tsx'
import { ErrorNote } from '../parts/error-note.tsx'
import { Check } from '../parts/fields.tsx'
import { ONE_CLICK, ONE_ENTER } from '../parts/press.ts'
import { Result } from './result.tsx'

interface Props {
  id: number
  kind: string
  fn: Export
  /** The address of the stored callback, as far as it is known. */
  stored: string | undefined
  /** After each call, however it ended. */
  onCalled: () => void
}

type Outcome = { answer: Answer } | { error: unknown }

export function CallForm({ id, kind, fn, stored, onCalled }: Props) {
  const [inputs, setInputs] = useState(() => firstInputs(fn, kind))
  const [bytes, setBytes] = useState(fn.result?.includes('bytes') ?? false)
  const [more, setMore] = useState(NOTHING_MORE)
  const [calling, setCalling] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined)
  const [complained, setComplained] = useState(false)
  const ended = useRef<AbortController | undefined>(undefined)
  const call: Call = { id, name: fn.name, inputs, bytes, more, stored }

  const change = (at: number, changed: Partial<Input>) =>
    setInputs(inputs.map((one, index) => (index === at ? { ...one, ...changed } : one)))

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const wrong =
      inputs.some((one) => complaint(one) !== undefined) || complaintOfMore(more) !== undefined
    setComplained(wrong)
    if (calling) return
    // What was answered before is not about this call.
    setOutcome(undefined)
    if (wrong) return
    const stop = new AbortController()
    ended.current = stop
    setCalling(true)
    try {
      setOutcome({ answer: await send(call, stop.signal) })
    } catch (error) {
      setOutcome(stop.signal.aborted ? undefined : { error })
    } finally {
      setCalling(false)
      onCalled()
    }
  }

  return (
    <form class="call" noValidate onSubmit={(event) => void submit(event)} {...ONE_ENTER}>
      {inputs.map((input, at) => (
        <InputField
          key={at}
          label={inputs.length === 1 ? 'Input' : `Input ${at + 1}`}
          type={fn.params?.[at]}
          input={input}
          complained={complained}
          onChange={(changed) => change(at, changed)}
        />
      ))}
      {inputs.length === 0 && <p class="muted">It is called without an input.</p>}
      <div class="row">
        <button type="button" onClick={() => setInputs([...inputs, NO_INPUT])}>
          Add an input
        </button>
        {inputs.length > 0 && (
          <button type="button" onClick={() => setInputs(inputs.slice(0, -1))}>
            Remove the last
          </button>
        )}
        <Check checked={bytes} onChange={setBytes}>
          It returns bytes
        </Check>
      </div>
      <CallMore
        more={more}
        stored={stored}
        complained={complained}
        onChange={(changed) => setMore((before) => ({ ...before, ...changed }))}
      />
      <div class="row">
        <button type="submit" class="primary" disabled={calling} {...ONE_CLICK}>
          {calling ? 'Calling …' : `Call ${fn.name}`}
        </button>
        {calling && (
          <button type="button" onClick={() => ended.current?.abort()}>
            Stop
          </button>
        )}
      </div>
      <div aria-live="polite" aria-busy={calling}>
        {outcome !== undefined && 'error' in outcome && <Failed error={outcome.error} />}
        {outcome !== undefined && 'answer' in outcome && <Result answer={outcome.answer} />}
      </div>
      <h3>The same with curl</h3>
      <CommandLine text={curlOf(call)} label="curl line" />
    </form>
  )
}

/** A result that could not be handed on may be tried again: its delivery tells. */
function Failed({ error }: { error: unknown }) {
  const id = error instanceof WasmhookError ? error.detail.delivery_id : undefined
  return (
    <>
      <ErrorNote error={error} />
      {typeof id === 'string' && (
        <p>
          It is tried again by itself: <a href={linkTo('delivery', { id })}>see its delivery</a>
        </p>
      )}
    </>
  )
}

const KIND_WORDS: Readonly<Record<InputKind, string>> = {
  text: 'Text',
  json: 'JSON',
  file: 'File',
  url: 'URL to fetch',
}

interface FieldProps {
  label: string
  /** As the module tells it. */
  type: string | undefined
  input: Input
  complained: boolean
  onChange: (changed: Partial<Input>) => void
}

function InputField({ label, type, input, complained, onChange }: FieldProps) {
  const name = useId()
  const wrong = complained ? complaint(input) : undefined
  const described =
    wrong === undefined ? {} : { 'aria-invalid': true, 'aria-describedby': `${name}-wrong` }
  const common = { id: name, ...described }
  return (
    <div class="field">
      <div class="field-head">
        <span class="field-name">
          <label for={name}>{label}</label>
          {type !== undefined && <code class="muted">{type}</code>}
        </span>
        <select
          aria-label={`Kind of ${label.toLowerCase()}`}
          value={input.kind}
          onChange={(event) => onChange({ kind: event.currentTarget.value as InputKind })}
        >
          {INPUT_KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {KIND_WORDS[kind]}
            </option>
          ))}
        </select>
      </div>
      {input.kind === 'file' ? (
        <input
          {...common}
          key="file"
          type="file"
          onChange={(event) => onChange({ file: event.currentTarget.files?.[0] })}
        />
      ) : input.kind === 'url' ? (
        <input
          {...common}
          key="url"
          type="text"
          inputMode="url"
          autoComplete="off"
          spellcheck={false}
          placeholder="https://…"
          value={input.text}
          onInput={(event) => onChange({ text: event.currentTarget.value })}
        />
      ) : (
        <textarea
          {...common}
          key="text"
          rows={input.kind === 'json' ? 6 : 3}
          spellcheck={false}
          class={input.kind === 'json' ? 'mono' : ''}
          value={input.text}
          onInput={(event) => onChange({ text: event.currentTarget.value })}
        />
      )}
      {wrong !== undefined && (
        <p class="wrong" id={`${name}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  )
}
