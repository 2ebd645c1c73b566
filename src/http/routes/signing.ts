// The secrets that an executable's callbacks are signed with, and the public keys to verify them.
import { Type } from 'typebox'
import type { Endpoints } from '../../core/endpoints.ts'
import type { Executables } from '../../core/executables.ts'
import { publicKeyOf } from '../../core/signing.ts'
import type { Signing } from '../../core/signing.ts'
import { isUuid } from '../page.ts'
import { ErrorBody, ExecutableParams, SECURITY } from '../schemas.ts'
import { Rotation, secretToWire } from '../signing-secrets.ts'
import type { App } from '../server.ts'
import { toExecutableId } from '../wire.ts'

export interface SigningRoutesDeps {
  executables: Executables
  endpoints: Endpoints
  signing: Signing
}

/** What a cache keeps of public keys: a new key signs beside one that was seen before. */
const JWKS_AGE_S = 60

const Key = Type.Union([Type.String(), Type.Null()])
const SecretShape = Type.Object({
  created_at: Type.String({ description: 'RFC 3339, UTC' }),
  expires_at: Type.Union([Type.String(), Type.Null()], { description: 'null: it is in use' }),
  public_key: Key,
  kid: Key,
})
const Told = { wasm_id: Type.Integer(), secrets: Type.Array(SecretShape) }
const SignerParams = Type.Object({ id: Type.String({ description: 'wasm_id or endpoint_id' }) })
const Jwk = Type.Record(Type.String(), Type.String())

export function registerSigning(
  app: App,
  { executables, endpoints, signing }: SigningRoutesDeps,
): void {
  const schema = { tags: ['signing'], params: ExecutableParams, security: SECURITY.admin } as const
  const url = '/api/executables/:id/signing-secret'

  async function tell(id: number) {
    return { wasm_id: id, secrets: (await signing.alive(id)).map(secretToWire) }
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
      const secret = await signing.rotate(id, { v1a, overlapMs })
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
        summary: "Public keys of an executable's or endpoint's signatures (v1a), as a JWK set",
        tags: ['signing'],
        params: SignerParams,
        security: SECURITY.open,
        response: { 200: Type.Object({ keys: Type.Array(Jwk) }), '4xx': ErrorBody },
      },
      config: { access: 'open' },
    },
    async (request, reply) => {
      const { id } = request.params
      const secrets = isUuid(id)
        ? await endpoints.secretsOf(id)
        : await signing.alive(toExecutableId(id))
      reply.header('cache-control', `public, max-age=${JWKS_AGE_S}`)
      return { keys: secrets.flatMap((secret) => publicKeyOf(secret)?.jwk ?? []) }
    },
  )
}
