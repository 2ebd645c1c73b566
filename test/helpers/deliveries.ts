// Deliveries as tests see them: a clock that only tests move, callbacks, and waiting for a state by asking.
import assert from 'node:assert/strict'
import { admin, call, refused } from './client.ts'
import type { Caller, Uploaded } from './client.ts'

export interface ShownAttempt {
  attempt_id: string
  began_at: string
  duration_us: number
  request: { method: string; url: string; headers: Record<string, string> } | null
  peer: string | null
  timings: Record<'dns_us' | 'connect_us' | 'tls_us' | 'first_byte_us' | 'total_us', number | null>
  status: number | null
  error: string | null
  error_class: string | null
  response_headers: Record<string, string>
  response_body: string | null
  response_body_base64: string | null
  response_cut: boolean
  manual: boolean
}

export interface Shown {
  delivery_id: string
  run_id: string
  target: string
  state: string
  reason: string | null
  due_at: string | null
  tries: number
  last_status: number | null
  last_error_class: string | null
  resending: boolean
  payload_kept: boolean
  retry: unknown
  held_until: string | null
  created_at: string
  ended_at: string | null
  attempts: ShownAttempt[]
  attempts_omitted: number
}

export const POLL = { DELIVERY_POLL_MS: 10 }
export const BEGAN_MS = Date.UTC(2026, 0, 1)

/** A clock that only tests move. */
export class Clock {
  ms = BEGAN_MS
  readonly now = (): number => this.ms
}

/** The value of SSVM_Callback. */
export function callback(target: { port: number }, retry?: object, fields: object = {}): string {
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port: target.port, path: '/in', retry }
  return JSON.stringify({ ...spec, ...fields })
}

export async function readDelivery(app: Caller, one: Uploaded, id: string): Promise<Shown> {
  const response = await app.request(`/api/deliveries/${id}`, { headers: admin(one) })
  assert.equal(response.status, 200)
  return (await response.json()) as Shown
}

/** Asks until the delivery is as it should be. */
export async function untilDelivery(
  app: Caller,
  one: Uploaded,
  id: string,
  reached: (delivery: Shown) => boolean,
): Promise<Shown> {
  for (;;) {
    const delivery = await readDelivery(app, one, id)
    if (reached(delivery)) return delivery
  }
}

export const isAt =
  (tries: number) =>
  (delivery: Shown): boolean =>
    delivery.tries === tries && delivery.state !== 'leased'
export const hasEnded = (delivery: Shown): boolean => delivery.ended_at !== null

/** A run whose forward fails; the id of the delivery that goes on. */
export async function failing(
  app: Caller,
  one: Uploaded,
  spec: string,
  [status, code]: readonly [number, string] = [502, 'CALLBACK_FAILED'],
): Promise<string> {
  const headers = { SSVM_Callback: spec }
  const response = await call(app, one, 'echo', { body: 'result', headers })
  const answer = await refused(response, status, code)
  assert.equal(typeof answer.delivery_id, 'string')
  return answer.delivery_id as string
}

/** A run that nobody waits for, and its one delivery. */
export async function handOver(
  app: Caller,
  one: Uploaded,
  spec: string,
  body: string | Buffer = 'result',
): Promise<string> {
  const headers = { prefer: 'respond-async', SSVM_Callback: spec }
  const response = await call(app, one, 'echo', { body, headers })
  assert.equal(response.status, 202)
  const { run_id: runId } = (await response.json()) as { run_id: string }
  for (;;) {
    const run = await app.request(`/api/runs/${runId}`, { headers: admin(one) })
    const { status, delivery_ids: ids } = (await run.json()) as {
      status: string
      delivery_ids: string[]
    }
    assert.notEqual(status, 'failed')
    if (ids[0] !== undefined) return ids[0]
  }
}
