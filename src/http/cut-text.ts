// Bodies that are shown, of which only the beginning may have been kept.
import { isUtf8 } from 'node:buffer'

/**
 * The body as text where it is UTF-8, but for a character that was cut through at the end.
 * @param cut whether there was more of it
 */
export function textOf(body: Buffer, cut: boolean): string | undefined {
  const whole = cut ? body.subarray(0, endOfText(body)) : body
  return isUtf8(whole) ? whole.toString('utf8') : undefined
}

/** Where a UTF-8 text ends that may have been cut anywhere. */
function endOfText(bytes: Buffer): number {
  let start = bytes.length - 1
  // A character is a byte that leads, and at most three that continue it.
  while (start > bytes.length - 4 && start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--
  const lead = bytes[start] ?? 0
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
  return start + size > bytes.length ? start : bytes.length
}
