// One attempt to send what was made ready for an endpoint, or is a run's result: over HTTP, or to a function.
import type { Config } from '../config.ts'
import type { Attempt } from '../model.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { LeasedDelivery } from '../storage/storage.ts'
import { EXCERPT_BYTES, attempt, timeoutOf } from './attempt.ts'
import type { CallFunction } from './function-calls.ts'
import { attemptOfCall } from './function-target.ts'
import { orCut } from './or-cut.ts'
import { aliveAt } from './signing.ts'

/** What is sent, where to, and under which name. */
export interface Sent extends Pick<
  LeasedDelivery,
  'spec' | 'function' | 'body' | 'contentType' | 'hops' | 'signingSecrets'
> {
  /** The delivery's; absent where it is tried out. */
  id?: string
  /** The same on every attempt. */
  webhookId: string
  /** The server's own. */
  headers: Readonly<Record<string, string>>
}

export type SentOutcome =
  | { kind: 'attempted'; attempt: Attempt }
  /** There is no room for a function now. */
  | { kind: 'no_room' }
  /** A function that is not to be called any more. */
  | { kind: 'refused'; reason: string }
  /** Nobody has time for what it comes to. */
  | { kind: 'cut' }

export type Send = (sent: Sent, cut: AbortSignal) => Promise<SentOutcome>

export function createSending(deps: {
  outbound: Outbound
  callFunction: CallFunction
  config: Config
  now: () => number
}): Send {
  const { outbound, callFunction, config, now } = deps

  async function callTarget(sent: Sent, cut: AbortSignal): Promise<SentOutcome> {
    const { id, function: ref, body: input, hops } = sent
    if (ref === null) return { kind: 'cut' }
    const begun = { atMs: now(), performanceMs: performance.now() }
    const outcome = await orCut(
      callFunction({ ref, input, hops, callback: ref.callback, deliveryId: id }),
      cut,
    )
    if (outcome === undefined) return { kind: 'cut' }
    if (outcome.kind === 'no_room') return outcome
    if (outcome.kind === 'refused') return outcome
    return { kind: 'attempted', attempt: attemptOfCall(ref, outcome, begun) }
  }

  return async (sent, cut) => {
    const { spec, body, contentType, hops, webhookId, headers, signingSecrets } = sent
    if (spec === null) return callTarget(sent, cut)
    const made = await attempt(
      outbound,
      {
        spec,
        result: { bytes: body, type: contentType },
        timeoutMs: timeoutOf(spec, config),
        answerBytes: EXCERPT_BYTES,
        hops,
        headers,
        signing: { id: webhookId, secrets: aliveAt(now(), signingSecrets) },
        signal: cut,
      },
      now,
    )
    // Cut off by our own end, it is no failure of the target's.
    if (cut.aborted && made.response === undefined) return { kind: 'cut' }
    return { kind: 'attempted', attempt: made.attempt }
  }
}
