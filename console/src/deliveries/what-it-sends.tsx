// The body of a delivery, as far as it is kept: a function's result, or the payload of a message. Shown where somebody asks.
import { useState } from 'preact/hooks'
import { messageOf } from './api.ts'
import type { Delivery } from './api.ts'
import { runResult } from '../runs/api.ts'
import * as format from '../format.ts'
import { useLoad } from '../hooks/use-load.ts'
import { Refused } from '../parts/admin-key.tsx'
import { JsonTree } from '../parts/json-tree.tsx'
import { Payload } from '../parts/payload.tsx'
import { RESULT_WORDS } from '../functions/result.tsx'

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
        <p class="muted">It is kept no more.</p>
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
  const { value, error, reload } = useLoad(run, (signal) => runResult(run, of ?? undefined, signal))
  if (error !== undefined) return <Refused error={error} retry={reload} />
  if (value === undefined) return <p class="muted">Loading …</p>
  return <Payload title="Result" name="result" body={value} words={RESULT_WORDS} />
}

function MessagePayload({ message, tenant }: { message: string; tenant: string }) {
  const { value, error, reload } = useLoad(message, (signal) => messageOf(message, tenant, signal))
  if (error !== undefined) return <Refused error={error} retry={reload} />
  if (value === undefined) return <p class="muted">Loading …</p>
  return (
    <>
      <p class="muted">The payload of its message; the endpoint says in which form it is sent.</p>
      <JsonTree value={value.payload} />
    </>
  )
}
