// A blog tells two of its author's services of a post: one builds the site, one shows it in a profile. They are called
// some time after it was published, so that no cache has the page from before.
import assert from 'node:assert/strict'
import { Webhook } from 'standardwebhooks'
import type { HttpService, Received } from '../test/helpers/http-service.ts'
import type { Stage } from './stage.ts'

const BLOG = 'blog-7'

interface Subscriber {
  id: string
  secret: string
  service: HttpService
}

/** @returns what both received */
export async function postPublished(
  stage: Stage,
): Promise<{ build: Received[]; profile: Received[] }> {
  stage.say('Two services subscribe.')
  for (const name of ['post.published', 'post.updated', 'post.deleted']) {
    await stage.post('/api/event-types', { tenant: BLOG, name, example: { title: 'A test' } })
  }
  const build = await subscribe(stage, ['post.*'])
  const profile = await subscribe(stage, ['post.published'])

  stage.say("The author tries the build out: it is sent the type's example, now and only now.")
  const tried = await stage.post(`/api/endpoints/${build.id}/test?tenant=${BLOG}`, {
    type: 'post.published',
  })
  assert.equal(tried.state, 'succeeded')
  const [test] = build.service.received
  assert.equal(test?.headers['wasmhook-test'], 'true')
  assert.equal(titleOf(build, test), 'A test')

  stage.say('A post is published; both hear of it once the wait is over.')
  const notBefore = Date.now() + stage.pauseMs
  const { message_id: id } = await stage.post('/api/messages', {
    tenant: BLOG,
    type: 'post.published',
    payload: { post: 'on-webhooks', title: 'On webhooks' },
  })
  const sent = `/api/deliveries?tenant=${BLOG}&message_id=${String(id)}&state=succeeded`
  const { items } = await stage.until(sent, (page) => (page.items as unknown[]).length === 2)
  assert.ok(Date.now() >= notBefore)
  for (const one of [build, profile]) {
    assert.equal(titleOf(one, one.service.received.at(-1)!), 'On webhooks')
  }

  stage.say(
    'The build has to be triggered once more: its delivery is sent again, under the same id.',
  )
  const found = (items as { delivery_id: string; endpoint_id: string }[]).find(
    ({ endpoint_id: endpoint }) => endpoint === build.id,
  )
  assert.ok(found)
  await stage.post(`/api/deliveries/${found.delivery_id}/resend`)
  await stage.until(`/api/deliveries/${found.delivery_id}`, ({ resending }) => resending === false)
  const [, once, again] = build.service.received
  assert.equal(once?.headers['webhook-id'], again?.headers['webhook-id'])
  assert.equal(titleOf(build, again!), 'On webhooks')
  assert.equal(profile.service.received.length, 1)

  stage.say('An update is for the build alone.')
  await stage.post('/api/messages', {
    tenant: BLOG,
    type: 'post.updated',
    payload: { title: 'II' },
  })
  const all = `/api/deliveries?tenant=${BLOG}&state=succeeded`
  await stage.until(all, (page) => (page.items as unknown[]).length === 3)
  assert.equal(titleOf(build, build.service.received.at(-1)!), 'II')
  return { build: build.service.received, profile: profile.service.received }
}

async function subscribe(stage: Stage, eventTypes: string[]): Promise<Subscriber> {
  const service = await stage.service((_request, reply) => reply.end())
  const { endpoint_id: id, secret } = await stage.post('/api/endpoints', {
    tenant: BLOG,
    url: `${service.origin}/hook`,
    event_types: eventTypes,
    delay_ms: stage.pauseMs,
  })
  return { id: String(id), secret: String(secret), service }
}

/** Verified as any receiver would, with the library of Standard Webhooks. */
function titleOf({ secret }: Subscriber, { body, headers }: Received): string {
  const signed = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [
      name,
      String(headers[name]),
    ]),
  )
  const event = new Webhook(secret).verify(body.toString('utf8'), signed) as {
    data: { title: string }
  }
  return event.data.title
}
