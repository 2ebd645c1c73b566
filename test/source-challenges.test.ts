// What senders ask before they send anything, and what they are answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ORIGINS_MAX,
  ORIGIN_CHARS_MAX,
  parseChallenge,
  showChallenge,
} from '../src/core/source-verification/challenge-fields.ts'
import {
  answerChallenge,
  CHALLENGE_BODY_BYTES_MAX,
  CHALLENGE_CHARS_MAX,
} from '../src/core/source-verification/challenges.ts'
import { isRefused } from '../src/core/source-verification/refusals.ts'
import { SECRET_CHARS_MAX } from '../src/core/source-verification/verification-fields.ts'
import { AppError } from '../src/errors.ts'
import type { Challenge } from '../src/source-model.ts'

interface Asked {
  method?: string
  headers?: Record<string, string>
  query?: string
  body?: unknown
}

function answer(challenge: Challenge | null, asked: Asked) {
  const { method = 'POST', headers = {}, query = '', body } = asked
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? {}))
  return answerChallenge(challenge, { method, headers, query, body: bytes })
}

/** Undefined: it is no challenge. */
function codeOf(challenge: Challenge, asked: Asked): string | undefined {
  const outcome = answer(challenge, asked)
  if (outcome === undefined) return undefined
  return isRefused(outcome) ? outcome.refused.code : String(outcome.status)
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }

test('Slack gets its challenge as plain text, and its events are none', () => {
  const slack: Challenge = { kind: 'slack' }
  const challenge = '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'
  const body = { token: 'Jhj5dZrVaK7ZwHHjRyZWjbDl', challenge, type: 'url_verification' }
  assert.deepEqual(answer(slack, { body }), { status: 200, headers: TEXT, body: challenge })
  const others = [
    { method: 'GET', body },
    { body: { ...body, type: 'event_callback' } },
    { body: 'type=url_verification' },
    { body: [] },
    { body: `${JSON.stringify(body)}${' '.repeat(CHALLENGE_BODY_BYTES_MAX)}` },
  ]
  for (const asked of others) assert.equal(codeOf(slack, asked), undefined)
  const long = 'x'.repeat(CHALLENGE_CHARS_MAX)
  assert.equal(codeOf(slack, { body: { ...body, challenge: long } }), '200')
  for (const one of [undefined, '', 7, 'a\nb', 'ü', `${long}x`]) {
    assert.equal(codeOf(slack, { body: { ...body, challenge: one } }), 'CHALLENGE_MALFORMED')
  }
})

test('Meta gets its challenge for the verify token of the source only', () => {
  const meta: Challenge = { kind: 'meta', verifyToken: 'meaty ham & hock' }
  const token = 'hub.verify_token=meaty+ham%20%26+hock'
  const query = `hub.mode=subscribe&hub.challenge=1158201444&${token}`
  const asked = { method: 'GET', query }
  assert.deepEqual(answer(meta, asked), { status: 200, headers: TEXT, body: '1158201444' })
  assert.equal(codeOf(meta, { method: 'POST', query }), undefined)
  assert.equal(codeOf(meta, { method: 'GET', query: `hub.mode=x&${token}` }), undefined)
  assert.equal(codeOf(meta, { method: 'GET' }), undefined)
  const rows: [string, string][] = [
    [query.replace('hock', 'hocks'), 'CHALLENGE_TOKEN_WRONG'],
    [query.replace(token, ''), 'CHALLENGE_TOKEN_WRONG'],
    [`${query}&${token}`, 'CHALLENGE_TOKEN_WRONG'],
    [query.replace('1158201444', ''), 'CHALLENGE_MALFORMED'],
    [query.replace('1158201444', '%0d%0aa:b'), 'CHALLENGE_MALFORMED'],
    [query.replace('1158201444', '1'.repeat(CHALLENGE_CHARS_MAX + 1)), 'CHALLENGE_MALFORMED'],
    [`hub.mode=subscribe&${token}`, 'CHALLENGE_MALFORMED'],
  ]
  for (const [one, code] of rows)
    assert.equal(codeOf(meta, { method: 'GET', query: one }), code, one)
})

test('senders of CloudEvents are permitted where their origin is listed', () => {
  const listed: Challenge = { kind: 'cloudevents', origins: ['eventgrid.azure.net', 'a.example'] }
  const any: Challenge = { kind: 'cloudevents', origins: ['*'] }
  const ask = (challenge: Challenge, origin: string, rate?: string) => {
    const rates = rate === undefined ? {} : { 'webhook-request-rate': rate }
    return answer(challenge, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': origin, ...rates },
    })
  }
  const permitted = (origin: string, rate: string) => ({
    status: 200,
    headers: { allow: 'POST', 'webhook-allowed-origin': origin, 'webhook-allowed-rate': rate },
    body: '',
  })
  assert.deepEqual(ask(listed, 'a.example', '120'), permitted('a.example', '120'))
  assert.deepEqual(ask(listed, 'EventGrid.azure.net'), permitted('EventGrid.azure.net', '*'))
  // What no list holds is not repeated.
  assert.deepEqual(ask(any, 'b.example<x>', '0'), permitted('*', '*'))
  for (const origin of ['b.example', 'x.a.example', 'a.example, b.example', '*']) {
    const outcome = ask(listed, origin)
    assert.equal(outcome && isRefused(outcome) && outcome.refused.code, 'ORIGIN_REFUSED', origin)
  }
  assert.equal(codeOf(listed, { method: 'OPTIONS' }), undefined)
  const delivery = { headers: { 'webhook-request-origin': 'b.example' } }
  assert.equal(codeOf(listed, delivery), undefined)
})

test('a source without a challenge answers none', () => {
  assert.equal(answer(null, { body: { type: 'url_verification', challenge: 'x' } }), undefined)
})

test('what an owner says of a challenge is read, shown without the token, and refused by its field', () => {
  const parse = (value: unknown) => parseChallenge(value, 'challenge')
  assert.deepEqual(parse({ kind: 'slack' }), { kind: 'slack' })
  const meta = parse({ kind: 'meta', verify_token: 'v' })
  assert.deepEqual(meta, { kind: 'meta', verifyToken: 'v' })
  assert.deepEqual(showChallenge(meta), { kind: 'meta', verify_token: '***' })
  const origins = ['EventGrid.azure.net', '*', `${'a.'.repeat(126)}a`]
  const events = parse({ kind: 'cloudevents', origins })
  assert.deepEqual(showChallenge(events), {
    kind: 'cloudevents',
    origins: ['eventgrid.azure.net', '*', `${'a.'.repeat(126)}a`],
  })
  assert.deepEqual(showChallenge({ kind: 'slack' }), { kind: 'slack' })
  const rows: [unknown, string][] = [
    ['slack', 'challenge'],
    [{}, 'challenge.kind'],
    [{ kind: 'slack', verify_token: 'v' }, 'challenge.verify_token'],
    [{ kind: 'meta' }, 'challenge.verify_token'],
    [{ kind: 'meta', verify_token: '***' }, 'challenge.verify_token'],
    [{ kind: 'meta', verify_token: 'x'.repeat(SECRET_CHARS_MAX + 1) }, 'challenge.verify_token'],
    [{ kind: 'cloudevents' }, 'challenge.origins'],
    [{ kind: 'cloudevents', origins: [] }, 'challenge.origins'],
    [{ kind: 'cloudevents', origins: Array(ORIGINS_MAX + 1).fill('*') }, 'challenge.origins'],
    [{ kind: 'cloudevents', origins: ['*', '*.a.example'] }, 'challenge.origins.1'],
    [{ kind: 'cloudevents', origins: ['https://a.example'] }, 'challenge.origins.0'],
    [{ kind: 'cloudevents', origins: ['a\r\nb'] }, 'challenge.origins.0'],
    [{ kind: 'cloudevents', origins: ['x'.repeat(ORIGIN_CHARS_MAX + 1)] }, 'challenge.origins.0'],
    [{ kind: 'cloudevents', origins: [7] }, 'challenge.origins.0'],
  ]
  for (const [said, field] of rows) {
    assert.throws(
      () => parse(said),
      (error) => {
        assert.ok(error instanceof AppError, String(error))
        assert.deepEqual([error.code, error.detail], ['BAD_REQUEST', { field }])
        return true
      },
    )
  }
})
