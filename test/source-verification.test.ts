// Whether a request is from the sender that a source is for: what the senders' own packages sign passes, and
// nothing else does.
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isRefused, REFUSALS } from '../src/core/source-verification/refusals.ts'
import type { RefusalCode } from '../src/core/source-verification/refusals.ts'
import { SIGNATURES_MAX } from '../src/core/source-verification/claims.ts'
import { EVENT_ID_CHARS_MAX, toEventId } from '../src/core/source-verification/event-id.ts'
import type { HookRequest } from '../src/core/source-verification/hook-request.ts'
import { verifyRequest } from '../src/core/source-verification/verify.ts'
import type { Verified } from '../src/core/source-verification/verify.ts'
import { signatureHeaders } from '../src/outbound/signature.ts'
import type { SignedScheme, Verification } from '../src/source-model.ts'
import { anyBytes } from './helpers/fuzz.ts'
import { request, SENDERS } from './helpers/hook-senders.ts'
import { SMALL_ORDER_KEYS } from './helpers/weak-keys.ts'

const NOW = 1_614_265_330_999
const NOW_S = Math.floor(NOW / 1000)
const TOLERANCE_S = 300
const JSON_BYTES = 1024 * 1024
const BODY = '{"id":"evt_1","event_id":"Ev1","text":"größer"}'

const signedBy = (scheme: SignedScheme, ...secrets: string[]): Verification => ({
  scheme,
  secrets,
  toleranceMs: scheme === 'github' || scheme === 'shopify' ? null : TOLERANCE_S * 1000,
})

async function passes(verification: Verification, sent: HookRequest): Promise<Verified> {
  const outcome = await verifyRequest(verification, sent, NOW, JSON_BYTES)
  assert.ok(!isRefused(outcome), JSON.stringify(outcome))
  return outcome
}

async function isRefusedWith(
  code: RefusalCode,
  verification: Verification,
  sent: HookRequest,
): Promise<string> {
  const outcome = await verifyRequest(verification, sent, NOW, JSON_BYTES)
  assert.ok(isRefused(outcome), `${code} expected`)
  assert.equal(outcome.refused.code, code, outcome.refused.message)
  return outcome.refused.message
}

const withHeaders = (sent: HookRequest, headers: IncomingHttpHeaders): HookRequest => ({
  ...sent,
  headers: { ...sent.headers, ...headers },
})

for (const [name, sender] of Object.entries(SENDERS)) {
  const { scheme, header, signsTime } = sender
  const [first, second] = sender.secrets

  describe(`what ${name} signs`, () => {
    test('passes with the secret, which may be any of those of the source', async () => {
      const sent = await sender.send(second, BODY, NOW_S)
      const { eventId, body, headers } = await passes(signedBy(scheme, first, second), sent)
      assert.equal(eventId, sender.eventId)
      assert.equal(body, sent.body)
      assert.deepEqual(headers, sent.headers)
      assert.equal((await passes(signedBy(scheme, second), sent)).eventId, sender.eventId)
    })

    test('is refused with another secret, another body, or with what is signed besides changed', async () => {
      const source = signedBy(scheme, first)
      await isRefusedWith('SIGNATURE_WRONG', source, await sender.send(second, BODY, NOW_S))
      const sent = await sender.send(first, BODY, NOW_S)
      for (const body of ['', `${BODY} `, BODY.replace('evt', 'evT')]) {
        await isRefusedWith('SIGNATURE_WRONG', source, { ...sent, body: Buffer.from(body) })
      }
      for (const one of ['webhook-id', 'svix-id', 'x-slack-request-timestamp']) {
        if (sent.headers[one] === undefined) continue
        const changed = one.endsWith('-id') ? 'msg_other' : String(NOW_S - 1)
        await isRefusedWith('SIGNATURE_WRONG', source, withHeaders(sent, { [one]: changed }))
      }
    })

    test('is refused without its signature, or with one that is none', async () => {
      const source = signedBy(scheme, first)
      const sent = await sender.send(first, BODY, NOW_S)
      const bare = withHeaders(sent, { [header]: undefined })
      const message = await isRefusedWith('SIGNATURE_MISSING', source, bare)
      assert.match(message, new RegExp(header === 'svix-signature' ? 'webhook' : header, 'i'))
      const cut = String(sent.headers[header]).slice(0, -2)
      for (const value of [cut, `${cut}!!`, `t=${NOW_S},v0=${'0'.repeat(64)}`]) {
        await isRefusedWith('SIGNATURE_MALFORMED', source, withHeaders(sent, { [header]: value }))
      }
    })

    test('is empty, or megabytes of any bytes', async () => {
      const source = signedBy(scheme, first)
      for (const body of ['', 'x'.repeat(3_000_000)]) {
        // Octokit's package signs nothing that is empty; GitHub sends nothing that is.
        if (body === '' && name === 'GitHub') continue
        await passes(source, await sender.send(first, body, NOW_S))
      }
    })

    test('has a name that the same bytes have with any of the secrets, and others do not', async () => {
      const source = signedBy(scheme, first, second)
      const nameOf = async (sent: HookRequest) => (await passes(source, sent)).signed
      const sent = await sender.send(first, BODY, NOW_S)
      const signed = await nameOf(sent)
      assert.match(signed ?? '', /^[0-9a-f]{64}$/)
      assert.equal(await nameOf(await sender.send(second, BODY, NOW_S)), signed)
      assert.notEqual(await nameOf(await sender.send(first, `${BODY} `, NOW_S)), signed)
      if (!signsTime) return
      assert.notEqual(await nameOf(await sender.send(first, BODY, NOW_S - 1)), signed)
    })

    if (!signsTime) return
    test('is refused out of its time, either way, by the second', async () => {
      const source = signedBy(scheme, first)
      for (const offS of [-TOLERANCE_S, 0, TOLERANCE_S]) {
        await passes(source, await sender.send(first, BODY, NOW_S + offS))
      }
      const sentAt = (offS: number) => sender.send(first, BODY, NOW_S + offS)
      const code = 'TIMESTAMP_OUT_OF_TOLERANCE'
      const past = await isRefusedWith(code, source, await sentAt(-TOLERANCE_S - 1))
      assert.match(past, /signed 301 s ago; at most 300 s/)
      const ahead = await isRefusedWith(code, source, await sentAt(TOLERANCE_S + 1))
      assert.match(ahead, /signed 301 s ahead/)
    })
  })
}

test('the examples of the docs of GitHub and Slack are met', async () => {
  const github = {
    'x-hub-signature-256':
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  }
  const secret = "It's a Secret to Everybody"
  await passes(signedBy('github', secret), request(github, 'Hello, World!'))
  const slack = {
    'x-slack-request-timestamp': '1531420618',
    'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
  }
  const form =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const source = signedBy('slack', '8f742231b10e8888abcd99yyyzzz85a5')
  const outcome = await verifyRequest(source, request(slack, form), 1_531_420_618_000, JSON_BYTES)
  assert.equal(isRefused(outcome) || outcome.eventId, null)
})

test('what our own deliveries are signed with passes by the secret, or by the public key alone', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const whpk = `whpk_${Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')}`
  const hmacKey = randomBytes(32)
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  const key = { id: 'x', hmacKey, privateKey: der, createdAtMs: 0, expiresAtMs: null }
  const body = Buffer.from([0, 0xff, 0xfe, 0x0a])
  const headers = await signatureHeaders({ id: 'msg_1', nowMs: NOW, body }, [key])
  const whsec = `whsec_${hmacKey.toString('base64')}`
  const named = await Promise.all(
    [[whsec], [whpk], [whpk, whsec]].map((secrets) =>
      passes(signedBy('standard-webhooks', ...secrets), request(headers, body)),
    ),
  )
  assert.equal(new Set(named.map(({ signed }) => signed)).size, 1)
  const other = request(headers, Buffer.from('other'))
  await isRefusedWith('SIGNATURE_WRONG', signedBy('standard-webhooks', whpk), other)
  const kinds = String(headers['webhook-signature']).split(' ')
  for (const [kind, secret, told] of [
    [kinds[0], whpk, /v1 only/],
    [kinds[1], whsec, /v1a only/],
  ] as const) {
    const sent = request({ ...headers, 'webhook-signature': kind ?? '' }, body)
    const source = signedBy('standard-webhooks', secret)
    assert.match(await isRefusedWith('SIGNATURE_WRONG', source, sent), told)
  }
  const { publicKey: stranger } = generateKeyPairSync('ed25519')
  const x = Buffer.from(stranger.export({ format: 'jwk' }).x ?? '', 'base64url')
  const wrong = signedBy('standard-webhooks', `whpk_${x.toString('base64')}`)
  await isRefusedWith('SIGNATURE_WRONG', wrong, request(headers, body))
})

test('a key with which anybody can sign, kept from before such keys were refused, verifies nothing', async () => {
  const [identity] = SMALL_ORDER_KEYS.filter((key) => key.readUInt8(0) === 1)
  assert.ok(identity !== undefined)
  const signature = Buffer.concat([identity, Buffer.alloc(32)]).toString('base64')
  const forged = {
    'webhook-id': 'forged',
    'webhook-timestamp': String(NOW_S),
    'webhook-signature': `v1a,${signature}`,
  }
  const source = signedBy('standard-webhooks', `whpk_${identity.toString('base64')}`)
  await isRefusedWith('SIGNATURE_WRONG', source, request(forged, BODY))
})

test('one signature has one name, in whatever spelling and company it comes', async () => {
  const other = '0'.repeat(64)
  const others = `v1,${Buffer.alloc(32).toString('base64')}`
  const spellings: Record<string, (header: string) => string[]> = {
    Stripe: (header) => [
      header.replace(/v1=.*/, (v1) => v1.toUpperCase().replace('V1', 'v1')),
      header.replace('v1=', `v1=${other},v1=`),
      `${header},v1=${other},v0=${other}`,
      header.split(',').reverse().join(','),
      header.replace(',', ', '),
    ],
    Slack: (header) => [header.toUpperCase().replace('V', 'v')],
    GitHub: (header) => [header.toUpperCase().replace('SHA', 'sha')],
    Shopify: (header) => [header.replace('=', '')],
    'Standard Webhooks': (header) => [
      `${others} ${header}`,
      `${header} ${others} v1a,AAAA v2,x`,
      // Node.js joins headers that are repeated.
      `${others}, ${header}`,
      header.replace('=', ''),
    ],
  }
  for (const [name, spellingsOf] of Object.entries(spellings)) {
    const { scheme, secrets, send, header } = SENDERS[name]!
    const sent = await send(secrets[0], BODY, NOW_S)
    const { signed } = await passes(signedBy(scheme, ...secrets), sent)
    for (const value of spellingsOf(String(sent.headers[header]))) {
      const again = withHeaders(sent, { [header]: value })
      assert.equal((await passes(signedBy(scheme, ...secrets), again)).signed, signed, value)
    }
  }
})

test('of many signatures the first are looked at', async () => {
  const { scheme, secrets, send, header } = SENDERS.Stripe!
  const sent = await send(secrets[0], BODY, NOW_S)
  const [time = '', good = ''] = String(sent.headers[header]).split(',')
  const after = (count: number): HookRequest => {
    const wrong = Array.from({ length: count }, () => `v1=${'0'.repeat(64)}`)
    return withHeaders(sent, { [header]: [time, ...wrong, good].join(',') })
  }
  const source = signedBy(scheme, secrets[0])
  await passes(source, after(SIGNATURES_MAX - 1))
  await isRefusedWith('SIGNATURE_WRONG', source, after(SIGNATURES_MAX))
})

test('a time is whole seconds, said once, and an id is there', async () => {
  const { secrets, send } = SENDERS['Standard Webhooks']!
  const source = signedBy('standard-webhooks', secrets[0])
  const sent = await send(secrets[0], BODY, NOW_S)
  const at = (time: string | undefined) => withHeaders(sent, { 'webhook-timestamp': time })
  await isRefusedWith('TIMESTAMP_MISSING', source, at(undefined))
  await isRefusedWith('ID_MISSING', source, withHeaders(sent, { 'webhook-id': '' }))
  for (const time of [
    `${NOW_S}.5`,
    `-${NOW_S}`,
    `0${NOW_S}`,
    ` ${NOW_S}`,
    '1e9',
    '0',
    'x',
    '9'.repeat(400),
  ]) {
    await isRefusedWith('TIMESTAMP_MALFORMED', source, at(time))
  }
  const told = await isRefusedWith('TIMESTAMP_MALFORMED', source, at(String(NOW)))
  assert.match(told, /milliseconds/)
  const stripe = signedBy('stripe', 'whsec_x')
  const stripeAt = (text: string) => request({ 'stripe-signature': text }, BODY)
  const mac = `v1=${'0'.repeat(64)}`
  await isRefusedWith('TIMESTAMP_MISSING', stripe, stripeAt(mac))
  await isRefusedWith('TIMESTAMP_MALFORMED', stripe, stripeAt(`t=${NOW_S},t=${NOW_S},${mac}`))
  await isRefusedWith('TIMESTAMP_MALFORMED', stripe, stripeAt(`t=,${mac}`))
})

test('a wrong signature tells of secrets that look as if they were pasted wrong', async () => {
  const rows: [scheme: SignedScheme, secret: string, told: RegExp][] = [
    ['stripe', 'sk_test_1', /begin with whsec_/],
    ['slack', 'xoxb-1', /Signing Secret/],
    ['github', ' hunter2', /white space/],
    ['shopify', 'shpat_1', /client secret/],
  ]
  for (const [scheme, secret, told] of rows) {
    const sender = Object.values(SENDERS).find((one) => one.scheme === scheme)!
    const sent = await sender.send(sender.secrets[0], BODY, NOW_S)
    const message = await isRefusedWith('SIGNATURE_WRONG', signedBy(scheme, secret), sent)
    assert.match(message, told)
    assert.equal(message.includes(secret.trim()), false)
  }
})

test('of a shop the same bytes have one name, whatever header that is not signed comes with them', async () => {
  const { secrets, send } = SENDERS.Shopify!
  const source = signedBy('shopify', secrets[0])
  const sent = await send(secrets[0], BODY, NOW_S)
  const paid = withHeaders(sent, { 'x-shopify-topic': 'orders/paid' })
  assert.equal((await passes(source, sent)).signed, (await passes(source, paid)).signed)
})

test('an id is a short text, or a number that stands for itself', async () => {
  assert.deepEqual(['a', 7, 'x'.repeat(EVENT_ID_CHARS_MAX), 'größer'].map(toEventId), [
    'a',
    '7',
    'x'.repeat(EVENT_ID_CHARS_MAX),
    'größer',
  ])
  for (const value of ['', 'x'.repeat(EVENT_ID_CHARS_MAX + 1), 'a\u0000', '\ud800', 1.5, 2 ** 53]) {
    assert.equal(toEventId(value), null)
  }
  for (const value of [null, undefined, true, {}, ['a']]) assert.equal(toEventId(value), null)
  const { secrets, send } = SENDERS.Stripe!
  const source = signedBy('stripe', secrets[0])
  for (const body of ['{"id":{}}', '[]', 'null', '{"id"', '{}', '{"a":{"id":"x"}}']) {
    assert.equal((await passes(source, await send(secrets[0], body, NOW_S))).eventId, null, body)
  }
  const sent = await send(secrets[0], BODY, NOW_S)
  const outcome = await verifyRequest(source, sent, NOW, sent.body.length - 1)
  assert.equal(isRefused(outcome) || outcome.eventId, null)
})

test('whatever the headers hold, nothing is verified and nothing thrown', async () => {
  const names = [
    ...Object.values(SENDERS).flatMap(({ header }) => [header]),
    ...['webhook-id', 'webhook-timestamp', 'svix-id', 'svix-timestamp'],
    ...['x-slack-request-timestamp', 'authorization', 'x-secret', 'constructor', '__proto__'],
  ]
  const hex = fc.stringMatching(/^[0-9a-fA-F]{64}$/)
  const base64 = fc
    .uint8Array({ minLength: 32, maxLength: 64 })
    .map((bytes) => Buffer.from(bytes).toString('base64'))
  const value = fc.oneof(
    anyBytes(80).map((bytes) => bytes.toString('latin1')),
    fc
      .tuple(fc.constantFrom('v0=', 'sha256=', `t=${NOW_S},v1=`, 'v1=', ''), hex)
      .map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom('v1,', 'v1a,', '', 'Basic ', 'Bearer '), base64)
      .map((parts) => parts.join('')),
    fc.constantFrom(
      String(NOW_S),
      `t=${NOW_S}`,
      't=',
      ',,,',
      '=',
      'v1,',
      'Basic',
      'Bearer  ',
      'Basic Og==',
    ),
    fc.array(fc.string(), { maxLength: 3 }),
  )
  const sources: Verification[] = [
    ...Object.values(SENDERS).map(({ scheme, secrets }) => signedBy(scheme, ...secrets)),
    signedBy('standard-webhooks', `whpk_${Buffer.alloc(32, 1).toString('base64')}`),
    { scheme: 'secret', in: 'header', name: 'constructor', secrets: ['s3cret-s3cret'] },
    { scheme: 'secret', in: 'header', name: '__proto__', secrets: ['s3cret-s3cret'] },
    { scheme: 'secret', in: 'query', name: '__proto__', secrets: ['s3cret-s3cret'] },
    { scheme: 'secret', in: 'json', name: '__proto__', secrets: ['s3cret-s3cret'] },
    { scheme: 'basic', username: '', secrets: ['s3cret-s3cret'] },
    { scheme: 'bearer', secrets: ['s3cret-s3cret'] },
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 8 }),
      fc.constantFrom(...sources),
      fc.string(),
      fc.oneof(
        anyBytes(40),
        fc.json().map((text) => Buffer.from(text)),
      ),
      async (headers, source, query, body) => {
        const sent = { headers: Object.fromEntries(headers) as IncomingHttpHeaders, query, body }
        const outcome = await verifyRequest(source, sent, NOW, JSON_BYTES)
        assert.ok(isRefused(outcome), 'verified')
        assert.ok(outcome.refused.message.startsWith(REFUSALS[outcome.refused.code]), 'unknown')
      },
    ),
    { numRuns: 2_000, seed: 1 },
  )
})

test('docs/verification.md tells every reason, in the words of the history', async () => {
  const page = await readFile(new URL('../docs/verification.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\|$/gm)]
  assert.deepEqual(Object.fromEntries(rows.map(([, code, text]) => [code, text])), REFUSALS)
})

test('the key of a scheme is the text of its secret', async () => {
  // As Stripe says: with whsec_, and not decoded.
  const mac = createHmac('sha256', 'whsec_AAAA').update(`${NOW_S}.${BODY}`).digest('hex')
  const sent = request({ 'stripe-signature': `t=${NOW_S},v1=${mac}` }, BODY)
  await passes(signedBy('stripe', 'whsec_AAAA'), sent)
})
