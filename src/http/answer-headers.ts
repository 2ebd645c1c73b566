// What every answer carries: nothing here is ever to be sniffed, framed or cached.
import type { FastifyInstance } from 'fastify'

export const ANSWER_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': "frame-ancestors 'none'",
} as const

/** As an answer leaves, so that a route's own stay; guest-made ones leave by themselves (guest-made.ts). */
export function registerAnswerHeaders(app: FastifyInstance): void {
  const always = Object.entries(ANSWER_HEADERS)
  app.addHook('onSend', (_request, reply, _payload, done) => {
    for (const [name, value] of always) if (!reply.hasHeader(name)) reply.header(name, value)
    done()
  })
}
