// What docs/delivery.md shows receivers does what it says.
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { signatureHeaders } from '../src/outbound/signature.ts'
import { signatureCases, snippets } from './helpers/signature-snippets.ts'

type Verify = (key: string, headers: Record<string, string>, body: Buffer) => boolean

async function exported(code: string | undefined, name: string): Promise<Verify> {
  const url = `data:text/javascript,${encodeURIComponent(code ?? '')}`
  const module = (await import(url)) as Record<string, Verify>
  assert.equal(typeof module[name], 'function')
  return module[name]!
}

test('the JavaScript of docs/delivery.md verifies what is signed, and nothing else', async () => {
  const [code] = await snippets('js')
  const verify = await exported(code, 'verify')
  for (const { name, secret, headers, body, accepted } of signatureCases()) {
    assert.equal(verify(secret, headers, Buffer.from(body, 'base64')), accepted, name)
  }
})

test('the public-key JavaScript of docs/delivery.md verifies what is signed, and nothing else', async () => {
  const [, code] = await snippets('js')
  const verify = await exported(code, 'verifyPublic')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const secret = {
    id: 'x',
    hmacKey: randomBytes(32),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    createdAtMs: 0,
    expiresAtMs: null,
  }
  const body = randomBytes(100)
  const headers = await signatureHeaders({ id: 'i', nowMs: Date.now(), body }, [secret])
  const whpk = (raw: Buffer): string => `whpk_${raw.toString('base64')}`
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const key = whpk(Buffer.from(x, 'base64url'))
  assert.equal(verify(key, headers, body), true)
  assert.equal(verify(key, headers, Buffer.from('other')), false)
  assert.equal(verify(key, { ...headers, 'webhook-id': 'j' }, body), false)
  const hmacOnly = headers['webhook-signature']!.split(' ')[0]!
  for (const list of [hmacOnly, 'v1a,', 'v1a,AAAA', '']) {
    assert.equal(verify(key, { ...headers, 'webhook-signature': list }, body), false)
  }
  const { publicKey: stranger } = generateKeyPairSync('ed25519')
  const { x: other = '' } = stranger.export({ format: 'jwk' })
  assert.equal(verify(whpk(Buffer.from(other, 'base64url')), headers, body), false)
})
