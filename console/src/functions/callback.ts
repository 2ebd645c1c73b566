// Where results are sent: the fields of the form that says so, and the request spec that the server takes.
import { badHeader, headersOf } from '../parts/lines.ts'

export const METHODS = {
  POST: 'POST',
  PUT: 'PUT',
  PATCH: 'PATCH',
  DELETE: 'DELETE',
  GET: 'GET',
} as const

export interface CallbackFields {
  url: string
  method: keyof typeof METHODS
  /** One on a line, as `Name: value`. */
  headers: string
  /** Whether a target that fails is tried again, and how. */
  again: boolean
  tries: string
  pauseS: string
}

export const NO_CALLBACK: CallbackFields = {
  url: '',
  method: 'POST',
  headers: '',
  again: false,
  tries: '8',
  pauseS: '5',
}

/** Each pause is this many times the one before it. */
const BACKOFF = 2

/** A sentence where the fields say nothing that the server takes; by field. */
export function complaints(fields: CallbackFields): Partial<Record<keyof CallbackFields, string>> {
  const { url, headers, again, tries, pauseS } = fields
  const wrong = badHeader(headers)
  return {
    ...(isWebAddress(url) ? {} : { url: 'Give a URL that begins with http:// or https://.' }),
    ...(wrong === undefined ? {} : { headers: `“${wrong}” is not of the form Name: value.` }),
    ...(!again || /^(\d{1,2}|100)$/.test(tries.trim())
      ? {}
      : { tries: 'Give a whole number, from 0 to 100.' }),
    ...(!again || Number(pauseS) >= 0.1 ? {} : { pauseS: 'Give seconds, 0.1 or more.' }),
  }
}

/** HTTP options as the server takes them. */
export function toSpec({ url, method, headers, again, tries, pauseS }: CallbackFields): string {
  const { protocol, hostname, port, pathname, search, username, password } = new URL(url.trim())
  const auth = [username, password].map(decoded).join(':')
  return JSON.stringify(
    {
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path: pathname + search,
      method,
      ...(headers.trim() === '' ? {} : { headers: headersOf(headers) }),
      ...(username === '' && password === '' ? {} : { auth }),
      ...(again
        ? {
            retry: {
              interval_ms: Math.round(Number(pauseS) * 1000),
              backoff: BACKOFF,
              retries: Number(tries),
            },
          }
        : {}),
    },
    null,
    2,
  )
}

export const NO_TARGET = 'Give a URL that begins with http:// or https://, or HTTP options as JSON.'

/** A URL may hold a `%` that begins nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A sentence where the text is no request spec: a URL, or HTTP options as JSON. Nothing is wrong with nothing. */
export function complaintOfTarget(text: string): string | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (!trimmed.startsWith('{')) {
    return isWebAddress(trimmed) ? undefined : NO_TARGET
  }
  try {
    const options = JSON.parse(trimmed) as Record<string, unknown>
    const named = options.hostname ?? options.host
    return Object.keys(options).length > 0 && typeof named !== 'string'
      ? 'The options name no host; give hostname, as in "example.com".'
      : undefined
  } catch (error) {
    return `This is not valid JSON: ${(error as Error).message}`
  }
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text.trim()) && /^https?:$/.test(new URL(text.trim()).protocol)
}
