// A result may carry its own target: a JSON object whose `callback` is an object naming a host.
import { cutJsonMembers } from './json-members.ts'

export interface SplitResult {
  bytes: Buffer
  /** The callback's own JSON value; undefined when the result has none. */
  callback: unknown
}

/** Cuts the callback out; every other byte stays. Any other `callback` is data and stays too. */
export function splitEmbeddedCallback(bytes: Buffer, searchBytesMax: number): SplitResult {
  const untouched = { bytes, callback: undefined }
  // Larger results are data: parsing them would hold up everybody else (decision 0009).
  if (bytes.length > searchBytesMax) return untouched
  const text = decodeUtf8(bytes)
  if (text === undefined) return untouched
  const cut = cutJsonMembers(text, ['callback'])
  const callback = cut?.values.get('callback')
  if (cut === undefined || !namesHost(callback)) return untouched
  return { bytes: Buffer.from(cut.rest), callback }
}

/** Undefined at a glance for what cannot be a JSON object, and for invalid UTF-8. */
function decodeUtf8(bytes: Buffer): string | undefined {
  let at = 0
  while (at < bytes.length && [0x20, 0x09, 0x0a, 0x0d].includes(bytes[at] ?? 0)) at++
  if (bytes[at] !== 0x7b) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function namesHost(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  return 'hostname' in value || 'host' in value
}
