// Another service tells of an event: an address that checks a password, a function that composes a mail for the address in
// its variable, and a mail service that the mail is sent to by callback. A wrong password is refused; the same event sent
// again is no second mail.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Received } from '../test/helpers/http-service.ts'
import type { Stage } from './stage.ts'

const TENANT = 'secret-chest'
const EMAIL_ADDRESS = 'ops@example.com'
const PASSWORD = 'a password that both services know'
const MODULE = new URL('../examples-rust/listener/listener.wasm', import.meta.url)

const EVENT = {
  event: 'password_created',
  eventId: 12345,
  customerName: 'Chuck U Farley',
  customerEmail: 'chuckufarley@example.com',
}

/** @returns what the mail service received, in order */
export async function webhookListener(stage: Stage): Promise<Received[]> {
  const mails = await stage.service((_request, reply) => reply.writeHead(202).end())

  stage.say('The listener is uploaded; it mails to EMAIL_ADDRESS, by way of the mail service.')
  const { wasm_id: id, SSVM_Admin_Key: key } = await stage.upload(await readFile(MODULE))
  const keys = { SSVM_Admin_Key: String(key) }
  await stage.put(`/api/executables/${String(id)}/variables`, { EMAIL_ADDRESS }, keys)
  await stage.put(
    `/api/callback/${String(id)}`,
    {
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: mails.port,
      path: '/send',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      retry: { interval_ms: stage.pauseMs, backoff: 1, retries: 3 },
    },
    keys,
  )

  stage.say('An address for the other service, which is to send the password within its JSON.')
  const source = await stage.post(
    '/api/sources',
    {
      tenant: TENANT,
      verify: { scheme: 'secret', in: 'json', name: 'password', secrets: [PASSWORD] },
      event_id: { in: 'json', name: 'eventId' },
      function: { wasm_id: id, name: 'webhook' },
    },
    keys,
  )
  const url = String(source.url)

  stage.say('The other service sends an event.')
  assert.equal((await send(stage, url, { ...EVENT, password: PASSWORD })).status, 202)
  const [mail] = await stage.received(mails, 1)
  assert.deepEqual(JSON.parse(mail!.body.toString()), {
    to: EMAIL_ADDRESS,
    subject: 'Webhook notification: password_created 12345',
    text: 'Chuck U Farley <chuckufarley@example.com>: password_created, event 12345.',
    reference: '12345',
  })

  stage.say('A stranger, who does not know the password, is refused, and not told why.')
  const stranger = await send(stage, url, { ...EVENT, eventId: 666, password: 'guessed' })
  assert.deepEqual([stranger.status, stranger.body.code], [401, 'HOOK_REFUSED'])

  stage.say('The other service is not sure, and sends the event again.')
  const again = await send(stage, url, { ...EVENT, password: PASSWORD })
  assert.deepEqual([again.status, again.body.duplicate], [200, true])

  stage.say('The history of the address tells all three.')
  const history = `/api/sources/${String(source.source_id)}/events?tenant=${TENANT}`
  const { items } = (await stage.get(history)) as { items: Record<string, unknown>[] }
  assert.deepEqual(
    items.map(({ verdict, reason_code: why }) => [verdict, why]),
    [
      ['duplicate', null],
      ['refused', 'SECRET_WRONG'],
      ['accepted', null],
    ],
  )
  return mails.received
}

/** What the other service does. */
async function send(stage: Stage, url: string, event: object) {
  const body = JSON.stringify(event)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers, body })
  const told = (await answer.json()) as Record<string, unknown>
  stage.tell(`POST ${url} ${body}`, `${answer.status} ${JSON.stringify(told)}`)
  return { status: answer.status, body: told }
}
