// Clients that hand over runs without pause, and the ledger of what they were told. What an answer said counts
// once the whole answer is there; what got none may have been accepted or not.
import { setTimeout as pause } from 'node:timers/promises'
import { callWith } from '../helpers/guest-calls.ts'
import type { Caller } from '../helpers/client.ts'
import type { Chance } from './chance.ts'
import { TIMEOUT_MS, inputOf } from './content.ts'
import type { Fn } from './content.ts'

/** What was handed over. */
export const KINDS = {
  /** Nobody waits; the input is given. */
  later: 34,
  /** The same as parts of a form. */
  laterParts: 6,
  /** The same, and the input is fetched first. */
  laterFetched: 18,
  /** The same, and the run is canceled while it waits or goes on. */
  laterCanceled: 6,
  /** The input is given, and the call is sent again under its Idempotency-Key until it is answered. */
  laterKeyed: 12,
  /** The input is given, and retries are few. */
  laterBrief: 6,
  /** The same, and nobody listens at the target. */
  laterDead: 4,
  /** The same, and the function traps: there is nothing to deliver. */
  laterTrap: 3,
  /** The caller waits for the target, and a failure goes on as a delivery. */
  waited: 17,
} as const
export type Kind = keyof typeof KINDS

export type Told =
  /** 202, or 502 and 504 with a delivery that goes on; `canceled`: 200 was answered to that. */
  | { as: 'accepted'; runId: string; deliveryId: string | null; canceled: boolean }
  /** The target's 2xx. */
  | { as: 'delivered' }
  /** Another answer: nothing was stored. */
  | { as: 'refused'; runId: string | null; status: number; code: string }
  /** No whole answer. */
  | { as: 'nothing' }

export interface Item {
  token: string
  kind: Kind
  told: Told
}

export interface Place {
  /** Where servers listen; some may be down. */
  origins: readonly string[]
  targets: readonly number[]
  upstream: number
  executables: Readonly<Record<Fn | 'trap', { id: number }>>
}

export interface Load {
  ledger: Item[]
  /** What clients wait between two requests is this many times as long. */
  ease(factor: number): void
  /** Lets every client have its last answer. */
  stop(): Promise<void>
}

/** Enough for what fails as often as the receiver does, until it behaves. */
const PATIENT = { interval_ms: 250, backoff: 1.1, retries: 30 }
const BRIEF = { schedule_ms: [100, 300] }
/** An answer that takes this long will not come. */
const ANSWER_MS = 30_000
/** A call under a key is sent so often at most. */
const REPEATS_MAX = 40
/** Nobody listens there. */
const DEAD_HOST = '127.0.0.2'

export function startLoad(place: Place, chance: Chance, clients: number): Load {
  const ledger: Item[] = []
  let stopped = false
  let factor = 1
  let made = 0

  async function client(own: Chance, name: string): Promise<void> {
    while (!stopped) {
      const kind = own.pick(KINDS)
      const item: Item = { token: `${kind}-${name}-${made++}`, kind, told: { as: 'nothing' } }
      const told = await handOver(place, item, own)
      if (told !== 'unreached') {
        item.told = told
        ledger.push(item)
      }
      await pause(own.whole(10, 90) * factor)
    }
  }

  const running = Array.from({ length: clients }, (_, n) =>
    client(chance.fork(`client ${n}`), `${n}`),
  )
  return {
    ledger,
    ease: (times) => void (factor = times),
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

/** One request, which can be sent again as it is. */
interface Call {
  path: string
  id: number
  input: Buffer | undefined
  headers: Record<string, string>
}

function draw(place: Place, { token, kind }: Item, chance: Chance): Call {
  const fn: Fn = chance.next() < 0.7 ? 'echo' : 'say'
  const callback = {
    protocol: 'http:',
    hostname: kind === 'laterDead' ? DEAD_HOST : '127.0.0.1',
    port: place.targets[chance.whole(0, place.targets.length - 1)]!,
    path: `/${fn}`,
    timeout: TIMEOUT_MS,
    retry: kind === 'laterBrief' || kind === 'laterDead' ? BRIEF : PATIENT,
  }
  const headers: Record<string, string> = { SSVM_Callback: JSON.stringify(callback) }
  if (kind !== 'waited') headers.prefer = 'respond-async'
  if (kind === 'laterKeyed') headers['idempotency-key'] = token
  if (kind === 'laterTrap') {
    return { path: 'unreachable', id: place.executables.trap.id, input: undefined, headers }
  }
  const { id } = place.executables[fn]
  if (kind !== 'laterFetched' && kind !== 'laterCanceled') {
    return { path: fn, id, input: inputOf(token), headers }
  }
  headers.SSVM_Fetch = `http://127.0.0.1:${place.upstream}/input/${token}`
  return { path: fn, id, input: undefined, headers }
}

/** `unreached` where nobody listened: nothing was sent. */
async function handOver(place: Place, item: Item, chance: Chance): Promise<Told | 'unreached'> {
  const call = draw(place, item, chance)
  const first = await send(place, item, call, chance)
  if (item.kind !== 'laterKeyed') return first
  for (let told = first, times = 1; ; times++) {
    if (told !== 'unreached' && told.as === 'accepted') {
      // Once more, although it was answered: as a caller does that lost the answer.
      if (chance.next() < 0.3) await send(place, item, call, chance)
      return told
    }
    if (times === REPEATS_MAX) return { as: 'nothing' }
    await pause(chance.whole(50, 400))
    told = await send(place, item, call, chance)
  }
}

async function send(
  place: Place,
  { kind }: Item,
  { id, path, input, headers }: Call,
  chance: Chance,
): Promise<Told | 'unreached'> {
  const origin = place.origins[chance.whole(0, place.origins.length - 1)]!
  const signal = AbortSignal.timeout(ANSWER_MS)
  const caller: Caller = {
    request: (url, init) =>
      fetch(origin + url, {
        ...init,
        signal,
        headers: { ...(init?.headers as object), ...headers },
      }),
  }
  try {
    const response =
      kind === 'laterParts'
        ? await sendParts(caller, id, path, input!)
        : await callWith(caller, { id }, path, input === undefined ? [] : [input])
    const told = read(kind, response, await response.text())
    if (kind !== 'laterCanceled' || told.as !== 'accepted') return told
    await pause(chance.whole(0, 150))
    return { ...told, canceled: await cancel(caller, told.runId) }
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } }
    return cause?.code === 'ECONNREFUSED' ? 'unreached' : { as: 'nothing' }
  }
}

/** False too where no answer came: whether the run was canceled is not known then. */
async function cancel(caller: Caller, runId: string): Promise<boolean> {
  try {
    const response = await caller.request(`/api/runs/${runId}`, { method: 'DELETE' })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

function sendParts(caller: Caller, id: number, fn: string, input: Buffer): Promise<Response> {
  const form = new FormData()
  form.append('input_1', new Blob([new Uint8Array(input)]))
  return caller.request(`/api/multipart/run/${id}/${fn}`, { method: 'POST', body: form })
}

/** What an answer says of the item. */
function read(kind: Kind, { status, headers }: Response, text: string): Told {
  const runId = headers.get('wasmhook-run')
  if (status === 202 && runId !== null) {
    return { as: 'accepted', runId, deliveryId: null, canceled: false }
  }
  if (kind === 'waited' && status === 200) return { as: 'delivered' }
  const { error = '', code = '', delivery_id: deliveryId } = parse(text)
  // The database was lost during the commit.
  if (error.includes('whether it was stored is not known')) return { as: 'nothing' }
  if (runId !== null && deliveryId !== undefined)
    return { as: 'accepted', runId, deliveryId, canceled: false }
  return { as: 'refused', runId, status, code }
}

interface ErrorAnswer {
  error?: string
  code?: string
  delivery_id?: string
}

function parse(text: string): ErrorAnswer {
  try {
    return JSON.parse(text) as ErrorAnswer
  } catch {
    return {}
  }
}
