// Sources as their owners make and change them, and the history that they look at.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { before, beforeEach, describe, test } from 'node:test'
import { sign as signGithub } from '@octokit/webhooks-methods'
import { suiteScope } from './helpers/build-app.ts'
import { refused } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { PUSH, createSourceHub } from './helpers/source-hub.ts'
import type { SourceHub } from './helpers/source-hub.ts'

describe('a source', () => {
  const scope = suiteScope()
  let at: SourceHub
  let hub: EventHub
  let echo: Uploaded

  before(async () => {
    at = await createSourceHub(scope, { SOURCES_MAX: 40, SOURCE_EVENTS_KEPT: 60 })
    ;({ hub, echo } = at)
  })
  beforeEach(() => hub.reset())

  test('does once more what it got, as it does it now', async () => {
    const { source_id: id } = await at.source({ function: at.fn('fail', echo) })
    const { event_id: eventId } = await hub.made(await at.push(id), 202)
    const changed = { function: at.fn('echo', echo) }
    const query = `tenant=${hub.tenant}`
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?${query}`, changed), 200)
    const replay = `/api/sources/${id}/events/${String(eventId)}/replay?${query}`
    const again = await hub.made(await hub.send('POST', replay), 202)
    assert.deepEqual([again.replay_of, again.verdict, again.id], [eventId, 'accepted', 'd-1'])
    assert.equal(await at.resultOf(again.run_id, echo), PUSH)
    assert.equal((await at.history(id, '&verdict=accepted')).length, 2)
    const none = `/api/sources/${id}/events/${id}/replay?${query}`
    await refused(await hub.send('POST', none), 404, 'NOT_FOUND')
    const unsigned = await at.hook(id, PUSH)
    assert.equal(unsigned.status, 401)
    const [refusedOne] = await at.history(id, '&verdict=refused')
    const gone = `/api/sources/${id}/events/${String(refusedOne?.event_id)}/replay?${query}`
    await refused(await hub.send('POST', gone), 410, 'PAYLOAD_GONE')
  })

  test('is not there while it is disabled, once it is deleted, and by another method', async () => {
    const { source_id: id } = await at.source({ enabled: false })
    const url = `/api/sources/${id}?tenant=${hub.tenant}`
    await refused(await at.push(id), 404, 'NOT_FOUND')
    await hub.made(await hub.send('PATCH', url, { enabled: true }), 200)
    await hub.made(await at.push(id), 202)
    const got = await hub.app.request(`/hooks/${id}`)
    assert.equal(got.headers.get('allow'), 'POST')
    await refused(got, 405, 'METHOD_NOT_ALLOWED')
    await refused(
      await hub.app.request(`/hooks/${id}`, { method: 'PUT' }),
      405,
      'METHOD_NOT_ALLOWED',
    )
    await hub.made(await hub.send('DELETE', url), 200)
    await refused(await at.push(id), 404, 'NOT_FOUND')
    await refused(await hub.send('GET', url), 404, 'NOT_FOUND')
    await refused(await at.hook('unknown', PUSH), 404, 'NOT_FOUND')
  })

  test('has what was replayed for done, where its sender sends it again', async () => {
    const { source_id: id } = await at.source({ format: 'xml' })
    await refused(await at.push(id), 415, 'UNSUPPORTED_MEDIA_TYPE')
    const [event] = await at.history(id)
    const query = `tenant=${hub.tenant}`
    const change = { format: 'json' }
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?${query}`, change), 200)
    const replay = `/api/sources/${id}/events/${String(event?.event_id)}/replay?${query}`
    const replayed = await hub.made(await hub.send('POST', replay), 202)
    const again = await hub.made(await at.push(id), 200)
    assert.deepEqual(again, { event_id: replayed.event_id, duplicate: true })
  })

  test('takes nothing of what began to arrive before it was deleted', async () => {
    const { source_id: id } = await at.source({ verify: { scheme: 'none' } })
    const message = httpRequest(`${hub.app.origin}/hooks/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '7' },
    })
    const answered = once(message, 'response') as Promise<[IncomingMessage]>
    message.write('{"a"')
    // The server has read the headers: it answers what comes after them on other connections.
    await at.history(id)
    await hub.made(await hub.send('DELETE', `/api/sources/${id}?tenant=${hub.tenant}`), 200)
    message.end(':1}')
    const [response] = await answered
    response.resume()
    assert.equal(response.statusCode, 404)
  })

  test('answers challenges, and runs nothing for them', async () => {
    const runs = (await at.runsOf(echo)).length
    const slackSecret = '8f742231b10e8888abcd99yyyzzz85a5'
    const slack = await at.source({ verify: { scheme: 'slack', secrets: [slackSecret] } })
    const asked = JSON.stringify({ type: 'url_verification', challenge: 'say this', token: 't' })
    const seconds = String(Math.floor(hub.clock.nowMs / 1000))
    const mac = createHmac('sha256', slackSecret).update(`v0:${seconds}:${asked}`).digest('hex')
    const signed = { 'x-slack-request-timestamp': seconds, 'x-slack-signature': `v0=${mac}` }
    const said = await at.hook(slack.source_id, asked, signed)
    assert.deepEqual([said.status, await said.text()], [200, 'say this'])
    assert.equal((await at.hook(slack.source_id, asked)).status, 401)
    const nonsense = JSON.stringify({ type: 'url_verification', challenge: '\n' })
    const own = createHmac('sha256', slackSecret).update(`v0:${seconds}:${nonsense}`).digest('hex')
    const signs = { ...signed, 'x-slack-signature': `v0=${own}` }
    await refused(await at.hook(slack.source_id, nonsense, signs), 401, 'HOOK_REFUSED')

    const meta = await at.source({ challenge: { kind: 'meta', verify_token: 'it is us' } })
    const query = 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token='
    const expected = await hub.app.request(`/hooks/${meta.source_id}?${query}it%20is%20us`)
    assert.deepEqual([expected.status, await expected.text()], [200, '1158201444'])
    const stranger = await hub.app.request(`/hooks/${meta.source_id}?${query}another`)
    await refused(stranger, 401, 'HOOK_REFUSED')

    const cloud = await at.source({
      challenge: { kind: 'cloudevents', origins: ['events.example'] },
    })
    const allowed = await hub.app.request(`/hooks/${cloud.source_id}`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'events.example', 'webhook-request-rate': '120' },
    })
    assert.equal(allowed.status, 200)
    assert.equal(allowed.headers.get('webhook-allowed-origin'), 'events.example')

    assert.deepEqual(await at.verdicts(slack.source_id), ['refused', 'refused', 'challenge'])
    assert.deepEqual(await at.verdicts(meta.source_id), ['refused', 'challenge'])
    assert.deepEqual(await at.verdicts(cloud.source_id), ['challenge'])
    assert.equal((await at.runsOf(echo)).length, runs)
  })

  test('is shown with its secrets masked, and one that was made is shown once', async () => {
    const { secret, ...made } = await at.source({ verify: { scheme: 'github' } })
    assert.match(String(secret), /^\S{24,}$/)
    const url = `/api/sources/${made.source_id}?tenant=${hub.tenant}`
    const shown = await hub.get(url)
    assert.deepEqual(shown, made)
    assert.ok(!JSON.stringify(shown).includes(String(secret)))
    const signed = await signGithub(String(secret), PUSH)
    const response = await at.hook(made.source_id, PUSH, { 'x-hub-signature-256': signed })
    await hub.made(response, 202)
    const { items } = await hub.get(`/api/sources?tenant=${hub.tenant}`)
    assert.deepEqual((items as Json[])[0], made)
  })

  test('that says too little, too much or nonsense is refused, and the field named', async () => {
    const verify = { scheme: 'none' }
    const target = { function: at.fn('echo', echo) }
    for (const [body, field] of [
      [{ verify }, 'function'],
      [{ verify, publish: { type: 'a', type_from: { in: 'header', name: 'x' } } }, 'publish'],
      [{ verify, publish: {} }, 'publish'],
      [{ verify, publish: { type: 'order.created', prefix: 'x' } }, 'publish.prefix'],
      [{ verify, publish: { type: 'endpoint.disabled' } }, 'publish.type'],
      [{ verify, publish: { type: 'order.created' }, format: 'raw' }, 'format'],
      [
        { verify, publish: { type_from: { in: 'query', name: 't' }, prefix: 'a b' } },
        'publish.prefix',
      ],
      [{ ...target, verify: { scheme: 'stripe' } }, 'verify.secrets'],
      [{ ...target, verify, challenge: { kind: 'meta' } }, 'challenge.verify_token'],
      [{ ...target, verify, event_id: { in: 'json', name: '' } }, 'event_id.name'],
      [{ ...target, verify: { scheme: 'odd' } }, 'verify.scheme'],
      [{ ...target, verify, more: 1 }, 'more'],
      [target, 'verify'],
    ] as const) {
      const response = await hub.send('POST', '/api/sources', { tenant: hub.tenant, ...body })
      const answer = await refused(response, 400, 'BAD_REQUEST')
      assert.equal(answer.field, field, JSON.stringify([body, answer]))
    }
    const unknown = { tenant: hub.tenant, verify, publish: { type: 'not.there' } }
    const response = await hub.send('POST', '/api/sources', unknown)
    const { field } = await refused(response, 422, 'UNKNOWN_EVENT_TYPE')
    assert.equal(field, 'publish.type')
  })

  test('keeps the newest of its history, of each verdict, and of a flood a part', async () => {
    const { source_id: id } = await at.source({})
    await hub.made(await at.push(id), 202)
    for (let n = 0; n < 6; n++) {
      await Promise.all(Array.from({ length: 60 }, () => at.hook(id, PUSH)))
      await at.history(id)
    }
    const kept: Json[] = []
    for (let cursor = '', more = true; more;) {
      const url = `/api/sources/${id}/events?tenant=${hub.tenant}&limit=100${cursor}`
      const { items, next } = (await hub.get(url)) as { items: Json[]; next: string | null }
      kept.push(...items)
      cursor = `&cursor=${next ?? ''}`
      more = next !== null
    }
    const accepted = kept.filter(({ verdict }) => verdict === 'accepted')
    assert.equal(accepted.length, 1)
    assert.ok(kept.length < 280, String(kept.length))
  })

  test('is one of at most so many of a tenant', async () => {
    const tenant = 'another'
    const body = { tenant, verify: { scheme: 'none' }, function: at.fn('echo', echo) }
    for (let n = 0; n < 40; n++) await hub.made(await hub.send('POST', '/api/sources', body), 201)
    const { limit } = await refused(await hub.send('POST', '/api/sources', body), 409, 'CONFLICT')
    assert.equal(limit, 40)
  })
})
