// Answers whose body a guest or target made: a browser must neither sniff nor run them in our origin.
import type { FastifyReply } from 'fastify'
import type { RunAnswer } from '../model.ts'
import { ANSWER_HEADERS } from './answer-headers.ts'

const HEADERS = {
  ...ANSWER_HEADERS,
  'content-security-policy': "sandbox; default-src 'none'",
}
const FLAT_HEADERS = Object.entries(HEADERS).flat()
/** Bodies that leave in one write with their headers; copying a longer one costs more than a second. */
const ONE_WRITE_BYTES = 4096

/**
 * Past Fastify, whose sending costs a small call as much as its guest does.
 * @throws where Node.js refuses a header; nothing has left then
 */
export function sendGuestMade(reply: FastifyReply, answer: Omit<RunAnswer, 'warnings'>): void {
  const { status, type, body } = answer
  const headers = [...FLAT_HEADERS, 'content-type', type]
  const own = reply.getHeaders()
  for (const name in own) headers.push(name, String(own[name]))
  const hasBody = !bodyless(status)
  if (hasBody) headers.push('content-length', String(body.length))
  const { raw } = reply
  raw.writeHead(status, headers)
  reply.hijack()
  if (!hasBody) raw.end()
  // Each byte is a character of latin1, and a text leaves together with the headers.
  else if (body.length <= ONE_WRITE_BYTES) raw.end(body.toString('latin1'), 'latin1')
  else raw.end(body)
}

/** 204 and 205 answers have no body (RFC 9110); Node would break the connection over one. */
function bodyless(status: number): boolean {
  return status === 204 || status === 205
}
