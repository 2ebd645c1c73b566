// The body of a delivery, as far as it is kept: a function's result, or the payload of a message. Shown where somebody asks.
import { useState } from 'preact/hooks'
import type { Delivery } from './api.ts'
import { runResult } from '../runs/api.ts'
import * as format from '../format.ts'
import { useLoad } from '../hooks/use-load.ts'
import { JsonTree } from '../parts/json-tree.tsx'
import { Payload } from '../parts/payload.tsx'
import { Shown } from '../parts/shown.tsx'
import { RESULT_WORDS } from '../functions/result.tsx'
import { readMessage } from '../webhooks/events-api.ts'

export function WhatItSends({ of: one }: { of: Delivery }) {
  const [asked, setAsked] = useState(false)
  const { content_type: type, size_bytes: size, payload_kept: kept } = one
  const { run_id: run, message_id: message, tenant } = one
  return (
    <>
      <p>
        {format.bytes(size)} of <code>{type}</code>
      </p>
      {!kept ? (
        <p class="muted">It is no longer kept.</p>
      ) : !asked ? (
        <div class="row">
          <button type="button" onClick={() => setAsked(true)}>
            Show it
          </button>
        </div>
      ) : run !== null ? (
        <Result run={run} of={one.wasm_id} />
      ) : (
        message !== null && tenant !== null && <MessagePayload message={message} tenant={tenant} />
      )}
    </>
  )
}

function Result({ run, of }: { run: string; of: number | null }) {
  const loaded = useLoad(run, (signal) => runResult(run, of ?? undefined, signal))
  return (
    <Shown of={loaded}>
      {(body) => <Payload title="Result" name="result" body={body} words={RESULT_WORDS} />}
    </Shown>
  )
}

function MessagePayload({ message, tenant }: { message: string; tenant: string }) {
  const loaded = useLoad(message, (signal) => readMessage(tenant, message, signal))
  return (
    <Shown of={loaded}>
      {({ payload }) => (
        <>
          <p class="muted">
            The payload of its message; the endpoint says in which form it is sent.
          </p>
          <JsonTree value={payload} />
        </>
      )}
    </Shown>
  )
}
