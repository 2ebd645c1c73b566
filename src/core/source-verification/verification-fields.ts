// What an owner says of who may send to a source, and what is shown of it: never a secret.
import { randomBytes } from 'node:crypto'
import { malformed, membersOf, onlyMembers } from '../../object-members.ts'
import { PLACES } from '../../source-model.ts'
import type { RequestPlace, SignedScheme, Verification } from '../../source-model.ts'
import { MASK } from '../masked.ts'
import { isPublicKey, standardKey } from './keys.ts'

export interface ParsedVerification {
  verification: Verification
  /** The secret that was made because none was given, to be shown this once. */
  madeSecret: string | null
}

type SchemeName = Verification['scheme']

/** Of one source, so that one can take another's place. */
export const SECRETS_MAX = 5
export const SECRET_CHARS_MAX = 512
/** Of the header, parameter or member that a secret is in. */
export const SECRET_PLACE_CHARS_MAX = 128
export const USERNAME_CHARS_MAX = 512
export const TOLERANCE_MS_DEFAULT = 300_000
export const TOLERANCE_MS_MIN = 1_000
export const TOLERANCE_MS_MAX = 24 * 60 * 60 * 1000

const SECRET_BYTES = 32
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/u

/** Of a secret that can be sent, or sign, at all. */
interface Form {
  fits: (secret: string) => boolean
  sentence: string
}

const ANY: Form = { fits: () => true, sentence: '' }
const KEY_FORM: Form = {
  fits: (secret) => standardKey(secret) !== undefined,
  sentence:
    'must be whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of an ed25519 public key (none of small order)',
}
const BEARER_FORM: Form = {
  fits: (secret) => /^[\x21-\x7e]+$/.test(secret),
  sentence: 'must be of visible ASCII characters',
}
const HEADER_FORM: Form = {
  fits: (secret) => secret === secret.trim(),
  sentence: 'must not begin or end with white space',
}

/** Members of each beside `scheme` and `secrets`. */
const MEMBERS: Readonly<Record<SchemeName, readonly string[]>> = {
  none: [],
  secret: ['in', 'name'],
  basic: ['username'],
  bearer: [],
  'standard-webhooks': ['tolerance_ms'],
  stripe: ['tolerance_ms'],
  slack: ['tolerance_ms'],
  github: [],
  shopify: [],
}
export const SCHEME_NAMES = Object.keys(MEMBERS) as SchemeName[]
/** Their senders make the secret, so that nobody can give them one of ours. */
const MADE_BY_SENDERS: readonly SchemeName[] = ['stripe', 'slack', 'shopify']

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function parseVerification(value: unknown, field: string): ParsedVerification {
  const members = membersOf(value, field)
  const { scheme } = members
  if (!isScheme(scheme)) {
    throw malformed(`${field}.scheme`, `must be one of ${SCHEME_NAMES.join(', ')}`)
  }
  const others = scheme === 'none' ? [] : ['secrets', ...MEMBERS[scheme]]
  onlyMembers(members, ['scheme', ...others], field)
  if (scheme === 'none') return { verification: { scheme }, madeSecret: null }
  const secretsField = `${field}.secrets`
  const madeSecret = members.secrets === undefined ? makeSecret(scheme, secretsField) : null
  const given = madeSecret === null ? members.secrets : [madeSecret]
  const secretsOf = (form: Form): string[] => parseSecrets(given, secretsField, form)
  return { verification: toVerification(scheme, members, secretsOf, field), madeSecret }
}

/** As `parseVerification` takes it, with masks for secrets; public keys are shown. */
export function showVerification(verification: Verification) {
  if (verification.scheme === 'none') return { scheme: verification.scheme }
  const { scheme } = verification
  const secrets = verification.secrets.map((secret) =>
    scheme === 'standard-webhooks' && isPublicKey(secret) ? secret : MASK,
  )
  if (scheme === 'secret') return { scheme, in: verification.in, name: verification.name, secrets }
  if (scheme === 'basic') return { scheme, username: verification.username, secrets }
  if (scheme === 'bearer') return { scheme, secrets }
  const { toleranceMs } = verification
  if (toleranceMs === null) return { scheme, secrets }
  return { scheme, secrets, tolerance_ms: toleranceMs }
}

/** A text that an owner gives and nobody is shown again. @throws AppError BAD_REQUEST */
export function parseSecret(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '' || value.length > SECRET_CHARS_MAX) {
    throw malformed(field, `must be a text of 1 to ${SECRET_CHARS_MAX} characters`)
  }
  if (UNPRINTABLE.test(value)) {
    throw malformed(field, 'must have no line breaks or other control characters in it')
  }
  if (value === MASK) throw malformed(field, 'is what is shown in place of a secret: send it anew')
  return value
}

function toVerification(
  scheme: Exclude<SchemeName, 'none'>,
  members: Record<string, unknown>,
  secretsOf: (form: Form) => string[],
  field: string,
): Verification {
  switch (scheme) {
    case 'secret': {
      const place = parsePlace(members, field)
      return { scheme, ...place, secrets: secretsOf(place.in === 'header' ? HEADER_FORM : ANY) }
    }
    case 'basic': {
      const username = parseUsername(members.username, `${field}.username`)
      return { scheme, username, secrets: secretsOf(ANY) }
    }
    case 'bearer':
      return { scheme, secrets: secretsOf(BEARER_FORM) }
    case 'standard-webhooks':
    case 'stripe':
    case 'slack':
    case 'github':
    case 'shopify': {
      const secrets = secretsOf(scheme === 'standard-webhooks' ? KEY_FORM : ANY)
      return { scheme, secrets, toleranceMs: parseTolerance(members, scheme, field) }
    }
  }
}

function parseSecrets(value: unknown, field: string, form: Form): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > SECRETS_MAX) {
    throw malformed(field, `must be a list of 1 to ${SECRETS_MAX} texts`)
  }
  return value.map((one: unknown, index) => {
    const secret = parseSecret(one, `${field}.${index}`)
    if (!form.fits(secret)) throw malformed(`${field}.${index}`, form.sentence)
    return secret
  })
}

function makeSecret(scheme: SchemeName, field: string): string {
  if (MADE_BY_SENDERS.includes(scheme)) {
    throw malformed(field, `must be there: the sender makes the secret of ${scheme}`)
  }
  const bytes = randomBytes(SECRET_BYTES)
  return scheme === 'standard-webhooks'
    ? `whsec_${bytes.toString('base64')}`
    : bytes.toString('base64url')
}

function parsePlace(members: Record<string, unknown>, field: string): RequestPlace {
  const where = PLACES.find((one) => one === members.in)
  if (where === undefined) throw malformed(`${field}.in`, `must be one of ${PLACES.join(', ')}`)
  const { name } = members
  if (
    typeof name !== 'string' ||
    name === '' ||
    name.length > SECRET_PLACE_CHARS_MAX ||
    UNPRINTABLE.test(name)
  ) {
    throw malformed(`${field}.name`, `must be a name of 1 to ${SECRET_PLACE_CHARS_MAX} characters`)
  }
  if (where !== 'header') return { in: where, name }
  if (!HEADER_NAME.test(name)) throw malformed(`${field}.name`, 'is no name of a header')
  return { in: where, name: name.toLowerCase() }
}

function parseUsername(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length > USERNAME_CHARS_MAX || UNPRINTABLE.test(value)) {
    throw malformed(field, `must be a text of at most ${USERNAME_CHARS_MAX} characters`)
  }
  return value
}

function parseTolerance(
  { tolerance_ms: value }: Record<string, unknown>,
  scheme: SignedScheme,
  field: string,
): number | null {
  if (!MEMBERS[scheme].includes('tolerance_ms')) return null
  if (value === undefined) return TOLERANCE_MS_DEFAULT
  const isWhole = typeof value === 'number' && Number.isInteger(value)
  if (isWhole && value >= TOLERANCE_MS_MIN && value <= TOLERANCE_MS_MAX) return value
  const range = `${TOLERANCE_MS_MIN} to ${TOLERANCE_MS_MAX}`
  throw malformed(`${field}.tolerance_ms`, `must be a whole number from ${range}`)
}

function isScheme(value: unknown): value is SchemeName {
  return typeof value === 'string' && Object.hasOwn(MEMBERS, value)
}
