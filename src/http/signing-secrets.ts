// Signing secrets as their owners are told of them, an executable's and an endpoint's alike.
import { Type } from 'typebox'
import { publicKeyOf } from '../core/signing.ts'
import type { SigningSecret } from '../model.ts'
import { toTime } from './times.ts'

/** Receivers have as long as SIGNING_SECRET_OVERLAP_MS may allow. */
const OVERLAP_MS_MAX = 7 * 24 * 3_600_000

export const V1A = Type.Boolean({
  description: 'An ed25519 key pair too; absent: as before, at first none',
})
export const Rotation = Type.Object(
  {
    v1a: Type.Optional(V1A),
    overlap_ms: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: OVERLAP_MS_MAX,
        description: 'How long earlier secrets still sign; default SIGNING_SECRET_OVERLAP_MS',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Times and public key. */
export function secretToWire(secret: SigningSecret) {
  const { createdAtMs, expiresAtMs } = secret
  const key = publicKeyOf(secret)
  return {
    created_at: toTime(createdAtMs),
    expires_at: toTime(expiresAtMs),
    public_key: key?.whpk ?? null,
    kid: key?.jwk.kid ?? null,
  }
}
