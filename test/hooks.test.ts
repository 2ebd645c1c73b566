// Sources: other services call them, verified, and drive functions and messages.
import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'
import { sign as signGithub } from '@octokit/webhooks-methods'
import { suiteScope } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { hasEnded } from './helpers/deliveries.ts'
import type { EventHub, Json } from './helpers/event-hub.ts'
import { example, guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import { PUSH, SECRET, createSourceHub } from './helpers/source-hub.ts'
import type { SourceHub } from './helpers/source-hub.ts'

describe('what a source gets', () => {
  const scope = suiteScope()
  let at: SourceHub
  let hub: EventHub
  let echo: Uploaded
  let context: Uploaded

  before(async () => {
    at = await createSourceHub(scope, { HOOK_BYTES: 10_000, QUEUE_WAIT_MS: 60_000 })
    ;({ hub, echo } = at)
    context = await upload(hub.app, await guest('context'))
  })
  beforeEach(() => hub.reset())

  test('has its function called in the background, once what was sent is committed', async () => {
    const { source_id: id, url } = await at.source({})
    assert.equal(url, `${hub.app.origin}/hooks/${id}`)
    const response = await at.push(id)
    const { event_id: eventId } = await hub.made(response, 202)
    assert.equal(response.headers.get('wasmhook-event'), eventId)
    const [event, ...others] = await at.history(id)
    assert.deepEqual([event?.verdict, event?.id, others.length], ['accepted', 'd-1', 0])
    assert.equal(await at.resultOf(event?.run_id, echo), PUSH)
    const shown = `/api/runs/${String(event?.run_id)}`
    const run = await hub.made(await hub.app.request(shown, { headers: admin(echo) }), 200)
    const from = { kind: 'source', tenant: hub.tenant, source_id: id, event_id: eventId }
    assert.deepEqual(run.came_from, { ...from, delivery_id: null })
  })

  test('tells a stranger nothing, and its owner why', async () => {
    const { source_id: id } = await at.source({})
    const runs = (await at.runsOf(echo)).length
    const signature = await signGithub(SECRET, PUSH)
    for (const [headers, body] of [
      [{}, PUSH],
      [{ 'x-hub-signature-256': signature }, `${PUSH} `],
      [{ 'x-hub-signature-256': await signGithub('another', PUSH) }, PUSH],
    ] as const) {
      const answer = await refused(await at.hook(id, body, headers), 401, 'HOOK_REFUSED')
      assert.deepEqual(Object.keys(answer), ['error', 'code'])
      assert.doesNotMatch(answer.error, /signature|secret/i)
    }
    const reasons = (await at.history(id)).map(({ reason_code: code }) => code)
    assert.deepEqual(reasons, ['SIGNATURE_WRONG', 'SIGNATURE_WRONG', 'SIGNATURE_MISSING'])
    assert.equal((await at.runsOf(echo)).length, runs)
  })

  test('answers what it had already as a duplicate, by its id or by its signature, and runs nothing', async () => {
    const { source_id: id } = await at.source({})
    const { event_id: first } = await hub.made(await at.push(id), 202)
    const runs = (await at.runsOf(echo)).length
    for (const deliveryId of ['d-1', 'd-2']) {
      const again = await hub.made(await at.push(id, deliveryId), 200)
      assert.deepEqual(again, { event_id: first, duplicate: true })
    }
    assert.deepEqual(await at.verdicts(id), ['duplicate', 'duplicate', 'accepted'])
    assert.equal((await at.history(id))[0]?.duplicate_of, first)
    assert.equal((await at.runsOf(echo)).length, runs)
    hub.clock.nowMs += 24 * 3_600_000
    await hub.made(await at.push(id), 202)
  })

  test('answers what the function returns, which a browser must not run', async () => {
    const { source_id: id } = await at.source({ function: at.fn('echo', echo, 'result') })
    const response = await at.push(id)
    assert.equal(response.headers.get('content-security-policy'), "sandbox; default-src 'none'")
    assert.ok(response.headers.get('wasmhook-event'))
    // Who has it may read the run of an open function.
    assert.equal(response.headers.get('wasmhook-run'), null)
    assert.deepEqual([response.status, await response.text()], [200, PUSH])
    await hub.made(await at.push(id), 200)
  })

  test('has an event again whose function failed while its sender waited', async () => {
    const { source_id: id } = await at.source({ function: at.fn('fail', echo, 'result') })
    await refused(await at.push(id), 500, 'TRAP')
    await refused(await at.push(id), 500, 'TRAP')
    const changed = { function: at.fn('echo', echo, 'result') }
    const url = `/api/sources/${id}?tenant=${hub.tenant}`
    await hub.made(await hub.send('PATCH', url, changed), 200)
    assert.equal((await at.push(id)).status, 200)
    assert.deepEqual(await at.verdicts(id), ['accepted', 'accepted', 'accepted'])
    assert.deepEqual((await hub.made(await at.push(id), 200)).duplicate, true)
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
    const { source_id: id } = await at.source({ function: at.fn('echo', forwards, 'result') })
    const first = at.push(id)
    await begun
    const response = await at.push(id)
    assert.equal(response.headers.get('retry-after'), '1')
    await refused(response, 409, 'HOOK_IN_FLIGHT')
    answer()
    assert.deepEqual([(await first).status, await (await first).text()], [200, 'taken'])
    assert.equal((await at.push(id)).status, 200)
    assert.deepEqual(await at.verdicts(id), ['duplicate', 'refused', 'accepted'])
    assert.equal(slow.received.length, 1)
  })

  test('gives a function that takes one text more the request, whatever its state is', async () => {
    const state = `/api/state/${context.id}`
    await hub.app.request(state, { method: 'PUT', headers: admin(context), body: 'the state' })
    const { source_id: id } = await at.source({
      verify: { scheme: 'secret', in: 'query', name: 'key', secrets: [SECRET] },
      event_id: { in: 'json', name: 'order.id' },
      function: at.fn('say', context, 'result'),
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
    const { source_id: id } = await at.source({
      verify: { scheme: 'secret', in: 'json', name: 'password', secrets: [SECRET] },
      event_id: { in: 'json', name: 'eventId' },
      function: at.fn('webhook', listener, 'result'),
    })
    const event = { event: 'created', eventId: 7, customerName: 'A', customerEmail: 'a@b' }
    const response = await at.hook(id, JSON.stringify({ password: SECRET, ...event }))
    const mail = (await response.json()) as Json
    assert.deepEqual([mail.to, mail.reference], ['a@example.com', '7'])
    const [{ event_id: eventId } = {} as Json] = await at.history(id)
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
    const { source_id: id } = await at.source({
      publish: { type_from: { in: 'header', name: 'X-GitHub-Event' }, prefix: 'github.' },
    })
    await hub.made(await at.push(id), 202)
    const [event] = await at.history(id)
    const delivery = await hub.deliveryOf(event?.message_id, hasEnded)
    assert.equal(delivery.state, 'succeeded')
    assert.equal(hub.target.received[0]?.body.toString(), PUSH)
    assert.equal(await at.resultOf(event?.run_id, echo), PUSH)

    const runs = (await at.runsOf(echo)).length
    const mismatch = await refused(await at.push(id, 'd-3', '{"no":1}'), 422, 'PAYLOAD_MISMATCH')
    assert.match(String(mismatch.field), /^payload/)
    assert.equal((await at.runsOf(echo)).length, runs)
    const [why] = await at.history(id)
    assert.deepEqual([why?.verdict, why?.reason_code], ['refused', 'PAYLOAD_MISMATCH'])
    await hub.made(await at.push(id), 200)
  })

  test('calls no function that it may not call any more, and has its sender come again', async () => {
    const closed = await upload(hub.app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    await refused(
      await hub.send('POST', '/api/sources', {
        ...{ tenant: hub.tenant, verify: { scheme: 'none' }, function: at.fn('echo', closed) },
      }),
      401,
      'MISSING_KEY',
    )
    const usage = { SSVM_Usage_Key: closed.usageKey }
    const { source_id: id } = await at.source({ function: at.fn('echo', closed) }, usage)
    await hub.made(await at.push(id), 202)
    const rotated = await hub.app.request(`/api/keys/${closed.id}/usage_key`, {
      ...{ method: 'PUT', headers: admin(closed) },
    })
    assert.ok(rotated.ok, String(rotated.status))
    const response = await at.push(id, 'd-2', '{"other":1}')
    assert.equal(response.headers.get('retry-after'), '1')
    const { error } = await refused(response, 503, 'HOOK_UNAVAILABLE')
    assert.ok(!error.includes(String(closed.id)))
    assert.match(String((await at.history(id))[0]?.reason), /may not call/)
  })

  test('answers a duplicate whatever has become of its function, its format and its type', async () => {
    const closed = await upload(hub.app, await guest('echo'), { SSVM_Create_Usage_Key: 'true' })
    const usage = { SSVM_Usage_Key: closed.usageKey }
    const { source_id: id } = await at.source({ function: at.fn('echo', closed) }, usage)
    const { event_id: first } = await hub.made(await at.push(id), 202)
    const url = `/api/executables/${closed.id}`
    const gone = await hub.app.request(url, { method: 'DELETE', headers: admin(closed) })
    assert.ok(gone.ok)
    const change = { format: 'xml' }
    await hub.made(await hub.send('PATCH', `/api/sources/${id}?tenant=${hub.tenant}`, change), 200)
    assert.deepEqual(await hub.made(await at.push(id), 200), { event_id: first, duplicate: true })
  })

  test('tells a sender of a failure what it is, and nothing of the inside', async () => {
    const forwards = await upload(hub.app, await guest('echo'))
    const spec = { protocol: 'http:', hostname: '127.0.0.1', port: 1 }
    await hub.send('PUT', `/api/callback/${forwards.id}`, spec, admin(forwards))
    for (const [target, status, code] of [
      [at.fn('echo', forwards, 'result'), 502, 'CALLBACK_FAILED'],
      [at.fn('fail', echo, 'result'), 500, 'TRAP'],
    ] as const) {
      const { source_id: id } = await at.source({ function: target })
      const answer = await refused(await at.push(id), status, code)
      assert.deepEqual(Object.keys(answer), ['error', 'code'])
      assert.doesNotMatch(answer.error, /127\.0\.0\.1|unreachable/)
    }
  })

  test('refuses what it cannot make a document of, and says where', async () => {
    const { source_id: id } = await at.source({ verify: { scheme: 'none' }, format: 'json' })
    const broken = await refused(await at.hook(id, '{"a":\n 1,}'), 422, 'INVALID_DOCUMENT')
    assert.equal(broken.line, 2)
    await refused(await at.hook(id, '{"a":1,"a":2}'), 422, 'INVALID_DOCUMENT')
    await refused(await at.hook(id, '['.repeat(9_000)), 422, 'INVALID_DOCUMENT')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    await refused(await at.hook(id, 'a=1', form), 415, 'UNSUPPORTED_MEDIA_TYPE')
    await refused(await at.hook(id, 'x'.repeat(10_001)), 413, 'BODY_TOO_LARGE')
    const codes = (await at.history(id)).map(({ reason_code: code }) => code)
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
      const echoes = at.fn('echo', echo, 'result')
      const fields = { verify: { scheme: 'none' }, format, function: echoes }
      const { source_id: id } = await at.source(fields)
      const response = await at.hook(id, body, { 'content-type': type })
      const text = await response.text()
      assert.equal(response.status, 200, text)
      if (json !== '') assert.equal(text, json)
      else assert.equal((JSON.parse(text) as { order: Json }).order['@id'], '7')
    })
  }
})
