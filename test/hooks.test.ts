// Sources: other services call them, verified, and drive functions and messages.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { before, beforeEach, describe, test } from 'node:test'
import { sign as signGithub } from '@octokit/webhooks-methods'
import { suiteScope } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import { createEventHub } from './helpers/event-hub.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { example, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'

const SECRET = 'the sender and the source alone know it'
const PUSH = '{"ref":"refs/heads/main","commits":[1.0]}'

describe('a source', () => {
  const scope = suiteScope()
  let hub: EventHub
  let echo: Uploaded
  let context: Uploaded

  before(async () => {
    hub = await createEventHub(scope, {
      ...{ HOOK_BYTES: 10_000, SOURCES_MAX: 40, SOURCE_EVENTS_KEPT: 60, QUEUE_WAIT_MS: 60_000 },
    })
    echo = await upload(hub.app, await guest('echo'))
    context = await upload(hub.app, await guest('context'))
  })
  beforeEach(() => hub.reset())

  const fn = (name: string, of: Uploaded, answer: 'result' | 'accepted' = 'accepted') => ({
    ...{ wasm_id: of.id, name, answer },
  })

  async function source(fields: object, keys: object = {}): Promise<Json & { source_id: string }> {
    const body = {
      tenant: hub.tenant,
      verify: { scheme: 'github', secrets: [SECRET] },
      function: fn('echo', echo),
      ...fields,
    }
    const made = await hub.made(await hub.send('POST', '/api/sources', body, keys), 201)
    return made as Json & { source_id: string }
  }

  const hook = (id: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    hub.app.request(`/hooks/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })

  /** As GitHub sends it. */
  const push = async (id: string, deliveryId = 'd-1', body = PUSH) =>
    hook(id, body, {
      'x-github-delivery': deliveryId,
      'x-github-event': 'push',
      'x-hub-signature-256': await signGithub(SECRET, body),
    })

  async function history(id: string, query = ''): Promise<Json[]> {
    const url = `/api/sources/${id}/events?tenant=${hub.tenant}${query}`
    return (await hub.get(url)).items as Json[]
  }

  const verdicts = async (id: string) => (await history(id)).map(({ verdict }) => verdict)

  async function runsOf(one: Uploaded): Promise<Json[]> {
    const url = `/api/executables/${one.id}/runs?limit=100`
    const response = await hub.app.request(url, { headers: admin(one) })
    return (await hub.made(response, 200)).items as Json[]
  }

  /** The result of a run, once it has ended. */
  async function resultOf(runId: unknown, one: Uploaded): Promise<string> {
    for (;;) {
      const headers = admin(one)
      const run = await hub.made(
        await hub.app.request(`/api/runs/${String(runId)}`, { headers }),
        200,
      )
      if (run.status !== 'queued' && run.status !== 'running') {
        const result = await hub.app.request(`/api/runs/${String(runId)}/result`, { headers })
        return result.text()
      }
    }
  }

  test('has its function called in the background, once what was sent is committed', async () => {
    const { source_id: id, url } = await source({})
    assert.equal(url, `${hub.app.origin}/hooks/${id}`)
    const response = await push(id)
    const { event_id: eventId } = await hub.made(response, 202)
    assert.equal(response.headers.get('wasmhook-event'), eventId)
    const [event, ...others] = await history(id)
    assert.deepEqual([event?.verdict, event?.id, others.length], ['accepted', 'd-1', 0])
    assert.equal(await resultOf(event?.run_id, echo), PUSH)
  })

  test('tells a stranger nothing, and its owner why', async () => {
    const { source_id: id } = await source({})
    const runs = (await runsOf(echo)).length
    const signature = await signGithub(SECRET, PUSH)
    for (const [headers, body] of [
      [{}, PUSH],
      [{ 'x-hub-signature-256': signature }, `${PUSH} `],
      [{ 'x-hub-signature-256': await signGithub('another', PUSH) }, PUSH],
    ] as const) {
      const answer = await refused(await hook(id, body, headers), 401, 'HOOK_REFUSED')
      assert.deepEqual(Object.keys(answer), ['error', 'code'])
      assert.doesNotMatch(answer.error, /signature|secret/i)
    }
    const reasons = (await history(id)).map(({ reason_code: code }) => code)
    assert.deepEqual(reasons, ['SIGNATURE_WRONG', 'SIGNATURE_WRONG', 'SIGNATURE_MISSING'])
    assert.equal((await runsOf(echo)).length, runs)
  })

  test('answers what it had already as a duplicate, by its id or by its signature, and runs nothing', async () => {
    const { source_id: id } = await source({})
    const { event_id: first } = await hub.made(await push(id), 202)
    const runs = (await runsOf(echo)).length
    for (const deliveryId of ['d-1', 'd-2']) {
      const again = await hub.made(await push(id, deliveryId), 200)
      assert.deepEqual(again, { event_id: first, duplicate: true })
    }
    assert.deepEqual(await verdicts(id), ['duplicate', 'duplicate', 'accepted'])
    assert.equal((await history(id))[0]?.duplicate_of, first)
    assert.equal((await runsOf(echo)).length, runs)
    hub.clock.nowMs += 24 * 3_600_000
    await hub.made(await push(id), 202)
  })

  test('answers what the function returns, which a browser must not run', async () => {
    const { source_id: id } = await source({ function: fn('echo', echo, 'result') })
    const response = await push(id)
    assert.equal(response.headers.get('content-security-policy'), "sandbox; default-src 'none'")
    assert.ok(response.headers.get('wasmhook-event'))
    // Who has it may read the run of an open function.
    assert.equal(response.headers.get('wasmhook-run'), null)
    assert.deepEqual([response.status, await response.text()], [200, PUSH])
    await hub.made(await push(id), 200)
  })

  test('has an event again whose function failed while its sender waited', async () => {
    const { source_id: id } = await source({ function: fn('fail', echo, 'result') })
    await refused(await push(id), 500, 'TRAP')
    await refused(await push(id), 500, 'TRAP')
    const changed = { function: fn('echo', echo, 'result') }
    const url = `/api/sources/${id}?tenant=${hub.tenant}`
    await hub.made(await hub.send('PATCH', url, changed), 200)
    assert.equal((await push(id)).status, 200)
    assert.deepEqual(await verdicts(id), ['accepted', 'accepted', 'accepted'])
    assert.deepEqual((await hub.made(await push(id), 200)).duplicate, true)
  })

  test('sends away what comes again while its function runs, to come later', async () => {
    let answer = (): void => undefined
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    let began = (): void => undefined
    const begun = new Promise<void>((resolve) => {
      began = resolve
    })
    const slow = await httpService(scope, (_request, reply) => {
      began()
      void asked.then(() => reply.end('taken'))
    })
    const forwards = await upload(hub.app, await guest('echo'))
    const callback = `/api/callback/${forwards.id}`
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: slow.port }
    await hub.send('PUT', callback, spec, admin(forwards))
    const { source_id: id } = await source({ function: fn('echo', forwards, 'result') })
    const first = push(id)
    await begun
    const response = await push(id)
    assert.equal(response.headers.get('retry-after'), '1')
    await refused(response, 409, 'HOOK_IN_FLIGHT')
    answer()
    assert.deepEqual([(await first).status, await (await first).text()], [200, 'taken'])
    assert.equal((await push(id)).status, 200)
    assert.deepEqual(await verdicts(id), ['duplicate', 'refused', 'accepted'])
    assert.equal(slow.received.length, 1)
  })

  test('gives a function that takes one text more the request, whatever its state is', async () => {
    const state = `/api/state/${context.id}`
    await hub.app.request(state, { method: 'PUT', headers: admin(context), body: 'the state' })
    const { source_id: id } = await source({
      verify: { scheme: 'secret', in: 'query', name: 'key', secrets: [SECRET] },
      event_id: { in: 'json', name: 'order.id' },
      function: fn('say', context, 'result'),
    })
    const response = await hub.app.request(
      `/hooks/${id}?key=${encodeURIComponent(SECRET)}&page=2&tag=a&tag=b`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer x', 'x-own': 'yes' },
        body: '{"order":{"id":17}}',
      },
    )
    const said = await response.text()
    assert.equal(response.status, 200, said)
    assert.ok(said.endsWith(' {"order":{"id":17}}'), said)
    const { headers, ...seen } = JSON.parse(said.slice(0, said.indexOf('} {') + 1)) as Json
    assert.deepEqual(seen, { query: { page: '2', tag: ['a', 'b'] }, source: id, id: '17' })
    assert.equal((headers as Json)['x-own'], 'yes')
    assert.equal((headers as Json).authorization, undefined)
  })

  test('gives a command the request as the variable webhook', async () => {
    const listener = await upload(hub.app, await example('listener'))
    const variables = `/api/executables/${listener.id}/variables`
    await hub.made(
      await hub.send('PUT', variables, { EMAIL_ADDRESS: 'a@example.com' }, admin(listener)),
      200,
    )
    const { source_id: id } = await source({
      verify: { scheme: 'secret', in: 'json', name: 'password', secrets: [SECRET] },
      event_id: { in: 'json', name: 'eventId' },
      function: fn('webhook', listener, 'result'),
    })
    const event = { event: 'created', eventId: 7, customerName: 'A', customerEmail: 'a@b' }
    const response = await hook(id, JSON.stringify({ password: SECRET, ...event }))
    const mail = (await response.json()) as Json
    assert.deepEqual([mail.to, mail.reference], ['a@example.com', '7'])
    const [{ event_id: eventId } = {} as Json] = await history(id)
    const url = `/api/sources/${id}/events/${String(eventId)}?tenant=${hub.tenant}`
    const kept = await hub.get(url)
    assert.equal(kept.body, JSON.stringify(event))
  })

  test('publishes what was sent, and runs its function as well, both or neither', async () => {
    await hub.made(
      await hub.send('POST', '/api/event-types', {
        ...{ tenant: hub.tenant, name: 'github.push', enforcement: 'reject' },
        schema: { required: ['ref'] },
      }),
      201,
    )
    await hub.endpoint({ event_types: ['github.*'], body_style: 'raw' })
    const { source_id: id } = await source({
      publish: { type_from: { in: 'header', name: 'X-GitHub-Event' }, prefix: 'github.' },
    })
    await hub.made(await push(id), 202)
    const [event] = await history(id)
    const delivery = await hub.deliveryOf(event?.message_id, hasEnded)
    assert.equal(delivery.state, 'succeeded')
    assert.equal(hub.target.received[0]?.body.toString(), PUSH)
    assert.equal(await resultOf(event?.run_id, echo), PUSH)

    const runs = (await runsOf(echo)).length
    const mismatch = await refused(await push(id, 'd-3', '{"no":1}'), 422, 'PAYLOAD_MISMATCH')
    assert.match(String(mismatch.field), /^payload/)
    assert.equal((await runsOf(echo)).length, runs)
    const [why] = await history(id)
    assert.deepEqual([why?.verdict, why?.reason_code], ['refused', 'PAYLOAD_MISMATCH'])
    await hub.made(await push(id), 200)
  })

  test('does once more what it got, as it does it now', async () => {
    const { source_id: id } = await source({ function: fn('fail', echo) })
    const { event_id: eventId } = await hub.made(await push(id), 202)
    const changed = { function: fn('echo', echo) }
    const query = `tenant=${hub.tenant}`
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?${query}`, changed), 200)
    const replay = `/api/sources/${id}/events/${String(eventId)}/replay?${query}`
    const again = await hub.made(await hub.send('POST', replay), 202)
    assert.deepEqual([again.replay_of, again.verdict, again.id], [eventId, 'accepted', 'd-1'])
    assert.equal(await resultOf(again.run_id, echo), PUSH)
    assert.equal((await history(id, '&verdict=accepted')).length, 2)
    const none = `/api/sources/${id}/events/${id}/replay?${query}`
    await refused(await hub.send('POST', none), 404, 'NOT_FOUND')
    const unsigned = await hook(id, PUSH)
    assert.equal(unsigned.status, 401)
    const [refusedOne] = await history(id, '&verdict=refused')
    const gone = `/api/sources/${id}/events/${String(refusedOne?.event_id)}/replay?${query}`
    await refused(await hub.send('POST', gone), 410, 'PAYLOAD_GONE')
  })

  test('is not there while it is disabled, once it is deleted, and by another method', async () => {
    const { source_id: id } = await source({ enabled: false })
    const url = `/api/sources/${id}?tenant=${hub.tenant}`
    await refused(await push(id), 404, 'NOT_FOUND')
    await hub.made(await hub.send('PATCH', url, { enabled: true }), 200)
    await hub.made(await push(id), 202)
    const got = await hub.app.request(`/hooks/${id}`)
    assert.equal(got.headers.get('allow'), 'POST')
    await refused(got, 405, 'METHOD_NOT_ALLOWED')
    await refused(
      await hub.app.request(`/hooks/${id}`, { method: 'PUT' }),
      405,
      'METHOD_NOT_ALLOWED',
    )
    await hub.made(await hub.send('DELETE', url), 200)
    await refused(await push(id), 404, 'NOT_FOUND')
    await refused(await hub.send('GET', url), 404, 'NOT_FOUND')
    await refused(await hook('unknown', PUSH), 404, 'NOT_FOUND')
  })

  test('calls no function that it may not call any more, and has its sender come again', async () => {
    const closed = await upload(hub.app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    await refused(
      await hub.send('POST', '/api/sources', {
        ...{ tenant: hub.tenant, verify: { scheme: 'none' }, function: fn('echo', closed) },
      }),
      401,
      'MISSING_KEY',
    )
    const usage = { SSVM_Usage_Key: closed.usageKey }
    const { source_id: id } = await source({ function: fn('echo', closed) }, usage)
    await hub.made(await push(id), 202)
    const rotated = await hub.app.request(`/api/keys/${closed.id}/usage_key`, {
      ...{ method: 'PUT', headers: admin(closed) },
    })
    assert.ok(rotated.ok, String(rotated.status))
    const response = await push(id, 'd-2', '{"other":1}')
    assert.equal(response.headers.get('retry-after'), '1')
    const { error } = await refused(response, 503, 'HOOK_UNAVAILABLE')
    assert.ok(!error.includes(String(closed.id)))
    assert.match(String((await history(id))[0]?.reason), /may not call/)
  })

  test('answers a duplicate whatever has become of its function, its format and its type', async () => {
    const closed = await upload(hub.app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    const usage = { SSVM_Usage_Key: closed.usageKey }
    const { source_id: id } = await source({ function: fn('echo', closed) }, usage)
    const { event_id: first } = await hub.made(await push(id), 202)
    const url = `/api/executables/${closed.id}`
    const gone = await hub.app.request(url, { method: 'DELETE', headers: admin(closed) })
    assert.ok(gone.ok)
    const change = { format: 'xml' }
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?tenant=${hub.tenant}`, change), 200)
    assert.deepEqual(await hub.made(await push(id), 200), { event_id: first, duplicate: true })
  })

  test('tells a sender of a failure what it is, and nothing of the inside', async () => {
    const forwards = await upload(hub.app, await guest('echo'))
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: 1 }
    await hub.send('PUT', `/api/callback/${forwards.id}`, spec, admin(forwards))
    for (const [target, status, code] of [
      [fn('echo', forwards, 'result'), 502, 'CALLBACK_FAILED'],
      [fn('fail', echo, 'result'), 500, 'TRAP'],
    ] as const) {
      const { source_id: id } = await source({ function: target })
      const answer = await refused(await push(id), status, code)
      assert.deepEqual(Object.keys(answer), ['error', 'code'])
      assert.doesNotMatch(answer.error, /127\.0\.0\.1|unreachable/)
    }
  })

  test('has what was replayed for done, where its sender sends it again', async () => {
    const { source_id: id } = await source({ format: 'xml' })
    await refused(await push(id), 415, 'UNSUPPORTED_MEDIA_TYPE')
    const [event] = await history(id)
    const query = `tenant=${hub.tenant}`
    const change = { format: 'json' }
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?${query}`, change), 200)
    const replay = `/api/sources/${id}/events/${String(event?.event_id)}/replay?${query}`
    const replayed = await hub.made(await hub.send('POST', replay), 202)
    const again = await hub.made(await push(id), 200)
    assert.deepEqual(again, { event_id: replayed.event_id, duplicate: true })
  })

  test('takes nothing of what began to arrive before it was deleted', async () => {
    const { source_id: id } = await source({ verify: { scheme: 'none' } })
    const message = httpRequest(`${hub.app.origin}/hooks/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '7' },
    })
    const answered = once(message, 'response') as Promise<[IncomingMessage]>
    message.write('{"a"')
    // The server has read the headers: it answers what comes after them on other connections.
    await history(id)
    await hub.made(await hub.send('DELETE', `/api/sources/${id}?tenant=${hub.tenant}`), 200)
    message.end(':1}')
    const [response] = await answered
    response.resume()
    assert.equal(response.statusCode, 404)
  })

  test('answers challenges, and runs nothing for them', async () => {
    const runs = (await runsOf(echo)).length
    const slackSecret = '8f742231b10e8888abcd99yyyzzz85a5'
    const slack = await source({ verify: { scheme: 'slack', secrets: [slackSecret] } })
    const asked = JSON.stringify({ type: 'url_verification', challenge: 'say this', token: 't' })
    const seconds = String(Math.floor(hub.clock.nowMs / 1000))
    const mac = createHmac('sha256', slackSecret).update(`v0:${seconds}:${asked}`).digest('hex')
    const signed = { 'x-slack-request-timestamp': seconds, 'x-slack-signature': `v0=${mac}` }
    const said = await hook(slack.source_id, asked, signed)
    assert.deepEqual([said.status, await said.text()], [200, 'say this'])
    assert.equal((await hook(slack.source_id, asked)).status, 401)
    const nonsense = JSON.stringify({ type: 'url_verification', challenge: '\n' })
    const own = createHmac('sha256', slackSecret).update(`v0:${seconds}:${nonsense}`).digest('hex')
    const signs = { ...signed, 'x-slack-signature': `v0=${own}` }
    await refused(await hook(slack.source_id, nonsense, signs), 401, 'HOOK_REFUSED')

    const meta = await source({ challenge: { kind: 'meta', verify_token: 'it is us' } })
    const query = 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token='
    const expected = await hub.app.request(`/hooks/${meta.source_id}?${query}it%20is%20us`)
    assert.deepEqual([expected.status, await expected.text()], [200, '1158201444'])
    const stranger = await hub.app.request(`/hooks/${meta.source_id}?${query}another`)
    await refused(stranger, 401, 'HOOK_REFUSED')

    const cloud = await source({ challenge: { kind: 'cloudevents', origins: ['events.example'] } })
    const allowed = await hub.app.request(`/hooks/${cloud.source_id}`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'events.example', 'webhook-request-rate': '120' },
    })
    assert.equal(allowed.status, 200)
    assert.equal(allowed.headers.get('webhook-allowed-origin'), 'events.example')

    assert.deepEqual(await verdicts(slack.source_id), ['refused', 'refused', 'challenge'])
    assert.deepEqual(await verdicts(meta.source_id), ['refused', 'challenge'])
    assert.deepEqual(await verdicts(cloud.source_id), ['challenge'])
    assert.equal((await runsOf(echo)).length, runs)
  })

  test('refuses what it cannot make a document of, and says where', async () => {
    const { source_id: id } = await source({ verify: { scheme: 'none' }, format: 'json' })
    const broken = await refused(await hook(id, '{"a":\n 1,}'), 422, 'INVALID_DOCUMENT')
    assert.equal(broken.line, 2)
    await refused(await hook(id, '{"a":1,"a":2}'), 422, 'INVALID_DOCUMENT')
    await refused(await hook(id, '['.repeat(9_000)), 422, 'INVALID_DOCUMENT')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    await refused(await hook(id, 'a=1', form), 415, 'UNSUPPORTED_MEDIA_TYPE')
    await refused(await hook(id, 'x'.repeat(10_001)), 413, 'BODY_TOO_LARGE')
    const codes = (await history(id)).map(({ reason_code: code }) => code)
    assert.deepEqual(codes, [
      'UNSUPPORTED_MEDIA_TYPE',
      'INVALID_DOCUMENT',
      'INVALID_DOCUMENT',
      'INVALID_DOCUMENT',
    ])
  })

  for (const [format, type, body, json] of [
    ['form', 'application/x-www-form-urlencoded', 'a=1&b=x+y', '{"a":"1","b":"x y"}'],
    ['xml', 'text/xml', '<order id="7"><line>a</line><line>b</line></order>', ''],
    ['yaml', 'application/yaml', 'a: [1, two]\n', '{"a":[1,"two"]}'],
    ['raw', 'image/png', 'as it is', 'as it is'],
  ] as const) {
    test(`takes ${format}, and gives its function ${json === body ? 'that' : 'JSON'}`, async () => {
      const echoes = fn('echo', echo, 'result')
      const fields = { verify: { scheme: 'none' }, format, function: echoes }
      const { source_id: id } = await source(fields)
      const response = await hook(id, body, { 'content-type': type })
      const text = await response.text()
      assert.equal(response.status, 200, text)
      if (json !== '') assert.equal(text, json)
      else assert.equal((JSON.parse(text) as { order: Json }).order['@id'], '7')
    })
  }

  test('is shown with its secrets masked, and one that was made is shown once', async () => {
    const { secret, ...made } = await source({ verify: { scheme: 'github' } })
    assert.match(String(secret), /^\S{24,}$/)
    const url = `/api/sources/${made.source_id}?tenant=${hub.tenant}`
    const shown = await hub.get(url)
    assert.deepEqual(shown, made)
    assert.ok(!JSON.stringify(shown).includes(String(secret)))
    const signed = await signGithub(String(secret), PUSH)
    const response = await hook(made.source_id, PUSH, { 'x-hub-signature-256': signed })
    await hub.made(response, 202)
    const { items } = await hub.get(`/api/sources?tenant=${hub.tenant}`)
    assert.deepEqual((items as Json[])[0], made)
  })

  test('that says too little, too much or nonsense is refused, and the field named', async () => {
    const verify = { scheme: 'none' }
    const target = { function: fn('echo', echo) }
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
    const { source_id: id } = await source({})
    await hub.made(await push(id), 202)
    for (let n = 0; n < 6; n++) {
      await Promise.all(Array.from({ length: 60 }, () => hook(id, PUSH)))
      await history(id)
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
    const body = { tenant, verify: { scheme: 'none' }, function: fn('echo', echo) }
    for (let n = 0; n < 40; n++) await hub.made(await hub.send('POST', '/api/sources', body), 201)
    const { limit } = await refused(await hub.send('POST', '/api/sources', body), 409, 'CONFLICT')
    assert.equal(limit, 40)
  })
})
