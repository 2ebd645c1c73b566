// Shows a stored callback without what it keeps secret.

const MASK = '***'
/** Headers that are never secret. Every other header's value is masked: an API key can have any name. */
const PLAIN_HEADERS = new Set(['accept', 'content-type', 'user-agent'])

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
  if (name === 'auth' || name === 'body') return MASK
  if (name === 'path' && typeof value === 'string') return maskQuery(value)
  if (name === 'headers' && value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([header, text]) => [
        header,
        PLAIN_HEADERS.has(header.toLowerCase()) ? (text as unknown) : MASK,
      ]),
    )
  }
  return value
}

function maskUrl(text: string): string {
  if (!URL.canParse(text)) return MASK
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') url.username = url.password = MASK
  return maskQuery(url.href)
}

/** Tokens are often passed in a query. */
function maskQuery(path: string): string {
  const at = path.indexOf('?')
  return at === -1 ? path : `${path.slice(0, at)}?${MASK}`
}
