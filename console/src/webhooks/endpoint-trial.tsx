// A test of one endpoint: an event that is sent now, with what its target answered, or what would be sent.
import { useRef, useState } from 'preact/hooks'
import { previewEndpoint, testEndpoint } from './endpoints-api.ts'
import type { OfEndpoint, Previewed, Tested } from './endpoints-api.ts'
import * as format from '../format.ts'
import { Action } from '../parts/action.tsx'
import { Fact, Facts, Status } from '../parts/facts.tsx'
import { exactComplaint, readJson } from '../json-text.ts'
import { JsonField, TextField } from '../parts/fields.tsx'
import { JsonTree } from '../parts/json-tree.tsx'
import { Payload, SENT_WORDS, useBytes } from '../parts/payload.tsx'
import { SaveForm } from '../parts/save-form.tsx'
import { linkTo } from '../route.ts'

interface Props {
  of: OfEndpoint
  types: readonly string[]
  onTested: () => void
}

export function EndpointTrial({ of, types, onTested }: Props) {
  const [type, setType] = useState('')
  const [payload, setPayload] = useState('')
  const [shown, setShown] = useState<{ tested: Tested } | { previewed: Previewed } | undefined>()
  const turn = useRef(0)

  function event() {
    const given = readJson(payload)
    return {
      ...(type.trim() !== '' && { type: type.trim() }),
      ...(given !== undefined && { payload: given }),
    }
  }

  async function show(answer: Promise<NonNullable<typeof shown>>): Promise<void> {
    const mine = ++turn.current
    setShown(undefined)
    const answered = await answer
    // What was asked for last.
    if (mine === turn.current) setShown(answered)
  }

  const send = () => show(testEndpoint(of, event()).then((tested) => ({ tested })))
  const preview = () => show(previewEndpoint(of, event()).then((previewed) => ({ previewed })))

  return (
    <div class="call">
      <SaveForm
        verb="Test"
        done="The answer is below"
        complain={() => (exactComplaint(payload) ? 'Correct the marked JSON.' : undefined)}
        save={send}
        onSaved={onTested}
        more={
          exactComplaint(payload) === undefined && (
            <Action verb="Show what would be sent" act={preview} done="It is shown below" />
          )
        }
      >
        <p class="muted">
          This sends it one event now, signed like any other, even while it is disabled. Nothing is
          stored, and nothing is tried again.
        </p>
        <TextField
          label="Event type"
          placeholder="the first that it gets"
          suggestions={types}
          value={type}
          onChange={setType}
        />
        <JsonField
          exact
          label="Payload"
          rows={3}
          help="As JSON. Left empty, the example of the type."
          value={payload}
          onChange={setPayload}
        />
      </SaveForm>
      {shown !== undefined && 'tested' in shown && <Answered tested={shown.tested} />}
      {shown !== undefined && 'previewed' in shown && <Preview of={shown.previewed} />}
    </div>
  )
}

function Answered({
  tested: { state, reason, type, webhook_id: id, attempt },
}: {
  tested: Tested
}) {
  return (
    <section class="result" aria-label="Answer to the test">
      <Facts>
        <Fact name="state">
          <Status word={state} code={reason ?? attempt?.error_class ?? null} />
        </Fact>
        {attempt !== null && (
          <>
            <Fact name="status">{attempt.status ?? 'none'}</Fact>
            <Fact name="took">{format.duration(attempt.duration_us / 1000)}</Fact>
            {attempt.peer !== null && <Fact name="peer">{attempt.peer}</Fact>}
          </>
        )}
        <Fact name="event type">{type}</Fact>
        <Fact name="webhook-id">{id}</Fact>
      </Facts>
      {attempt?.error && <p>{attempt.error}</p>}
      {attempt !== null && attempt.status !== null && (
        <>
          <h3>Answer of the target</h3>
          {attempt.response_body === '' ? (
            <p class="muted">Its body was empty.</p>
          ) : (
            <pre class="block" tabIndex={0} role="region" aria-label="Body of the answer">
              {attempt.response_body ?? 'It was no text.'}
            </pre>
          )}
          {attempt.response_cut && <p class="muted">It was longer; its end was not kept.</p>}
        </>
      )}
      {attempt !== null && attempt.request !== null && (
        <details>
          <summary>What was sent</summary>
          <JsonTree value={attempt.request} />
        </details>
      )}
    </section>
  )
}

function Preview({ of: made }: { of: Previewed }) {
  const body = useBytes(made.body, made.body_base64)
  return (
    <section class="result" aria-label="What would be sent">
      <Facts>
        <Fact name="outcome">
          <Status word={made.outcome} code={made.reason ?? made.error_class} />
        </Fact>
        {made.content_type !== null && <Fact name="content type">{made.content_type}</Fact>}
        {made.run_id !== null && (
          <Fact name="run">
            <a href={linkTo('run', { id: made.run_id })}>{made.run_id}</a>
          </Fact>
        )}
      </Facts>
      {made.error !== null && <p>{made.error}</p>}
      {made.log !== null && made.log !== '' && (
        <pre class="block" tabIndex={0} role="region" aria-label="Log of the function">
          {made.log}
        </pre>
      )}
      {body !== undefined && (
        <Payload title="What would be sent" name="event" body={body} words={SENT_WORDS} />
      )}
    </section>
  )
}
