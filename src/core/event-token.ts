// The signature style `token`: the object that is sent tells by a member of its own that it is genuine, an HMAC over its
// `id` and `createdAt` (the articles' receivers verify that).
import { createHmac } from 'node:crypto'
import { cutJsonMembers, jsonMemberText } from './json-members.ts'

/** The first of the two that a payload lacks, as text or number; undefined where it can be given a token. */
export function missingTokenField(payload: string): 'id' | 'createdAt' | undefined {
  if (!/^\s*\{/.test(payload)) return 'id'
  if (fieldOf(payload, 'id') === undefined) return 'id'
  return fieldOf(payload, 'createdAt') === undefined ? 'createdAt' : undefined
}

/**
 * @param payload JSON
 * @param secret its text, as its owner was shown it
 * @returns the payload with its token, every other byte as it was; undefined where it can be given none
 */
export function withToken(payload: string, secret: string): string | undefined {
  if (missingTokenField(payload) !== undefined) return undefined
  const signed = `${fieldOf(payload, 'id')}${fieldOf(payload, 'createdAt')}`
  const token = createHmac('sha256', secret).update(signed).digest('hex')
  const others = cutJsonMembers(payload, ['token'])?.rest ?? payload
  return `${others.slice(0, others.lastIndexOf('}')).trimEnd()},"token":"${token}"}`
}

/** Of a number its text: reading it would change large ones. */
function fieldOf(payload: string, name: string): string | undefined {
  const text = jsonMemberText(payload, name)
  if (text === undefined) return undefined
  if (text.startsWith('"')) return JSON.parse(text) as string
  return /^[-\d]/.test(text) ? text : undefined
}
