// Shows a stored callback without what it keeps secret.
import { MASK, isPlainHeader, maskPath } from '../core/masked.ts'

/** Fields that are never secret; all others are masked: a token can have any name. */
const PLAIN_FIELDS = 'protocol hostname host port method maxRedirects timeout retry delay_ms'.split(
  ' ',
)

/** @param callback the stored JSON text, or null; answers `{}` where there is none, as the original did */
export function maskCallback(callback: string | null): unknown {
  if (callback === null) return {}
  let spec: unknown
  try {
    spec = JSON.parse(callback)
  } catch {
    // A stored callback may also be a URL.
    return maskUrl(callback.trim())
  }
  if (spec === null || typeof spec !== 'object')
    return typeof spec === 'string' ? maskUrl(spec) : {}
  return Object.fromEntries(
    Object.entries(spec).map(([name, value]) => [name, maskField(name, value)]),
  )
}

function maskField(name: string, value: unknown): unknown {
  if (PLAIN_FIELDS.includes(name)) return value
  if (name === 'path' && typeof value === 'string') return maskPath(value)
  if (name === 'headers' && value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([header, text]) => [
        header,
        isPlainHeader(header) ? (text as unknown) : MASK,
      ]),
    )
  }
  return MASK
}

function maskUrl(text: string): string {
  if (!URL.canParse(text)) return MASK
  const { origin, pathname, search } = new URL(text)
  return origin + maskPath(pathname + search)
}
