// The auditing receiver, a process that is never killed: targets that take what arrives, or refuse, stall, drip,
// reset and answer 500 as chance has it, and an upstream to fetch inputs from. It remembers every arrival.
//
// As a receiver should, it drops what it has seen: what it has answered 2xx once, it answers 2xx at once.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { createChance } from './chance.ts'
import type { Chance } from './chance.ts'
import { TIMEOUT_MS, inputOf, readResult } from './content.ts'
import type { Fn } from './content.ts'
import { freePort } from './free-port.ts'

export interface Arrival {
  atMs: number
  token: string
  /** Every byte is what the token says. */
  exact: boolean
  delivery: string | null
  behaviour: Behaviour
  /** A 2xx was begun, or wholly written while the sender still waited. */
  answer: 'none' | 'begun' | 'taken'
  /** It had been taken before. */
  duplicate: boolean
}

export interface ReceiverReport {
  arrivals: Arrival[]
  /** The longest that this process was held up: past TIMEOUT_MS its word on what was taken means nothing. */
  heldUpMs: number
  refusals: number
}

/** What the parent tells it. */
export type Order = { kind: 'behave' } | { kind: 'report' }

/** What is written to the socket within this time of the arrival was written while the sender waited. */
const TAKEN_WITHIN_MS = TIMEOUT_MS / 2

const BEHAVIOURS = {
  take: 56,
  dripWhole: 6,
  error: 14,
  unavailable: 2,
  gone: 1,
  stall: 3,
  dripEndless: 3,
  resetUnread: 4,
  resetUnanswered: 5,
  resetMidway: 4,
  flood: 2,
} as const
type Behaviour = keyof typeof BEHAVIOURS
/** Cuts the connection before anything is read. */
const UNREAD: Behaviour = 'resetUnread'

const UPSTREAM = { answer: 86, error: 4, stall: 2, reset: 4, cut: 4 } as const
/** How many targets (lanes) there are. */
const TARGETS = 6

const [, , seed = '1'] = process.argv
const chance = createChance(Number(seed)).fork('receiver')
const arrivals: Arrival[] = []
const taken = new Set<string>()
let behaving = false
const behaves = (): boolean => behaving
let refusals = 0
/** Answers under way to what was taken before. */
let thanking = 0

const sleep = (least: number, most: number): Promise<void> => pause(chance.whole(least, most))

async function receive(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const behaviour = behaves() ? 'take' : chance.pick(BEHAVIOURS)
  if (behaviour === UNREAD) {
    request.socket.resetAndDestroy()
    return
  }
  const body = await read(request)
  if (body === undefined) return
  const fn = (request.url ?? '').slice(1) as Fn
  const atMs = Date.now()
  const { token, exact } = readResult(fn, body)
  const duplicate = taken.has(token)
  const header = request.headers['wasmhook-delivery']
  const delivery = typeof header === 'string' ? header : null
  const arrival: Arrival = {
    atMs,
    token,
    exact,
    delivery,
    behaviour: duplicate ? 'take' : behaviour,
    answer: 'none',
    duplicate,
  }
  arrivals.push(arrival)
  reply.on('finish', () => {
    if (reply.statusCode >= 300 || Date.now() - atMs > TAKEN_WITHIN_MS) return
    arrival.answer = 'taken'
    taken.add(token)
  })
  if (duplicate) {
    thanking++
    reply.on('close', () => thanking--)
  }
  // Whoever has given up by now is seen to have: what is written to nobody was not taken.
  await sleep(2, 40)
  if (reply.destroyed) return
  await answer(reply, arrival)
}

async function answer(reply: ServerResponse, arrival: Arrival): Promise<void> {
  const { behaviour } = arrival
  const begin = (headers: Record<string, string> = {}): void => {
    reply.writeHead(200, headers).flushHeaders()
    arrival.answer = 'begun'
  }
  switch (behaviour) {
    case 'take':
      arrival.answer = 'begun'
      reply.end('thank you')
      return
    case 'dripWhole':
      begin()
      for (let n = 0; n < 5; n++) {
        await sleep(10, 60)
        reply.write('drip ')
      }
      reply.end()
      return
    case 'error':
      reply.writeHead(500).end('not today')
      return
    case 'unavailable':
      reply.writeHead(503, { 'retry-after': '1' }).end()
      return
    case 'gone':
      reply.writeHead(410).end()
      return
    case 'stall':
      return
    case 'dripEndless':
      begin()
      while (!reply.destroyed) {
        reply.write('.')
        await pause(100)
      }
      return
    case 'resetUnanswered':
      reply.socket?.resetAndDestroy()
      return
    case 'resetMidway':
      begin({ 'content-length': '100' })
      reply.write('half of it')
      await sleep(1, 20)
      reply.socket?.resetAndDestroy()
      return
    case 'flood':
      begin()
      for (let n = 0; n < 64 && !reply.destroyed; n++) {
        reply.write(Buffer.alloc(16_384, 'x'))
        await pause(1)
      }
      reply.end()
      return
    case 'resetUnread':
      return
  }
}

async function supply(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const bytes = inputOf((request.url ?? '').slice('/input/'.length))
  const how = behaves() ? 'answer' : chance.pick(UPSTREAM)
  await sleep(5, 250)
  if (how === 'answer') reply.end(bytes)
  else if (how === 'error') reply.writeHead(500).end()
  else if (how === 'reset') reply.socket?.resetAndDestroy()
  else if (how === 'cut') {
    reply.writeHead(200, { 'content-length': String(bytes.length) })
    reply.write(bytes.subarray(0, bytes.length / 2), () => reply.socket?.resetAndDestroy())
  }
}

/** The whole body, or nothing where the sender broke off. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

type Handler = (request: IncomingMessage, reply: ServerResponse) => Promise<void>

async function listen(handler: Handler, port: number): Promise<Server> {
  const server = createServer((request, reply) => {
    reply.on('error', () => undefined)
    void handler(request, reply)
  })
  server.keepAliveTimeout = 1_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A target that is not there for a while, again and again. */
async function comeAndGo(port: number, own: Chance): Promise<void> {
  for (;;) {
    const server = await listen(receive, port)
    const staysUntil = Date.now() + own.whole(3_000, 12_000)
    while (behaves() || Date.now() < staysUntil) await pause(100)
    refusals++
    const closed = new Promise((resolve) => server.close(resolve))
    // Whoever sends again what was taken is not made to send it once more.
    while (thanking > 0) await pause(2)
    server.closeAllConnections()
    await closed
    const returnsAt = Date.now() + own.whole(100, 1_200)
    while (!behaves() && Date.now() < returnsAt) await pause(20)
  }
}

let heldUpMs = 0
let beatAt = performance.now()
setInterval(() => {
  const nowMs = performance.now()
  heldUpMs = Math.max(heldUpMs, nowMs - beatAt - 20)
  beatAt = nowMs
}, 20)

const targets: number[] = []
for (let n = 0; n < TARGETS; n++) {
  const port = await freePort()
  targets.push(port)
  void comeAndGo(port, chance.fork(`target ${n}`))
}
const upstream = await freePort()
await listen(supply, upstream)

process.on('message', (order: Order) => {
  if (order.kind === 'behave') behaving = true
  else process.send?.({ arrivals, heldUpMs, refusals } satisfies ReceiverReport)
})
process.on('disconnect', () => process.exit(0))
process.send?.({ targets, upstream })
