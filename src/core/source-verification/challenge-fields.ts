// What an owner says of a source's challenge, and what is shown of it.
import { malformed, membersOf, onlyMembers } from '../../object-members.ts'
import type { Challenge } from '../../source-model.ts'
import { MASK } from '../masked.ts'
import { parseSecret } from './verification-fields.ts'

/** Of one source. */
export const ORIGINS_MAX = 20
/** As many as a DNS name may have. */
export const ORIGIN_CHARS_MAX = 253

export const KINDS: readonly Challenge['kind'][] = ['slack', 'meta', 'cloudevents']
const ORIGIN = /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/

/** @throws AppError BAD_REQUEST, whose detail names the `field` */
export function parseChallenge(value: unknown, field: string): Challenge {
  const members = membersOf(value, field)
  switch (members.kind) {
    case 'slack':
      onlyMembers(members, ['kind'], field)
      return { kind: 'slack' }
    case 'meta':
      onlyMembers(members, ['kind', 'verify_token'], field)
      return {
        kind: 'meta',
        verifyToken: parseSecret(members.verify_token, `${field}.verify_token`),
      }
    case 'cloudevents':
      onlyMembers(members, ['kind', 'origins'], field)
      return { kind: 'cloudevents', origins: parseOrigins(members.origins, `${field}.origins`) }
    default:
      throw malformed(`${field}.kind`, `must be one of ${KINDS.join(', ')}`)
  }
}

/** As `parseChallenge` takes it, with a mask for the token. */
export function showChallenge(challenge: Challenge) {
  switch (challenge.kind) {
    case 'slack':
      return { kind: challenge.kind }
    case 'meta':
      return { kind: challenge.kind, verify_token: MASK }
    case 'cloudevents':
      return { kind: challenge.kind, origins: [...challenge.origins] }
  }
}

function parseOrigins(value: unknown, field: string): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > ORIGINS_MAX) {
    throw malformed(field, `must be a list of 1 to ${ORIGINS_MAX} names`)
  }
  return value.map((one: unknown, index) => {
    const origin = typeof one === 'string' ? one.toLowerCase() : ''
    if (origin.length <= ORIGIN_CHARS_MAX && ORIGIN.test(origin)) return origin
    throw malformed(`${field}.${index}`, 'must be a DNS name as eventgrid.azure.net, or *')
  })
}
