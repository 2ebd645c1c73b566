// What was ignored in a request spec, told in one header beside the answer.
import type { FastifyReply } from 'fastify'

/** Clients commonly stop at 16 KiB of headers in all. */
const WARNING_CHARS_MAX = 2048

export function sendWarnings(reply: FastifyReply, warnings: readonly string[]): void {
  if (warnings.length === 0) return
  // The caller's own names are quoted in it, and a header holds ASCII only.
  const ascii = warnings.join('; ').replace(/[^\x20-\x7e]/g, '?')
  const cut = ascii.length > WARNING_CHARS_MAX
  reply.header('wasmhook-warning', cut ? `${ascii.slice(0, WARNING_CHARS_MAX)}...` : ascii)
}
