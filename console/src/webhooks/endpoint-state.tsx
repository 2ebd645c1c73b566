// What an endpoint is called, and whether it is sent anything.
import type { Endpoint } from './endpoints-api.ts'
import { Status, Time } from '../parts/facts.tsx'

type Named = Pick<Endpoint, 'url' | 'function'>

export function nameOf({ url, function: called }: Named): string {
  return url ?? (called ? `Function ${called.wasm_id}, ${called.name}` : 'Endpoint')
}

const REASONS: Readonly<Record<string, string>> = {
  owner: 'by its owner',
  gone: 'it answered 410',
  failing: 'it failed for too long',
}

export function EndpointState({ one }: { one: Endpoint }) {
  const { enabled, disabled_reason: reason, failing_since: since, paused = 0 } = one
  return (
    <>
      <Status word={enabled ? (since === null ? 'enabled' : 'failing') : 'disabled'} />
      {reason !== null && <span class="muted"> {REASONS[reason] ?? reason}</span>}
      {enabled && since !== null && (
        <span class="muted">
          {' '}
          since <Time at={since} />
        </span>
      )}
      {paused > 0 && <span class="muted">, {paused.toLocaleString()} paused</span>}
    </>
  )
}
