// Requests that show a secret, what goes on of them, and what owners say of who may send.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { standardKey } from '../src/core/source-verification/keys.ts'
import { isRefused } from '../src/core/source-verification/refusals.ts'
import type { RefusalCode } from '../src/core/source-verification/refusals.ts'
import {
  parseVerification,
  SECRETS_MAX,
  SECRET_CHARS_MAX,
  SECRET_PLACE_CHARS_MAX,
  showVerification,
  TOLERANCE_MS_DEFAULT,
  TOLERANCE_MS_MAX,
  TOLERANCE_MS_MIN,
  USERNAME_CHARS_MAX,
} from '../src/core/source-verification/verification-fields.ts'
import { verifyRequest } from '../src/core/source-verification/verify.ts'
import { AppError } from '../src/errors.ts'
import type { Verification } from '../src/source-model.ts'
import { request } from './helpers/hook-senders.ts'
import { isForgeable, LARGE_Y_KEYS, SMALL_ORDER_KEYS } from './helpers/weak-keys.ts'

const JSON_BYTES = 1024

const verify = (verification: Verification, sent: ReturnType<typeof request>) =>
  verifyRequest(verification, sent, 0, JSON_BYTES)

async function codeOf(
  verification: Verification,
  sent: ReturnType<typeof request>,
): Promise<RefusalCode | null> {
  const outcome = await verify(verification, sent)
  return isRefused(outcome) ? outcome.refused.code : null
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

test('no scheme takes everything, and hands on no credentials', async () => {
  const headers = {
    authorization: 'Bearer x',
    'proxy-authorization': 'Basic x',
    cookie: 'session=x',
    'content-type': 'text/plain',
  }
  const sent = request(headers, 'x', 'a=1&b=2&a=3&c&__proto__=4&d=%C3%BC+%2B')
  const outcome = await verify({ scheme: 'none' }, sent)
  assert.deepEqual(outcome, {
    headers: { 'content-type': 'text/plain' },
    query: { a: ['1', '3'], b: '2', c: '', ['__proto__']: '4', d: 'ü +' },
    eventId: null,
    signed: null,
    signedUntilMs: null,
    body: sent.body,
  })
})

describe('a secret', () => {
  const secrets = ['größer als 1', 'second']

  test('in a header is taken byte for byte, and handed on to nobody', async () => {
    const source: Verification = { scheme: 'secret', in: 'header', name: 'x-token', secrets }
    for (const secret of secrets) {
      const outcome = await verify(source, request({ 'x-token': latin1(secret), other: 'o' }, ''))
      assert.deepEqual(isRefused(outcome) || outcome.headers, { other: 'o' })
    }
    assert.equal(await codeOf(source, request({}, '')), 'SECRET_MISSING')
    assert.equal(await codeOf(source, request({ 'x-token': '' }, '')), 'SECRET_MISSING')
    for (const value of ['first', 'second, second', 'secon', 'seconds', 'Second']) {
      assert.equal(await codeOf(source, request({ 'x-token': value }, '')), 'SECRET_WRONG')
    }
  })

  test('in the query is there once, and handed on to nobody', async () => {
    const source: Verification = { scheme: 'secret', in: 'query', name: 'access_token', secrets }
    const query = `a=1&access_token=${encodeURIComponent(secrets[0]!)}&access=2`
    const outcome = await verify(source, request({}, '', query))
    assert.deepEqual(isRefused(outcome) || outcome.query, { a: '1', access: '2' })
    const rows: [string, RefusalCode][] = [
      ['', 'SECRET_MISSING'],
      ['Access_token=second', 'SECRET_MISSING'],
      ['access_token=second&access_token=second', 'SECRET_REPEATED'],
      ['access_token=', 'SECRET_WRONG'],
      ['access_token=third', 'SECRET_WRONG'],
    ]
    for (const [one, code] of rows) {
      assert.equal(await codeOf(source, request({}, '', one)), code, one)
    }
  })

  test('in the body is cut out of it, and every other byte stays', async () => {
    const source: Verification = { scheme: 'secret', in: 'json', name: 'a/"secret"', secrets }
    const headers = { 'content-type': 'application/json', 'content-length': '1' }
    const body = '{ "n": 1.50e3,\n "a\\/\\"secret\\"" : "gr\\u00f6ßer als 1", "b" : "ü" }'
    const outcome = await verify(source, request(headers, body))
    assert.ok(!isRefused(outcome), 'refused')
    assert.equal(outcome.body.toString(), '{ "n": 1.50e3, "b" : "ü" }')
    assert.deepEqual(outcome.headers, { 'content-type': 'application/json' })
  })

  test('in the body is a text, there once, in a JSON object of a bounded size', async () => {
    const source: Verification = { scheme: 'secret', in: 'json', name: 'secret', secrets }
    const rows: [string | Buffer, RefusalCode][] = [
      ['', 'BODY_NOT_JSON'],
      ['secret=second', 'BODY_NOT_JSON'],
      ['["secret"]', 'BODY_NOT_JSON'],
      ['{"secret":"second"', 'BODY_NOT_JSON'],
      [Buffer.from('{"secret":"second","a":"\xff"}', 'latin1'), 'BODY_NOT_JSON'],
      ['{}', 'SECRET_MISSING'],
      ['{"a":{"secret":"second"}}', 'SECRET_MISSING'],
      ['{"secret":"second","secret":"second"}', 'SECRET_REPEATED'],
      ['{"secret":"x","s\\u0065cret":"second"}', 'SECRET_REPEATED'],
      ['{"secret":"x"}', 'SECRET_WRONG'],
      ['{"secret":["second"]}', 'SECRET_WRONG'],
      [`{"secret":"second"}${' '.repeat(JSON_BYTES)}`, 'BODY_TOO_LARGE'],
    ]
    for (const [body, code] of rows) {
      assert.equal(await codeOf(source, request({}, body)), code, String(body).slice(0, 80))
    }
  })
})

describe('credentials', () => {
  test('are username and password, any of both', async () => {
    const source: Verification = { scheme: 'basic', username: 'ü:1', secrets: ['p:w', 'größer'] }
    for (const pair of ['ü:1:p:w', 'ü:1:größer']) {
      for (const header of [
        basic(pair),
        basic(pair).replace('Basic ', 'BASIC  ').replace(/=+$/, ''),
      ]) {
        assert.equal(await codeOf(source, request({ authorization: header }, '')), null)
      }
    }
    const rows: [string, RefusalCode][] = [
      ['', 'CREDENTIALS_MISSING'],
      ['Bearer x', 'CREDENTIALS_MALFORMED'],
      ['Basic', 'CREDENTIALS_MALFORMED'],
      ['Basic !!', 'CREDENTIALS_MALFORMED'],
      [basic('ü:1:'), 'CREDENTIALS_WRONG'],
      [basic('u:p:w'), 'CREDENTIALS_WRONG'],
      [basic('p:w'), 'CREDENTIALS_WRONG'],
    ]
    for (const [authorization, code] of rows) {
      assert.equal(await codeOf(source, request({ authorization }, '')), code, authorization)
    }
    const told = async (pair: string) => {
      const outcome = await verify(source, request({ authorization: basic(pair) }, ''))
      return isRefused(outcome) ? outcome.refused.message : ''
    }
    assert.match(await told('ü:1:x'), /The password is another/)
    assert.match(await told('x:p:w'), /The username is another/)
  })

  test('are a token', async () => {
    const source: Verification = { scheme: 'bearer', secrets: ['t0ken', 'other'] }
    for (const authorization of ['Bearer t0ken', 'bearer  other ']) {
      assert.equal(await codeOf(source, request({ authorization }, '')), null)
    }
    const rows: [string, RefusalCode][] = [
      ['', 'CREDENTIALS_MISSING'],
      ['t0ken', 'CREDENTIALS_MALFORMED'],
      ['Bearer a b', 'CREDENTIALS_MALFORMED'],
      ['Bearer T0ken', 'SECRET_WRONG'],
    ]
    for (const [authorization, code] of rows) {
      assert.equal(await codeOf(source, request({ authorization }, '')), code, authorization)
    }
  })
})

describe('what an owner says of who may send', () => {
  const parse = (value: unknown) => parseVerification(value, 'verify')
  const key = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
  const publicKey = `whpk_${Buffer.alloc(32, 1).toString('base64')}`

  test('is read, and shown without its secrets', () => {
    const stripe = { scheme: 'stripe', secrets: ['whsec_1', 'whsec_2'], tolerance_ms: 60_000 }
    const rows: [Record<string, unknown>, Verification][] = [
      [{ scheme: 'none' }, { scheme: 'none' }],
      [
        { scheme: 'secret', in: 'header', name: 'X-Token', secrets: ['a'] },
        { scheme: 'secret', in: 'header', name: 'x-token', secrets: ['a'] },
      ],
      [
        { scheme: 'secret', in: 'json', name: 'Token.x', secrets: [' a '] },
        { scheme: 'secret', in: 'json', name: 'Token.x', secrets: [' a '] },
      ],
      [
        { scheme: 'basic', username: '', secrets: ['größer'] },
        { scheme: 'basic', username: '', secrets: ['größer'] },
      ],
      [
        { scheme: 'bearer', secrets: ['t'] },
        { scheme: 'bearer', secrets: ['t'] },
      ],
      [stripe, { scheme: 'stripe', secrets: ['whsec_1', 'whsec_2'], toleranceMs: 60_000 }],
      [
        { scheme: 'slack', secrets: ['s'] },
        { scheme: 'slack', secrets: ['s'], toleranceMs: TOLERANCE_MS_DEFAULT },
      ],
      [
        { scheme: 'github', secrets: ['s'] },
        { scheme: 'github', secrets: ['s'], toleranceMs: null },
      ],
      [
        { scheme: 'shopify', secrets: ['s'] },
        { scheme: 'shopify', secrets: ['s'], toleranceMs: null },
      ],
    ]
    for (const [said, verification] of rows) {
      assert.deepEqual(parse(said), { verification, madeSecret: null })
      const shown = showVerification(verification)
      const secrets =
        said.secrets === undefined
          ? {}
          : { secrets: verification.scheme === 'none' ? [] : verification.secrets.map(() => '***') }
      const name = said.in === 'header' ? { name: 'x-token' } : {}
      const time = said.scheme === 'slack' ? { tolerance_ms: TOLERANCE_MS_DEFAULT } : {}
      assert.deepEqual(shown, { ...said, ...secrets, ...name, ...time })
    }
    const keys = parse({ scheme: 'standard-webhooks', secrets: [key, key.slice(6), publicKey] })
    const { secrets } = showVerification(keys.verification)
    assert.deepEqual(secrets, ['***', '***', publicKey])
  })

  test('may leave the secret to us, where a sender takes one', () => {
    for (const said of [
      { scheme: 'secret', in: 'query', name: 'token' },
      { scheme: 'basic', username: 'u' },
      { scheme: 'bearer' },
      { scheme: 'github' },
      { scheme: 'standard-webhooks' },
    ]) {
      const { verification, madeSecret } = parse(said)
      assert.ok(verification.scheme !== 'none' && madeSecret !== null, said.scheme)
      assert.deepEqual(verification.secrets, [madeSecret])
      assert.match(madeSecret, said.scheme.startsWith('standard') ? /^whsec_.{44}$/ : /^[\w-]{43}$/)
      assert.notEqual(parse(said).madeSecret, madeSecret)
      assert.deepEqual(parse({ ...said, secrets: [madeSecret] }).verification, verification)
    }
  })

  test('is no public key with which anybody can sign', () => {
    const fits = (key: Buffer): boolean =>
      standardKey(`whpk_${key.toString('base64')}`) !== undefined
    assert.equal(new Set(SMALL_ORDER_KEYS.map((key) => key.toString('hex'))).size, 14)
    // The newest releases of Node.js verify nothing with some of them.
    const weak = [...SMALL_ORDER_KEYS, ...LARGE_Y_KEYS.filter(isForgeable)]
    for (const key of weak) assert.ok(!fits(key), key.toString('hex'))
    for (let made = 0; made < 20; made++) {
      const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
      assert.ok(fits(Buffer.from(x, 'base64url')))
    }
  })

  test('is refused by the field that is wrong', () => {
    const long = 'x'.repeat(SECRET_CHARS_MAX)
    const place = { scheme: 'secret', in: 'header', name: 'x', secrets: ['a'] }
    const slack = { scheme: 'slack', secrets: ['a'] }
    const standard = (...secrets: string[]) => ({ scheme: 'standard-webhooks', secrets })
    for (const said of [
      { ...slack, secrets: [long] },
      { ...slack, secrets: Array(SECRETS_MAX).fill('a') },
    ]) {
      assert.doesNotThrow(() => parse(said))
    }
    const rows: [unknown, string][] = [
      [null, 'verify'],
      [[], 'verify'],
      ['none', 'verify'],
      [{}, 'verify.scheme'],
      [{ scheme: 'constructor' }, 'verify.scheme'],
      [{ scheme: 'none', secrets: ['a'] }, 'verify.secrets'],
      [{ ...slack, name: 'x' }, 'verify.name'],
      [{ scheme: 'github', secrets: ['a'], tolerance_ms: 1_000 }, 'verify.tolerance_ms'],
      [{ ...slack, tolerance_ms: TOLERANCE_MS_MIN - 1 }, 'verify.tolerance_ms'],
      [{ ...slack, tolerance_ms: TOLERANCE_MS_MAX + 1 }, 'verify.tolerance_ms'],
      [{ ...slack, tolerance_ms: 1_000.5 }, 'verify.tolerance_ms'],
      [{ ...slack, tolerance_ms: null }, 'verify.tolerance_ms'],
      [{ scheme: 'stripe' }, 'verify.secrets'],
      [{ scheme: 'slack' }, 'verify.secrets'],
      [{ scheme: 'shopify' }, 'verify.secrets'],
      [{ ...slack, secrets: [] }, 'verify.secrets'],
      [{ ...slack, secrets: 'a' }, 'verify.secrets'],
      [{ ...slack, secrets: null }, 'verify.secrets'],
      [{ ...slack, secrets: Array(SECRETS_MAX + 1).fill('a') }, 'verify.secrets'],
      [{ ...slack, secrets: ['a', ''] }, 'verify.secrets.1'],
      [{ ...slack, secrets: [`${long}x`] }, 'verify.secrets.0'],
      [{ ...slack, secrets: [7] }, 'verify.secrets.0'],
      [{ ...slack, secrets: ['a\n'] }, 'verify.secrets.0'],
      [{ ...slack, secrets: ['\ud800'] }, 'verify.secrets.0'],
      [{ ...slack, secrets: ['***'] }, 'verify.secrets.0'],
      [{ scheme: 'bearer', secrets: ['a b'] }, 'verify.secrets.0'],
      [{ ...place, secrets: [' a'] }, 'verify.secrets.0'],
      [{ ...place, in: 'body' }, 'verify.in'],
      [{ ...place, name: 'x y' }, 'verify.name'],
      [{ ...place, name: '' }, 'verify.name'],
      [{ ...place, in: 'json', name: 'x'.repeat(SECRET_PLACE_CHARS_MAX + 1) }, 'verify.name'],
      [{ ...place, in: 'query', name: undefined }, 'verify.name'],
      [{ scheme: 'basic', secrets: ['a'] }, 'verify.username'],
      [{ scheme: 'basic', username: 'x'.repeat(USERNAME_CHARS_MAX + 1) }, 'verify.username'],
      [standard(key, 'secret'), 'verify.secrets.1'],
      [standard(`whsec_${Buffer.alloc(23).toString('base64')}`), 'verify.secrets.0'],
      [standard(`whsec_${Buffer.alloc(65).toString('base64')}`), 'verify.secrets.0'],
      [standard(`${key}A`), 'verify.secrets.0'],
      [standard(` ${key}`), 'verify.secrets.0'],
      [standard(`whpk_${Buffer.alloc(31).toString('base64')}`), 'verify.secrets.0'],
      ...SMALL_ORDER_KEYS.map((bytes): [unknown, string] => [
        standard(`whpk_${bytes.toString('base64')}`),
        'verify.secrets.0',
      ]),
      [standard(`whsk_${Buffer.alloc(64).toString('base64')}`), 'verify.secrets.0'],
    ]
    for (const [said, field] of rows) {
      assert.throws(
        () => parse(said),
        (error) => {
          assert.ok(error instanceof AppError, String(error))
          assert.deepEqual([error.code, error.detail], ['BAD_REQUEST', { field }])
          return true
        },
        JSON.stringify(said),
      )
    }
  })
})
