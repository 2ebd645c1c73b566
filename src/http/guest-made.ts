// Answers whose body a guest or target made: a browser must neither sniff nor run them in our origin.
import type { FastifyReply } from 'fastify'
import type { RunAnswer } from '../model.ts'

export function sendGuestMade(
  reply: FastifyReply,
  answer: Omit<RunAnswer, 'warnings'>,
): FastifyReply {
  return reply
    .code(answer.status)
    .header('content-security-policy', "sandbox; default-src 'none'")
    .header('content-type', answer.type)
    .send(bodyless(answer.status) ? null : answer.body)
}

/** 204 and 205 answers have no body (RFC 9110); Node would break the connection over one. */
function bodyless(status: number): boolean {
  return status === 204 || status === 205
}
