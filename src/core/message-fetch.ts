// Fetches what a message is to carry, where its type says so: once, however many deliveries of it are being sent.
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { withPayload } from '../event-envelope.ts'
import type { Attempt, RequestSpec } from '../model.ts'
import { OutboundError, Trace } from '../outbound/outbound.ts'
import type { Outbound, OutboundResponse } from '../outbound/outbound.ts'
import { originOf } from '../request-spec.ts'
import type { LeasedDelivery, Storage } from '../storage/storage.ts'
import { maskPath, maskReceived, maskSent } from './masked.ts'
import type { Hands } from './worker.ts'

/** What it came to; undefined: nothing, the process ends. */
export type Fetched =
  | { kind: 'ready'; body: Buffer }
  /** There is no such thing (any more). */
  | { kind: 'missing' }
  /** What the message sends was expunged meanwhile. */
  | { kind: 'gone' }
  | { kind: 'failed'; attempt: Attempt }
  | undefined

export type MessageFetch = ReturnType<typeof createMessageFetch>

/** As many as an input's. */
const REDIRECTS = 5
const MISSING: readonly number[] = [404, 410]

export interface FetchDeps {
  storage: Pick<Storage, 'messages'>
  outbound: Outbound
  config: Config
  now: () => number
}

export function createMessageFetch(deps: FetchDeps) {
  const { storage, outbound, config, now } = deps
  /** By message: its deliveries wait for one fetch. */
  const underWay = new Map<string, Promise<Fetched>>()

  async function fetchOnce(
    messageId: string,
    { body: envelope, hops }: LeasedDelivery,
    { cut, commit }: Hands,
  ): Promise<Fetched> {
    // Another process, or a fetch that ended just now, may have been first.
    const known = await storage.messages.toFetch(messageId)
    if ('body' in known) return readyWith(known.body)
    const got = await fetchPayload({ outbound, config, now }, { spec: known.spec, hops }, cut)
    if (got?.kind !== 'ready') return got
    const made = withPayload(envelope, got.payload)
    const kept = await commit(async () => ({
      body: await storage.messages.keepFetched(messageId, made, now()),
    }))
    return kept === undefined ? undefined : readyWith(kept.body)
  }

  return {
    /** @throws AppError where storage fails */
    async fetch(messageId: string, delivery: LeasedDelivery, hands: Hands): Promise<Fetched> {
      let fetching = underWay.get(messageId)
      if (fetching === undefined) {
        fetching = fetchOnce(messageId, delivery, hands).finally(() => {
          underWay.delete(messageId)
        })
        underWay.set(messageId, fetching)
      }
      const fetched = await fetching
      if (fetched?.kind !== 'failed') return fetched
      // Of each delivery that waited it is an attempt.
      return { kind: 'failed', attempt: { ...fetched.attempt, id: uuidv7() } }
    },
  }
}

function readyWith(body: Buffer | undefined): Fetched {
  return body === undefined ? { kind: 'gone' } : { kind: 'ready', body }
}

/** One fetch; what came is JSON. Undefined: it was cut off. */
export async function fetchPayload(
  { outbound, config, now }: Pick<FetchDeps, 'outbound' | 'config' | 'now'>,
  { spec, hops }: { spec: RequestSpec; hops: number },
  cut: AbortSignal,
): Promise<Exclude<Fetched, { kind: 'ready' | 'gone' }> | { kind: 'ready'; payload: string }> {
  const trace = new Trace()
  const beganAtMs = now()
  const failed = (sentence: string) => ({
    kind: 'failed' as const,
    attempt: attemptOf({ spec, trace, beganAtMs, sentence }),
  })
  let response: OutboundResponse
  try {
    response = await outbound.send({
      spec,
      method: spec.method ?? 'GET',
      timeoutMs: Math.min(spec.timeoutMs ?? config.FETCH_TIMEOUT_MS, config.FETCH_TIMEOUT_MS_MAX),
      maxBytes: config.MESSAGE_BYTES,
      overflow: 'fail',
      maxRedirects: REDIRECTS,
      hops,
      trace,
      signal: cut,
    })
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return cut.aborted ? undefined : failed(error.message)
  }
  if (MISSING.includes(response.status)) return { kind: 'missing' }
  if (response.status < 200 || response.status > 299) {
    return failed(`It answered ${response.status}.`)
  }
  const payload = readJson(response.body)
  return payload === undefined
    ? failed('What it answered is not JSON.')
    : { kind: 'ready', payload }
}

/** An attempt of class `fetch`: its target was not asked, and its status is none of the target's. */
function attemptOf(made: {
  spec: RequestSpec
  trace: Trace
  beganAtMs: number
  sentence: string
}): Attempt {
  const { spec, trace, beganAtMs, sentence } = made
  return {
    id: uuidv7(),
    beganAtMs,
    durationUs: trace.durationUs,
    request: {
      method: spec.method ?? 'GET',
      url: originOf(spec) + maskPath(spec.path),
      headers: maskSent(trace.headers, spec.headers, {}),
    },
    peer: trace.peer,
    timings: trace.timings,
    status: null,
    errorClass: 'fetch',
    errorMessage: `The payload could not be fetched: ${sentence}`,
    responseHeaders: maskReceived(trace.responseHeaders),
    responseBody: Buffer.alloc(0),
    responseCut: false,
    manual: false,
  }
}

/** JSON as it came, without spaces around it; undefined: it is none. */
function readJson(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim()
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}
