// What is signed and how: Standard Webhooks 1.0, byte for byte.
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { SigningSecret } from '../src/model.ts'
import { nextHop } from '../src/outbound/redirect.ts'
import { signatureHeaders } from '../src/outbound/signature.ts'

const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const NOW = 1_614_265_330_999

function secret(key = randomBytes(32), change: Partial<SigningSecret> = {}): SigningSecret {
  return { id: 'x', hmacKey: key, privateKey: null, createdAtMs: 0, expiresAtMs: null, ...change }
}

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }), publicKey }
}

async function signaturesOf(body: Buffer, secrets: SigningSecret[]): Promise<string[]> {
  const headers = await signatureHeaders({ id: ID, nowMs: NOW, body }, secrets)
  assert.equal(headers['webhook-id'], ID)
  assert.equal(headers['webhook-timestamp'], '1614265330')
  return headers['webhook-signature']!.split(' ')
}

test('the vector that the libraries of Standard Webhooks are tested with is met', async () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
  const signatures = await signaturesOf(Buffer.from('{"test": 2432232314}'), [secret(key)])
  assert.deepEqual(signatures, ['v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='])
})

test('every secret signs, ed25519 beside HMAC, and the bytes are taken as they are', async () => {
  const { privateKey, publicKey } = keyPair()
  const [newer, older] = [randomBytes(32), randomBytes(32)]
  const body = Buffer.from([0, 0xff, 0xfe, 0x0a, 0xc3, 0x28])
  const signatures = await signaturesOf(body, [secret(newer, { privateKey }), secret(older)])
  const signed = Buffer.concat([Buffer.from(`${ID}.1614265330.`), body])
  const mac = (key: Buffer): string =>
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  assert.deepEqual(signatures.slice(0, 2), [mac(newer), mac(older)])
  const [version, signature = ''] = signatures[2]!.split(',')
  assert.equal(version, 'v1a')
  assert.ok(verify(null, signed, publicKey, Buffer.from(signature, 'base64')))
  assert.equal(signatures.length, 3)
})

test('a body of many slices is signed as one, and an empty one too', async () => {
  const key = randomBytes(32)
  for (const size of [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000]) {
    const body = Buffer.alloc(size, 'ab')
    const webhook = new Webhook(`whsec_${key.toString('base64')}`)
    const expected = webhook.sign(ID, new Date(NOW), body.toString())
    assert.deepEqual(await signaturesOf(body, [secret(key)]), [expected])
  }
})

test('the event loop has its turns while a large body is signed', async () => {
  let turns = 0
  let ended = false
  const count = (): void => {
    turns++
    if (!ended) setImmediate(count)
  }
  setImmediate(count)
  const { privateKey, publicKey } = keyPair()
  const body = Buffer.alloc(16 * 1024 * 1024)
  const signatures = await signaturesOf(body, [secret(randomBytes(32), { privateKey })])
  ended = true
  assert.ok(turns >= 60, `${turns} turns`)
  const signed = Buffer.concat([Buffer.from(`${ID}.1614265330.`), body])
  const signature = Buffer.from(signatures[1]!.slice('v1a,'.length), 'base64')
  assert.ok(verify(null, signed, publicKey, signature))
})

test('a signature goes with the body that it signs, and alone to no other origin', () => {
  const ownHeaders = { 'webhook-signature': 'v1,s', 'content-type': 'a/b', other: 'o' }
  const hop = (method: string, body?: Buffer) => ({
    url: new URL('https://a.example/'),
    method,
    body,
    callerHeaders: {},
    ownHeaders,
  })
  const signed = (from: ReturnType<typeof hop>, status: number, to: string): boolean =>
    'webhook-signature' in (nextHop(from, status, to)?.ownHeaders ?? {})
  const [same, other] = ['https://a.example/b', 'https://b.example/']
  const post = hop('POST', Buffer.from('x'))
  assert.deepEqual(
    [signed(post, 307, same), signed(post, 307, other), signed(post, 308, other)],
    [true, true, true],
  )
  // The body is dropped: what is sent now was never signed.
  assert.deepEqual([signed(post, 303, same), signed(post, 302, other)], [false, false])
  for (const status of [301, 302, 303, 307, 308]) {
    assert.equal(signed(hop('GET'), status, same), true)
    assert.equal(signed(hop('GET'), status, other), false)
    assert.equal(signed(hop('HEAD'), status, other), false)
  }
  assert.equal(nextHop(hop('GET'), 307, other)?.ownHeaders.other, 'o')
})
