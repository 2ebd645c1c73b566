// The secrets that an executable's callbacks are signed with, and the public keys to verify them.
import { Type } from 'typebox'
import type { Executables } from '../../core/executables.ts'
import { publicKeyOf } from '../../core/signing.ts'
import type { Signing } from '../../core/signing.ts'
import type { SigningSecret } from '../../model.ts'
import { ErrorBody, ExecutableParams, SECURITY } from '../schemas.ts'
import type { App } from '../server.ts'
import { toExecutableId } from '../wire.ts'

export interface SigningRoutesDeps {
  executables: Executables
  signing: Signing
}

/** Receivers have as long as SIGNING_SECRET_OVERLAP_MS may allow. */
const OVERLAP_MS_MAX = 7 * 24 * 3_600_000
/** What a cache keeps of public keys: a new key signs beside one that was seen before. */
const JWKS_AGE_S = 60

const Rotation = Type.Object(
  {
    v1a: Type.Optional(
      Type.Boolean({ description: 'An ed25519 key pair too; absent: as before, at first none' }),
    ),
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
const Key = Type.Union([Type.String(), Type.Null()])
const SecretShape = Type.Object({
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  expires_at: Type.Union([Type.String(), Type.Null()], { description: 'null: it is in use' }),
  public_key: Key,
  kid: Key,
})
const Told = { wasm_id: Type.Integer(), secrets: Type.Array(SecretShape) }
const Jwk = Type.Record(Type.String(), Type.String())

export function registerSigning(app: App, { executables, signing }: SigningRoutesDeps): void {
  const schema = { tags: ['signing'], params: ExecutableParams, security: SECURITY.admin } as const
  const url = '/api/executables/:id/signing-secret'

  async function tell(id: number) {
    return { wasm_id: id, secrets: (await signing.alive(id)).map(toWire) }
  }

  app.post(
    url,
    {
      schema: {
        ...schema,
        summary: 'Make the secret that callbacks are signed with, or replace it; shown once',
        body: Rotation,
        response: {
          200: Type.Object({ ...Told, secret: Type.String(), public_key: Key }),
          '4xx': ErrorBody,
        },
      },
      config: { access: 'admin', optionalBody: true },
    },
    async (request, reply) => {
      const id = toExecutableId(request.params.id)
      const { v1a, overlap_ms: overlapMs } = request.body
      const secret = await signing.rotate(id, {
        ...(v1a === undefined ? {} : { v1a }),
        ...(overlapMs === undefined ? {} : { overlapMs }),
      })
      reply.header('cache-control', 'no-store')
      const told = await tell(id)
      return { ...told, secret, public_key: told.secrets[0]?.public_key ?? null }
    },
  )

  app.get(
    url,
    {
      schema: {
        ...schema,
        summary: 'What callbacks are signed with: times and public keys, never a secret',
        response: { 200: Type.Object(Told), '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    (request) => tell(toExecutableId(request.params.id)),
  )

  app.delete(
    url,
    {
      schema: {
        ...schema,
        summary: 'Sign no more, and forget every secret',
        response: { 200: Type.Object(Told), '4xx': ErrorBody },
      },
      config: { access: 'admin' },
    },
    async (request) => {
      const { id } = await executables.find(toExecutableId(request.params.id))
      await signing.clear(id)
      return tell(id)
    },
  )

  app.get(
    '/.well-known/jwks/:id.json',
    {
      schema: {
        summary: "Public keys of an executable's signatures (v1a), as a JWK set",
        tags: ['signing'],
        params: ExecutableParams,
        security: SECURITY.open,
        response: { 200: Type.Object({ keys: Type.Array(Jwk) }), '4xx': ErrorBody },
      },
      config: { access: 'open' },
    },
    async (request, reply) => {
      const secrets = await signing.alive(toExecutableId(request.params.id))
      reply.header('cache-control', `public, max-age=${JWKS_AGE_S}`)
      return { keys: secrets.flatMap((secret) => publicKeyOf(secret)?.jwk ?? []) }
    },
  )
}

function toWire(secret: SigningSecret) {
  const { createdAtMs, expiresAtMs } = secret
  const key = publicKeyOf(secret)
  return {
    created_at: new Date(createdAtMs).toISOString(),
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    public_key: key?.whpk ?? null,
    kid: key?.jwk.kid ?? null,
  }
}
