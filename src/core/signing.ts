// What an executable's callbacks are signed with (Standard Webhooks 1.0): made here, shown once, and rotated
// with the old and the new alive for a while. outbound/signature.ts signs.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Executable, RequestSpec, SigningSecret } from '../model.ts'
import { isSignatureHeader } from '../outbound/outbound.ts'
import type { NewSigningSecret, Storage } from '../storage/storage.ts'
import type { Executables } from './executables.ts'

export interface SigningDeps {
  storage: Storage
  executables: Executables
  config: Config
  now: () => number
}

export interface Rotation {
  /** Whether there is a key pair too; as before where nothing is said. */
  v1a?: boolean | undefined
  /** How long earlier secrets stay alive at most; SIGNING_SECRET_OVERLAP_MS where nothing is said. */
  overlapMs?: number | undefined
}

/** What anybody may know of a key pair. */
export interface PublicKey {
  /** As receivers of Standard Webhooks take it. */
  whpk: string
  /** RFC 8037, named by its thumbprint (RFC 7638). */
  jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; use: 'sig'; alg: 'EdDSA' }
}

const SECRET_BYTES = 32
/** Replaced ones that are alive: each makes every signature header longer. */
export const PREVIOUS_SECRETS_MAX = 5

export type Signing = ReturnType<typeof createSigning>

export function createSigning({ storage, executables, config, now }: SigningDeps) {
  /** Those alive now, the newest first. @throws AppError NOT_FOUND */
  async function alive(id: number): Promise<readonly SigningSecret[]> {
    return aliveAt(now(), (await executables.find(id)).signingSecrets)
  }

  return {
    alive,

    /** The same for a run under way, which goes on where its executable was deleted meanwhile. */
    async aliveOfRun({ id, signingSecrets }: Executable): Promise<readonly SigningSecret[]> {
      try {
        return await alive(id)
      } catch (error) {
        if (error instanceof AppError && error.code === 'NOT_FOUND') {
          return aliveAt(now(), signingSecrets)
        }
        throw error
      }
    },

    /**
     * Makes the first secret, or one in place of the present one, which stays alive for the overlap; what was
     * replaced earlier lives no longer than that.
     * @returns the secret's text, which nobody can ask for again
     * @throws AppError NOT_FOUND; CONFLICT where too many would be alive
     */
    async rotate(id: number, { v1a, overlapMs }: Rotation): Promise<string> {
      const had = hasPair(await alive(id))
      const nowMs = now()
      const made = makeSecret(v1a ?? had, nowMs)
      const previousUntilMs = nowMs + (overlapMs ?? config.SIGNING_SECRET_OVERLAP_MS)
      const bounds = { nowMs, previousUntilMs, previousMax: PREVIOUS_SECRETS_MAX }
      await executables.written(id, () => storage.signingSecrets.rotate(id, made, bounds))
      return secretText(made)
    },

    /** From now on nothing is signed. */
    clear: (id: number): Promise<void> =>
      executables.written(id, () => storage.signingSecrets.clear(id)),
  }
}

/** As its owner is shown it. */
export function secretText({ hmacKey }: Pick<SigningSecret, 'hmacKey'>): string {
  return `whsec_${hmacKey.toString('base64')}`
}

/** Those that have not expired. */
export function aliveAt(
  nowMs: number,
  secrets: readonly SigningSecret[],
): readonly SigningSecret[] {
  return secrets.filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs)
}

/** Whether the one in use has a key pair. */
export function hasPair(secrets: readonly SigningSecret[]): boolean {
  const present = secrets.find(({ expiresAtMs }) => expiresAtMs === null)
  return present !== undefined && present.privateKey !== null
}

export function makeSecret(withPair: boolean, createdAtMs: number): NewSigningSecret {
  return {
    id: uuidv7(),
    hmacKey: randomBytes(SECRET_BYTES),
    privateKey: withPair ? makePrivateKey() : null,
    createdAtMs,
  }
}

function makePrivateKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'der', type: 'pkcs8' })
}

export function publicKeyOf({ privateKey }: SigningSecret): PublicKey | undefined {
  return privateKey === null ? undefined : toPublicKey(privateKey)
}

function toPublicKey(privateKey: Buffer): PublicKey {
  const key = createPublicKey(createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }))
  const x = key.export({ format: 'jwk' }).x ?? ''
  const needed = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x })
  const kid = createHash('sha256').update(needed).digest('base64url')
  return {
    whpk: `whpk_${Buffer.from(x, 'base64url').toString('base64')}`,
    jwk: { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' },
  }
}

/** For people: headers of a callback that give way to the signature's. */
export function signatureWarnings({ headers }: RequestSpec): string[] {
  return Object.keys(headers)
    .filter(isSignatureHeader)
    .map((name) => `The header ${JSON.stringify(name)} was ignored: the callback is signed.`)
}
