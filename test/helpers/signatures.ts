// Secrets of executables and the signatures that arrive, verified as a receiver does with node:crypto.
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { admin } from './client.ts'
import type { Caller, Uploaded } from './client.ts'
import type { Received } from './http-service.ts'

export interface Rotated {
  wasm_id: number
  secret: string
  public_key: string | null
  secrets: {
    created_at: string
    expires_at: string | null
    public_key: string | null
    kid: string | null
  }[]
}

/** Asks for the secret route; the body is left out where there is none. */
export function askSecret(
  app: Caller,
  one: Uploaded,
  method = 'POST',
  body?: object,
): Promise<Response> {
  return app.request(`/api/executables/${one.id}/signing-secret`, {
    method,
    headers: {
      ...admin(one),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

export async function makeSecret(app: Caller, one: Uploaded, body?: object): Promise<Rotated> {
  const response = await askSecret(app, one, 'POST', body)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text) as Rotated
}

/** The bytes that a signature is of. */
function signedBytes({ headers, body }: Received): Buffer {
  const head = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`
  return Buffer.concat([Buffer.from(head), body])
}

function signatures({ headers }: Received, version: string): string[] {
  return String(headers['webhook-signature'] ?? '')
    .split(' ')
    .filter((one) => one.startsWith(`${version},`))
    .map((one) => one.slice(version.length + 1))
}

export function verifiesHmac(received: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const mac = createHmac('sha256', key).update(signedBytes(received)).digest('base64')
  return signatures(received, 'v1').includes(mac)
}

export function verifiesEd25519(received: Received, publicKey: string | null): boolean {
  const raw = Buffer.from(String(publicKey).replace('whpk_', ''), 'base64')
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return signatures(received, 'v1a').some((signature) =>
    verify(null, signedBytes(received), key, Buffer.from(signature, 'base64')),
  )
}

export function isSigned({ headers }: Received): boolean {
  return 'webhook-signature' in headers
}
