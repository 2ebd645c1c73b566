// Signed callbacks and deliveries, as their receivers and the owners of executables see them.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { Writable } from 'node:stream'
import { before, beforeEach, describe, test } from 'node:test'
import BetterSqlite3 from 'better-sqlite3'
import { pino } from 'pino'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { buildApp, suiteScope } from './helpers/build-app.ts'
import type { TestApp } from './helpers/build-app.ts'
import { admin, call, refused, upload } from './helpers/client.ts'
import type { CallInit, Uploaded } from './helpers/client.ts'
import { guest } from './helpers/guests.ts'
import { httpService } from './helpers/http-service.ts'
import type { HttpService, Received } from './helpers/http-service.ts'
import {
  askSecret,
  isSigned,
  makeSecret,
  verifiesEd25519,
  verifiesHmac,
} from './helpers/signatures.ts'
import type { Rotated } from './helpers/signatures.ts'

const TOKEN = 'a-token-of-enough-characters'
const ASYNC = { prefer: 'respond-async' }
const POLL = { DELIVERY_POLL_MS: 10 }
const DAY_MS = 24 * 3_600_000

describe('an executable with a signing secret', () => {
  const scope = suiteScope()
  let app: TestApp
  let one: Uploaded
  let target: HttpService
  let nowMs: number
  /** What the target answers next; 200 when nothing is left. */
  const answers: number[] = []
  let arrived: (() => void) | undefined

  before(async () => {
    app = await buildApp(
      scope,
      { ...POLL, API_TOKEN: TOKEN },
      { now: () => nowMs, chance: () => 0 },
    )
    target = await httpService(scope, (_request, reply) => {
      reply.writeHead(answers.shift() ?? 200).end('so it is')
      arrived?.()
    })
  })
  beforeEach(async () => {
    nowMs = Date.now()
    answers.length = 0
    target.received.length = 0
    one = await upload(app, await guest('echo'), { authorization: `Bearer ${TOKEN}` })
  })

  const spec = (fields: object = {}): object => ({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: target.port,
    path: '/in',
    ...fields,
  })
  const named = (fields: object = {}): Record<string, string> => ({
    SSVM_Callback: JSON.stringify(spec(fields)),
  })

  async function store(fields: object = {}): Promise<Response> {
    const response = await app.request(`/api/callback/${one.id}`, {
      method: 'PUT',
      headers: { ...admin(one), 'content-type': 'application/json' },
      body: JSON.stringify(spec(fields)),
    })
    assert.equal(response.status, 200)
    return response
  }

  /** Calls, and gives the nth request that arrives. */
  async function receivedOf(init: CallInit, n = 1): Promise<Received> {
    const response = await call(app, one, 'echo', init)
    assert.ok(response.status < 300, await response.clone().text())
    while (target.received.length < n) await new Promise<void>((resolve) => (arrived = resolve))
    return target.received[n - 1]!
  }

  test('has its deliveries verified by the official libraries', async () => {
    const { secret } = await makeSecret(app, one)
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
    await store()
    for (const headers of [ASYNC, {}]) {
      target.received.length = 0
      const body = '{ "name": "Zoë",\n "n": 1.0 }'
      const received = await receivedOf({ headers, body })
      assert.equal(received.body.toString(), body)
      const sent = received.headers as Record<string, string>
      for (const webhook of [new Webhook(secret), new SvixWebhook(secret)]) {
        assert.deepEqual(webhook.verify(received.body, sent), JSON.parse(body))
        const changed = Buffer.from(body.replace('1.0', '2.0'))
        assert.throws(() => webhook.verify(changed, sent), /No matching signature/)
      }
    }
  })

  test('has text, binary and empty results signed byte for byte, with both keys', async () => {
    const { secret, public_key: publicKey } = await makeSecret(app, one, { v1a: true })
    assert.match(publicKey ?? '', /^whpk_[A-Za-z0-9+/]{43}=$/)
    await store()
    const bodies = ['plain', '', Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a])]
    for (const headers of [ASYNC, {}]) {
      for (const body of bodies) {
        target.received.length = 0
        const received = await receivedOf({ headers, body, bytes: typeof body !== 'string' })
        assert.deepEqual(received.body, Buffer.from(body))
        assert.ok(verifiesHmac(received, secret))
        assert.ok(verifiesEd25519(received, publicKey))
        const other = { ...received, body: Buffer.from('other') }
        assert.ok(!verifiesHmac(other, secret) && !verifiesEd25519(other, publicKey))
      }
    }
  })

  test('has every attempt signed anew under the same id', async () => {
    const { secret } = await makeSecret(app, one)
    await store({ retry: { schedule_ms: [60_000] } })
    answers.push(500)
    const failed = await call(app, one, 'echo', { body: 'again' })
    const answer = await refused(failed, 502, 'CALLBACK_FAILED')
    nowMs += 60_000
    while (target.received.length < 2) await new Promise<void>((resolve) => (arrived = resolve))
    const [first, second] = target.received as [Received, Received]
    assert.equal(first.headers['webhook-id'], answer.delivery_id)
    assert.equal(second.headers['webhook-id'], answer.delivery_id)
    assert.equal(second.headers['webhook-id'], second.headers['wasmhook-delivery'])
    const times = [first, second].map(({ headers }) => Number(headers['webhook-timestamp']))
    assert.equal(times[1], Math.floor(nowMs / 1000))
    assert.equal(times[1] - times[0]!, 60)
    assert.ok(verifiesHmac(first, secret) && verifiesHmac(second, secret))
  })

  test('has what is sent again signed under the same id', async () => {
    const { secret } = await makeSecret(app, one)
    await store()
    const first = await receivedOf({ headers: ASYNC, body: 'again' })
    const id = String(first.headers['webhook-id'])
    nowMs += 90_000
    const url = `/api/deliveries/${id}/resend`
    for (;;) {
      // The first attempt may not be written yet.
      const { status } = await app.request(url, { method: 'POST', headers: admin(one) })
      if (status < 300) break
      assert.equal(status, 409)
    }
    while (target.received.length < 2) await new Promise<void>((resolve) => (arrived = resolve))
    const second = target.received[1]!
    assert.equal(second.headers['webhook-id'], id)
    assert.equal(second.headers['webhook-timestamp'], String(Math.floor(nowMs / 1000)))
    assert.ok(verifiesHmac(second, secret))
  })

  test('gives each forward that is tried once an id of its own', async () => {
    await makeSecret(app, one)
    await store()
    const ids = [
      (await receivedOf({ body: 'x' })).headers['webhook-id'],
      (await receivedOf({ body: 'x' }, 2)).headers['webhook-id'],
    ]
    assert.notEqual(ids[0], ids[1])
    for (const id of ids) assert.match(String(id), /^[0-9a-f-]{36}$/)
  })

  test('has its last forward signed, although it is deleted meanwhile', async () => {
    const { secret } = await makeSecret(app, one)
    await store()
    const remove = { method: 'DELETE', headers: admin(one) }
    const input = await httpService(scope, (_request, reply) => {
      void app
        .request(`/api/executables/${one.id}`, remove)
        .then(({ status }) => reply.end(`${status} before`))
    })
    const received = await receivedOf({ headers: { SSVM_Fetch: input.origin } })
    assert.equal(received.body.toString(), '200 before')
    assert.ok(verifiesHmac(received, secret))
  })

  test('signs a callback within a result, and one that the call names only for who vouches', async () => {
    const { secret } = await makeSecret(app, one)
    const embedded = JSON.stringify({ a: 1, callback: spec() })
    assert.ok(verifiesHmac(await receivedOf({ body: embedded }), secret))
    assert.ok(verifiesHmac(await receivedOf({ body: embedded, headers: ASYNC }, 2), secret))
    const keys: readonly (readonly [Record<string, string>, boolean])[] = [
      [{}, false],
      [{ SSVM_Usage_Key: '00000000-0000-0000-0000-000000000000' }, false],
      [{ SSVM_Admin_Key: '00000000-0000-4000-8000-000000000000' }, false],
      [admin(one), true],
      [{ authorization: `Bearer ${TOKEN}` }, true],
      [{ authorization: `Bearer ${one.adminKey}` }, true],
    ]
    for (const [key, signed] of keys) {
      for (const prefer of [{}, ASYNC]) {
        target.received.length = 0
        const received = await receivedOf({ body: 'x', headers: { ...key, ...prefer, ...named() } })
        assert.equal(isSigned(received), signed, JSON.stringify({ ...key, ...prefer }))
        assert.equal('webhook-id' in received.headers, signed)
      }
    }
  })

  test('signs a delivery that goes on only where its first attempt was signed', async () => {
    await makeSecret(app, one)
    const retry = { schedule_ms: [1_000] }
    for (const [key, signed] of [
      [{}, false],
      [admin(one), true],
    ] as const) {
      target.received.length = 0
      answers.push(500)
      const headers = { ...key, ...named({ retry }) }
      await refused(await call(app, one, 'echo', { body: 'x', headers }), 502, 'CALLBACK_FAILED')
      nowMs += 1_000
      while (target.received.length < 2) await new Promise<void>((resolve) => (arrived = resolve))
      assert.deepEqual(target.received.map(isSigned), [signed, signed])
    }
  })

  test('replaces what a callback says in webhook-* headers, and warns', async () => {
    const given = { 'Webhook-Id': 'mine', 'webhook-extra': 'e', 'x-webhook-id': 'kept' }
    const unsigned = await receivedOf({
      body: 'x',
      headers: { ...admin(one), ...named({ headers: given }) },
    })
    assert.deepEqual(
      [unsigned.headers['webhook-id'], unsigned.headers['webhook-extra']],
      ['mine', 'e'],
    )
    const { secret } = await makeSecret(app, one)
    const warned = (response: Response): string | null => response.headers.get('wasmhook-warning')
    const expected = ['webhook-id', 'webhook-extra']
      .map((name) => `The header "${name}" was ignored: the callback is signed.`)
      .join('; ')
    const stored = await store({ headers: given })
    assert.equal(warned(stored), expected)
    const withKey = { ...admin(one), ...named({ headers: given }) }
    for (const headers of [{}, withKey, { ...withKey, ...ASYNC }]) {
      target.received.length = 0
      const response = await call(app, one, 'echo', { body: 'x', headers })
      assert.equal(warned(response), expected)
      while (target.received.length < 1) await new Promise<void>((resolve) => (arrived = resolve))
      const [received] = target.received as [Received]
      assert.ok(verifiesHmac(received, secret))
      assert.equal(received.headers['webhook-extra'], undefined)
      assert.equal(received.headers['x-webhook-id'], 'kept')
    }
    const stranger = await call(app, one, 'echo', { body: 'x', headers: named({ headers: given }) })
    assert.equal(warned(stranger), null)
    assert.equal(target.received.at(-1)?.headers['webhook-id'], 'mine')
  })

  test('signs with old and new while a rotation lasts, and with the new one alone after it', async () => {
    const old = await makeSecret(app, one, { v1a: true })
    const fresh = await makeSecret(app, one)
    assert.notEqual(fresh.secret, old.secret)
    assert.notEqual(fresh.public_key, null, 'a key pair is rotated with its secret')
    assert.deepEqual(
      fresh.secrets.map(({ expires_at: at, public_key: key }) => [at, key]),
      [
        [null, fresh.public_key],
        [new Date(nowMs + DAY_MS).toISOString(), old.public_key],
      ],
    )
    await store()
    const verified = async (): Promise<boolean[]> => {
      target.received.length = 0
      const received = await receivedOf({ headers: ASYNC, body: '{}' })
      return [old, fresh].flatMap(({ secret, public_key: key }) => [
        verifiesHmac(received, secret),
        verifiesEd25519(received, key),
      ])
    }
    assert.deepEqual(await verified(), [true, true, true, true])
    nowMs += DAY_MS - 1
    assert.deepEqual(await verified(), [true, true, true, true])
    nowMs += 1
    assert.deepEqual(await verified(), [false, false, true, true])
    const last = await makeSecret(app, one, { v1a: false, overlap_ms: 0 })
    assert.deepEqual([last.public_key, last.secrets.length], [null, 1])
    assert.deepEqual(await verified(), [false, false, false, false])
    const received = target.received[0]!
    assert.ok(verifiesHmac(received, last.secret))
    assert.doesNotMatch(String(received.headers['webhook-signature']), /v1a/)
  })

  test('a delivery made before a rotation is signed with what is alive when it is tried', async () => {
    await store({ retry: { schedule_ms: [60_000, 60_000] } })
    answers.push(500, 500)
    await refused(await call(app, one, 'echo', { body: 'x' }), 502, 'CALLBACK_FAILED')
    assert.equal(isSigned(target.received[0]!), false, 'there is no secret yet')
    const secrets: Rotated[] = []
    for (const n of [2, 3]) {
      secrets.push(await makeSecret(app, one, { overlap_ms: 1_000 }))
      nowMs += 60_000
      while (target.received.length < n) await new Promise<void>((resolve) => (arrived = resolve))
    }
    const [, second, third] = target.received as [Received, Received, Received]
    const [first, last] = secrets as [Rotated, Rotated]
    assert.ok(verifiesHmac(second, first.secret))
    assert.ok(!verifiesHmac(third, first.secret) && verifiesHmac(third, last.secret))
  })

  test('shows what there is, never a secret, and signs no more after DELETE', async () => {
    const show = async (): Promise<Rotated> =>
      (await (await askSecret(app, one, 'GET')).json()) as Rotated
    assert.deepEqual(await show(), { wasm_id: one.id, secrets: [] })
    const made = await makeSecret(app, one, { v1a: true })
    const { secrets } = made
    assert.deepEqual(await show(), { wasm_id: one.id, secrets })
    assert.equal(secrets[0]?.created_at, new Date(nowMs).toISOString())
    const describe = async (): Promise<unknown> => {
      const response = await app.request(`/api/executables/${one.id}`, { headers: admin(one) })
      return ((await response.json()) as { signing: unknown }).signing
    }
    assert.equal(await describe(), true)
    app = await app.restart()
    assert.deepEqual(await show(), { wasm_id: one.id, secrets })
    const gone = await askSecret(app, one, 'DELETE')
    assert.deepEqual(await gone.json(), { wasm_id: one.id, secrets: [] })
    assert.equal(await describe(), false)
    await store()
    assert.equal(isSigned(await receivedOf({ body: 'x' })), false)
    const missing = { ...one, id: 9_999 }
    for (const method of ['POST', 'GET', 'DELETE']) {
      await refused(await askSecret(app, missing, method), 404, 'NOT_FOUND')
    }
  })

  test('publishes its keys, those of before as long as they sign', async () => {
    const jwks = async (): Promise<Record<string, string>[]> => {
      const response = await app.request(`/.well-known/jwks/${one.id}.json`)
      assert.equal(response.status, 200)
      return ((await response.json()) as { keys: Record<string, string>[] }).keys
    }
    const whpk = (jwk: Record<string, string>): string =>
      `whpk_${Buffer.from(jwk.x!, 'base64url').toString('base64')}`
    assert.deepEqual(await jwks(), [])
    await makeSecret(app, one)
    assert.deepEqual(await jwks(), [], 'an HMAC secret is nobody’s to see')
    const old = await makeSecret(app, one, { v1a: true })
    const fresh = await makeSecret(app, one)
    const keys = await jwks()
    assert.deepEqual(keys.map(whpk), [fresh.public_key, old.public_key])
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      fresh.secrets.slice(0, 2).map(({ kid }) => kid),
    )
    for (const { x, kid, ...rest } of keys) {
      assert.deepEqual(rest, { kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA' })
      assert.ok(x !== undefined && kid !== undefined)
    }
    nowMs += DAY_MS
    assert.deepEqual((await jwks()).map(whpk), [fresh.public_key])
    for (const id of ['9999', '0', 'x', `${one.id}.json`]) {
      await refused(await app.request(`/.well-known/jwks/${id}.json`), 404, 'NOT_FOUND')
    }
  })

  test('is refused what is no rotation, and has no more secrets alive than its bound', async () => {
    for (const body of [
      { overlap_ms: -1 },
      { overlap_ms: 7 * DAY_MS + 1 },
      { overlap_ms: 1.5 },
      { overlap_ms: '1000' },
      { v1a: 'yes' },
      { secret: 'whsec_bXkgb3du' },
      [],
    ]) {
      await refused(await askSecret(app, one, 'POST', body), 400, 'BAD_REQUEST')
    }
    const made: Rotated[] = []
    for (let n = 0; n < 6; n++) made.push(await makeSecret(app, one, { overlap_ms: 7 * DAY_MS }))
    assert.equal(made.at(-1)?.secrets.length, 6)
    const full = await askSecret(app, one, 'POST')
    assert.equal((await refused(full, 409, 'CONFLICT')).limit, 5)
    await store()
    const received = await receivedOf({ headers: ASYNC, body: '{}' })
    for (const { secret } of made) assert.ok(verifiesHmac(received, secret))
    assert.equal((await makeSecret(app, one, { overlap_ms: 0 })).secrets.length, 1)
  })

  test('is made by a POST without a body, whatever its type says', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      const response = await app.request(`/api/executables/${one.id}/signing-secret`, {
        method: 'POST',
        headers: { ...admin(one), ...headers },
      })
      assert.equal(response.status, 200, await response.text())
      assert.equal(response.headers.get('cache-control'), 'no-store')
    }
  })
})

test('a delivery whose secret cannot be read any more ends, and is not sent unsigned', async (t) => {
  let nowMs = Date.now()
  const app = await buildApp(t, POLL, { now: () => nowMs, chance: () => 0 })
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, (_request, reply) => reply.writeHead(500).end())
  await makeSecret(app, one)
  const retry = { schedule_ms: [1_000] }
  const spec = { protocol: 'http:', hostname: '127.0.0.1', port: target.port, retry }
  const headers = { ...admin(one), SSVM_Callback: JSON.stringify(spec) }
  const failed = await call(app, one, 'echo', { body: 'x', headers })
  const { delivery_id: id } = await refused(failed, 502, 'CALLBACK_FAILED')
  await app.close()
  const db = new BetterSqlite3(path.join(app.dataDir, 'wasmhook.db'))
  t.after(() => db.close())
  db.exec("UPDATE signing_secrets SET secret = x'00'")
  await app.restart()
  nowMs += 1_000
  const read = db.prepare('SELECT state, reason FROM deliveries WHERE id = ?')
  let row = read.get(id) as { state: string; reason: string | null }
  while (row.state === 'waiting') {
    await new Promise((resolve) => setImmediate(resolve))
    row = read.get(id) as typeof row
  }
  assert.deepEqual(row, { state: 'discarded', reason: 'unreadable' })
  assert.equal(target.received.length, 1)
})

test('a signing secret is in no database file, no log line and no later answer', async (t) => {
  const lines: string[] = []
  const logger = pino(
    { level: 'trace' },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString())
        done()
      },
    }),
  )
  const app = await buildApp(t, { ...POLL, LOG_LEVEL: 'trace' }, { logger })
  const one = await upload(app, await guest('echo'))
  const target = await httpService(t, (_request, reply) => reply.writeHead(500).end())
  const made = [await makeSecret(app, one, { v1a: true }), await makeSecret(app, one)]
  const headers = {
    ...admin(one),
    SSVM_Callback: JSON.stringify({
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: target.port,
      retry: { schedule_ms: [60_000] },
    }),
  }
  const failed = await call(app, one, 'echo', { body: 'x', headers })
  const { delivery_id: id } = await refused(failed, 502, 'CALLBACK_FAILED')
  assert.ok(isSigned(target.received[0]!))
  const answers = await Promise.all(
    [
      `/api/deliveries/${String(id)}`,
      `/api/executables/${one.id}`,
      `/api/executables/${one.id}/signing-secret`,
      `/.well-known/jwks/${one.id}.json`,
    ].map(async (url) => (await app.request(url, { headers: admin(one) })).text()),
  )
  const files = async (): Promise<Buffer[]> => {
    const names = (await readdir(app.dataDir)).filter((name) => name.startsWith('wasmhook.db'))
    return Promise.all(names.map((name) => readFile(path.join(app.dataDir, name))))
  }
  const places = [...(await files()), Buffer.from(answers.join()), Buffer.from(lines.join())]
  await app.close()
  places.push(...(await files()))
  assert.ok(lines.length > 0 && places.length >= 5)
  for (const { secret } of made) {
    const text = secret.slice('whsec_'.length)
    const raw = Buffer.from(text, 'base64')
    const base64url = raw.toString('base64url')
    for (const needle of [text, base64url, raw.toString('hex'), raw]) {
      for (const place of places) assert.ok(!place.includes(needle))
    }
  }
})
