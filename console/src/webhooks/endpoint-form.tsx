// The fields of an endpoint, of a new one and of one that is changed: the usual ones, and the others on demand.
import type { EndpointDraft } from './endpoint-draft.ts'
import { Check, Choice, JsonField, TextField } from '../parts/fields.tsx'

interface Props {
  draft: EndpointDraft
  onChange: (draft: EndpointDraft) => void
  /** Names that may be chosen. */
  types: readonly string[]
  /** What is shown of its URL where there is one: what is left empty stays. */
  shownUrl?: string | null
}

export function EndpointFields({ draft, onChange, types, shownUrl }: Props) {
  const set = (changed: Partial<EndpointDraft>) => onChange({ ...draft, ...changed })
  const isNew = shownUrl === undefined
  return (
    <>
      <Choice
        label="Events go to"
        value={draft.to}
        options={{ url: 'a URL', function: 'a function of this server' }}
        onChange={(to) => set({ to })}
      />
      {draft.to === 'url' ? (
        <TextField
          label="URL"
          inputMode="url"
          placeholder={shownUrl ?? 'https://example.com/hook'}
          value={draft.url}
          onChange={(url) => set({ url })}
          {...(isNew ? {} : { help: 'Left empty, it stays as it is.' })}
        />
      ) : (
        <div class="fields">
          <TextField
            label="Function id"
            inputMode="numeric"
            help="Its page shows it."
            value={draft.wasmId}
            onChange={(wasmId) => set({ wasmId })}
          />
          <TextField
            label="Export"
            help="The exported function that is called."
            value={draft.name}
            onChange={(name) => set({ name })}
          />
          <Check checked={draft.callback} onChange={(callback) => set({ callback })}>
            Its result goes on to its callback
          </Check>
        </div>
      )}
      <TextField
        label="Event types"
        placeholder="order.*"
        help="Names or patterns, with spaces between them: order.* is everything below order, * is all."
        suggestions={types}
        value={draft.types}
        onChange={(text) => set({ types: text })}
      />
      <TextField
        label="Description"
        value={draft.description}
        onChange={(description) => set({ description })}
      />
      <details class="more">
        <summary>Headers, retries, pace, order, filter</summary>
        <div class="more-inside">
          <Advanced draft={draft} set={set} isNew={isNew} />
        </div>
      </details>
    </>
  )
}

interface AdvancedProps {
  draft: EndpointDraft
  set: (changed: Partial<EndpointDraft>) => void
  isNew: boolean
}

function Advanced({ draft, set, isNew }: AdvancedProps) {
  return (
    <>
      <TextField
        label="Headers"
        rows={2}
        mono
        placeholder="Authorization: Bearer …"
        help={`One on a line, sent with each event.${isNew ? '' : ' What is written here replaces all of them. Left empty, they stay as they are.'}`}
        value={draft.headers}
        onChange={(headers) => set({ headers })}
      />
      <div class="fields">
        <Choice
          label="Body"
          value={draft.bodyStyle}
          options={{
            envelope: 'type, timestamp and data',
            raw: 'the payload alone',
            cloudevents: 'a CloudEvent',
            cloudevents_binary: 'the payload, CloudEvent in headers',
          }}
          onChange={(bodyStyle) => set({ bodyStyle })}
        />
        <Choice
          label="Order"
          value={draft.order}
          options={{
            none: 'as they come',
            block: 'in order; a failure holds up',
            skip: 'in order; a failure is skipped',
            park: 'in order; a failure parks the line',
          }}
          onChange={(order) => set({ order })}
        />
        {draft.order !== 'none' && (
          <TextField
            label="Order by"
            placeholder="customer.id"
            help="A path into the payload. Left empty, all are one line."
            value={draft.orderKey}
            onChange={(orderKey) => set({ orderKey })}
          />
        )}
        <TextField
          label="Attempts at most"
          inputMode="numeric"
          placeholder="no limit"
          value={draft.rateAttempts}
          onChange={(rateAttempts) => set({ rateAttempts })}
        />
        <TextField
          label="in so many seconds"
          inputMode="numeric"
          value={draft.rateSeconds}
          onChange={(rateSeconds) => set({ rateSeconds })}
        />
        <TextField
          label="Attempts at once"
          inputMode="numeric"
          placeholder="as the server says"
          value={draft.inFlight}
          onChange={(inFlight) => set({ inFlight })}
        />
        <TextField
          label="Timeout in ms"
          inputMode="numeric"
          placeholder="as the server says"
          value={draft.timeoutMs}
          onChange={(timeoutMs) => set({ timeoutMs })}
        />
      </div>
      <JsonField
        label="Retries"
        rows={2}
        placeholder='{"interval_ms":5000,"backoff":2,"retries":5}'
        help="As JSON. Left empty, the server’s own."
        value={draft.retry}
        onChange={(retry) => set({ retry })}
      />
      <JsonField
        label="Payload filter"
        rows={2}
        placeholder='{"path":"total","gte":100}'
        help="Which payloads it wants, as JSON. Left empty, all of them."
        value={draft.filter}
        onChange={(filter) => set({ filter })}
      />
      <JsonField
        label="Other fields"
        rows={2}
        placeholder='{"signature_style":"token","delay_ms":1000}'
        help="Any other field of an endpoint that the API takes, as one JSON object."
        value={draft.others}
        onChange={(others) => set({ others })}
      />
    </>
  )
}
