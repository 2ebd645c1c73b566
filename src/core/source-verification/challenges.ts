// What senders ask before they send anything: Slack, Meta, and the abuse protection of CloudEvents webhooks.
import type { Challenge } from '../../source-model.ts'
import { bodyMember } from './event-id.ts'
import { headerOf } from './hook-request.ts'
import type { HookRequest } from './hook-request.ts'
import { isOneOf } from './keys.ts'
import { refused } from './refusals.ts'
import type { Refused } from './refusals.ts'

export interface ChallengeRequest extends HookRequest {
  method: string
}

export interface ChallengeAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Of what is repeated to a sender. */
export const CHALLENGE_CHARS_MAX = 1_024
/** A larger body is no challenge of Slack's. */
export const CHALLENGE_BODY_BYTES_MAX = 16 * 1024

/**
 * Slack's challenge is a request like any other, to be verified before it is answered; those of Meta and of
 * CloudEvents are not signed.
 * @returns undefined for a request that is no challenge of this kind
 */
export function answerChallenge(
  challenge: Challenge | null,
  request: ChallengeRequest,
): ChallengeAnswer | Refused | undefined {
  switch (challenge?.kind) {
    case 'slack':
      return answerSlack(request)
    case 'meta':
      return answerMeta(challenge.verifyToken, request)
    case 'cloudevents':
      return answerCloudEvents(challenge.origins, request)
    case undefined:
      return undefined
  }
}

function answerSlack({ method, body }: ChallengeRequest): ChallengeAnswer | Refused | undefined {
  if (method !== 'POST') return undefined
  if (bodyMember(body, 'type', CHALLENGE_BODY_BYTES_MAX) !== 'url_verification') return undefined
  return repeated(bodyMember(body, 'challenge', CHALLENGE_BODY_BYTES_MAX))
}

function answerMeta(
  verifyToken: string,
  { method, query }: ChallengeRequest,
): ChallengeAnswer | Refused | undefined {
  if (method !== 'GET') return undefined
  const parameters = new URLSearchParams(query)
  if (parameters.get('hub.mode') !== 'subscribe') return undefined
  const tokens = parameters.getAll('hub.verify_token')
  if (tokens.length !== 1 || !isOneOf(Buffer.from(tokens[0] ?? ''), [verifyToken])) {
    return refused('CHALLENGE_TOKEN_WRONG')
  }
  return repeated(parameters.get('hub.challenge'))
}

function answerCloudEvents(
  origins: readonly string[],
  { method, headers }: ChallengeRequest,
): ChallengeAnswer | Refused | undefined {
  const origin = headerOf(headers, 'webhook-request-origin')
  if (method !== 'OPTIONS' || origin === undefined) return undefined
  const isListed = origins.includes(origin.toLowerCase())
  if (!isListed && !origins.includes('*')) return refused('ORIGIN_REFUSED')
  const rate = headerOf(headers, 'webhook-request-rate') ?? ''
  return {
    status: 200,
    headers: {
      allow: 'POST',
      'webhook-allowed-origin': isListed ? origin : '*',
      // Requests per minute, as many as were asked for. Nothing is promised by it: what is too much is told to wait.
      'webhook-allowed-rate': /^[1-9]\d{0,8}$/.test(rate) ? rate : '*',
    },
    body: '',
  }
}

/** As plain text, and nothing in it that could be anything else. */
function repeated(text: unknown): ChallengeAnswer | Refused {
  const isPlain = typeof text === 'string' && /^[\x20-\x7e]+$/.test(text)
  if (!isPlain || text.length > CHALLENGE_CHARS_MAX) return refused('CHALLENGE_MALFORMED')
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text }
}
