// The examples of events play against a real server, and their receivers saw what the examples tell.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { candidateCreated } from '../examples/candidate-created.ts'
import { postPublished } from '../examples/post-published.ts'
import { Stage } from '../examples/stage.ts'
import { webhookListener } from '../examples/webhook-listener.ts'
import { buildApp } from './helpers/build-app.ts'
import type { Scope } from './helpers/build-app.ts'

const API_TOKEN = 'a-token-of-enough-characters'

async function stage(scope: Scope): Promise<Stage> {
  const { origin } = await buildApp(scope, { API_TOKEN, DELIVERY_POLL_MS: 10 })
  return new Stage({ origin, token: API_TOKEN, say: () => undefined, scope, pauseMs: 100 })
}

test('a company hears of a candidate, and of another once it is up again, after four calls in vain', async (t) => {
  const received = await candidateCreated(await stage(t))
  assert.deepEqual(
    received.map(({ body }) => (JSON.parse(body.toString()) as { name: string }).name),
    ['Ada', 'Grace', 'Grace', 'Grace', 'Grace', 'Grace'],
  )
})

test('one of two services is tried out, both hear of a post, and one of them of what it subscribed to besides', async (t) => {
  const { build, profile } = await postPublished(await stage(t))
  const types = (received: typeof build): string[] =>
    received.map(({ body }) => (JSON.parse(body.toString()) as { type: string }).type)
  assert.deepEqual(
    build.map(({ headers }) => headers['wasmhook-test']),
    ['true', undefined, undefined, undefined],
  )
  assert.deepEqual(types(build).slice(1), ['post.published', 'post.published', 'post.updated'])
  assert.deepEqual(types(profile), ['post.published'])
})

test('a mail service gets one mail of an event that is sent twice, and none of a stranger', async (t) => {
  const mails = await webhookListener(await stage(t))
  assert.deepEqual(
    mails.map(({ path, headers }) => [path, headers['content-type']]),
    [['/send', 'application/json']],
  )
})
