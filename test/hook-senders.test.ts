// What the packages of other services sign, a source takes over HTTP; and what nobody should have to take, it refuses.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, refused, upload } from './helpers/client.ts'
import type { Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { SENDERS } from './helpers/hook-senders.ts'
import type { Sender } from './helpers/hook-senders.ts'

type Json = Record<string, unknown>

const TENANT = 'acme'
const BODY = JSON.stringify({ id: 'evt_1', event_id: 'Ev1', amount: 1200, text: 'größer' })
const MINUTE_S = 60
const DAY_MS = 24 * 3_600_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is still used of the heap: without a collection it would be told with what waits for one. */
function heldBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

describe('a source over HTTP', () => {
  const scope = suiteScope()
  const clock = { nowMs: Date.now() }
  let app: TestApp
  let echo: Uploaded

  before(async () => {
    app = await buildApp(scope, { SOURCES_MAX: 100 }, { now: () => clock.nowMs })
    echo = await upload(app, await guest('echo'))
  })

  const nowS = () => Math.floor(clock.nowMs / 1000)

  async function post(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
    return app.request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
  }

  async function source(fields: Json): Promise<string> {
    const target = { wasm_id: echo.id, name: 'echo', answer: 'result' }
    const body = JSON.stringify({ tenant: TENANT, function: target, ...fields })
    const response = await post('/api/sources', body)
    const made = (await response.json()) as Json
    assert.equal(response.status, 201, JSON.stringify(made))
    return made.source_id as string
  }

  async function history(id: string): Promise<Json[]> {
    const response = await app.request(`/api/sources/${id}/events?tenant=${TENANT}`)
    return ((await response.json()) as { items: Json[] }).items
  }

  async function runs(): Promise<number> {
    const url = `/api/executables/${echo.id}/runs?limit=100`
    const response = await app.request(url, { headers: admin(echo) })
    return ((await response.json()) as { items: Json[] }).items.length
  }

  /** Signed at a time, sent now. */
  async function send(id: string, sender: Sender, atS: number, change = (body: string) => body) {
    const { headers, body } = await sender.send(sender.secrets[0], BODY, atS)
    return post(`/hooks/${id}`, change(body.toString()), headers as Record<string, string>)
  }

  for (const [name, sender] of Object.entries(SENDERS)) {
    const { scheme, secrets, signsTime } = sender
    const made = () => source({ verify: { scheme, secrets: [secrets[0]] } })

    test(`takes what ${name} signs, once`, async () => {
      const id = await made()
      const response = await send(id, sender, nowS())
      assert.deepEqual([response.status, await response.text()], [200, BODY])
      const before = await runs()
      const again = await send(id, sender, nowS())
      assert.equal(again.status, 200)
      assert.equal(((await again.json()) as Json).duplicate, true)
      assert.equal(await runs(), before)
      const events = await history(id)
      assert.deepEqual(
        events.map(({ verdict }) => verdict),
        ['duplicate', 'accepted'],
      )
      assert.equal(events[1]?.id, sender.eventId)
    })

    test(`refuses what ${name} signs where a byte is another`, async () => {
      const id = await made()
      const changed = await send(id, sender, nowS(), (body) => body.replace('1200', '9200'))
      await refused(changed, 401, 'HOOK_REFUSED')
      const [event] = await history(id)
      assert.deepEqual([event?.verdict, event?.reason_code], ['refused', 'SIGNATURE_WRONG'])
    })

    if (signsTime) {
      test(`refuses what ${name} signed too long ago, or has signed for later`, async () => {
        const id = await made()
        for (const atS of [nowS() - 6 * MINUTE_S, nowS() + 6 * MINUTE_S]) {
          await refused(await send(id, sender, atS), 401, 'HOOK_REFUSED')
          const [event] = await history(id)
          assert.equal(event?.reason_code, 'TIMESTAMP_OUT_OF_TOLERANCE')
        }
      })
    } else {
      test(`takes what ${name} signed for a duplicate under another id, for a day`, async () => {
        const id = await made()
        const { headers, body } = await sender.send(secrets[0], BODY, nowS())
        const under = (own: string) => {
          const ids = ['x-github-delivery', 'x-shopify-webhook-id'].filter((one) => one in headers)
          const others = Object.fromEntries(ids.map((one) => [one, own]))
          return post(`/hooks/${id}`, body, { ...(headers as Record<string, string>), ...others })
        }
        assert.equal(await (await under('first')).text(), BODY)
        clock.nowMs += DAY_MS - 1
        assert.equal(((await (await under('second')).json()) as Json).duplicate, true)
        clock.nowMs += 1
        assert.equal(await (await under('third')).text(), BODY)
      })
    }
  }

  test('knows what is signed with a time for as long as it would be taken', async () => {
    const sender = SENDERS.Stripe!
    const { scheme, secrets } = sender
    const dayLong = { scheme, secrets: [secrets[0]], tolerance_ms: DAY_MS }
    const id = await source({ verify: dayLong })
    const aheadS = nowS() + DAY_MS / 1000 - 10
    assert.equal((await send(id, sender, aheadS)).headers.has('wasmhook-event'), true)
    clock.nowMs += DAY_MS + 1_000
    const again = await send(id, sender, aheadS)
    assert.equal(((await again.json()) as Json).duplicate, true)
  })

  test('takes no type that is none, whatever the body is', async () => {
    const id = await open('json')
    for (const type of [
      'garbage',
      'application/json charset=utf-16',
      'application/json, text/xml',
    ]) {
      const response = await post(`/hooks/${id}`, '{"a":1}', { 'content-type': type })
      const { error } = await refused(response, 415, 'UNSUPPORTED_MEDIA_TYPE')
      assert.ok(error.includes(type), error)
    }
    assert.equal((await history(id))[0]?.content_type, 'application/json, text/xml')
  })

  test('tells CloudEvents apart by source and id, however long, and takes attributes once', async () => {
    const id = await open('cloudevents')
    const headers = {
      'ce-specversion': '1.0',
      'ce-type': 'order.created',
      'ce-source': `urn:${'s'.repeat(250)}`,
      'ce-id': 'i'.repeat(60),
    }
    assert.equal(
      (await post(`/hooks/${id}`, '{"a":1}', headers)).headers.has('wasmhook-event'),
      true,
    )
    const again = await post(`/hooks/${id}`, '{"a":1}', headers)
    assert.equal(((await again.json()) as Json).duplicate, true)
    const other = { ...headers, 'ce-source': '/another' }
    assert.equal((await post(`/hooks/${id}`, '{"a":1}', other)).headers.has('wasmhook-event'), true)
    const message = httpRequest(`${app.origin}/hooks/${id}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'ce-id': ['a', 'b'] },
    })
    message.end('{"a":1}')
    const [response] = (await once(message, 'response')) as [IncomingMessage]
    response.resume()
    assert.equal(response.statusCode, 422)
    assert.match(String((await history(id))[0]?.reason), /ce-id is there more than once/)
  })

  const open = (format: string) => source({ verify: { scheme: 'none' }, format })

  for (const [what, format, type, body, status, code] of [
    [
      'entities that grow',
      'xml',
      'application/xml',
      `<!DOCTYPE l [<!ENTITY a "lol">${'bcdefghij'
        .split('')
        .map((one, n) => `<!ENTITY ${one} "${`&${'abcdefghi'[n] ?? 'a'};`.repeat(10)}">`)
        .join('')}]><l>&j;</l>`,
      422,
      'INVALID_DOCUMENT',
    ],
    [
      'aliases that grow',
      'yaml',
      'application/yaml',
      `a: &a [lol]\n${'bcdefghij'
        .split('')
        .map((one, n) => `${one}: &${one} [${`*${'abcdefghi'[n] ?? 'a'},`.repeat(10)}]\n`)
        .join('')}`,
      413,
      'BODY_TOO_LARGE',
    ],
    ['10,000 levels', 'json', 'application/json', '['.repeat(10_000), 422, 'INVALID_DOCUMENT'],
    ['a key twice', 'json', 'application/json', '{"a":1,"\\u0061":2}', 422, 'INVALID_DOCUMENT'],
    ['a key twice', 'yaml', 'application/yaml', 'a: 1\na: 2\n', 422, 'INVALID_DOCUMENT'],
    [
      'a field twice',
      'form',
      'application/x-www-form-urlencoded',
      'a=1&a=2',
      422,
      'INVALID_DOCUMENT',
    ],
    [
      'another charset',
      'json',
      'application/json; charset=iso-8859-1',
      '{"a":1}',
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'bytes that are no UTF-8',
      'json',
      'application/json',
      Buffer.from('7b2261223a22ff227d', 'hex'),
      422,
      'INVALID_DOCUMENT',
    ],
    ['another type', 'json', 'text/csv', 'a,b', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ] as const) {
    test(`refuses ${format} with ${what}, and its memory stays`, async () => {
      const id = await open(format)
      const headers = { 'content-type': type }
      await refused(await post(`/hooks/${id}`, body, headers), status, code)
      const before = heldBytes()
      for (let n = 0; n < 20; n++) {
        await refused(await post(`/hooks/${id}`, body, headers), status, code)
      }
      const grown = heldBytes() - before
      assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes`)
    })
  }

  test('reads no more of a form of 1 GB than it takes', async () => {
    const id = await open('form')
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    // Said to be that large, and in chunks that do not say how many there will be.
    for (const length of [{ 'content-length': String(1_000_000_000) }, {}]) {
      const message = httpRequest(`${app.origin}/hooks/${id}`, {
        method: 'POST',
        headers: { ...headers, ...length },
      })
      message.on('error', () => undefined)
      const answered = once(message, 'response') as Promise<[IncomingMessage]>
      const before = process.memoryUsage().arrayBuffers
      const piece = Buffer.alloc(64 * 1024, 'a')
      const answer = { came: false }
      void answered.then(() => (answer.came = true))
      for (let sent = 0; !answer.came && sent < 64 * 1024 * 1024; sent += piece.length) {
        if (!message.write(piece)) await Promise.race([once(message, 'drain'), answered])
      }
      const [response] = await answered
      assert.equal(response.statusCode, 413)
      message.destroy()
      const grown = process.memoryUsage().arrayBuffers - before
      assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes`)
    }
    const [event] = await history(id)
    assert.equal(event, undefined)
  })
})
