// Sends items at a rate that heeds no answer (`sender.ts PLAN`, a process of its own): each at its time, and
// measured from that time, so that a server that stalls is charged for what had to wait.
import { Pool } from 'undici'
import { clockUs, formatItem } from './item.ts'

export interface SendPlan {
  origin: string
  path: string
  headers: Readonly<Record<string, string>>
  /** Item n names target n modulo their count in the header SSVM_Callback. */
  targets: readonly string[]
  round: string
  perSecond: number
  count: number
}

/** What it tells on a line. */
export interface Sent {
  /** From when an item was due to its answer. */
  acceptedUs: number[]
  /** Accepted for each target. */
  byTarget: number[]
  /** Answers that are not 202. */
  refused: number
  broken: number
  beganUs: number
  /** From the first item's time to the last answer. */
  tookUs: number
}

/** Whoever sends more at once waits for a connection, which counts as waiting for the answer. */
const CONNECTIONS_MAX = 256
/** Before the first is due. */
const START_US = 50_000

const plan = JSON.parse(process.argv[2] ?? '') as SendPlan
const pool = new Pool(plan.origin, { connections: CONNECTIONS_MAX, pipelining: 1 })
const gapUs = 1e6 / plan.perSecond
const beganUs = clockUs() + START_US
const sent: Sent = {
  acceptedUs: [],
  byTarget: plan.targets.map(() => 0),
  refused: 0,
  broken: 0,
  beganUs,
  tookUs: 0,
}

const answers = await new Promise<Promise<void>[]>((resolve) => {
  const under: Promise<void>[] = []
  const sendDue = (): void => {
    const nowUs = clockUs()
    while (under.length < plan.count && beganUs + under.length * gapUs <= nowUs) {
      under.push(send(under.length))
    }
    if (under.length < plan.count) setTimeout(sendDue, 1)
    else resolve(under)
  }
  sendDue()
})
await Promise.all(answers)
sent.tookUs = clockUs() - beganUs
await pool.close()
console.log(JSON.stringify(sent))

async function send(number: number): Promise<void> {
  const dueUs = beganUs + number * gapUs
  const target = number % plan.targets.length
  try {
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: plan.path,
      headers: { ...plan.headers, ssvm_callback: plan.targets[target]! },
      body: formatItem({ round: plan.round, number, dueUs }),
    })
    await body.dump()
    if (statusCode === 202) {
      sent.acceptedUs.push(clockUs() - dueUs)
      sent.byTarget[target]!++
    } else sent.refused++
  } catch {
    sent.broken++
  }
}
