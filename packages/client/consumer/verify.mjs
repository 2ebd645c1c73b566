// Run by test/client.test.ts beside esm.mjs: `verify` takes what a server's sources take, in the same forms, and says of
// the rest what is wrong. Needs no server. Argument: the public keys with which anybody can sign, in base64, as JSON.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { verify } from '@wasmhook/client/verify'

const [weakKeys = '[]'] = process.argv.slice(2)
const now = new Date()
const seconds = Math.floor(now.getTime() / 1000)
const key = Buffer.alloc(32, 7)
const base64 = key.toString('base64')
const bare = base64.replace(/=+$/, '')
const secret = `whsec_${base64}`

/** @param {Buffer} [by] */
function signature(by = key) {
  return `v1,${createHmac('sha256', by).update(`m.${seconds}.body`).digest('base64')}`
}

const headers = {
  'webhook-id': 'm',
  'webhook-timestamp': String(seconds),
  'webhook-signature': signature(),
}

/**
 * Users without a compiler give anything.
 *
 * @param {...unknown} given
 */
function verifyAny(...given) {
  return /** @type {(...given: unknown[]) => Promise<unknown>} */ (verify)(...given)
}

/**
 * @param {Promise<unknown>} promise
 * @param {string} code
 */
async function refused(promise, code) {
  await assert.rejects(promise, { name: 'WebhookVerificationError', code })
}

// Secrets in each form, and of each length, that the server takes.
for (const form of [secret, `whsec_${bare}`, base64, bare, ` ${secret}\n`]) {
  await verify(headers, 'body', form)
}
for (const [length, isTaken] of /** @type {const} */ ([
  [1, false],
  [23, false],
  [24, true],
  [64, true],
  [65, false],
])) {
  const other = Buffer.alloc(length, 1)
  const sent = { ...headers, 'webhook-signature': signature(other) }
  const verified = verify(sent, 'body', `whsec_${other.toString('base64')}`)
  await (isTaken ? verified : refused(verified, 'BAD_SECRET'))
}
// Cut off, of another alphabet, with bits left over, or private.
for (const odd of [
  `${bare}AA`,
  `${bare.slice(0, -1)}-`,
  `${bare.slice(0, -1)}d`,
  `whsk_${base64}`,
]) {
  await refused(verify(headers, 'body', odd), 'BAD_SECRET')
}

// With these a signature of nobody would verify.
const identity = Buffer.alloc(64)
identity.writeUInt8(1)
const forged = { ...headers, 'webhook-signature': `v1a,${identity.toString('base64')}` }
/** @type {string[]} */
const weak = JSON.parse(weakKeys)
assert.ok(weak.length > 0)
for (const one of weak) {
  await refused(verify(forged, 'body', `whpk_${one}`), 'BAD_SECRET')
  await refused(verify(headers, 'body', [secret, `whpk_${one}`]), 'BAD_SECRET')
}

// Headers that came twice, as Node.js and fetch join them, as a list, and without padding.
const wrong = `v1,${Buffer.alloc(32).toString('base64')}`
const right = signature()
for (const both of [
  `${right}, ${wrong}`,
  `${wrong}, ${right}`,
  `${wrong}  ${right}`,
  [right, wrong],
  [wrong, right],
  right.replace('=', ''),
]) {
  await verify({ ...headers, 'webhook-signature': both }, 'body', secret)
}
const joined = new Headers(headers)
joined.append('webhook-signature', wrong)
await verify(joined, 'body', secret)

// Headers as a Map, in any case; a timestamp that is a number; none at all.
await verify(new Map(Object.entries(headers)), 'body', secret)
const upper = Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value])
await verifyAny(new Map(/** @type {[string, string][]} */ (upper)), 'body', secret)
await verifyAny({ ...headers, 'webhook-timestamp': seconds }, 'body', secret)
await refused(verifyAny({ ...headers, 'webhook-timestamp': NaN }, 'body', secret), 'BAD_TIMESTAMP')
for (const none of [undefined, null, 'webhook-id: m', 7, {}, [], new Map(), new Headers()]) {
  await refused(verifyAny(none, 'body', secret), 'MISSING_HEADER')
}
for (const odd of [null, {}, true, [], ['']]) {
  await refused(verifyAny({ ...headers, 'webhook-id': odd }, 'body', secret), 'MISSING_HEADER')
}

// Options that are none are named.
for (const [options, message] of /** @type {const} */ ([
  [null, /options/],
  [300, /options/],
  [{ now: now.getTime() }, /^now /],
  [{ now: new Date(NaN) }, /^now /],
  [{ now: null }, /^now /],
  [{ toleranceSeconds: NaN }, /^toleranceSeconds /],
  [{ toleranceSeconds: '300' }, /^toleranceSeconds /],
  [{ toleranceSeconds: -1 }, /^toleranceSeconds /],
])) {
  await assert.rejects(verifyAny(headers, 'body', secret, options), { name: 'TypeError', message })
}
await verify(headers, 'body', secret, { now: undefined, toleranceSeconds: undefined })
await verify(headers, 'body', secret, { now, toleranceSeconds: 0 })
console.log('all as expected')
