// Targets of deliveries (`receiver.ts KIND …`, a process of its own), each on a port of its own:
//   healthy   answers at once
//   slow      answers after SLOW_MS
//   dead      takes the request and never answers
// It notes when each item has arrived whole, before it answers. On one more port it tells of them:
//   GET /targets        origins, in the order of the arguments
//   GET /arrivals/ROUND what arrived at healthy targets (Arrivals); /count/ROUND how many
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { clockUs, parseItem } from './item.ts'

export type TargetKind = 'healthy' | 'slow' | 'dead'

export interface Arrivals {
  /** From when an item was due to its first arrival. */
  arrivedUs: number[]
  /** Arrivals of what had arrived before. */
  again: number
  /** Of the last first arrival. */
  lastAtUs: number
}

export const SLOW_MS = 2_000

const rounds = new Map<string, Arrivals & { seen: Set<number> }>()
let requests = 0

function arrivalsOf(round: string) {
  const known = rounds.get(round)
  if (known !== undefined) return known
  const made = { arrivedUs: [], again: 0, lastAtUs: 0, seen: new Set<number>() }
  rounds.set(round, made)
  return made
}

function note(text: string): void {
  const nowUs = clockUs()
  requests++
  const item = parseItem(text)
  if (item === undefined) return
  const arrivals = arrivalsOf(item.round)
  if (arrivals.seen.has(item.number)) arrivals.again++
  else {
    arrivals.seen.add(item.number)
    arrivals.arrivedUs.push(nowUs - item.dueUs)
    arrivals.lastAtUs = nowUs
  }
}

function target(kind: TargetKind): RequestListener {
  return (request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      if (kind === 'healthy') {
        note(text)
        response.end('ok')
      } else if (kind === 'slow') setTimeout(() => response.end('ok'), SLOW_MS)
    })
  }
}

const control: RequestListener = (request, response) => {
  const [, what = '', round = ''] = (request.url ?? '').split('/')
  const { arrivedUs, again, lastAtUs } = arrivalsOf(round)
  const told: Record<string, unknown> = {
    targets,
    count: arrivedUs.length,
    requests,
    arrivals: { arrivedUs, again, lastAtUs } satisfies Arrivals,
  }
  response.end(JSON.stringify(told[what]))
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const targets = await Promise.all(
  process.argv.slice(2).map((kind) => listen(target(kind as TargetKind))),
)
console.log(await listen(control))
