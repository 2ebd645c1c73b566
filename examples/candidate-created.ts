// An applicant tracking system tells a company of each new candidate by its id alone: Wasmhook fetches the candidate
// from the system's own API. The company registers where it wants to hear of it, verifies the token within the payload,
// and looks up what became of a call that failed.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { Received } from '../test/helpers/http-service.ts'
import type { Stage } from './stage.ts'

const COMPANY = 'company-42'
/** Of the system's API, which nobody else may ask. */
const API_KEY = 'Bearer candidates-api-key'
const CANDIDATES: readonly Candidate[] = [
  { id: 'candidate-1', createdAt: '2026-11-27T09:00:00Z', name: 'Ada' },
  { id: 'candidate-2', createdAt: '2026-11-27T09:05:00Z', name: 'Grace' },
]

interface Candidate {
  id: string
  createdAt: string
  name: string
}

/** The system's own record of the delivery, as its history shows it. */
interface Call {
  state: string
  tries: number
}

/** @returns what the company received, in order */
export async function candidateCreated(stage: Stage): Promise<Received[]> {
  /** How it answers, and what it waits for before it does. */
  let company = { status: 200, looked: Promise.resolve() }
  const service = await stage.service((_request, reply) => {
    const { status, looked } = company
    void looked.then(() => reply.writeHead(status).end())
  })

  const api = await stage.service(({ path, headers }, reply) => {
    const found = CANDIDATES.find(({ id }) => path === `/candidates/${id}`)
    if (found === undefined || headers.authorization !== API_KEY) reply.writeHead(404).end()
    else reply.setHeader('content-type', 'application/json').end(JSON.stringify(found))
  })

  stage.say('The system says where a candidate is found by its id.')
  await stage.post('/api/event-types', {
    tenant: COMPANY,
    name: 'candidate.created',
    fetch: {
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: api.port,
      path: '/candidates/{{id}}',
      headers: { authorization: API_KEY },
    },
  })

  stage.say('The company registers a webhook; the secret is shown this once.')
  const { secret } = await stage.post('/api/endpoints', {
    tenant: COMPANY,
    url: `${service.origin}/candidates`,
    event_types: ['candidate.created'],
    body_style: 'raw',
    signature_style: 'token',
    retry: { interval_ms: stage.pauseMs, backoff: 1, retries: 3 },
  })

  stage.say('A candidate is created, and the company is called.')
  const first = await publish(stage, 'candidate-1')
  await stage.until(first, ({ state }) => state === 'succeeded')
  const [heard] = service.received
  assert.ok(heard)
  assert.equal(verify(heard.body, String(secret)).name, 'Ada')

  stage.say(
    'The company is down: the call is pending while it is tried again, and then has failed.',
  )
  let look = (): void => undefined
  company = { status: 500, looked: new Promise((resolve) => (look = resolve)) }
  const second = await publish(stage, 'candidate-2')
  assert.equal((await history(stage, 'pending')).length, 1)
  look()
  await stage.until(second, ({ state }) => state === 'exhausted')
  const [failed, ...others] = await history(stage, 'failed')
  assert.ok(failed && others.length === 0)
  assert.equal(failed.tries, 4)

  stage.say('It is up again, and has the call sent once more.')
  company = { status: 200, looked: Promise.resolve() }
  await stage.post(`${second}/resend`)
  await stage.until(second, ({ state }) => state === 'succeeded')
  assert.equal(verify(service.received.at(-1)!.body, String(secret)).name, 'Grace')
  assert.equal((await history(stage, 'succeeded')).length, 2)
  // Once for each message, however often it was sent.
  assert.equal(api.received.length, CANDIDATES.length)
  return service.received
}

/** @returns the path of the one delivery that it makes */
async function publish(stage: Stage, candidateId: string): Promise<string> {
  const { message_id: id } = await stage.post('/api/messages', {
    tenant: COMPANY,
    type: 'candidate.created',
    payload: { id: candidateId },
  })
  const query = `tenant=${COMPANY}&message_id=${String(id)}`
  const { items } = (await stage.get(`/api/deliveries?${query}`)) as {
    items: { delivery_id: string }[]
  }
  assert.equal(items.length, 1)
  return `/api/deliveries/${items[0]!.delivery_id}`
}

async function history(stage: Stage, state: string): Promise<Call[]> {
  const { items } = await stage.get(`/api/deliveries?tenant=${COMPANY}&state=${state}`)
  return items as Call[]
}

/** What the company does with each call: nobody without the secret can make this token. */
function verify(body: Buffer, secret: string): Candidate {
  const candidate = JSON.parse(body.toString('utf8')) as Candidate & { token: string }
  const signed = candidate.id + candidate.createdAt
  const expected = createHmac('sha256', secret).update(signed).digest('hex')
  assert.equal(candidate.token, expected)
  return candidate
}
