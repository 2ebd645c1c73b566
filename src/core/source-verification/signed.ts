// Requests whose body is signed: HMAC-SHA256 by every scheme, ed25519 by Standard Webhooks too.
import { createHash, createHmac, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { updateSliced } from '../../sliced-hash.ts'
import type { SignedScheme } from '../../source-model.ts'
import { SCHEMES } from './claims.ts'
import type { Claim } from './claims.ts'
import type { HookRequest } from './hook-request.ts'
import { anyEqual, keysOf } from './keys.ts'
import type { Keys } from './keys.ts'
import { isRefused, refused } from './refusals.ts'
import type { Refused } from './refusals.ts'

export interface SignedVerification {
  scheme: SignedScheme
  secrets: readonly string[]
  toleranceMs: number | null
}

/** On Node.js's own threads. */
const verifyAside = promisify(verify) as (
  algorithm: null,
  data: Buffer,
  key: KeyObject,
  signature: Buffer,
) => Promise<boolean>

/** Secrets that look like something else, and what is told of them where a signature is wrong. */
const LOOKALIKES: Readonly<Record<SignedScheme, readonly (readonly [RegExp, string])[]>> = {
  'standard-webhooks': [],
  stripe: [
    [/^(?!whsec_)/, 'Secrets of Stripe endpoints begin with whsec_, and one here does not.'],
  ],
  slack: [
    [/^xox|^xapp/, 'One here is a token of Slack (xox…): take the Signing Secret of the app.'],
    [/^whsec_/, 'Secrets that begin with whsec_ are not of Slack.'],
  ],
  github: [
    [/^whsec_/, 'Secrets that begin with whsec_ are not of GitHub, unless you chose it so.'],
  ],
  shopify: [
    [/^shpat_/, 'One here is an access token of Shopify (shpat_…): take the client secret.'],
    [/^whsec_/, 'Secrets that begin with whsec_ are not of Shopify.'],
  ],
}

/** @returns what names the signed bytes, and until when they are taken; or why the request is refused */
export async function verifySigned(
  { scheme, secrets, toleranceMs }: SignedVerification,
  { headers, body }: HookRequest,
  nowMs: number,
): Promise<{ signed: string; signedUntilMs: number | null } | Refused> {
  const claim = SCHEMES[scheme].claimOf(headers)
  if (isRefused(claim)) return claim
  const outOfTime = checkTime(claim.timestampS, toleranceMs, nowMs)
  if (outOfTime !== undefined) return outOfTime
  const keys = keysOf(scheme, secrets)
  const name = createHash('sha256')
  // The bytes, not the signature: whoever holds a request with several signatures may leave one out.
  name.update(claim.head)
  const macs = keys.hmac.map((key) => createHmac('sha256', key).update(claim.head))
  await updateSliced([name, ...macs], body)
  const expected = macs.map((mac) => mac.digest())
  if (anyEqual(claim.macs, expected) || (await hasEd25519(claim, keys.ed25519, body))) {
    return { signed: name.digest('hex'), signedUntilMs: endOf(claim.timestampS, toleranceMs) }
  }
  return refused('SIGNATURE_WRONG', ...kindsOf(claim, keys), ...hintsOf(scheme, secrets))
}

/** The first millisecond at which what is signed with that time is too old; null where no time is signed. */
function endOf(timestampS: number | null, toleranceMs: number | null): number | null {
  if (timestampS === null || toleranceMs === null) return null
  // Times are compared in whole seconds.
  return (timestampS + 1) * 1000 + toleranceMs
}

async function hasEd25519(
  { head, ed25519 }: Claim,
  keys: readonly KeyObject[],
  body: Buffer,
): Promise<boolean> {
  if (ed25519.length === 0 || keys.length === 0) return false
  // Ed25519 reads the message twice, so it takes it whole.
  const message = Buffer.concat([head, body])
  for (const key of keys) {
    for (const signature of ed25519) {
      if (await verifyAside(null, message, key, signature)) return true
    }
  }
  return false
}

/** In whole seconds, as signatures are. */
function checkTime(
  timestampS: number | null,
  toleranceMs: number | null,
  nowMs: number,
): Refused | undefined {
  if (timestampS === null || toleranceMs === null) return undefined
  const ageS = Math.floor(nowMs / 1000) - timestampS
  if (Math.abs(ageS) * 1000 <= toleranceMs) return undefined
  const off = ageS > 0 ? `${ageS} s ago` : `${-ageS} s ahead of this server's clock`
  const most = `at most ${toleranceMs / 1000} s either way is taken (tolerance_ms)`
  return refused('TIMESTAMP_OUT_OF_TOLERANCE', `It was signed ${off}; ${most}.`)
}

/** Where no signature is of a kind that a secret could make, the secrets are of the wrong kind. */
function kindsOf({ macs, ed25519 }: Claim, keys: Keys): string[] {
  if (macs.length > 0 && keys.hmac.length > 0) return []
  if (ed25519.length > 0 && keys.ed25519.length > 0) return []
  return macs.length > 0
    ? ['It is signed with v1 only, and the source has public keys (whpk_) only.']
    : ['It is signed with v1a only, and the source has no public key (whpk_).']
}

function hintsOf(scheme: SignedScheme, secrets: readonly string[]): string[] {
  const padded = secrets.some((secret) => secret !== secret.trim())
  return [
    ...(padded ? ['A secret of the source begins or ends with white space.'] : []),
    ...LOOKALIKES[scheme].flatMap(([form, hint]) =>
      secrets.some((secret) => form.test(secret)) ? [hint] : [],
    ),
  ]
}
