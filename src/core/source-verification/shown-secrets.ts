// Requests that show a secret: in a header, in the query, within the body, or as credentials.
import { isUtf8 } from 'node:buffer'
import type { RequestPlace } from '../../source-model.ts'
import { cutJsonMembers } from '../json-members.ts'
import { headerOf } from './hook-request.ts'
import type { HookRequest } from './hook-request.ts'
import { fromBase64, isOneOf } from './keys.ts'
import { refused } from './refusals.ts'
import type { Refused } from './refusals.ts'

/** @returns the body without the secret, or why the request is refused */
export function checkSecret(
  { in: where, name, secrets }: RequestPlace & { secrets: readonly string[] },
  { headers, query, body }: HookRequest,
  jsonBytesMax: number,
): { body: Buffer } | Refused {
  switch (where) {
    case 'header': {
      const text = headerOf(headers, name)
      if (text === undefined) return refused('SECRET_MISSING', `It looks in the header ${name}.`)
      return isOneOf(Buffer.from(text, 'latin1'), secrets) ? { body } : refused('SECRET_WRONG')
    }
    case 'query': {
      const values = new URLSearchParams(query).getAll(name)
      if (values.length === 0) {
        return refused('SECRET_MISSING', `It looks in the query parameter ${name}.`)
      }
      if (values.length > 1) return refused('SECRET_REPEATED')
      return isOneOf(Buffer.from(values[0] ?? ''), secrets) ? { body } : refused('SECRET_WRONG')
    }
    case 'json':
      return checkMember(name, secrets, body, jsonBytesMax)
  }
}

function checkMember(
  name: string,
  secrets: readonly string[],
  body: Buffer,
  jsonBytesMax: number,
): { body: Buffer } | Refused {
  if (body.length > jsonBytesMax) {
    return refused('BODY_TOO_LARGE', `At most ${jsonBytesMax} bytes are searched.`)
  }
  // Only then does every byte come back as it was.
  if (!isUtf8(body)) return refused('BODY_NOT_JSON')
  const text = body.toString('utf8')
  const cut = cutJsonMembers(text, [name])
  if (cut === undefined) {
    return isJsonObject(text)
      ? refused('SECRET_MISSING', `It looks in the member ${name} of the body.`)
      : refused('BODY_NOT_JSON')
  }
  // Readers of JSON differ in which of two they take.
  if (cut.repeated) return refused('SECRET_REPEATED')
  const value = cut.values.get(name)
  if (typeof value !== 'string' || !isOneOf(Buffer.from(value), secrets)) {
    return refused('SECRET_WRONG')
  }
  return { body: Buffer.from(cut.rest) }
}

function isJsonObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)
  } catch {
    return false
  }
}

/** RFC 7617, in UTF-8. */
export function checkBasic(
  { username, secrets }: { username: string; secrets: readonly string[] },
  { headers }: HookRequest,
): Refused | undefined {
  const header = headerOf(headers, 'authorization')
  if (header === undefined) return refused('CREDENTIALS_MISSING')
  const given = fromBase64(/^Basic +(\S+) *$/i.exec(header)?.[1] ?? '')
  if (given === undefined) {
    return refused('CREDENTIALS_MALFORMED', 'It is Basic, and base64 of username:password.')
  }
  // As a whole: a username of the source may have a colon in it.
  const pairs = secrets.map((secret) => `${username}:${secret}`)
  if (isOneOf(given, pairs)) return undefined
  const isHim = given.toString('utf8').startsWith(`${username}:`)
  return refused('CREDENTIALS_WRONG', `The ${isHim ? 'password' : 'username'} is another.`)
}

export function checkBearer(
  { secrets }: { secrets: readonly string[] },
  { headers }: HookRequest,
): Refused | undefined {
  const header = headerOf(headers, 'authorization')
  if (header === undefined) return refused('CREDENTIALS_MISSING')
  const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1]
  if (given === undefined) return refused('CREDENTIALS_MALFORMED', 'It is Bearer, and the token.')
  return isOneOf(Buffer.from(given), secrets) ? undefined : refused('SECRET_WRONG')
}
