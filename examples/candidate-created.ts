// An applicant tracking system tells a company of each new candidate: the company registers where it wants to hear of
// it, verifies the token within the payload, and looks up what became of a call that failed.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { Received } from '../test/helpers/http-service.ts'
import type { Stage } from './stage.ts'

const COMPANY = 'company-42'

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

  stage.say('The company registers a webhook; the secret is shown this once.')
  await stage.post('/api/event-types', { tenant: COMPANY, name: 'candidate.created' })
  const { secret } = await stage.post('/api/endpoints', {
    tenant: COMPANY,
    url: `${service.origin}/candidates`,
    event_types: ['candidate.created'],
    body_style: 'raw',
    signature_style: 'token',
    retry: { interval_ms: stage.pauseMs, backoff: 1, retries: 3 },
  })

  stage.say('A candidate is created, and the company is called.')
  const ada = { id: 'candidate-1', createdAt: '2026-11-27T09:00:00Z', name: 'Ada' }
  const first = await publish(stage, ada)
  await stage.until(first, ({ state }) => state === 'succeeded')
  const [heard] = service.received
  assert.ok(heard)
  assert.equal(verify(heard.body, String(secret)).name, 'Ada')

  stage.say(
    'The company is down: the call is pending while it is tried again, and then has failed.',
  )
  let look = (): void => undefined
  company = { status: 500, looked: new Promise((resolve) => (look = resolve)) }
  const second = await publish(stage, { ...ada, id: 'candidate-2', name: 'Grace' })
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
  return service.received
}

/** @returns the path of the one delivery that it makes */
async function publish(stage: Stage, candidate: Candidate): Promise<string> {
  const { message_id: id } = await stage.post('/api/messages', {
    tenant: COMPANY,
    type: 'candidate.created',
    payload: candidate,
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
